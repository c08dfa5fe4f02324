"""Whole calls by espeak-ng and flite: the truth against the sound."""

import json
import sys

import numpy as np
import pytest
import soundfile as sf

from speechqa.errors import SpeechqaError, UsageError
from speechqa.render.call import render
from speechqa.render.conditions import CONDITIONS, LINES, render_condition, render_conditions
from speechqa.render.random_calls import random_script
from speechqa.render.script import parse_script
from speechqa.render.stage import perform
from speechqa.render.voices import Speaker, installed, say

needs_voices = pytest.mark.skipif(
    not (installed("espeak") and installed("flite")),
    reason="espeak-ng and flite are not installed (apt-get install espeak-ng flite)",
)
PARTIES = ("agent", "customer")


def _script(turns, **keys):
    head = {
        "call_id": "test",
        "voices": {"agent": "espeak:en-us+m3", "customer": "espeak:en-gb-x-rp+f1"},
        "line": {"band_hz": None},
    }
    return parse_script(json.dumps({**head, **keys, "turns": turns}))


LONG = "I have been a customer of this company for nine years and I have always paid on time"


@needs_voices
@pytest.mark.parametrize(
    ("voice", "text", "words"),
    [
        (
            "espeak:en-us+m3",
            "Hello, it's forty-two dollars.",
            ["Hello", "it's", "forty-two", "dollars"],
        ),
        ("flite:slt", "Hello, it's forty-two dollars.", ["Hello", "it's", "forty-two", "dollars"]),
        ("espeak:cmn-latn-pinyin+f1", "您好，请问什么事？", list("您好请问什么事")),
    ],
)
def test_every_written_word_has_its_time_in_order(voice, text, words):
    said = say(text, voice=voice)
    assert [word.text for word in said.words] == words
    edges = [edge for word in said.words for edge in word[1:]]
    assert edges == sorted(edges)
    assert all(word.end_ms - word.start_ms >= 40 for word in said.words)
    assert said.words[0].start_ms == said.phones[0].start_ms
    assert said.words[-1].end_ms == said.phones[-1].end_ms


@needs_voices
@pytest.mark.parametrize("voice", ["espeak:en-us+m3", "flite:slt", "flite:kal16"])
def test_a_voice_says_the_same_samples_whatever_it_said_before(voice):
    first = say("Thank you for calling.", voice=voice).samples
    say("Something quite different in between.", voice=voice)
    assert say("Thank you for calling.", voice=voice).samples.tobytes() == first.tobytes()


@needs_voices
def test_another_process_says_the_same_samples():
    request = {"text": "Thank you for calling.", "rate": 1.2, "pitch": 0, "pitch_range": 50}
    said = []
    for engine in ("espeak", "flite"):
        speaker = Speaker()
        speaker.ask(
            {**request, "engine": engine, "voice": {"espeak": "en", "flite": "rms"}[engine]}
        )
        said.append(speaker.ask({**request, "engine": "flite", "voice": "rms"})[1])
        speaker.close()
    assert said[0].tobytes() == said[1].tobytes()


@needs_voices
def test_speech_has_the_level_asked_for():
    said = say(LONG, voice="flite:rms", level_dbfs=-30)
    spoken = np.concatenate([said.samples[s * 16 : e * 16] for _, s, e in said.phones])
    assert 10 * np.log10(np.mean(spoken.astype(float) ** 2)) == pytest.approx(-30, abs=0.1)


@needs_voices
@pytest.mark.parametrize("voice", ["espeak:en-us+m3", "flite:slt", "espeak:cmn-latn-pinyin+m1"])
def test_a_rate_is_kept_roughly(voice):
    chinese = "cmn" in voice
    text = "我们会在三个工作日内把退款打到您的银行卡上" if chinese else LONG
    for rate in (160, 240):
        said = say(text, voice=voice, rate_wpm=rate)
        minutes = (said.speech[-1, 1] - said.speech[0, 0]) / 60_000
        assert len(said.words) / minutes == pytest.approx(rate, rel=0.25)


@needs_voices
def test_an_unknown_voice_is_named():
    with pytest.raises(UsageError, match="espeak-ng has no voice 'en-us-nowhere'"):
        say("Hello.", voice="espeak:en-us-nowhere")
    with pytest.raises(UsageError, match="flite has no voice 'zoe'"):
        say("Hello.", voice="flite:zoe")


def test_an_unknown_synthesiser_is_named():
    with pytest.raises(UsageError, match="'festival:kal': no such synthesiser"):
        say("Hello.", voice="festival:kal")


def test_a_text_without_words_is_refused():
    with pytest.raises(UsageError, match="the text is empty"):
        say("  ", voice="flite:slt")


def test_a_missing_synthesiser_says_how_to_install_it():
    reply = '{"error": "libespeak-ng.so.1: cannot open shared object file", "missing": "espeak"}'
    speaker = Speaker([sys.executable, "-c", f"print({reply!r})"])
    with pytest.raises(SpeechqaError, match=r"espeak-ng is not installed: .*cannot open") as caught:
        speaker.ask({"text": "Hello."})
    assert "apt-get install espeak-ng flite" in str(caught.value.hint)


def test_a_dead_synthesiser_is_an_error_not_a_hang():
    speaker = Speaker([sys.executable, "-c", "input()"])
    with pytest.raises(SpeechqaError, match="ended without an answer"):
        speaker.ask({"text": "Hello."})


@needs_voices
def test_pauses_silences_and_starts_are_exact():
    call = render(
        _script(
            [
                {"agent": "Good morning.", "at_ms": 1234},
                {"customer": "Hello.", "pause_ms": 400},
                {"silence_ms": 5000, "announced": True},
                {"agent": "Thank you."},
            ]
        )
    )
    agent, customer = call.truth["speech"]["agent"], call.truth["speech"]["customer"]
    assert agent[0][0] == 1234
    assert customer[0][0] - agent[0][1] == 400
    (silence,) = call.truth["silences"]
    assert (silence["start_ms"], silence["end_ms"]) == (customer[0][1], customer[0][1] + 5000)
    assert agent[1][0] == silence["end_ms"]
    assert (silence["owner"], silence["tier"]) == ("agent", "dead-air")
    assert (silence["planned"], silence["announced"]) == (True, True)


@needs_voices
def test_an_interrupted_turn_that_gives_way_stops_at_the_end_of_a_word():
    call = render(
        _script(
            [
                {"customer": LONG, "pause_ms": 500},
                {"agent": "Listen to me now", "overlap_ms": 1500, "gives_way_ms": 400},
            ]
        )
    )
    (interruption,) = call.truth["interruptions"]
    assert interruption["party"] == "agent"
    assert interruption["successful"] is True
    assert interruption["overlap_ms"] >= 400
    said = [word for word in call.truth["words"] if word["party"] == "customer"]
    assert len(said) < len(LONG.split())
    assert call.truth["speech"]["customer"][-1][1] == said[-1]["end_ms"] == interruption["end_ms"]
    after = call.samples[1, (interruption["end_ms"] + 40) * 8 :]
    assert np.abs(after).max() < 0.001


@needs_voices
def test_a_word_put_in_is_a_backchannel_and_does_not_take_the_floor():
    call = render(
        _script(
            [
                {"agent": LONG},
                {"customer": "Yes.", "during_ms": 1500},
                {"customer": "Fine.", "pause_ms": 300},
            ]
        )
    )
    (nod,) = call.truth["backchannels"]
    agent = call.truth["speech"]["agent"]
    assert nod["start_ms"] - agent[0][0] == 1500
    assert call.truth["speech"]["customer"][-1][0] - agent[-1][1] == 300


@needs_voices
def test_nobody_speaks_twice_at_once():
    turns = [
        {"agent": LONG},
        {"customer": "Yes.", "during_ms": 900},
        {"agent": "So.", "at_ms": 900},
    ]
    with pytest.raises(UsageError, match=r"the agent cannot say 'So\.' at 900 ms, still speaking"):
        render(_script(turns))


@needs_voices
def test_planted_phrases_have_the_times_of_their_words():
    turn = {
        "agent": "Well, I don't know. You know I don't know.",
        "plant": [{"rule": "taboo-dont-know", "text": "I don't know"}],
    }
    call = render(_script([turn]))
    (phrase,) = call.truth["phrases"]
    words = [w for w in call.truth["words"] if w["start_ms"] >= phrase["start_ms"]][:3]
    assert [w["text"] for w in words] == ["I", "don't", "know"]
    assert words[-1]["end_ms"] == phrase["end_ms"]


@needs_voices
def test_a_phrase_that_was_cut_off_was_not_said():
    turns = [
        {
            "agent": f"{LONG}, goodbye",
            "plant": [{"rule": "close-thanks-goodbye", "text": "goodbye"}],
        },
        {"customer": "No, wait a moment please", "overlap_ms": 2000, "gives_way_ms": 100},
    ]
    assert render(_script(turns)).truth["phrases"] == []


@needs_voices
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_truth_is_where_the_energy_is(seed):
    script = random_script(seed, turns=12)
    call, facts = perform(script), render(script).truth
    for row, party in enumerate(PARTIES):
        voice = call.voice[row]
        inside = np.zeros(len(voice), dtype=bool)
        for start, end in facts["speech"][party]:
            inside[max(0, start - 30) * 8 : (end + 30) * 8] = True
            spurt = voice[start * 8 : end * 8]
            assert 10 * np.log10(np.mean(spurt**2)) > -40
        assert np.sum(voice[~inside] ** 2) < 1e-3 * np.sum(voice**2)


@needs_voices
def test_a_call_is_the_same_twice(tmp_path):
    for name in ("a", "b"):
        render(random_script(5, turns=6)).write(tmp_path / f"{name}.wav", tmp_path / f"{name}.json")
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


@needs_voices
def test_a_written_call_gives_back_its_samples(tmp_path):
    call = render(random_script(5, turns=4))
    call.write(tmp_path / "x" / "a.wav", tmp_path / "y" / "a.json")
    samples, rate = sf.read(tmp_path / "x" / "a.wav", dtype="float32")
    assert rate == 8000
    assert np.array_equal(samples.T, call.samples)
    assert json.loads((tmp_path / "y" / "a.json").read_text()) == call.truth


@needs_voices
@pytest.mark.parametrize(
    ("fault", "channels"), [("mono", 1), ("fake-stereo", 2), ("swapped", 2), ("truncated", 2)]
)
def test_a_faulty_file_has_its_fault(tmp_path, fault, channels):
    turns = [{"agent": "Good morning."}, {"customer": "Hello.", "pause_ms": 500}]
    call = render(_script(turns, fault=fault))
    file = tmp_path / "a.wav"
    call.write(file, tmp_path / "truth.json")
    samples = sf.read(file, dtype="float32", always_2d=True)[0].T
    assert samples.shape[0] == channels
    if fault == "fake-stereo":
        assert (samples[0] == samples[1]).all()
    if fault == "swapped":
        assert (samples[::-1] == call.samples).all()
    assert (samples.shape[1] < call.samples.shape[1]) == (fault == "truncated")


@needs_voices
def test_conditions_of_the_line_leave_the_truth_as_it_is():
    script = random_script(4, turns=8)
    calls = dict(render_conditions(script))
    assert list(calls) == list(CONDITIONS)
    clean = calls["clean"].truth
    for name in LINES:
        for key in ("speech", "words", "silences", "interruptions"):
            assert calls[name].truth[key] == clean[key], (name, key)
        assert calls[name].truth["line"] == LINES[name].model_dump(mode="json")
    assert (
        calls["noise-10"].samples.tolist() == render_condition(script, "noise-10").samples.tolist()
    )


@needs_voices
def test_added_sounds_lie_outside_the_speech():
    for condition, kinds in (("ringback-music", {"ringback", "hold-music"}), ("dtmf", {"dtmf"})):
        facts = render_condition(random_script(4, turns=8), condition).truth
        assert {sound["kind"] for sound in facts["sounds"]} == kinds
        for sound in facts["sounds"]:
            for start, end in facts["speech"]["agent"] + facts["speech"]["customer"]:
                assert end <= sound["start_ms"] or start >= sound["end_ms"]


@needs_voices
def test_an_imbalanced_line_makes_the_customer_faint():
    calls = dict(render_conditions(random_script(4, turns=8), ["clean", "imbalance"]))
    change = np.std(calls["imbalance"].samples, axis=1) / np.std(calls["clean"].samples, axis=1)
    assert 20 * np.log10(change) == pytest.approx([3, -18], abs=0.5)
