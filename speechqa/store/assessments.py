"""Assessments as rows: measures by name, verdicts per rule, the score and its parts.

One row per call and assessment digest (rulebook and timing thresholds together). Every measure is
a column of its own, null where it could not be made, so that any tool that reads Parquet can use
it; the party's measures are prefixed with the party.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from speechqa.pipeline.assessment import Assessment
from speechqa.store.plain import to_json

CALL_MEASURES: Mapping[str, pa.DataType] = {
    name: pa.int64() if name.endswith(("_ms", "_count", "_changes")) else pa.float64()
    for name in (
        "recording_ms",
        "conversation_ms",
        "hold_ms",
        "live_ms",
        "silence_count",
        "silence_ms",
        "silence_share",
        "longest_silence_ms",
        "dead_air_count",
        "long_silence_count",
        "silence_agent_ms",
        "silence_customer_ms",
        "overlap_ms",
        "overlap_share",
        "overtalk_count",
        "overtalk_ms",
        "floor_changes",
        "interactivity",
        "greeting_latency_ms",
    )
}
"""Measures of a call, in the order of ``show --json``."""

PARTY_MEASURES: Mapping[str, pa.DataType] = {
    "talk_ms": pa.int64(),
    "talk_share": pa.float64(),
    "longest_monologue_ms": pa.int64(),
    "interruptions": pa.int64(),
    "interruptions_successful": pa.int64(),
    "interruption_overlap_ms": pa.int64(),
    "backchannels": pa.int64(),
    "response_time_median_ms": pa.float64(),
    "response_time_p90_ms": pa.float64(),
    "response_time_max_ms": pa.int64(),
    "articulation_rate": pa.float64(),
    "speaking_rate": pa.float64(),
    "fast_share": pa.float64(),
    "slow_share": pa.float64(),
    "units": pa.int64(),
    "level_dbfs": pa.float64(),
}
"""Measures of a party."""

RESULT = pa.struct(
    [
        ("rule", pa.string()),
        ("section", pa.string()),
        ("severity", pa.string()),
        ("outcome", pa.string()),
        ("reason", pa.string()),
        ("met", pa.float64()),
        ("due", pa.float64()),
        ("points", pa.float64()),
        ("potential", pa.float64()),
        ("fragile", pa.bool_()),
        ("earned", pa.float64()),
        ("lacking", pa.bool_()),
    ]
)
"""One rule's answer. `earned` and `lacking` are what a score is made of again without judging."""

SECTION = pa.struct(
    [("section", pa.string()), ("points", pa.float64()), ("potential", pa.float64())]
)

ASSESSMENTS = pa.schema(
    [
        ("key", pa.string()),
        ("assessment", pa.string()),
        ("assessed_at", pa.string()),
        ("rulebook", pa.string()),
        ("rulebook_digest", pa.string()),
        *CALL_MEASURES.items(),
        *(
            (f"{party}_{name}", kind)
            for party in ("agent", "customer")
            for name, kind in PARTY_MEASURES.items()
        ),
        ("unmeasured", pa.string()),
        ("parts", pa.string()),
        ("events", pa.string()),
        ("hits", pa.string()),
        ("results", pa.list_(RESULT)),
        ("points", pa.float64()),
        ("potential", pa.float64()),
        ("percent", pa.float64()),
        ("raw_percent", pa.float64()),
        ("coverage", pa.float64()),
        ("failed_by", pa.list_(pa.string())),
        ("sections", pa.list_(SECTION)),
        ("lines", pa.string()),
        ("score_reason", pa.string()),
    ]
)


def assessments_table(
    assessments: Sequence[Assessment], *, assessed_at: datetime | None = None
) -> pa.Table:
    """Return assessments as rows of the ``assessments`` table."""
    stamp = (assessed_at or datetime.now(UTC)).astimezone(UTC).isoformat()
    return pa.Table.from_pylist([_row(a, stamp) for a in assessments], schema=ASSESSMENTS)


def assessment_of_row(row: Mapping[str, Any]) -> Assessment:
    """Return one row, given as a mapping, as an assessment."""
    measures: dict[str, Any] = {name: row[name] for name in CALL_MEASURES}
    for party in ("agent", "customer"):
        measures[party] = {name: row[f"{party}_{name}"] for name in PARTY_MEASURES}
    measures["unmeasured"] = json.loads(row["unmeasured"])
    score = {
        name: row[name] for name in ("points", "potential", "percent", "raw_percent", "coverage")
    }
    return Assessment(
        key=row["key"],
        assessment=row["assessment"],
        rulebook=row["rulebook"],
        rulebook_digest=row["rulebook_digest"],
        measures=measures,
        events=json.loads(row["events"]),
        results=row["results"] or [],
        hits=json.loads(row["hits"]),
        score=score
        | {
            "failed_by": row["failed_by"] or [],
            "sections": row["sections"] or [],
            "lines": json.loads(row["lines"]),
            "reason": row["score_reason"],
        },
        parts=json.loads(row["parts"]),
    )


def _row(given: Assessment, stamp: str) -> dict[str, Any]:
    measures = given.measures
    flat = {name: measures[name] for name in CALL_MEASURES}
    for party in ("agent", "customer"):
        flat |= {f"{party}_{name}": measures[party][name] for name in PARTY_MEASURES}
    score = given.score
    return {
        "key": given.key,
        "assessment": given.assessment,
        "assessed_at": stamp,
        "rulebook": given.rulebook,
        "rulebook_digest": given.rulebook_digest,
        **flat,
        "unmeasured": to_json(measures.get("unmeasured", {})),
        "parts": to_json(given.parts),
        "events": to_json(list(given.events)),
        "hits": to_json(list(given.hits)),
        "results": list(given.results),
        **{n: score[n] for n in ("points", "potential", "percent", "raw_percent", "coverage")},
        "failed_by": list(score["failed_by"]),
        "sections": list(score["sections"]),
        "lines": to_json(score["lines"]),
        "score_reason": score.get("reason"),
    }
