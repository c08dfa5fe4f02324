"""Team rules: figures over many calls or cases from columns."""

import pytest

from speechqa.rulebook.kpi import team_rule
from speechqa.rulebook.rules import Team

CALLS = [
    {"call_id": "1", "agent_id": "a", "caller": "100", "reason": "bill",
     "started_at": "2025-03-01T09:15:00", "connected": "yes", "wait_s": "4"},
    {"call_id": "2", "agent_id": "a", "caller": "100", "reason": "bill",
     "started_at": "2025-03-03T23:15:00", "connected": "no", "wait_s": "10"},
    {"call_id": "3", "agent_id": "b", "caller": "200", "reason": "move",
     "started_at": "2025-04-02T09:15:00", "connected": "YES", "wait_s": ""},
]  # fmt: skip
CASES = [
    {"id": "x", "type": "complaint", "phone": "100", "opened": "2025-03-01T10:00",
     "replied": "2025-03-02T09:00", "limit_h": "24", "name": "Li"},
    {"id": "y", "type": "complaint", "phone": "200", "opened": "2025-03-01T10:00",
     "replied": "2025-03-05T10:00", "limit_h": "48", "name": ""},
    {"id": "z", "type": "complaint", "phone": "300", "opened": "2025-03-01T10:00",
     "replied": "", "limit_h": "48", "name": "Wu"},
    {"id": "q", "type": "question", "phone": "400", "opened": "?", "replied": "",
     "limit_h": "", "name": "Xu"},
]  # fmt: skip


def answers(table="calls", tables=None, **rule):
    made = Team.model_validate({"id": "kpi", "kind": "team", "table": table} | rule)
    given = {"calls": CALLS, "cases": CASES} if tables is None else tables
    return team_rule(made, given)


def answer(**rule):
    (only,) = answers(**rule)
    return only


def test_a_share_of_calls():
    result = answer(figure="share", test={"column": "connected", "is": "yes"}, at_least=0.6)
    assert (result.outcome, result.good, result.rows) == ("met", 2, 3)
    assert result.value == pytest.approx(2 / 3)


def test_a_missing_column_or_file_is_named():
    result = answer(figure="share", test={"column": "answered", "is": "yes"}, at_least=0.6)
    assert (result.outcome, result.reason) == ("not_applicable", "no column answered in calls")
    result = answer(figure="mean", value="wait_s", needs=["rings"], at_most=5)
    assert result.reason == "no column rings in calls"
    assert answers(table="cases", tables={"calls": CALLS}, figure="count", at_least=1)[
        0
    ].reason == ("no cases file")


def test_rows_without_a_value_are_left_out_and_counted():
    result = answer(figure="mean", value="wait_s", at_most=8)
    assert (result.value, result.rows) == (7.0, 2)
    assert "1 row without a value left out" in result.reason


@pytest.mark.parametrize(
    ("figure", "value"),
    [("sum", 14), ("min", 4), ("max", 10), ("median", 7), ("p90", 9.4), ("count", 3)],
)
def test_other_figures(figure, value):
    result = answer(figure=figure, value="wait_s", at_least=0)
    assert result.value == pytest.approx(value)


def test_hours_of_the_day_and_all_values():
    hours = answer(figure="distinct", value="started_at.hour", at_least=3)
    assert (hours.outcome, hours.value) == ("violated", 2)
    reasons = answer(figure="all_values", value="reason", among=["bill", "move"])
    assert reasons.outcome == "met"
    assert answer(figure="all_values", value="reason", among=["bill", "buy"]).outcome == "violated"


def test_groups_and_periods():
    by_agent = answers(
        figure="share", test={"column": "connected", "is": "yes"}, by="agent_id", at_least=0.9
    )
    assert [(one.group, one.outcome) for one in by_agent] == [("a", "violated"), ("b", "met")]
    monthly = answers(figure="count", period="month", at_least=2)
    assert [(one.period, one.value) for one in monthly] == [("2025-03", 2), ("2025-04", 1)]


def test_deadlines_between_dates():
    complaints = {"column": "type", "is": "complaint"}
    late = answer(
        table="cases",
        rows=complaints,
        figure="share",
        test={"from": "opened", "to": "replied", "at_most": "48 h"},
        at_least=1.0,
    )
    assert (late.outcome, late.good, late.rows) == ("violated", 1, 3)
    own = answer(
        table="cases",
        rows=complaints,
        figure="share",
        test={"from": "opened", "to": "replied", "limit_column": "limit_h"},
        at_least=0.3,
    )
    assert (own.outcome, own.good) == ("met", 1)


def test_a_row_whose_start_cannot_be_read_is_left_out():
    result = answer(
        table="cases",
        figure="share",
        test={"from": "opened", "to": "replied", "at_most": "48 h"},
        at_least=0.1,
    )
    assert result.rows == 3


def test_repeats_within_days():
    rule = {"figure": "share", "test": {"repeat_of": ["caller", "reason"], "within": "7 days"}}
    assert answer(**rule, at_most=0.5).good == 1
    near = {"repeat_of": ["caller", "reason"], "within": "1 day"}
    assert answer(figure="share", test=near, at_most=0.5).good == 0


def test_rows_matched_in_the_other_table():
    test = {
        "matched_in": "calls",
        "on": {"phone": "caller"},
        "where": {"column": "connected", "is": "yes"},
        "after": "opened",
        "within": "40 days",
    }
    result = answer(table="cases", figure="share", test=test, at_least=0.5)
    assert (result.good, result.rows) == (1, 3)


def test_filled_columns_and_combined_tests():
    filled = answer(table="cases", figure="share", test={"filled": ["name", "phone"]}, at_least=1)
    assert filled.good == 3
    both = {"all": [{"column": "type", "is": "complaint"}, {"not": {"filled": ["name"]}}]}
    assert answer(table="cases", figure="share", test=both, at_least=0).good == 1
    either = {"any": [{"column": "type", "is": "question"}, {"column": "name", "present": False}]}
    assert answer(table="cases", figure="share", test=either, at_least=0).good == 2
