"""Every operator group of the rule language, on small written calls."""

import pytest

from speechqa.rulebook import CallView, evaluate
from speechqa.rulebook.book import Rulebook, RulebookForm
from speechqa.rulebook.call import Call
from speechqa.rulebook.dialogue import placed_call
from speechqa.transcript import Word

WORDS = {
    "apology": {"en": ["sorry"], "zh": ["对不起"]},
    "thanks": {"party": "customer", "en": ["thank you"], "zh": ["谢谢"]},
    "consent": {"party": "customer", "en": ["okay", "yes"]},
    "hold-request": {"en": ["please hold", "bear with me"]},
}
BASE = {
    "rulebook": "small",
    "version": "1",
    "languages": ["en", "zh"],
    "words": WORDS,
    "options": {"mode": {"values": ["a", "b"], "value": "a"}},
    "form": {"sections": [{"id": "all"}]},
}


def book_of(*rules, **changes):
    made = [{"id": f"rule-{at}", "section": "all"} | rule for at, rule in enumerate(rules)]
    return Rulebook(RulebookForm.model_validate(BASE | changes | {"rules": made}))


def call(*turns, lang="en", **facts):
    """Turns are (party, start s, end s, text)."""
    placed = [(party, round(a * 1000), round(b * 1000), text) for party, a, b, text in turns]
    return placed_call(placed, lang=lang, **facts)


def judge(rule, view, **changes):
    return evaluate(book_of(rule, **changes), [view])[0][0]


def outcome(rule, view, **changes):
    return judge(rule, view, **changes).outcome


FORBIDDEN = {"kind": "forbidden", "find": {"en": ["hang up"]}}
GREETS = {"kind": "required", "find": {"en": ["hello"]}}


def test_forbidden_words_are_evidence_with_times_and_quote():
    view = call(("agent", 0, 2, "I will hang up now"), ("customer", 2, 3, "hang up then"))
    result = judge(FORBIDDEN | {"better": {"en": ["please stay"]}, "severity": "major"}, view)
    assert (result.outcome, result.met, result.due) == ("violated", 0, 1)
    (hit,) = result.hits
    assert (hit["start_ms"], hit["end_ms"], hit["quote"]) == (800, 1600, "hang up")
    assert (hit["party"], hit["severity"], hit["better"]) == ("agent", "major", "please stay")
    assert hit["confidence"] == 0.95


def test_forbidden_words_of_the_other_party_do_not_count():
    view = call(("agent", 0, 1, "hello"), ("customer", 2, 3, "I hang up"))
    assert outcome(FORBIDDEN, view) == "met"
    assert outcome(FORBIDDEN | {"party": "customer"}, view) == "violated"
    assert outcome(FORBIDDEN | {"party": "any"}, view) == "violated"


def test_allow_permits_so_many_occurrences():
    view = call(("agent", 0, 4, "hang up well hang up"))
    assert outcome(FORBIDDEN | {"allow": 2}, view) == "met"
    assert outcome(FORBIDDEN | {"allow": 1}, view) == "violated"


def test_no_words_of_the_party_is_unknown_and_never_punished():
    view = CallView("a", "en", duration_ms=9000, speech={"agent": [(0, 8000)], "customer": []})
    assert outcome(FORBIDDEN, view) == "unknown"
    assert judge(GREETS, view).reason == "no words recognised for the agent"


def test_one_channel_without_parties_is_unknown():
    view = CallView("a", "en", duration_ms=900, words=[Word("mixed", 0, 300, "hello", 0.9)])
    assert judge(GREETS, view).reason == "one channel: the parties are not told apart"


def test_a_language_without_words_is_not_applicable():
    view = call(("agent", 0, 2, "bonjour"), lang="fr")
    assert outcome(FORBIDDEN, view) == "not_applicable"
    assert outcome(GREETS, view) == "not_applicable"
    zh = call(("agent", 0, 2, "您好"), lang="zh")
    assert "zh" in judge(GREETS, zh).reason
    assert (
        outcome(GREETS | {"languages": ["zh"]}, call(("agent", 0, 1, "hello"))) == "not_applicable"
    )


def test_required_words_in_the_first_seconds_of_live_time():
    rule = GREETS | {"where": {"first_s": 10}}
    ringing = ("agent", 40, 41, "hello")
    assert outcome(rule, call(ringing, ("customer", 42, 43, "yes"))) == "met"
    late = call(("customer", 0, 1, "yes"), ("agent", 12, 13, "hello"))
    assert outcome(rule, late) == "violated"
    held = call(("customer", 0, 1, "yes"), ("agent", 12, 13, "hello"), holds=[(2000, 8000)])
    assert outcome(rule, held) == "met"


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ({"first_percent": 50}, "met"),
        ({"last_percent": 50}, "violated"),
        ({"last_s": 5}, "violated"),
        ({"first_turns": 1}, "met"),
        ({"last_turns": 1}, "violated"),
    ],
)
def test_scope_by_share_and_turns(where, expected):
    view = call(("agent", 0, 1, "hello"), ("customer", 2, 9, "well"), ("agent", 10, 20, "bye now"))
    assert outcome(GREETS | {"where": where}, view) == expected


def test_several_elements_give_met_of_due():
    rule = {
        "kind": "required",
        "find": ["apology", {"en": ["goodbye"]}, {"en": ["welcome"]}],
        "at_least": 2,
    }
    result = judge(rule, call(("agent", 0, 2, "sorry and goodbye")))
    assert (result.outcome, result.met, result.due) == ("met", 2, 3)
    result = judge(rule, call(("agent", 0, 2, "goodbye")))
    assert (result.outcome, result.met, result.due, result.earned) == ("violated", 1, 3, 1 / 3)


def test_elements_together_must_share_a_turn():
    rule = {"kind": "required", "find": ["apology", {"en": ["goodbye"]}], "together": "turn"}
    apart = call(("agent", 0, 1, "sorry"), ("customer", 2, 3, "fine"), ("agent", 4, 5, "goodbye"))
    assert outcome(rule, apart) == "violated"
    assert outcome(rule, call(("agent", 0, 2, "sorry goodbye"))) == "met"


def test_each_counts_what_was_answered():
    rule = {"kind": "each", "each": "thanks", "then": {"en": ["welcome"]}, "within_turns": 1}
    view = call(
        ("customer", 0, 1, "thank you"),
        ("agent", 1.5, 2.5, "you are welcome"),
        ("customer", 4, 5, "thank you"),
        ("agent", 6, 7, "goodbye"),
    )
    result = judge(rule, view)
    assert (result.outcome, result.met, result.due) == ("violated", 1, 2)
    assert [hit["outcome"] for hit in result.hits] == ["met", "violated"]
    assert outcome(rule | {"at_least_share": 0.5}, view) == "met"


def test_each_without_its_trigger_is_not_applicable():
    rule = {"kind": "each", "each": "thanks", "then": "apology"}
    assert (
        outcome(rule, call(("agent", 0, 1, "hello"), ("customer", 2, 3, "hi"))) == "not_applicable"
    )


def test_each_is_not_due_when_the_call_ends_with_it():
    rule = {"kind": "each", "each": "thanks", "then": {"en": ["welcome"]}}
    view = call(("agent", 0, 1, "goodbye"), ("customer", 2, 3, "thank you"))
    assert judge(rule, view).reason == "the call ended before it was due"


def test_each_within_seconds_before_and_with():
    hold = {"kind": "each", "each": {"event": "hold", "min_s": 5}}
    view = call(
        ("agent", 0, 2, "please hold"),
        ("customer", 2.2, 3, "okay"),
        ("agent", 20, 22, "sorry for the wait"),
        holds=[(4000, 20000)],
    )
    assert outcome(hold | {"first": "hold-request", "within_s": 10}, view) == "met"
    assert outcome(hold | {"first": "hold-request", "within_s": 1}, view) == "violated"
    assert outcome(hold | {"then": "apology", "within_s": 10}, view) == "met"
    said = {"kind": "each", "each": "hold-request", "with": "apology"}
    assert outcome(said, view) == "violated"
    assert outcome(said, call(("agent", 0, 2, "sorry please hold"))) == "met"


def test_when_decides_whether_a_rule_applies():
    view = call(("agent", 0, 1, "hang up"), metadata={"direction": "Outbound", "rings": "5"})
    for condition, expected in [
        ({"column": "direction", "is": "outbound"}, "violated"),
        ({"column": "direction", "is_not": ["outbound", "internal"]}, "not_applicable"),
        ({"column": "rings", "above": 3}, "violated"),
        ({"column": "rings", "at_most": 3}, "not_applicable"),
        ({"column": "queue", "is": "x"}, "not_applicable"),
        ({"column": "queue", "present": False}, "violated"),
        ({"option": "mode", "is": "a"}, "violated"),
        ({"option": "mode", "is": ["b"]}, "not_applicable"),
        ({"lang": "en"}, "violated"),
        ({"lang": ["zh"]}, "not_applicable"),
        ("thanks", "not_applicable"),
        ({"none": ["thanks"]}, "violated"),
        ([{"lang": "en"}, "thanks"], "not_applicable"),
        ({"measure": "recording_ms", "below": "5 s"}, "violated"),
    ]:
        assert outcome(FORBIDDEN | {"when": condition}, view) == expected, condition


def test_a_missing_column_is_named():
    view = call(("agent", 0, 1, "hang up"))
    result = judge(FORBIDDEN | {"when": {"column": "queue", "is": "x"}}, view)
    assert result.reason == "no metadata column 'queue'"


def test_the_least_grade_is_kept():
    rule = FORBIDDEN | {"needs_grade": "B"}
    assert outcome(rule, call(("agent", 0, 1, "hang up"), grade="C")) == "not_applicable"
    assert outcome(rule, call(("agent", 0, 1, "hang up"), grade="A")) == "violated"


def test_relations_between_words():
    view = call(
        ("customer", 0, 2, "thank you"),
        ("agent", 3, 5, "hang up"),
        ("customer", 6, 7, "okay"),
        ("agent", 20, 22, "hang up"),
    )
    for where, count in [
        ({"after": "thanks"}, 2),
        ({"after": "thanks", "within_s": 5}, 1),
        ({"after": "thanks", "within_turns": 1}, 1),
        ({"after": "consent", "within_s": 30}, 1),
        ({"before": "consent"}, 1),
        ({"before": "consent", "within_s": 1}, 0),
        ({"around": "consent", "within_s": 4}, 1),
        ({"not_after": "thanks", "within_s": 5}, 1),
        ({"after": "thanks", "nth": 2}, 0),
    ]:
        result = judge(FORBIDDEN | {"where": where}, view)
        assert len([hit for hit in result.hits if hit["outcome"] == "violated"]) == count, where


def test_an_anchor_that_never_occurs_makes_a_rule_not_applicable():
    rule = FORBIDDEN | {"where": {"after": "thanks"}}
    assert (
        outcome(rule, call(("agent", 0, 1, "hang up"), ("customer", 2, 3, "hm")))
        == "not_applicable"
    )


def test_same_turn_and_during():
    rule = FORBIDDEN | {"where": {"same_turn": "apology"}}
    assert outcome(rule, call(("agent", 0, 3, "sorry I must hang up"))) == "violated"
    apart = call(("agent", 0, 1, "sorry"), ("customer", 2, 3, "yes"), ("agent", 4, 5, "hang up"))
    assert outcome(rule, apart) == "met"
    held = call(("agent", 0, 1, "one moment"), ("agent", 6, 7, "hang up"), holds=[(2000, 9000)])
    assert outcome(FORBIDDEN | {"where": {"during": {"event": "hold"}}}, held) == "violated"


def test_all_any_at_least_and_none_of():
    view = call(("agent", 0, 3, "sorry goodbye hello"), ("customer", 4, 5, "okay"))
    goodbye, hello = {"en": ["goodbye"]}, {"en": ["hello"]}
    absent = {"en": ["nonsense"]}
    for finder, found in [
        ({"all": ["apology", goodbye]}, True),
        ({"all": ["apology", absent]}, False),
        ({"any": [absent, goodbye]}, True),
        ({"at_least": 2, "of": [absent, goodbye, hello]}, True),
        ({"at_least": 3, "of": [absent, goodbye, hello]}, False),
        ({"all": ["apology", {"none": [hello]}]}, False),
        ({"all": ["apology", {"none": [absent]}]}, True),
    ]:
        assert (outcome({"kind": "required", "find": finder}, view) == "met") is found, finder


def test_all_within_the_call_or_so_many_seconds():
    goodbye = {"en": ["goodbye"]}
    view = call(("agent", 0, 1, "sorry"), ("customer", 2, 3, "fine"), ("agent", 8, 9, "goodbye"))
    assert outcome({"kind": "required", "find": {"all": ["apology", goodbye]}}, view) == "violated"
    call_wide = {"all": ["apology", goodbye], "within": "call"}
    assert outcome({"kind": "required", "find": call_wide}, view) == "met"
    near = {"all": ["apology", goodbye], "within_s": 5}
    assert outcome({"kind": "required", "find": near}, view) == "violated"


def test_events_with_length_and_owner():
    view = call(
        ("customer", 0, 2, "can you see it"),
        ("agent", 8, 9, "yes"),
        ("customer", 9.2, 10, "good"),
        ("agent", 14, 15, "goodbye"),
    )
    silent = {"kind": "forbidden"}
    for event, found in [
        ({"event": "silence", "min_s": 5}, True),
        ({"event": "silence", "min_s": 7}, False),
        ({"event": "silence", "owner": "agent", "min_s": 5}, True),
        ({"event": "silence", "owner": "customer"}, False),
        ({"event": "silence", "announced": True}, False),
        ({"event": "silence", "min_s": 1}, True),
        ({"event": "pause", "party": "agent", "min_s": 7}, True),
        ({"event": "monologue", "party": "agent", "min_s": 2}, False),
        ({"event": "hold"}, False),
    ]:
        assert (outcome(silent | {"find": event}, view) == "violated") is found, event


def test_interruptions_are_not_judged_below_grade_b():
    view = call(("customer", 0, 6, "well I was saying"), ("agent", 2, 9, "no no no"), grade="C")
    rule = {"kind": "forbidden", "find": {"event": "interruption", "party": "agent"}}
    assert outcome(rule, view) == "not_applicable"
    loud = call(("customer", 0, 6, "well I was saying"), ("agent", 2, 9, "no no no"))
    assert outcome(rule, loud) == "violated"


def test_turns_questions_and_repeats():
    view = call(
        ("agent", 0, 3, "what is your order number please"),
        ("customer", 4, 5, "four"),
        ("agent", 6, 9, "what is your order number please"),
        ("customer", 10, 11, "four"),
    )
    for finder, count in [
        ({"turn": "agent"}, 2),
        ({"turn": "agent", "question": True}, 2),
        ({"turn": "customer", "question": True}, 0),
        ({"turn": "agent", "min_words": 7}, 0),
        ({"turn": "agent", "contains": {"en": ["order"]}}, 2),
        ({"turn": "agent", "lacks": {"en": ["order"]}}, 0),
        ({"turn": "agent", "min_s": 4}, 0),
        ({"repeats": "agent", "min_words": 5}, 1),
    ]:
        rule = {"kind": "limit", "count": finder, "at_most": 99}
        assert judge(rule, view).value == count, finder


def test_runs_of_spoken_digits():
    view = call(("agent", 0, 4, "your number is 0 7 7 double two"), ("customer", 5, 7, "10086"))
    assert judge({"kind": "limit", "count": {"digits": 5}, "at_most": 9}, view).value == 1
    assert judge({"kind": "limit", "count": {"digits": 6}, "at_most": 9}, view).value == 0
    customer = {"kind": "limit", "count": {"digits": 5, "party": "customer"}, "at_most": 9}
    assert judge(customer, view).value == 1


def test_a_measure_on_a_ramp_has_no_cliff():
    rule = {
        "kind": "limit",
        "measure": "longest_silence_ms",
        "at_most": {"target": "3 s", "limit": "6 s"},
    }
    values = [(3000, 1.0, "met"), (4500, 0.5, "met"), (6000, 0.0, "met"), (6001, 0.0, "violated")]
    for value, share, expected in values:
        view = CallView("a", "en", duration_ms=60_000, measures={"longest_silence_ms": value})
        result = judge(rule, view)
        assert (result.outcome, result.value) == (expected, value)
        assert result.earned == pytest.approx(share)


def test_bounds_by_language_and_a_missing_measure():
    rule = {
        "kind": "limit",
        "measure": "agent.articulation_rate",
        "at_most": {"en": 180, "zh": 260},
    }
    measures = {"agent": {"articulation_rate": 200.0}}
    en = CallView("a", "en", duration_ms=1000, measures=measures)
    zh = CallView("a", "zh", duration_ms=1000, measures=measures)
    assert (outcome(rule, en), outcome(rule, zh)) == ("violated", "met")
    empty = CallView(
        "a",
        "en",
        duration_ms=1000,
        measures={"unmeasured": {"agent.articulation_rate": "too short"}},
    )
    assert (judge(rule, empty).outcome, judge(rule, empty).reason) == (
        "not_applicable",
        "too short",
    )


def test_counts_per_minute_per_words_and_per_other_thing():
    view = call(("agent", 0, 30, "um yes um " + "word " * 97), ("customer", 31, 60, "okay then"))
    um = {"en": ["um"]}
    for per, value in [("call", 2), ("minute", 2), ("minute_of_speech", 4), ("100_words", 2)]:
        rule = {"kind": "limit", "count": um, "per": per, "at_most": 99}
        assert judge(rule, view).value == pytest.approx(value), per
    share = {"kind": "limit", "count": um, "of": {"en": ["um", "yes"]}, "per": "each", "at_most": 1}
    assert judge(share, view).value == pytest.approx(2 / 3)
    assert outcome(share | {"least_count": 4}, view) == "not_applicable"


def test_distinct_and_variants():
    view = call(("agent", 0, 5, "mr jones thank you sorry miss jones"))
    polite = [{"en": ["thank you"]}, "apology", {"en": ["please"]}]
    assert judge({"kind": "limit", "distinct": polite, "at_least": 2}, view).value == 2
    title = {"en": {"regex": [r"\b(mr|miss)\b"]}}
    assert judge({"kind": "limit", "variants": title, "at_most": 1}, view).outcome == "violated"


def test_figures_of_spans_and_time_between():
    view = call(("agent", 0, 2, "it is 1 2 3 4"), ("customer", 3, 4, "okay"), duration_ms=12_000)
    slow = {"kind": "limit", "each": {"digits": 4}, "span": "digits_per_s", "at_most": 2}
    assert outcome(slow, view) == "violated"
    assert outcome(slow | {"at_most": 4}, view) == "met"
    wait = {
        "kind": "limit",
        "between": [{"turn": "customer", "where": {"last_turns": 1}}, {"event": "end"}],
        "at_least": 5,
    }
    assert judge(wait, view).value == 8.0


def test_a_column_as_a_figure():
    rule = {"kind": "limit", "column": "wait_s", "at_most": 20}
    assert outcome(rule, call(("agent", 0, 1, "hello"), metadata={"wait_s": "31"})) == "violated"
    assert outcome(rule, call(("agent", 0, 1, "hello"))) == "not_applicable"
    assert (
        outcome(rule, call(("agent", 0, 1, "hello"), metadata={"wait_s": "?"})) == "not_applicable"
    )


SILENT = {
    "kind": "sequence",
    "start": {"en": ["how can I help you"]},
    "abort": {"turn": "customer"},
    "tolerance_s": 0.5,
    "steps": [
        {"name": "wait", "pause_s": 5},
        {"name": "ask again", "find": {"en": ["are you there"]}},
        {"name": "wait again", "pause_s": 5},
        {"name": "close", "find": {"en": ["call again goodbye"]}},
        {"name": "last wait", "pause_s": 5},
    ],
}


def test_the_silent_call_script_step_by_step():
    good = call(
        ("agent", 0, 2, "hello how can I help you"),
        ("agent", 7.2, 8.5, "are you there"),
        ("agent", 13.6, 16, "please call again goodbye"),
        duration_ms=22_000,
    )
    result = judge(SILENT, good)
    assert (result.outcome, result.met, result.due) == ("met", 5, 5)
    hasty = call(
        ("agent", 0, 2, "hello how can I help you"),
        ("agent", 7.2, 8.5, "are you there"),
        ("agent", 10, 12, "please call again goodbye"),
        duration_ms=12_500,
    )
    result = judge(SILENT, hasty)
    assert (result.outcome, result.met, result.due) == ("violated", 3, 5)
    assert result.reason == "3 of 5 steps; missing: wait again, last wait"
    assert judge(SILENT | {"at_least": 3}, hasty).outcome == "met"
    answered = call(
        ("agent", 0, 2, "hello how can I help you"), ("customer", 3, 4, "yes"), duration_ms=5000
    )
    assert outcome(SILENT, answered) == "not_applicable"


def test_steps_keep_their_order_and_times():
    steps = [{"find": "hold-request"}, {"find": "consent", "within_s": 3}, {"find": "apology"}]
    rule = {"kind": "sequence", "steps": steps}
    turns = [
        ("agent", 0, 2, "please hold"),
        ("customer", 3, 4, "okay"),
        ("agent", 9, 11, "sorry"),
    ]
    assert outcome(rule, call(*turns)) == "met"
    late = [turns[0], ("customer", 7, 8, "okay"), turns[2]]
    assert judge(rule, call(*late)).met == 2
    swapped = [
        ("agent", 0, 1, "sorry"),
        ("customer", 1.5, 2, "okay"),
        ("agent", 3, 4, "please hold"),
    ]
    assert judge(rule, call(*swapped)).met == 1
    assert judge(rule | {"first_breaks": True}, call(*turns[1:])).met == 0


def test_optional_steps_are_not_needed():
    rule = {
        "kind": "sequence",
        "steps": [
            {"find": "hold-request"},
            {"find": "consent", "optional": True},
            {"find": "apology"},
        ],
    }
    view = call(("agent", 0, 2, "please hold"), ("agent", 9, 11, "sorry"))
    assert (judge(rule, view).outcome, judge(rule, view).due) == ("met", 2)


def test_low_word_confidence_is_unknown_not_violated():
    words = [Word("agent", 0, 300, "hang", 0.1), Word("agent", 300, 600, "up", 0.1)]
    view = CallView("a", "en", duration_ms=900, words=words)
    assert judge(FORBIDDEN, view).reason == "the words are too unsure"
    assert outcome(GREETS | {"find": {"en": ["hang up"]}}, view) == "unknown"


@pytest.mark.parametrize(
    ("start_s", "outcome_", "fragile"),
    [
        (8.0, "met", False),
        (9.95, "met", True),
        (10.05, "violated", True),
        (10.5, "violated", False),
    ],
)
def test_a_verdict_at_the_edge_of_its_window_is_fragile(start_s, outcome_, fragile):
    rule = GREETS | {"where": {"first_s": 10}}
    view = call(("customer", 0, 1, "yes"), ("agent", start_s, start_s + 1, "hello"))
    result = judge(rule, view)
    assert (result.outcome, result.fragile) == (outcome_, fragile)


def test_a_fuzzy_verdict_near_its_limit_is_fragile():
    rule = {
        "kind": "forbidden",
        "find": {"en": {"similar": ["please go and ask another department"]}, "threshold": 90},
    }
    exact = call(("agent", 0, 3, "please go and ask another department"))
    assert judge(rule, exact).fragile is False
    bent = call(("agent", 0, 3, "please go ask another apartment"))
    result = judge(rule, bent)
    assert (result.outcome, result.fragile) in {("met", True), ("violated", True)}


def test_a_confidence_near_its_limit_is_fragile():
    words = [Word("agent", 0, 300, "hang", 0.35), Word("agent", 300, 600, "up", 0.35)]
    result = judge(FORBIDDEN, CallView("a", "en", duration_ms=900, words=words))
    assert (result.outcome, result.fragile) == ("violated", True)


def test_a_timing_verdict_near_its_limit_is_fragile():
    rule = {"kind": "limit", "measure": "longest_silence_ms", "at_most": "5 s"}
    for value, fragile in [(4000, False), (4950, True), (5050, True), (6000, False)]:
        view = CallView("a", "en", duration_ms=60_000, measures={"longest_silence_ms": value})
        assert judge(rule, view).fragile is fragile


def test_several_forbidden_rules_on_one_span_are_charged_once():
    minor = FORBIDDEN | {"id": "small", "find": {"en": ["I will hang up now"]}}
    critical = FORBIDDEN | {"id": "grave", "severity": "critical"}
    results = evaluate(book_of(minor, critical), [call(("agent", 0, 3, "I will hang up now"))])[0]
    small, grave = results
    assert small.hits[0]["charged_by"] == "grave"
    assert "charged_by" not in grave.hits[0]
    assert grave.hits[0]["shown"] == "I will hang up now"


def test_the_allow_list_spares_prescribed_wording():
    rule = {"id": "cannot", "kind": "forbidden", "find": {"en": ["can't"]}}
    allowed = [{"en": ["I'm sorry, I'm afraid I can't help you"], "masks": ["cannot"]}]
    script = call(("agent", 0, 4, "I'm sorry I'm afraid I can't help you"))
    assert outcome(rule, script, allow_list=allowed) == "met"
    assert outcome(rule, script) == "violated"
    blunt = call(("agent", 0, 2, "no I can't help you"))
    assert outcome(rule, blunt, allow_list=allowed) == "violated"


def test_an_allow_list_entry_may_hang_on_an_option_or_on_what_was_said():
    rule = {"id": "cannot", "kind": "forbidden", "find": {"en": ["can't"]}}
    entry = {"en": ["I'm sorry, I'm afraid I can't help you"], "masks": ["cannot"]}
    script = call(("agent", 0, 4, "I'm sorry I'm afraid I can't help you"))
    for value, expected in (("a", "met"), ("b", "violated")):
        allowed = [entry | {"when": {"option": "mode", "is": value}}]
        assert outcome(rule, script, allow_list=allowed) == expected
    asked = call(
        ("customer", 0, 2, "cancel it"), ("agent", 3, 7, "I'm sorry I'm afraid I can't help you")
    )
    allowed = [entry | {"when": {"party": "customer", "en": ["cancel it"]}}]
    assert outcome(rule, asked, allow_list=allowed) == "met"
    assert outcome(rule, script, allow_list=allowed) == "violated"


def test_a_batch_judges_each_call_as_if_alone():
    views = [
        call(("agent", 0, 2, "hello hang up"), call_id="a"),
        call(("agent", 0, 2, "您好"), lang="zh", call_id="b"),
        call(("customer", 0, 2, "thank you"), ("agent", 3, 4, "sorry"), call_id="c"),
    ]
    book = book_of(FORBIDDEN, GREETS, {"kind": "each", "each": "thanks", "then": "apology"})
    alone = [evaluate(book, [view])[0] for view in views]
    assert evaluate(book, views) == alone
    assert evaluate(book, views[::-1]) == alone[::-1]


def test_options_change_the_digest_and_the_answer():
    rule = FORBIDDEN | {"when": {"option": "mode", "is": "a"}}
    book = book_of(rule)
    other = book.with_options({"mode": "b"})
    view = call(("agent", 0, 1, "hang up"))
    assert book.digest != other.digest
    assert evaluate(book, [view])[0][0].outcome == "violated"
    assert evaluate(other, [view])[0][0].outcome == "not_applicable"
    assert book.digest == book_of(rule | {"note": "words only"}).digest


def test_rules_told_without_judging_answer_as_when_judged():
    rules = [
        FORBIDDEN,
        FORBIDDEN | {"when": "thanks"},
        FORBIDDEN | {"party": "customer"},
        {"kind": "forbidden", "find": {"all": ["apology", {"en": ["but"]}]}},
        {"kind": "required", "find": ["apology", {"any": ["hold-request", {"en": ["hello"]}]}]},
        {"kind": "each", "each": "thanks", "then": "apology"},
        {"kind": "each", "each": {"use": "apology", "party": "customer"}, "then": "hold-request"},
        {"kind": "sequence", "start": "hold-request", "steps": [{"find": "consent"}]},
        {"kind": "forbidden", "find": {"digits": 3}},
    ]
    book = book_of(*rules)
    said = ["hello", "sorry but", "hang up", "thank you", "please hold", "okay", "1 2 3", "fine"]
    for first in said:
        for second in said:
            for view in (
                call(("agent", 0, 2, first), ("customer", 3, 5, second)),
                call(("customer", 0, 2, first), ("agent", 3, 5, second), ("agent", 6, 7, first)),
            ):
                quick = evaluate(book, [view])[0]
                plan = book.compiled.plan("en", "B")
                slow = [judge_(Call(view, plan.lexicon)) for _, judge_, _ in plan.steps]
                assert [(r.outcome, r.reason, r.met, r.due) for r in quick] == [
                    (r.outcome, r.reason, r.met, r.due) for r in slow
                ]
