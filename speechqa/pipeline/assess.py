"""Stage 3: facts become measures, rule results and a score, for a whole batch of calls at once.

Cheap, and made again in seconds: nothing here touches audio or a model. The same facts, rulebook
and thresholds always give the same assessment.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from speechqa import score
from speechqa.pipeline.announcements import AnnouncementFinder
from speechqa.pipeline.assessment import Assessment
from speechqa.pipeline.facts import CallFacts, digest
from speechqa.pipeline.textless import NOT_KEPT, WHY, announced
from speechqa.rulebook import CallView, Rulebook, RuleResult, evaluate
from speechqa.settings import TimingSettings
from speechqa.timing import MEASURES, BatchMeasures, Call, measure_calls
from speechqa.transcript import Word, count_units

ASSESSMENT_VERSION = 1
"""Raised when the same facts and rulebook would be judged otherwise than before."""


SILENCE_MEASURES = (
    "silence_count",
    "silence_ms",
    "silence_share",
    "longest_silence_ms",
    "dead_air_count",
    "long_silence_count",
    "silence_agent_ms",
    "silence_customer_ms",
)
"""Figures that a hole in the recording unmakes where it lies inside a silence."""

SWAPPED = "swapped-parties"
"""Line check under which nobody is accused: the words may be the other party's."""

UNTOLD = "speech-without-text"
UNHEARD = {
    "uncertain-language": "the language is uncertain",
    UNTOLD: "part of the speech was not recognised",
}
"""Flags of a transcript that may lack words, and the reason given for it."""


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
    views = [_view(call, measured, place) for place, call in enumerate(measured_calls)]
    surely = evaluate(book, views)
    unsure = _with_unsure_words(book, views)
    results = [
        _fairly(call, without_unsure_words(judged, unsure.get(place)))
        for place, (call, judged) in enumerate(zip(measured_calls, surely, strict=True))
    ]
    name = assessment_digest(book, settings)
    return [
        _assessment(view, judged, book, name, call.key, _parts(measured, place))
        for place, (call, view, judged) in enumerate(
            zip(measured_calls, views, results, strict=True)
        )
    ]


def measure(calls: Sequence[CallFacts], settings: TimingSettings) -> BatchMeasures:
    """Return the timing measures of calls, made as one batch."""
    finder = AnnouncementFinder()
    return measure_calls([timing_call(call, finder) for call in calls], settings)


def timing_call(facts: CallFacts, finder: AnnouncementFinder | None = None) -> Call:
    """Return one call as the timing core takes it."""
    said = announced(facts)
    if said is None:
        said = (finder or AnnouncementFinder()).find(facts.words, facts.language)
    told_apart = {"agent", "customer"} <= facts.speech.keys()
    return Call(
        duration_ms=facts.duration_ms,
        agent=facts.speech.get("agent"),
        customer=facts.speech.get("customer"),
        mixed=None if told_apart else facts.speech.get("mixed"),
        one_channel=told_apart and facts.channels == 1,
        holds=facts.holds if len(facts.holds) else None,
        answered_ms=facts.answered_ms,
        language=facts.language,
        words=_words(facts),
        announcements=said.waits,
        returns=said.returns,
        level_dbfs={party: level.get("level_dbfs") for party, level in facts.levels.items()},
        raised={party: spans for party, spans in facts.raised.items() if party != "mixed"},
        grade=facts.grade,
    )


def _with_unsure_words(book: Rulebook, views: Sequence[CallView]) -> dict[int, list[RuleResult]]:
    """Judge the calls that hold words of low confidence again with those words, by place."""
    again = {
        place: replace(view, words=tuple(_trusted(word) for word in view.words))
        for place, view in enumerate(views)
        if any(word.flag == "low-confidence" for word in view.words)
    }
    return dict(zip(again, evaluate(book, list(again.values())), strict=True))


def _trusted(word: Word) -> Word:
    return replace(word, flag="") if word.flag == "low-confidence" else word


def without_unsure_words(
    surely: Sequence[RuleResult], unsure: Sequence[RuleResult] | None
) -> list[RuleResult]:
    """Turn answers that hang on words of low confidence into "unknown".

    Whether a forbidden phrase was said, or a required one was not, is not known where the words
    that would decide it are too unsure to be trusted.

    Parameters
    ----------
    surely, unsure
        Results without and with the words of low confidence, in the same order; None where the
        call has no such word.
    """
    if unsure is None:
        return list(surely)
    decided = ("met", "violated")
    return [
        _unknown(one, "it hangs on words that were heard too poorly")
        if one.outcome != other.outcome and one.outcome in decided and other.outcome in decided
        else one
        for one, other in zip(surely, unsure, strict=True)
    ]


def _fairly(facts: CallFacts, results: Sequence[RuleResult]) -> list[RuleResult]:
    """Turn violations into "unknown" where the fault may be the recording's or the recogniser's.

    What was said cannot be shown to be missing when part of the call was not heard, and what was
    said by whom cannot be shown when the channels seem swapped.
    """
    if any(check["name"] == SWAPPED for check in facts.checks):
        doubt = "the channels seem swapped"
        return [_unknown(r, doubt) if r.outcome == "violated" else r for r in results]
    lost = any(damage.get("lost_ms") for damage in facts.damage)
    reasons = ["audio was lost"] * lost + [UNHEARD[flag] for flag in facts.flags if flag in UNHEARD]
    if not reasons:
        return list(results)
    return [
        _unknown(result, reasons[0]) if result.by_absence and result.earned < 1 else result
        for result in results
    ]


def _unknown(result: RuleResult, reason: str) -> RuleResult:
    hits = tuple(hit | {"outcome": "unknown"} for hit in result.hits)
    return replace(result, outcome="unknown", reason=reason, lacking=True, hits=hits)


def _words(facts: CallFacts) -> list[tuple[str, int, int, int]] | None:
    if (facts.language is None and not facts.words) or UNTOLD in facts.flags:
        return None  # a rate of half the words would accuse its speaker of the recogniser's gaps
    return [
        (word.party, word.start_ms, word.end_ms, 0 if word.flag else count_units(word.text))
        for word in facts.words
    ]


def _view(call: CallFacts, measured: BatchMeasures, place: int) -> CallView:
    measures = measured.row(place)
    if UNTOLD in call.flags:
        reasons = measures["unmeasured"]
        measures["unmeasured"] = {
            name: UNHEARD[UNTOLD] if reason == "no transcript" else reason
            for name, reason in reasons.items()
        }
    spans = [spans for spans in call.speech.values() if len(spans)]
    events = without_lost_silence(measures, measured.events(place), call.damage)
    return CallView(
        call_id=call.call_id,
        lang=call.language or "",
        grade=call.grade,
        duration_ms=call.duration_ms,
        conversation=(
            min((int(s[0, 0]) for s in spans), default=0),
            max((int(s[-1, 1]) for s in spans), default=0),
        ),
        words=() if NOT_KEPT in call.flags else call.words,
        unheard=WHY if NOT_KEPT in call.flags else "",
        speech={party: spans.tolist() for party, spans in call.speech.items()},
        measures=measures,
        events=events,
        metadata=_metadata(call),
    )


def without_lost_silence(
    measures: dict[str, Any],
    events: list[dict[str, Any]],
    damage: Sequence[Mapping[str, Any]],
) -> list[dict[str, Any]]:
    """Return the events without silences in which audio was lost, and unmake their figures.

    Nobody knows whether somebody spoke there, so the call's silence figures become None with the
    reason; `measures` is changed in place.
    """
    lost = [
        (hole["at_ms"], hole["at_ms"] + hole["lost_ms"])
        for hole in damage
        if hole.get("lost_ms") and hole.get("at_ms") is not None
    ]
    kept = [
        event
        for event in events
        if event["kind"] != "silence"
        or not any(event["start_ms"] < end and start < event["end_ms"] for start, end in lost)
    ]
    if len(kept) < len(events):
        for name in SILENCE_MEASURES:
            measures[name] = None
            measures["unmeasured"][name] = "audio was lost inside a silence"
    return kept


def _metadata(call: CallFacts) -> dict[str, str]:
    own = {
        "call_id": call.call_id,
        "agent_id": call.agent_id,
        "queue": call.queue,
        "direction": call.direction,
        "caller": call.caller,
        "started_at": None if call.started_at is None else call.started_at.isoformat(),
        "duration_ms": str(call.duration_ms),
    }
    return dict(call.metadata) | {name: value for name, value in own.items() if value}


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
    scored = score.score_call(book, judged)
    return Assessment(
        key=key,
        assessment=digest_,
        rulebook=f"{book.name} {book.version}",
        rulebook_digest=book.digest,
        measures=view.measures,
        events=view.events,
        results=[_result(result, book, scored) for result in judged],
        hits=[hit for result in judged for hit in result.hits],
        score=scored.as_dict(),
        parts=parts,
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
    }
