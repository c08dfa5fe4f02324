import numpy as np
import pytest

from speechqa.pipeline import CallFacts
from speechqa.pipeline.assess import assess
from speechqa.pipeline.view import SILENCE_MEASURES
from speechqa.rulebook import load
from speechqa.settings import TimingSettings
from speechqa.transcript import Word

RULES = """
rulebook: small
version: "1"
languages: [en]
form: {sections: [{id: talk}]}
rules:
- {id: greets, kind: required, section: talk, find: {en: [hello]}}
- {id: swears, kind: forbidden, section: talk, find: {en: [damn]}}
- {id: polite, kind: limit, section: talk, count: {en: [please]}, at_least: 2}
- {id: quick, kind: limit, section: talk, measure: longest_silence_ms, at_most: 3500 ms}
"""


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    file = tmp_path_factory.mktemp("rules") / "small.yaml"
    file.write_text(RULES)
    return load(file)


def call(words="good morning damn it", **more):
    texts = words.split()
    return CallFacts(
        key="k",
        call_id="c",
        path="c.wav",
        size_bytes=1,
        mtime_ns=1,
        audio_sha256="a",
        config="c",
        status="damaged" if more.get("damage") else "scored",
        duration_ms=20_000,
        channels=2,
        language="en",
        grade="B",
        speech={
            "agent": np.array([[0, 4000], [10_000, 12_000]]),
            "customer": np.array([[4500, 6000]]),
        },
        words=tuple(
            Word("agent", 300 * i, 300 * i + 250, text, 0.9) for i, text in enumerate(texts)
        ),
        **more,
    )


def outcomes(book, facts):
    (judged,) = assess([facts], book, TimingSettings())
    return {result["rule"]: result["outcome"] for result in judged.results}, judged


def test_what_was_said_and_what_was_not_are_both_judged_on_a_clean_call(book):
    found, _ = outcomes(book, call())
    assert found == {
        "greets": "violated",
        "swears": "violated",
        "polite": "violated",
        "quick": "violated",
    }


@pytest.mark.parametrize("flag", ["speech-without-text", "uncertain-language"])
def test_absence_is_not_held_against_anyone_where_words_may_be_missing(book, flag):
    found, judged = outcomes(book, call(flags=(flag,)))
    assert (found["greets"], found["polite"]) == ("unknown", "unknown")
    assert found["swears"] == "violated"
    assert not [h for h in judged.hits if h["rule"] == "polite" and h["outcome"] == "violated"]


def test_lost_audio_turns_absence_into_unknown_and_its_silence_into_none(book):
    hole = {"kind": "lost-audio", "at_ms": 7000, "lost_ms": 1000, "detail": "1 s lost"}
    found, judged = outcomes(book, call(damage=(hole,)))
    assert found == {
        "greets": "unknown",
        "swears": "violated",
        "polite": "unknown",
        "quick": "not_applicable",
    }
    for name in SILENCE_MEASURES:
        assert judged.measures[name] is None
        assert "lost" in judged.measures["unmeasured"][name]
    assert not [event for event in judged.events if event["kind"] == "silence"]


def test_a_hole_outside_every_silence_leaves_the_silences_alone(book):
    hole = {"kind": "lost-audio", "at_ms": 1000, "lost_ms": 500, "detail": "0.5 s lost"}
    _, judged = outcomes(book, call(damage=(hole,)))
    assert judged.measures["longest_silence_ms"] == 4000


def test_a_batch_judges_each_call_as_if_alone(book):
    calls = [call(), call("hello please please"), call(flags=("uncertain-language",))]
    together = assess(calls, book, TimingSettings())
    alone = [assess([one], book, TimingSettings())[0] for one in calls]
    assert together == alone


def test_calls_that_hold_nothing_to_measure_are_left_out(book):
    from dataclasses import replace

    refused = replace(call(), status="refused", reason_code="not-audio")
    assert assess([refused], book, TimingSettings()) == []


def test_nobody_is_accused_where_the_channels_seem_swapped(book):
    swapped = {"name": "swapped-parties", "message": "", "severity": "warn"}
    found, _ = outcomes(book, call(checks=(swapped,)))
    assert "violated" not in found.values()
    assert found["swears"] == "unknown"


def test_answers_that_hang_on_poorly_heard_words_are_unknown(book):
    from dataclasses import replace

    clean = call("hello damn you")
    poor = tuple(
        replace(word, flag="low-confidence") if word.text in ("hello", "damn") else word
        for word in clean.words
    )
    found, _ = outcomes(book, replace(clean, words=poor))
    assert (found["greets"], found["swears"]) == ("unknown", "unknown")


def test_words_from_loops_decide_nothing(book):
    from dataclasses import replace

    clean = call("hello damn you")
    looped = tuple(replace(word, flag="loop") for word in clean.words)
    found, _ = outcomes(book, replace(clean, words=looped))
    assert found["swears"] != "violated"
