"""Stage 3: facts become measures, rule results and a score, for a whole batch of calls at once.

Cheap, and made again in seconds: nothing here touches audio or a model. The same facts, rulebook
and thresholds always give the same assessment.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from speechqa import score
from speechqa.pipeline.assessment import Assessment
from speechqa.pipeline.facts import CallFacts, digest
from speechqa.pipeline.fairness import fair_answers
from speechqa.pipeline.view import measure, measured_view
from speechqa.rulebook import CallView, Rulebook, RuleResult
from speechqa.settings import TimingSettings
from speechqa.timing import MEASURES, BatchMeasures

ASSESSMENT_VERSION = 2
"""Raised when the same facts and rulebook would be judged otherwise than before."""


def assessment_digest(book: Rulebook, settings: TimingSettings) -> str:
    """Return the digest of everything that shapes an assessment beside the facts."""
    return digest([ASSESSMENT_VERSION, book.digest, settings.model_dump()])


def assess(
    calls: Sequence[CallFacts], book: Rulebook, settings: TimingSettings
) -> list[Assessment]:
    """Measure and judge calls; those that hold nothing to measure are left out.

    Parameters
    ----------
    calls
        Facts, in any order.
    book
        The rulebook.
    settings
        Thresholds of the timing measures.

    Returns
    -------
    One assessment per measured call, in the order of `calls`.
    """
    measured_calls = [call for call in calls if call.measured]
    if not measured_calls:
        return []
    measured = measure(measured_calls, settings)
    views = [measured_view(call, measured, place) for place, call in enumerate(measured_calls)]
    results = fair_answers(book, measured_calls, views)
    name = assessment_digest(book, settings)
    return [
        _assessment(view, judged, book, name, call.key, _parts(measured, place))
        for place, (call, view, judged) in enumerate(
            zip(measured_calls, views, results, strict=True)
        )
    ]


def _parts(measured: BatchMeasures, place: int) -> dict[str, list[int]]:
    """Return numerator and denominator of each ratio, so that calls pool by adding."""
    parts: dict[str, list[int]] = {}
    for name, one in MEASURES.items():
        column = measured.columns[name]
        if column.numerator is None or column.denominator is None:
            continue
        if one.per_party:
            for number, party in enumerate(("agent", "customer")):
                at = (place, number)
                parts[f"{party}.{name}"] = [int(column.numerator[at]), int(column.denominator[at])]
        else:
            parts[name] = [int(column.numerator[place]), int(column.denominator[place])]
    return parts


def _assessment(
    view: CallView,
    judged: Sequence[RuleResult],
    book: Rulebook,
    digest_: str,
    key: str,
    parts: dict[str, list[int]],
) -> Assessment:
    heard = Assessment(key, digest_, "", "", view.measures, view.events, (), (), {}, parts)
    return judged_assessment(heard, book, digest_, judged, score.score_call(book, judged))


def judged_assessment(
    heard: Assessment,
    book: Rulebook,
    digest_: str,
    judged: Sequence[RuleResult],
    scored: score.Score,
) -> Assessment:
    """Return an assessment with the answers and the score of a rulebook.

    Parameters
    ----------
    heard
        Whose measures and events these are; of its answers nothing is kept.
    digest_
        Of rulebook and thresholds.
    """
    return replace(
        heard,
        assessment=digest_,
        rulebook=f"{book.name} {book.version}",
        rulebook_digest=book.digest,
        results=[_result(result, book, scored) for result in judged],
        hits=[hit for result in judged for hit in result.hits],
        score=scored.as_dict(),
    )


def _result(result: RuleResult, book: Rulebook, scored: score.Score) -> dict[str, Any]:
    rule = book.rule(result.rule)
    line = scored.line_of(result.rule)
    return {
        "rule": result.rule,
        "section": rule.section,
        "severity": rule.severity,
        "outcome": result.outcome,
        "reason": result.reason,
        "met": float(result.met),
        "due": float(result.due),
        "points": line.points if line else 0.0,
        "potential": line.potential if line else 0.0,
        "fragile": result.fragile,
        "earned": float(result.earned),
        "lacking": result.lacking,
    }
