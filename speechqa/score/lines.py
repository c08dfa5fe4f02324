"""One rule's part in a score, and its arithmetic as text."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from speechqa.rulebook.charge import is_charged
from speechqa.rulebook.view import RuleResult

JUDGED = ("met", "violated")


@dataclass(frozen=True, slots=True)
class Line:
    """One rule's part in a score: ``points = weight x earned``.

    Parameters
    ----------
    weight
        The rule's weight in the form (section weights applied).
    earned
        Share of the weight that was earned, 0 to 1.
    points, potential
        What it added to numerator and denominator; 0 of 0 where it did not apply.
    note
        Why it counts as it does, where that needs saying.
    """

    rule: str
    section: str
    outcome: str
    severity: str
    weight: float
    earned: float
    points: float
    potential: float
    reason: str = ""
    note: str = ""

    @property
    def text(self) -> str:
        """The arithmetic as one line."""
        if not self.potential:
            return f"{self.rule}: {self.outcome}, not counted ({self.note or self.reason})"
        note = f"; {self.note}" if self.note else ""
        return (
            f"{self.rule}: {self.outcome}, {self.weight:g} x {self.earned:.3g} = "
            f"{self.points:.3g} of {self.potential:g} ({self.reason or 'nothing found'}{note})"
        )


def line_of(rule: Any, result: RuleResult, weight: float) -> Line:
    """Return what a rule's answer adds to a score in which it weighs `weight`."""
    applies = result.outcome in JUDGED
    earned = result.earned if applies else 0.0
    note = ""
    if result.outcome == "violated" and not is_charged(result):
        other = next(hit["charged_by"] for hit in result.hits if "charged_by" in hit)
        earned, note = 1.0, f"the same words are charged by {other}"
    return _make_line(
        result.rule,
        rule.section,
        result.outcome,
        rule.severity,
        weight,
        earned,
        applies,
        result.reason,
        note,
    )


@lru_cache(maxsize=65_536)
def _make_line(
    rule: str,
    section: str,
    outcome: str,
    severity: str,
    weight: float,
    earned: float,
    applies: bool,
    reason: str,
    note: str,
) -> Line:
    """Return a line; remembered, since most lines of a night are one of a few thousand."""
    return Line(
        rule,
        section,
        outcome,
        severity,
        round(weight, 6),
        round(earned, 6),
        round(weight * earned, 6) if applies else 0.0,
        round(weight, 6) if applies else 0.0,
        reason,
        note,
    )


@lru_cache(maxsize=65_536)
def shown(line: Line) -> dict[str, Any]:
    """Return what is stored of a line: its numbers, and the arithmetic as text. Do not change."""
    return {
        "rule": line.rule,
        "points": line.points,
        "potential": line.potential,
        "text": line.text,
    }
