"""From facts to what rules see of a call: timing measures, events, words, columns.

A whole batch is measured at once. Rules that hang on no sound need no measures; `heard_view` gives
them the same call without.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from speechqa.phrases.announcements import AnnouncementFinder
from speechqa.pipeline.facts import CallFacts
from speechqa.pipeline.fairness import UNHEARD, UNTOLD
from speechqa.pipeline.textless import NOT_KEPT, WHY, announced
from speechqa.rulebook import CallView
from speechqa.settings import TimingSettings
from speechqa.timing import BatchMeasures, Call, measure_calls
from speechqa.transcript import count_units

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
        level_dbfs=_figures(facts, "level_dbfs"),
        snr_db=_figures(facts, "snr_db"),
        clipped_share=_figures(facts, "clipped_share"),
        raised={party: spans for party, spans in facts.raised.items() if _listened(facts, party)},
        grade=facts.grade,
    )


def _figures(facts: CallFacts, name: str) -> dict[str, float | None]:
    return {party: level.get(name) for party, level in facts.levels.items()}


def _listened(facts: CallFacts, party: str) -> bool:
    """Whether raised voice was looked for in a party's speech."""
    level = facts.levels.get(party, {})  # type: ignore[call-overload]
    return party != "mixed" and "raised_voice" not in level.get("unmeasured", {})


def _words(facts: CallFacts) -> list[tuple[str, int, int, int]] | None:
    if (facts.language is None and not facts.words) or UNTOLD in facts.flags:
        return None  # a rate of half the words would accuse its speaker of the recogniser's gaps
    return [
        (word.party, word.start_ms, word.end_ms, 0 if word.flag else count_units(word.text))
        for word in facts.words
    ]


def measured_view(call: CallFacts, measured: BatchMeasures, place: int) -> CallView:
    """Return a call as rules see it, with its measures and events."""
    measures = measured.row(place)
    if UNTOLD in call.flags:
        reasons = measures["unmeasured"]
        measures["unmeasured"] = {
            name: UNHEARD[UNTOLD] if reason == "no transcript" else reason
            for name, reason in reasons.items()
        }
    events = without_lost_silence(measures, measured.events(place), call.damage)
    return heard_view(call, measures, events)


def heard_view(
    call: CallFacts,
    measures: Mapping[str, Any] | None = None,
    events: Sequence[Mapping[str, Any]] = (),
) -> CallView:
    """Return a call as rules see it, with the measures and events given."""
    spans = [spans for spans in call.speech.values() if len(spans)]
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
        measures=measures or {},
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
