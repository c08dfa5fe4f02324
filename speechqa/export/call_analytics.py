"""A call in the shape of Amazon Transcribe Call Analytics' post-call output.

Names and nesting are those of AWS, "Post-call analytics output" (Transcribe Developer Guide), so
that its readers work: turns with items, interruptions by interrupter, non-talk time, talk speed
and talk time by participant, and violated rules as matched categories. What this program does not
judge is null or empty, never invented, and ``AnalyticsJobDetails.Skipped`` says why: sentiment,
loudness scores, issues. Times are milliseconds, as there.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from speechqa.errors import UsageError
from speechqa.pipeline import Assessment, CallFacts
from speechqa.store.plain import text_of_path
from speechqa.transcript import Turn, Word, turns

ROLES: Mapping[str, str] = {"agent": "AGENT", "customer": "CUSTOMER"}
LANGUAGES: Mapping[str, str] = {"en": "en-US", "zh": "zh-CN"}
"""The format has codes of countries only; ours are languages, so the commonest stands for each."""

NON_TALK_MS = 3000
_ENDS = re.compile(r"^(.*?)([.,?!;:。，？！；：…]+)$", re.S)
_SPACE = uuid.UUID("2c9a3a5e-6d0c-4d9f-9d6b-5d1c9a0b7e11")
SKIPPED = (
    ("SENTIMENT_ANALYSIS", "Sentiment is null: this program judges words, not feelings."),
    ("LOUDNESS", "LoudnessScores are null, one per second: their scale is not published."),
    ("ISSUE_DETECTION", "Issues, outcomes and action items are not looked for."),
)


def to_call_analytics(facts: CallFacts, judged: Assessment | None) -> bytes:
    """Return a call as Call Analytics JSON.

    Raises
    ------
    UsageError
        The parties share a channel: the format has no role for a voice that may be either.
    """
    if set(facts.parties) - set(ROLES):
        raise UsageError(
            f"{text_of_path(facts.call_id)}: the parties share one channel; "
            "Call Analytics knows only AGENT and CUSTOMER",
            hint="use --format vtt, srt, rttm or textgrid",
        )
    document = {
        "JobStatus": "COMPLETED",
        "JobName": re.sub(r"[^\w.-]", "_", facts.call_id, flags=re.A)[:200] or facts.key,
        "AccountId": None,
        "Channel": "VOICE",
        "LanguageCode": LANGUAGES.get(facts.language or "", facts.language),
        "ContentMetadata": {"Output": "Redacted" if facts.masked else "Raw"},
        "AnalyticsJobDetails": {"Skipped": _skipped(judged)},
        "Participants": [{"ParticipantRole": ROLES[party]} for party in facts.parties],
        "Categories": _categories(judged),
        "ConversationCharacteristics": _characteristics(facts, judged),
        "Transcript": [_turn(facts, place, one) for place, one in enumerate(turns(facts.words))],
    }
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, indent=1)
    return text.encode("utf-8", "backslashreplace")


def _skipped(judged: Assessment | None) -> list[dict[str, str]]:
    found = [
        {"Feature": name, "ReasonCode": "NOT_AVAILABLE", "Message": why} for name, why in SKIPPED
    ]
    reasons = judged.measures.get("unmeasured", {}) if judged else {"*": "the call is not judged"}
    return found + [
        {"Feature": name, "ReasonCode": "NOT_MEASURED", "Message": why}
        for name, why in reasons.items()
    ]


def _categories(judged: Assessment | None) -> dict[str, Any]:
    """Return the violated rules as categories, with their places."""
    places: dict[str, list[dict[str, int]]] = {}
    for result in judged.results if judged else ():
        if result["outcome"] == "violated":
            places[result["rule"]] = []
    for hit in judged.hits if judged else ():
        known = hit["outcome"] == "violated" and hit["start_ms"] is not None
        if known and hit["rule"] in places:
            places[hit["rule"]].append(_offsets(hit))
    return {
        "MatchedCategories": list(places),
        "MatchedDetails": {rule: {"PointsOfInterest": found} for rule, found in places.items()},
    }


def _characteristics(facts: CallFacts, judged: Assessment | None) -> dict[str, Any]:
    measures: Mapping[str, Any] = judged.measures if judged else {}
    events = judged.events if judged else ()
    quiet = [
        _instance(event)
        for event in events
        if event["kind"] == "silence" and event["end_ms"] - event["start_ms"] >= NON_TALK_MS
    ]
    talk = {party: _measure(measures, party, "talk_ms") for party in facts.parties}
    return {
        "TotalConversationDurationMillis": facts.duration_ms,
        "Sentiment": None,
        "Interruptions": _interruptions(measures, events, facts.parties),
        "NonTalkTime": {
            "TotalTimeMillis": measures.get("silence_ms"),
            "Instances": quiet,
        },
        "TalkSpeed": {
            "DetailsByParticipant": {
                ROLES[party]: {"AverageWordsPerMinute": None if rate is None else round(rate)}
                for party in facts.parties
                for rate in [_measure(measures, party, "articulation_rate")]
            }
        },
        "TalkTime": {
            "TotalTimeMillis": _sum(list(talk.values())),
            "DetailsByParticipant": {
                ROLES[party]: {"TotalTimeMillis": ms} for party, ms in talk.items()
            },
        },
    }


def _interruptions(
    measures: Mapping[str, Any], events: Sequence[Mapping[str, Any]], parties: Sequence[str]
) -> dict[str, Any]:
    found: dict[str, list[dict[str, int]]] = {}
    for event in events:
        if event["kind"] == "interruption" and event["party"] in ROLES:
            found.setdefault(ROLES[event["party"]], []).append(_instance(event))
    return {
        "TotalCount": _sum([_measure(measures, party, "interruptions") for party in parties]),
        "TotalTimeMillis": _sum(
            [_measure(measures, party, "interruption_overlap_ms") for party in parties]
        ),
        "InterruptionsByInterrupter": found,
    }


def _turn(facts: CallFacts, place: int, turn: Turn) -> dict[str, Any]:
    seconds = -(-(turn.end_ms - turn.start_ms) // 1000)
    return {
        "Id": str(uuid.uuid5(_SPACE, f"{facts.key}/{place}")),
        "ParticipantRole": ROLES[turn.party],
        "BeginOffsetMillis": turn.start_ms,
        "EndOffsetMillis": turn.end_ms,
        "Content": turn.text,
        "Items": [item for word in turn.words for item in _items(word)],
        "LoudnessScores": [None] * seconds,
        "Sentiment": None,
    }


def _items(word: Word) -> list[dict[str, Any]]:
    """Return a word as its pronunciation and the punctuation after it, as the format has them."""
    found = _ENDS.match(word.text)
    said, marks = found.groups() if found and found.group(1) else (word.text, "")
    at = {"BeginOffsetMillis": word.start_ms, "EndOffsetMillis": word.end_ms}
    confidence = f"{word.probability:.4f}"
    items = [{"Type": "pronunciation", "Confidence": confidence, "Content": said} | at]
    if marks:
        items.append({"Type": "punctuation", "Confidence": "0.0", "Content": marks} | at)
    return items


def _instance(event: Mapping[str, Any]) -> dict[str, int]:
    return _offsets(event) | {"DurationMillis": event["end_ms"] - event["start_ms"]}


def _offsets(span: Mapping[str, Any]) -> dict[str, int]:
    return {"BeginOffsetMillis": span["start_ms"], "EndOffsetMillis": span["end_ms"]}


def _measure(measures: Mapping[str, Any], party: str, name: str) -> Any:
    return (measures.get(party) or {}).get(name)


def _sum(values: Sequence[Any]) -> Any:
    """Return the sum, or None when a part of it is unknown."""
    return None if not values or any(value is None for value in values) else sum(values)
