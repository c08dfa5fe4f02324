"""The score: weights, ramps, critical rules, coverage, and pooling with an interval."""

import math
import statistics

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speechqa.rulebook.book import Rulebook, RulebookForm
from speechqa.rulebook.view import RuleResult
from speechqa.score import pool, pool_points, score_call


def book_of(*rules, sections=("first", "second")):
    made = []
    for at, rule in enumerate(rules):
        words = {"kind": "forbidden", "find": {"en": ["x"]}}
        made.append({"id": f"r{at}", "section": "first"} | words | rule)
    listed = [{"id": one} if isinstance(one, str) else one for one in sections]
    data = {
        "rulebook": "small",
        "version": "1",
        "languages": ["en"],
        "form": {"sections": listed},
        "rules": made,
    }
    return Rulebook(RulebookForm.model_validate(data))


def met(rule, **more):
    return RuleResult(rule, "met", "fine", 1, 1, **more)


def broken(rule, confidence=0.9, **more):
    hit = {"rule": rule, "confidence": confidence, "party": "agent", "start_ms": 0, "end_ms": 9}
    return RuleResult(rule, "violated", "found", more.pop("met", 0), 1, (hit,), **more)


def test_percent_is_points_over_potential_of_what_applied():
    book = book_of({"weight": 6}, {"weight": 3}, {"weight": 1})
    results = [met("r0"), broken("r1"), RuleResult("r2", "not_applicable", "did not occur")]
    score = score_call(book, results)
    assert (score.points, score.potential) == (6, 9)
    assert score.percent == pytest.approx(66.6667)
    assert score.coverage == 1.0


def test_default_weights_follow_severity():
    book = book_of({"severity": "critical"}, {"severity": "major"}, {"severity": "minor"})
    assert score_call(book, [met("r0"), met("r1"), met("r2")]).potential == 10 + 5 + 2


def test_each_rule_earns_by_met_over_due():
    book = book_of({"weight": 10})
    half = RuleResult("r0", "violated", "2 of 4 times", 2, 4)
    assert score_call(book, [half]).percent == 50.0


def test_a_ramp_earns_its_share():
    book = book_of({"weight": 8})
    on_ramp = RuleResult("r0", "met", "4500 ms", 1, 1, value=4500, share=0.25)
    assert score_call(book, [on_ramp]).points == 2


def test_a_section_weight_spreads_over_its_rules():
    book = book_of(
        {"weight": 1},
        {"weight": 3},
        {"weight": 7, "section": "second"},
        sections=({"id": "first", "weight": 20}, {"id": "second"}),
    )
    score = score_call(book, [broken("r0"), met("r1"), met("r2")])
    assert [line.weight for line in score.lines] == [5, 15, 7]
    assert score.sections[0] == {"section": "first", "points": 15, "potential": 20}


def test_report_only_rules_never_count():
    book = book_of({"weight": 1}, {"weight": 9, "report_only": True, "severity": "critical"})
    score = score_call(book, [met("r0"), broken("r1")])
    assert (score.percent, score.failed_by, score.line_of("r1")) == (100.0, (), None)


def test_a_confirmed_critical_rule_fails_the_form_and_leaves_the_raw_percent():
    book = book_of({"severity": "critical", "weight": 10}, {"weight": 30})
    score = score_call(book, [broken("r0"), met("r1")])
    assert (score.percent, score.raw_percent, score.failed_by) == (0.0, 75.0, ("r0",))


def test_a_critical_rule_may_fail_only_its_section():
    book = book_of(
        {"severity": "critical", "fails": "section", "weight": 10},
        {"weight": 10},
        {"weight": 20, "section": "second"},
    )
    score = score_call(book, [broken("r0"), met("r1"), met("r2")])
    assert (score.percent, score.raw_percent) == (50.0, 75.0)


@pytest.mark.parametrize(("confidence", "fails"), [(0.59, False), (0.6, True), (None, True)])
def test_a_critical_rule_needs_words_that_were_surely_said(confidence, fails):
    book = book_of({"severity": "critical"}, {"weight": 10})
    score = score_call(book, [broken("r0", confidence), met("r1")])
    assert bool(score.failed_by) is fails


def test_a_fragile_verdict_never_fails_a_call_by_itself():
    book = book_of({"severity": "critical"}, {"weight": 10})
    score = score_call(book, [broken("r0", fragile=True), met("r1")])
    assert (score.failed_by, score.review) == ((), ("r0",))
    assert score.percent == 50.0


def test_words_charged_by_another_rule_cost_nothing_here():
    book = book_of({"weight": 4}, {"weight": 6})
    shared = RuleResult("r0", "violated", "found", 0, 1, ({"charged_by": "r1"},))
    score = score_call(book, [shared, broken("r1")])
    assert score.points == 4
    assert "charged by r1" in score.line_of("r0").text


def test_unknown_never_punishes_but_lowers_coverage():
    book = book_of({"weight": 6}, {"weight": 4})
    score = score_call(book, [met("r0"), RuleResult("r1", "unknown", "no words")])
    assert (score.percent, score.coverage) == (100.0, 0.6)


def test_too_little_evidence_gives_no_percentage():
    book = book_of({"weight": 5}, {"weight": 4})
    graded = RuleResult("r1", "not_applicable", "needs evidence grade B", lacking=True)
    score = score_call(book, [RuleResult("r0", "unknown", "no words"), met("r1")])
    assert (score.percent, score.raw_percent, score.reason) == (None, None, "insufficient evidence")
    assert score_call(book, [met("r0"), graded]).percent is None
    fine = RuleResult("r1", "not_applicable", "did not occur")
    assert score_call(book, [met("r0"), fine]).percent == 100.0


def test_nothing_that_applied_is_no_zero():
    book = book_of({})
    score = score_call(book, [RuleResult("r0", "not_applicable", "did not occur")])
    assert (score.percent, score.coverage, score.reason) == (None, None, "nothing applied")


def test_every_line_shows_its_arithmetic():
    book = book_of({"weight": 6}, {"weight": 3}, {"weight": 1})
    results = [met("r0"), broken("r1"), RuleResult("r2", "unknown", "no words")]
    score = score_call(book, results)
    assert [line.text for line in score.lines] == [
        "r0: met, 6 x 1 = 6 of 6 (fine)",
        "r1: violated, 3 x 0 = 0 of 3 (found)",
        "r2: unknown, not counted (no words)",
    ]
    assert math.fsum(line.points for line in score.lines) == score.points
    assert score.as_dict()["lines"][1]["text"] == score.lines[1].text


def test_calls_pool_by_adding_not_by_averaging():
    book = book_of({"weight": 1}, {"weight": 99})
    small = score_call(book, [broken("r0"), RuleResult("r1", "not_applicable", "")])
    large = score_call(book, [met("r0"), met("r1")])
    pooled = pool([small, large])
    assert (pooled.n, pooled.percent) == (2, pytest.approx(100 * 100 / 101, abs=1e-3))


def test_calls_without_a_percentage_are_left_out_of_the_pool():
    book = book_of({})
    none = score_call(book, [RuleResult("r0", "unknown", "no words")])
    assert pool([none]).percent is None
    assert pool([none, score_call(book, [met("r0")])]).n == 1


def test_one_call_has_no_interval_and_equal_calls_an_honest_one():
    assert pool_points([3.0], [4.0]).low is None
    same = pool_points([4.0] * 12, [4.0] * 12)
    assert (same.percent, same.high) == (100.0, 100.0)
    assert 70 < same.low < 80  # Wilson, 12 of 12


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(1, 50)), min_size=2, max_size=40))
@settings(max_examples=200, deadline=None)
def test_the_interval_holds_the_pooled_percentage(calls):
    points = [share * weight for share, weight in calls]
    potential = [float(weight) for _, weight in calls]
    pooled = pool_points(points, potential)
    assert pooled.low - 1e-6 <= pooled.percent <= pooled.high + 1e-6
    assert pooled.low >= 0
    assert pooled.high <= 100


def test_equal_potentials_give_students_interval_of_the_mean():
    shares = [0.5, 0.7, 0.9, 0.8, 0.6]
    pooled = pool_points([10 * share for share in shares], [10.0] * 5)
    reach = 2.7764 * statistics.stdev(shares) / math.sqrt(5)
    assert pooled.low == pytest.approx(100 * (0.7 - reach), abs=1e-2)
    assert pooled.high == pytest.approx(100 * (0.7 + reach), abs=1e-2)


def test_unequal_lists_are_refused():
    with pytest.raises(ValueError, match="2 points but 1 potentials"):
        pool_points([1, 2], [3])
