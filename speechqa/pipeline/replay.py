"""Verdicts made again after a rulebook changed: what can answer otherwise is judged, the rest kept.

An answer hangs on the rule alone (`speechqa.rulebook.depends`); only two things are worked out
over all rules of a call: which of several forbidden rules on the same words is charged, and the
score. So the answers of unchanged rules are taken as stored, and both are made again. The result
is the one that judging everything gives; a test holds that on random changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from speechqa import score
from speechqa.pipeline.facts import CallFacts
from speechqa.pipeline.fairness import fair_answers
from speechqa.pipeline.view import heard_view, measure, measured_view
from speechqa.rulebook import Rulebook, RuleResult, finders, rules
from speechqa.rulebook.charge import charge_once
from speechqa.rulebook.names import walk
from speechqa.settings import TimingSettings

OF_CHARGING = ("charged_by", "shown")
"""What charging over all rules of a call adds to a hit."""

_LIVE_TIME = ("first_s", "last_s", "first_percent", "last_percent")


def answers(
    calls: Sequence[CallFacts],
    part: Rulebook,
    settings: TimingSettings,
    heard: Sequence[Sound] | None = None,
) -> list[list[RuleResult]]:
    """Return what the rules of a rulebook, or of a part of one, answer on measured calls.

    Parameters
    ----------
    heard
        Measures and events of each call where they are known; else they are made where needed.
    """
    if not hangs_on_sound(part):
        views = [heard_view(call) for call in calls]
    elif heard is not None:
        views = [
            heard_view(call, sound.measures, sound.events)
            for call, sound in zip(calls, heard, strict=True)
        ]
    else:
        measured = measure(calls, settings)
        views = [measured_view(call, measured, place) for place, call in enumerate(calls)]
    return fair_answers(part, calls, views)


@dataclass(frozen=True)
class Sound:
    """Measures (by their full names, or as ``show --json`` has them) and events of a call."""

    measures: Mapping[str, Any]
    events: Sequence[Mapping[str, Any]]


def hangs_on_sound(book: Rulebook) -> bool:
    """Say whether a rule looks at a measure or an event, or at live time, which holds shorten."""
    for _, model in walk(book.form):
        match model:
            case finders.Event() | finders.Measure():
                return True
            case rules.Limit(measure=str()) | rules.Limit(per="minute"):
                return True
            case finders.Where() if any(getattr(model, name) is not None for name in _LIVE_TIME):
                return True
    return False


def hangs_on_words(book: Rulebook) -> bool:
    """Say whether a call rule may look at what was said; in doubt it does."""
    return any(_listens(model) for rule in book.call_rules for _, model in walk(rule))


def _listens(model: Any) -> bool:
    match model:
        case rules.Limit():
            return model.measure is None and model.column is None
        case rules.Each() | rules.Sequence() | finders.Where() | finders.Named():
            return True
        case finders.Words() | finders.Digits() | finders.Repeats() | finders.TurnFinder():
            return True
    return isinstance(model, finders.Event)  # without talkspurts some are made of words


def measures_of(book: Rulebook) -> list[str]:
    """Return the figures that rules look at, by their full names."""
    names = set()
    for _, model in walk(book.form):
        match model:
            case finders.Measure(measure=name) | rules.Limit(measure=str(name)):
                names.add(name)
    return sorted(names)


def stored_answers(
    results: Iterable[Mapping[str, Any]], hits: Iterable[Mapping[str, Any]]
) -> dict[str, RuleResult]:
    """Return stored answers by rule, before words are charged once.

    Parameters
    ----------
    results
        Of the ``assessments`` table: at least rule, outcome, earned, lacking, fragile.
    hits
        All hits of the call.
    """
    evidence: dict[str, list[dict[str, Any]]] = {}
    for hit in hits:
        bare = {name: value for name, value in hit.items() if name not in OF_CHARGING}
        evidence.setdefault(hit["rule"], []).append(bare)
    return {
        one["rule"]: _result(
            one["rule"],
            one["outcome"],
            one.get("reason") or "",
            int(one.get("met") or 0),
            int(one.get("due") or 0),
            bool(one["fragile"]),
            one["earned"],
            bool(one["lacking"]),
        )
        if one["rule"] not in evidence
        else RuleResult(
            one["rule"],
            one["outcome"],
            one.get("reason") or "",
            int(one.get("met") or 0),
            int(one.get("due") or 0),
            tuple(evidence[one["rule"]]),
            bool(one["fragile"]),
            share=one["earned"],
            lacking=bool(one["lacking"]),
        )
        for one in results
    }


@lru_cache(maxsize=65_536)
def _result(
    rule: str,
    outcome: Any,
    reason: str,
    met: int,
    due: int,
    fragile: bool,
    earned: float | None,
    lacking: bool,
) -> RuleResult:
    return RuleResult(
        rule, outcome, reason, met, due, fragile=fragile, share=earned, lacking=lacking
    )


def settle(book: Rulebook, known: Mapping[str, RuleResult]) -> tuple[list[RuleResult], score.Score]:
    """Charge words once and score a call, from what each call rule of `book` answered.

    Parameters
    ----------
    known
        Answers by rule, as rules gave them; rules that the book does not have are left out.
    """
    results = charge_once(book, [known[rule.id] for rule in book.call_rules])
    return results, score.score_call(book, results)


def uncharged(results: Iterable[RuleResult]) -> list[RuleResult]:
    """Return answers without what charging over a part of the rules made of their hits."""
    return [
        replace(
            one,
            hits=tuple(
                {name: value for name, value in hit.items() if name not in OF_CHARGING}
                for hit in one.hits
            ),
        )
        if any(name in hit for hit in one.hits for name in OF_CHARGING)
        else one
        for one in results
    ]
