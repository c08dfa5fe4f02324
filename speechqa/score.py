"""From rule results to a score: form, sections, weights, ramps, critical rules, coverage.

``percent = sum of points / sum of potential points`` over the rules that applied. Only what
happened counts: a rule whose precondition did not occur is neither gained nor lost. *Coverage* is
the weight that could be judged over the weight that should have been (unknown answers, too low an
evidence grade and figures that could not be measured lower it); under 60 % there is no percentage,
only "insufficient evidence". A critical rule fails its form or section after confirmation: mean
word probability of at least 0.6, and a verdict that is not fragile. The raw percentage stays
beside the capped one.

Calls pool by adding points and potential. The 95 % interval of a pooled percentage is that of a
ratio of sums, linearised (Cochran, *Sampling Techniques*, 3rd ed., 6.4): calls are the sample, so
that forty rules of one call do not count as forty observations; Student's t, clipped to 0 to 100.
Where all calls have the same percentage, the Wilson interval with one trial per call stands in.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from speechqa.rulebook.book import Rulebook
from speechqa.rulebook.charge import is_charged
from speechqa.rulebook.view import RuleResult

LEAST_COVERAGE = 0.6
CONFIRMED = 0.6
_JUDGED = ("met", "violated")
_Z = 1.959964


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
            "lines": [_shown(line) for line in self.lines],
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
        _line(book.rule(result.rule), result, weights[result.rule])
        for result in results
        if result.rule in weights
    ]
    judged = sum(line.weight for line in lines if line.outcome in _JUDGED)
    lacking = sum(weights[r.rule] for r in results if r.rule in weights and is_lacking(r))
    coverage = judged / (judged + lacking) if judged + lacking else None
    failed = [result for result in results if _fails(book, result)]
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


def _line(rule: Any, result: RuleResult, weight: float) -> Line:
    applies = result.outcome in _JUDGED
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
def _shown(line: Line) -> dict[str, Any]:
    """Return what is stored of a line: its numbers, and the arithmetic as text. Do not change."""
    return {
        "rule": line.rule,
        "points": line.points,
        "potential": line.potential,
        "text": line.text,
    }


def _fails(book: Rulebook, result: RuleResult) -> bool:
    """Whether a violated critical rule is confirmed."""
    rule = book.rule(result.rule)
    if rule.severity != "critical" or result.outcome != "violated" or rule.report_only:
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
    made = []
    for section in book.form.form.sections:
        own = [line for line in lines if line.section == section.id]
        potential = _sum(line.potential for line in own)
        if own:
            points = 0.0 if section.id in zero else _sum(line.points for line in own)
            made.append({"section": section.id, "points": points, "potential": potential})
    return tuple(made)


def _sum(values: Iterable[float]) -> float:
    return round(math.fsum(values), 6)


def _percent(points: float, potential: float) -> float:
    return round(100 * points / potential, 4)


@dataclass(frozen=True)
class Pooled:
    """Scores of several calls taken together.

    Parameters
    ----------
    n
        Calls with a score.
    points, potential
        Sums over those calls.
    percent, low, high
        Pooled percentage and its 95 % interval; None without calls (the interval also with one).
    """

    n: int
    points: float
    potential: float
    percent: float | None
    low: float | None
    high: float | None


def pool(scores: Iterable[Score]) -> Pooled:
    """Pool the scores of calls; those without a percentage are left out."""
    kept = [score for score in scores if score.percent is not None]
    return pool_points([s.points for s in kept], [s.potential for s in kept])


def pool_points(points: Sequence[float], potential: Sequence[float]) -> Pooled:
    """Pool points and potential of calls.

    Parameters
    ----------
    points, potential
        One value per call each, in the same order.

    Examples
    --------
    >>> made = pool_points([8.0, 10.0, 3.0], [10.0, 10.0, 5.0])
    >>> made.n, made.percent, round(made.low, 1), round(made.high, 1)
    (3, 84.0, 41.0, 100.0)
    >>> pool_points([], []).percent is None
    True
    """
    if len(points) != len(potential):
        raise ValueError(f"{len(points)} points but {len(potential)} potentials")
    n, total, top = len(points), math.fsum(potential), math.fsum(points)
    if not n or total <= 0:
        return Pooled(n, top, total, None, None, None)
    ratio = top / total
    percent = round(100 * ratio, 4)
    if n < 2:
        return Pooled(n, top, total, percent, None, None)
    residuals = math.fsum((p - ratio * w) ** 2 for p, w in zip(points, potential, strict=True))
    spread = math.sqrt(n / (n - 1) * residuals) / total
    if spread < 1e-9:
        low, high = _wilson(ratio, n)
    else:
        reach = _student_t(n - 1) * spread
        low, high = ratio - reach, ratio + reach
    low, high = max(0.0, low), min(1.0, high)
    return Pooled(n, top, total, percent, round(100 * low, 4), round(100 * high, 4))


def _wilson(share: float, n: int) -> tuple[float, float]:
    centre = share + _Z**2 / (2 * n)
    reach = _Z * math.sqrt(share * (1 - share) / n + _Z**2 / (4 * n * n))
    scale = 1 + _Z**2 / n
    return (centre - reach) / scale, (centre + reach) / scale


_T = (12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281)


def _student_t(freedom: int) -> float:
    """Return the 97.5 % point of Student's t (Abramowitz & Stegun 26.7.5 beyond the table)."""
    if freedom <= len(_T):
        return _T[freedom - 1]
    z, v = _Z, float(freedom)
    return (
        z
        + (z**3 + z) / (4 * v)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * v**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * v**3)
    )
