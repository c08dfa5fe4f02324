"""From rule results to a score: form, sections, weights, ramps, critical rules, coverage.

``percent = sum of points / sum of potential points`` over the rules that applied. Only what
happened counts: a rule whose precondition did not occur is neither gained nor lost. *Coverage* is
the weight that could be judged over the weight that should have been (unknown answers, too low an
evidence grade and figures that could not be measured lower it); under 60 % there is no percentage,
only "insufficient evidence". A critical rule fails its form or section after confirmation: mean
word probability of at least 0.6, and a verdict that is not fragile. The raw percentage stays
beside the capped one.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from speechqa.rulebook.book import Rulebook
from speechqa.rulebook.charge import is_charged
from speechqa.rulebook.view import RuleResult
from speechqa.score.lines import JUDGED, Line, line_of, shown

LEAST_COVERAGE = 0.6
CONFIRMED = 0.6


@dataclass(frozen=True)
class Score:
    """The score of one call.

    Parameters
    ----------
    points, potential
        Numerator and denominator, after critical failures.
    percent
        Capped; None when the evidence is insufficient or nothing applied.
    raw_percent
        Before critical failures; None likewise.
    coverage
        Share of the weight that should have been judged and was; None when nothing was due.
    failed_by
        Critical rules that failed the form or a section.
    sections
        ``{"section", "points", "potential"}`` each, after critical failures.
    lines
        The arithmetic, one line per scored rule.
    review
        Rules with fragile verdicts, to be looked at by a person first.
    """

    points: float
    potential: float
    percent: float | None
    raw_percent: float | None
    coverage: float | None
    failed_by: tuple[str, ...]
    sections: tuple[dict[str, Any], ...]
    lines: tuple[Line, ...]
    reason: str = ""
    review: tuple[str, ...] = ()
    _by_rule: Mapping[str, Line] = field(default_factory=dict, repr=False, compare=False)

    def line_of(self, rule: str) -> Line | None:
        """Return a rule's line, None for a rule that is never scored."""
        return self._by_rule.get(rule)

    def as_dict(self) -> dict[str, Any]:
        """Return the score as stored and shown; lines carry their arithmetic as text."""
        return {
            "points": self.points,
            "potential": self.potential,
            "percent": self.percent,
            "raw_percent": self.raw_percent,
            "coverage": self.coverage,
            "failed_by": list(self.failed_by),
            "reason": self.reason or None,
            "sections": [dict(section) for section in self.sections],
            "review": list(self.review),
            "lines": [shown(line) for line in self.lines],
        }


def score_call(book: Rulebook, results: Sequence[RuleResult]) -> Score:
    """Return the score of one call.

    Parameters
    ----------
    book
        The rulebook that made the results.
    results
        One per call rule.

    Examples
    --------
    >>> from speechqa.rulebook import evaluate, load
    >>> from speechqa.rulebook.dialogue import call_of
    >>> book = load("starter")
    >>> call = call_of([("agent", "Hello, how can I help you?"), ("customer", "Cancel my order"),
    ...                 ("agent", "Of course. Thank you for calling, goodbye")], lang="en")
    >>> score = score_call(book, evaluate(book, [call])[0])
    >>> score.percent, score.failed_by
    (100.0, ())
    """
    weights = form_weights(book)
    lines = [
        line_of(book.rule(result.rule), result, weight)
        for result in results
        if (weight := weights.get(result.rule)) is not None
    ]
    judged = sum(line.weight for line in lines if line.outcome in JUDGED)
    lacking = sum(weights.get(r.rule, 0.0) for r in results if is_lacking(r))
    coverage = judged / (judged + lacking) if judged + lacking else None
    failed = [r for r in results if r.outcome == "violated" and is_confirmed(book, r)]
    raw_points, potential = (
        _sum(line.points for line in lines),
        _sum(one.potential for one in lines),
    )
    sections = _sections(book, lines, failed)
    whole = any(book.rule(result.rule).fails == "form" for result in failed)
    points = 0.0 if whole else _sum(section["points"] for section in sections)
    enough = coverage is not None and coverage >= LEAST_COVERAGE and potential > 0
    reason = "" if enough else "insufficient evidence" if lacking else "nothing applied"
    return Score(
        points=points,
        potential=potential,
        percent=_percent(points, potential) if enough else None,
        raw_percent=_percent(raw_points, potential) if enough else None,
        coverage=None if coverage is None else round(coverage, 6),
        failed_by=tuple(result.rule for result in failed),
        sections=sections,
        lines=tuple(lines),
        reason=reason,
        review=tuple(result.rule for result in results if result.fragile),
        _by_rule={line.rule: line for line in lines},
    )


def form_weights(book: Rulebook) -> dict[str, float]:
    """Return each scored rule's weight: its own, or its part of its section's weight."""
    cached: dict[str, float] | None = book.__dict__.get("_form_weights")
    if cached is not None:
        return cached
    sections = {section.id: section for section in book.form.form.sections}
    scored = [rule for rule in book.call_rules if not rule.report_only]
    totals: dict[str, float] = {}
    for rule in scored:
        totals[rule.section] = totals.get(rule.section, 0.0) + rule.points
    weights = {}
    for rule in scored:
        given = sections[rule.section].weight
        weights[rule.id] = rule.points * (1.0 if given is None else given / totals[rule.section])
    book.__dict__["_form_weights"] = weights
    return weights


def is_lacking(result: RuleResult) -> bool:
    """Say whether a rule should have been judged but the evidence was not there."""
    return result.outcome == "unknown" or (result.outcome == "not_applicable" and result.lacking)


def is_confirmed(book: Rulebook, result: RuleResult) -> bool:
    """Say whether a violated rule is critical, scored, and sure enough to fail form or section."""
    rule = book.rule(result.rule)
    if rule.severity != "critical" or rule.report_only:
        return False
    if result.fragile or not is_charged(result):
        return False
    spoken = [hit["confidence"] for hit in result.hits if hit.get("confidence") is not None]
    return not spoken or max(spoken) >= CONFIRMED


def _sections(
    book: Rulebook, lines: Sequence[Line], failed: Sequence[RuleResult]
) -> tuple[dict[str, Any], ...]:
    zero = {
        book.rule(result.rule).section
        for result in failed
        if book.rule(result.rule).fails == "section"
    }
    own: dict[str, list[Line]] = {}
    for line in lines:
        own.setdefault(line.section, []).append(line)
    made = []
    for name in (section.id for section in book.form.form.sections if section.id in own):
        points = 0.0 if name in zero else _sum(line.points for line in own[name])
        potential = _sum(line.potential for line in own[name])
        made.append({"section": name, "points": points, "potential": potential})
    return tuple(made)


def _sum(values: Iterable[float]) -> float:
    return round(math.fsum(values), 6)


def _percent(points: float, potential: float) -> float:
    return round(100 * points / potential, 4)
