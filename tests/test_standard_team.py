"""The standard's figures over calls and cases: computed from columns, named when one is missing."""

from __future__ import annotations

from functools import cache

import pytest

from speechqa.rulebook import Rulebook, evaluate_team, load

Row = dict[str, str]


@cache
def standard() -> Rulebook:
    return load("standard")


def ids() -> list[str]:
    return [rule.id for rule in standard().rules if rule.kind == "team"]


def calls(*, well: bool) -> list[Row]:
    """Calls of a day: one an hour when all is well, else three in one hour, about one thing."""
    yes = "yes" if well else "no"
    reasons = ["consult", "handle", "query", "complaint"] if well else ["query"]
    day = [
        {
            "call_id": f"c{hour}",
            "agent_id": "a1",
            "started_at": f"2025-03-03T{hour if well else 9:02d}:{10 + hour % 3:02d}:00",
            "direction": "inbound",
            "caller": f"tel{hour if well else 0}",
            "connected": yes,
            "asked_human": "yes",
            "answered_human": yes,
            "reason": reasons[hour % len(reasons)],
            "rings": "2" if well else "7",
            "release_side": "customer" if well else "agent",
            "waited": "yes",
            "hold_pressed": yes,
            "tag": ("harassment", "abuse")[hour % 2],
            "escalated": yes,
            "case_id": "k1" if well else "",
            "shift_score_drop": "4" if well else "30",
            "agent_signed_in": yes,
        }
        for hour in range(24 if well else 3)
    ]
    back = {
        **day[0],
        "call_id": "back",
        "started_at": "2025-03-03T10:20:00",
        "direction": "outbound",
        "caller": "p1" if well else "somebody",
        "reason": "callback",
    }
    return [*day, back]


def cases(*, well: bool) -> list[Row]:
    """One case of each type and tag; answered within the hour when all is well."""
    yes = "yes" if well else "no"
    replied_at = "2025-03-03T10:08:00" if well else "2025-03-09T10:00:00"
    kinds = [
        ("consult", ""),
        ("consult", "" if well else "unanswered"),
        ("complaint", "fault"),
        ("complaint", "one_way_audio"),
        ("complaint", "wrong_answer"),
        ("complaint", "dropped_call"),
        ("suggestion", ""),
        ("revisit", ""),
        ("summary_report", ""),
    ]
    return [
        {
            "type": kind,
            "tag": tag,
            "complexity": "simple",
            "accepted_at": "2025-03-03T10:00:00",
            "replied_at": "" if tag == "unanswered" else replied_at,
            "agreed_at": "2025-03-03T12:00:00",
            "reported_at": "2025-03-03T10:00:00",
            "supervisor_contact_at": f"2025-03-0{3 if well else 8}T11:00:00",
            "restored_at": "2025-03-03T10:10:00",
            "closed_at": "2025-03-03T10:15:00",
            "planned_at": "2025-03-03T09:00:00",
            "done_at": "2025-03-03T09:30:00" if well else "",
            "promised_at": "2025-03-03T10:00:00",
            "fulfilled_at": "2025-03-03T11:00:00" if well else "",
            "due_hours": "24",
            "class_hours": "24",
            "repeat": "no" if well else "yes",
            "satisfied": yes,
            "inter_provincial": "yes",
            "major_customer": "yes",
            "name": "Smith" if well else "",
            "phone": "p1",
            "content": "late",
            "supervisor": "s1",
            "owner_kept": yes,
            "followup_note": "called" if well else "",
            "next_contact_at": "2025-03-10T10:00:00",
            "forwarded_to": "product" if well else "",
            "reply_wanted": "yes",
            "reply_method": "phone",
            "requirement": "refund",
            "sentence_length": "18" if well else "80",
            "channel": "chat",
            "first_response_s": "9" if well else "300",
            "data_viewed": "yes",
            "access_logged": yes,
            "fault": "company" if well else "",
            "case_severity": "major",
            "escalated": yes,
            "topics": "5" if well else "2",
            "file_completeness": "0.99" if well else "0.4",
        }
        for kind, tag in kinds
    ]


def outcomes(*, well: bool) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for result in evaluate_team(standard(), calls=calls(well=well), cases=cases(well=well)):
        found.setdefault(result.rule, set()).add(result.outcome)
    return found


def test_where_all_is_well_every_figure_is_met():
    found = outcomes(well=True)
    assert {rule: found[rule] for rule in ids() if found[rule] != {"met"}} == {}


def test_where_nothing_is_well_every_figure_is_violated():
    found = outcomes(well=False)
    without_fault = {"case-escalation-by-severity"}  # no case names a fault, so none is severe
    wrong = {rule: found[rule] for rule in ids() if found[rule] != {"violated"}}
    assert set(wrong) == without_fault
    assert wrong["case-escalation-by-severity"] == {"not_applicable"}


@pytest.mark.parametrize("tables", [{"calls": [], "cases": None}, {"calls": [{"call_id": "c"}]}])
def test_a_missing_column_is_named_and_never_a_fault(tables):
    results = evaluate_team(standard(), **tables)
    assert {result.rule for result in results} == set(ids())
    assert {result.outcome for result in results} == {"not_applicable"}
    assert all(result.reason.startswith("no ") for result in results)
