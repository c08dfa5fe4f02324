"""Line checks: each on a good call, and on the same call with the damage done."""

import json

import numpy as np
import pytest

from speechqa import line
from speechqa.settings import LineSettings
from speechqa.transcript import Word
from tests.made_voice import RATE, good_call, voiced

SETTINGS = LineSettings()


@pytest.fixture(scope="module")
def good():
    return good_call()


def names(samples, speech, rate=RATE):
    found = line.check(np.asarray(samples, dtype=np.float32), rate, speech, SETTINGS)
    return [(one.name, one.channel, one.severity) for one in found]


def test_nothing_is_wrong_with_a_good_call(good):
    assert names(*good) == []


@pytest.mark.parametrize("gain_db", [0, -6, -15, 6])
@pytest.mark.parametrize("delay_ms", [0, 20])
def test_one_signal_recorded_twice_is_named(good, gain_db, delay_ms):
    call, speech = good
    mono = call.sum(axis=0)
    copy = np.concatenate([np.zeros(delay_ms * 8), mono])[: len(mono)] * 10 ** (gain_db / 20)
    found = line.check(np.stack([mono, copy]).astype(np.float32), RATE, speech, SETTINGS)
    assert [one.name for one in found] == ["identical-channels"]
    assert found[0].detail["lag_ms"] == delay_ms
    assert found[0].detail["gain_db"] == pytest.approx(gain_db, abs=0.5)
    assert line.grade(2, found, has_metadata=True) == "D"


def test_a_copy_with_noise_of_its_own_is_still_a_copy(good):
    call, speech = good
    mono = call.sum(axis=0)
    hiss = 0.01 * np.random.default_rng(3).standard_normal((2, len(mono)))
    assert names(mono + hiss, speech) == [("identical-channels", None, "fail")]


def test_opposite_polarity_is_named_apart(good):
    call, speech = good
    mono = call.sum(axis=0)
    assert names([mono, -mono], speech) == [("antiphase-channels", None, "fail")]


@pytest.mark.parametrize("k", [0, 1])
def test_a_dead_channel_is_named(good, k):
    call, speech = good
    call, speech = call.copy(), list(speech)
    call[k], speech[k] = 0, np.empty((0, 2), dtype=np.int64)
    assert names(call, speech) == [("dead-channel", k, "fail")]


def test_a_channel_with_sound_but_no_speech_is_named(good):
    call, speech = good
    call, speech = call.copy(), [speech[0], np.empty((0, 2), dtype=np.int64)]
    call[1] = 0.003 * np.random.default_rng(4).standard_normal(call.shape[1])
    assert names(call, speech) == [("silent-party", 1, "warn")]


@pytest.mark.parametrize(
    ("leak_db", "severity"), [(-30, "warn"), (-20, "warn"), (-10, "fail"), (-6, "fail")]
)
@pytest.mark.parametrize("delay_ms", [0, 120])
def test_a_leak_is_named_with_its_strength_and_delay(good, leak_db, severity, delay_ms):
    call, speech = good
    leaky = call.copy()
    late = np.concatenate([np.zeros(delay_ms * 8), call[0]])[: call.shape[1]]
    leaky[1] += late * 10 ** (leak_db / 20)
    found = line.check(leaky, RATE, speech, SETTINGS)
    assert [(one.name, one.channel, one.severity) for one in found] == [("leak", 1, severity)]
    assert found[0].detail["leak_db"] == pytest.approx(leak_db, abs=1.5)
    assert found[0].detail["delay_ms"] == pytest.approx(delay_ms, abs=10)


def test_overlapping_speech_is_no_leak(good):
    call, speech = good
    call, speech = call.copy(), list(speech)
    call[1, 10 * RATE : 14 * RATE] += voiced(4, seed=9)
    speech[1] = np.array([*speech[1].tolist(), [10_000, 14_000]])
    speech[1] = speech[1][np.argsort(speech[1][:, 0])]
    assert names(call, speech) == []


def test_a_constant_offset_is_named_and_does_not_count_as_level(good):
    call, speech = good
    shifted = call.copy()
    shifted[0] += 0.05
    assert names(shifted, speech) == [("dc-offset", 0, "warn")]
    before = line.levels(call, RATE, speech)[0].level_dbfs
    assert line.levels(shifted, RATE, speech)[0].level_dbfs == pytest.approx(before, abs=0.1)


def test_a_channel_of_a_constant_is_dead_and_its_offset_is_named():
    constant = np.full((1, 4 * RATE), 0.25, dtype=np.float32)
    found = names(constant, [np.empty((0, 2), dtype=np.int64)])
    assert found[:2] == [("dc-offset", 0, "warn"), ("dead-channel", 0, "fail")]


def test_details_are_plain_values_that_json_takes(good):
    call, speech = good
    mono = call.sum(axis=0)
    noisy = np.stack([mono, np.clip(mono * 9, -1, 1)]).astype(np.float32)
    for samples in (noisy, np.zeros_like(noisy), call + 0.05):
        for one in line.check(samples, RATE, speech, SETTINGS):
            assert json.loads(json.dumps(one.detail)) == one.detail


@pytest.mark.parametrize("ceiling", [1.0, 0.98, 0.5])
def test_clipping_is_named_also_when_it_was_turned_down_later(good, ceiling):
    call, speech = good
    cut = call.copy()
    cut[1] = np.clip(cut[1] * 8, -1, 1) * ceiling
    found = line.check(cut, RATE, speech, SETTINGS)
    assert [(one.name, one.channel, one.severity) for one in found] == [("clipping", 1, "warn")]
    assert found[0].detail["peak"] == pytest.approx(ceiling, abs=0.01)


def test_samples_that_are_no_numbers_are_named_and_never_reach_a_figure(good):
    call, speech = good
    broken = call.copy()
    broken[0, 30_000:30_010], broken[0, 40_000] = np.nan, np.inf
    assert names(broken, speech) == [("not-finite", 0, "warn")]
    assert np.isfinite(line.levels(broken, RATE, speech)[0].level_dbfs)


def test_a_call_of_nothing_is_two_dead_channels_and_no_speech():
    none = [np.empty((0, 2), dtype=np.int64)] * 2
    found = names(np.zeros((2, 4 * RATE)), none)
    assert found == [
        ("dead-channel", 0, "fail"),
        ("dead-channel", 1, "fail"),
        ("no-speech", None, "warn"),
    ]


@pytest.mark.parametrize("n", [0, 1, 5, 100])
def test_tiny_recordings_are_checked_without_trouble(n):
    none = [np.empty((0, 2), dtype=np.int64)] * 2
    assert line.check(np.zeros((2, n), dtype=np.float32), RATE, none, SETTINGS)
    assert line.levels(np.zeros((2, n), dtype=np.float32), RATE, none)[0].level_dbfs is None


def test_grades():
    warn = line.LineCheck("clipping", 0, "warn", "cut")
    fail = line.LineCheck("dead-channel", 0, "fail", "dead")
    assert line.grade(2, [warn], has_metadata=True) == "A"
    assert line.grade(2, [warn], has_metadata=False) == "B"
    assert line.grade(1, [], has_metadata=True) == "C"
    assert line.grade(1, [fail], has_metadata=True) == "D"


def test_level_and_noise_are_measured_against_the_truth(good):
    _, speech = good
    rng = np.random.default_rng(6)
    call = 0.01 * rng.standard_normal((2, 40 * RATE))
    for side in (0, 1):
        for start, end in speech[side]:
            call[side, start * 8 : end * 8] += 0.1 * rng.standard_normal((end - start) * 8)
    for one in line.levels(call.astype(np.float32), RATE, speech):
        assert one.level_dbfs == pytest.approx(-20, abs=0.2)
        assert one.snr_db == pytest.approx(20, abs=0.3)
        assert one.raised_voice == ()


@pytest.mark.parametrize(("gain_db", "heard"), [(12, True), (6, False)])
def test_raised_voice_is_9_db_above_the_own_median(good, gain_db, heard):
    call, speech = good
    loud = call.copy() * 0.2
    loud[0, 27 * RATE : 30 * RATE] *= 10 ** (gain_db / 20)
    spans = line.levels(loud, RATE, speech)[0].raised_voice
    assert bool(spans) is heard
    if heard:
        (start, end), *rest = spans
        assert not rest
        assert start == pytest.approx(27_000, abs=600)
        assert end == pytest.approx(30_000, abs=600)


def test_raised_voice_needs_ten_seconds_of_speech():
    call = voiced(5)[None]
    found = line.levels(call, RATE, [np.array([[0, 5000]])])[0]
    assert found.unmeasured["raised_voice"] == "under 10 s of speech"


def test_digital_silence_has_no_noise_to_measure():
    call = np.concatenate([voiced(2), np.zeros(2 * RATE, dtype=np.float32)])[None]
    found = line.levels(call, RATE, [np.array([[0, 2000]])])[0]
    assert found.snr_db is None
    assert found.unmeasured["snr_db"] == "digital silence outside the talkspurts"


@pytest.mark.parametrize("rate", [8000, 11_025, 44_100])
def test_levels_do_not_depend_on_the_sampling_rate(rate):
    noise = np.random.default_rng(8).standard_normal(3 * rate).astype(np.float32) * 0.1
    found = line.levels(noise[None], rate, [np.array([[0, 3000]])])[0]
    assert found.level_dbfs == pytest.approx(-20, abs=0.2)


def said(party, text, at_ms=0, flag=""):
    tokens = list(text) if "\u4e00" <= text[0] <= "\u9fff" else text.split()
    return [
        Word(party, at_ms + 300 * k, at_ms + 300 * k + 250, token, 0.9, flag)
        for k, token in enumerate(tokens)
    ]


@pytest.mark.parametrize(
    "greeting",
    [
        "thank you for calling northwind this is anna how may i help you",
        "thank you for callin northwind how can i help you",
        "您好欢迎致电云海请问有什么可以帮您",
    ],
)
def test_a_greeting_on_the_customers_side_means_swapped_parties(greeting):
    reply = said("agent", "hello my internet does not work", at_ms=9000)
    found = line.check_parties([*said("customer", greeting), *reply])
    assert found is not None
    assert (found.name, found.severity) == ("swapped-parties", "warn")
    right = [Word("agent", *w_[1:]) for w_ in map(_fields, said("customer", greeting))]
    assert line.check_parties(right) is None
    assert line.who_greets(right).party == "agent"


def _fields(word):
    return (word.party, word.start_ms, word.end_ms, word.text, word.probability, word.flag)


def test_words_that_are_not_trusted_swap_nobody():
    assert line.who_greets(said("customer", "thank you for calling", flag="loop")) is None


def test_a_greeting_late_in_the_call_is_not_an_opening():
    late = said("customer", "how may i help you", at_ms=90_000)
    assert line.who_greets([*said("agent", "hello"), *late]) is None
