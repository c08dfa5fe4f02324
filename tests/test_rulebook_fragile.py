"""A verdict that hangs on what itself counts only just is fragile, whatever the rule looks for."""

import pytest

from speechqa.rulebook import CallView, evaluate
from speechqa.score import score_call
from speechqa.transcript import Word
from tests.test_rulebook_judging import book_of, call, judge

HELLO = {"en": ["hello"]}
LONG_SILENCE = {"event": "silence", "min_s": 5}


def silent(seconds):
    """A call with one silence between a customer's turn and the agent's."""
    end = 2 + seconds
    return call(("customer", 0, 2, "my line is dead"), ("agent", end, end + 2, "let me look"))


@pytest.mark.parametrize("seconds", [5.05, 5.5, 4.95])
@pytest.mark.parametrize(
    "rule",
    [
        {"kind": "required", "find": HELLO, "when": LONG_SILENCE},
        {"kind": "required", "find": HELLO, "where": {"after": LONG_SILENCE}},
        {"kind": "sequence", "start": LONG_SILENCE, "steps": [{"find": HELLO}]},
        {"kind": "each", "each": LONG_SILENCE, "then": HELLO},
        {"kind": "limit", "each": LONG_SILENCE, "span": "length_s", "at_most": 2},
    ],
    ids=["when", "where", "start", "each", "span"],
)
def test_what_makes_a_rule_due_counts_only_just(rule, seconds):
    result = judge(rule, silent(seconds))
    if seconds < 5:
        assert result.outcome == "not_applicable"
    else:
        assert (result.outcome, result.fragile) == ("violated", seconds == 5.05)


@pytest.mark.parametrize(
    ("seconds", "outcome", "fragile"),
    [
        (4.5, "not_applicable", False),
        (4.95, "not_applicable", False),
        (5.05, "violated", True),
        (5.5, "violated", False),
    ],
)
def test_a_figure_as_a_precondition_that_holds_only_just(seconds, outcome, fragile):
    longest = {"measure": "longest_silence_ms", "above": "5 s"}
    result = judge({"kind": "required", "find": HELLO, "when": longest}, silent(seconds))
    assert (result.outcome, result.fragile) == (outcome, fragile)


@pytest.mark.parametrize(
    ("seconds", "outcome", "fragile"),
    [
        (4.5, "met", False),
        (4.95, "met", True),
        (5.05, "violated", True),
        (5.5, "violated", False),
    ],
)
def test_words_after_an_event_that_counts_only_just(seconds, outcome, fragile):
    rule = {
        "kind": "forbidden",
        "find": {"en": ["let me look"], "where": {"after": LONG_SILENCE, "within_s": 3}},
    }
    result = judge(rule, silent(seconds))
    assert (result.outcome, result.fragile) == (outcome, fragile)


@pytest.mark.parametrize(
    ("seconds", "outcome", "fragile"),
    [
        (4.5, "violated", False),
        (4.95, "violated", True),
        (5.05, "met", True),
        (5.5, "met", False),
    ],
)
def test_an_exemption_that_counts_only_just(seconds, outcome, fragile):
    rule = {
        "kind": "forbidden",
        "find": {"en": ["let me look"], "where": {"not_after": LONG_SILENCE, "within_s": 3}},
    }
    result = judge(rule, silent(seconds))
    assert (result.outcome, result.fragile) == (outcome, fragile)


def test_one_of_several_triggers_that_counts_only_just_decides():
    answered = ("agent", 2.3, 3, "sorry about that")
    one = call(("customer", 0, 2, "thank you"), answered)
    rule = {"kind": "each", "each": "thanks", "then": "apology"}
    assert judge(rule, one).fragile is False
    every = {"kind": "each", "each": {"event": "silence", "min_s": 5}, "then": {"en": ["sorry"]}}
    both = call(
        ("customer", 0, 2, "well"),
        ("agent", 8, 9, "sorry"),
        ("customer", 10, 11, "well"),
        ("agent", 16.05, 17, "right"),
    )
    result = judge(every, both)
    assert (result.outcome, result.met, result.due, result.fragile) == ("violated", 1, 2, True)


def test_a_critical_rule_whose_precondition_counts_only_just_fails_no_call():
    rule = {"kind": "required", "find": HELLO, "when": LONG_SILENCE, "severity": "critical"}
    for seconds, failed in ((5.05, ()), (5.5, ("rule-0",))):
        book = book_of(rule)
        assert score_call(book, evaluate(book, [silent(seconds)])[0]).failed_by == failed


def test_a_precondition_that_nobody_could_hear_is_unknown_and_lowers_coverage():
    rule = {"kind": "required", "find": HELLO, "when": "thanks"}
    said = call(("agent", 0, 2, "good day"), ("customer", 3, 5, "well"))
    assert judge(rule, said).outcome == "not_applicable"
    unheard = CallView(
        said.call_id,
        "en",
        duration_ms=said.duration_ms,
        conversation=said.conversation,
        words=[word for word in said.words if word.party == "agent"],
        speech=said.speech,
    )
    result = judge(rule, unheard)
    assert (result.outcome, result.reason) == ("unknown", "no words recognised for the customer")
    book = book_of(rule)
    assert score_call(book, evaluate(book, [unheard])[0]).reason == "insufficient evidence"


@pytest.mark.parametrize("figure", ["count", "distinct"])
@pytest.mark.parametrize(
    ("seconds", "outcome", "fragile"),
    [
        (4.5, "met", False),
        (4.95, "met", True),
        (5.05, "violated", True),
        (5.5, "violated", False),
    ],
)
def test_a_count_of_what_counts_only_just(figure, seconds, outcome, fragile):
    rule = {"kind": "limit", figure: LONG_SILENCE, "at_most": 0}
    result = judge(rule, silent(seconds))
    assert (result.outcome, result.fragile) == (outcome, fragile)


@pytest.mark.parametrize(("probability", "fragile"), [(0.95, False), (0.35, True)])
def test_a_count_of_words_that_were_heard_only_just(probability, fragile):
    words = [Word("agent", 0, 300, "um", probability), Word("agent", 300, 600, "well", 0.9)]
    view = CallView("a", "en", duration_ms=900, words=words)
    rule = {"kind": "limit", "count": {"en": ["um"]}, "at_most": 0}
    result = judge(rule, view)
    assert (result.outcome, result.fragile) == ("violated", fragile)


@pytest.mark.parametrize(("announced", "outcome"), [(True, "met"), (False, "violated")])
def test_in_a_written_dialogue_a_silence_is_announced_as_in_a_recording(announced, outcome):
    rule = {"kind": "forbidden", "find": {"event": "silence", "announced": False, "min_s": 5}}
    said = "one moment please" if announced else "that is it then"
    view = call(("agent", 0, 2, said), ("agent", 9, 10, "here it is"))
    assert judge(rule, view).outcome == outcome


def test_in_a_written_dialogue_a_hold_is_inferred_as_in_a_recording():
    rule = {"kind": "required", "find": {"event": "hold", "min_s": 15}}
    view = call(
        ("agent", 0, 2, "please hold the line"),
        ("agent", 30, 33, "thank you for holding"),
        ("customer", 34, 35, "right"),
    )
    result = judge(rule, view)
    assert result.outcome == "met"
    assert (result.hits[0]["start_ms"], result.hits[0]["end_ms"]) == (2000, 30_000)
