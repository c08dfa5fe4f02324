"""The three tables as Arrow schemas, and calls as rows of them.

``recordings``: facts, one row per call, failed calls too. ``assessments``: one row per call and
assessment digest (rulebook and timing thresholds). ``reviews``: people's verdicts, append-only.
Speech intervals are list columns whose flat child goes to numpy without a copy. Nested details
that nobody queries by column (checks, events, hits) are JSON text.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

import numpy as np
import pyarrow as pa

from speechqa.pipeline.facts import CallFacts, IntervalArray, no_intervals
from speechqa.store.plain import path_of_text, readable, text_of_path, to_json
from speechqa.transcript import Party, Word

SPANS = pa.list_(pa.list_(pa.int64()))
WORD = pa.struct(
    [
        ("party", pa.string()),
        ("start_ms", pa.int64()),
        ("end_ms", pa.int64()),
        ("text", pa.string()),
        ("probability", pa.float32()),
        ("flag", pa.string()),
    ]
)
PARTIES: tuple[Party, ...] = ("agent", "customer", "mixed")

RECORDINGS = pa.schema(
    [
        ("key", pa.string()),
        ("call_id", pa.string()),
        ("path", pa.string()),
        ("also_at", pa.list_(pa.string())),
        ("size_bytes", pa.int64()),
        ("mtime_ns", pa.int64()),
        ("audio_sha256", pa.string()),
        ("config", pa.string()),
        ("status", pa.string()),
        ("reason_code", pa.string()),
        ("reason", pa.string()),
        ("agent_id", pa.string()),
        ("started_at", pa.string()),
        ("queue", pa.string()),
        ("direction", pa.string()),
        ("caller", pa.string()),
        ("answered_ms", pa.int64()),
        ("metadata", pa.string()),
        ("metadata_sources", pa.string()),
        ("duration_ms", pa.int64()),
        ("rate_hz", pa.int64()),
        ("channels", pa.int64()),
        ("codec", pa.string()),
        ("language", pa.string()),
        ("language_probability", pa.float64()),
        ("grade", pa.string()),
        ("parties", pa.list_(pa.string())),
        *((f"speech_{party}", SPANS) for party in PARTIES),
        ("words", pa.list_(WORD)),
        ("holds", SPANS),
        ("levels", pa.string()),
        ("raised", pa.string()),
        ("checks", pa.string()),
        ("damage", pa.string()),
        ("flags", pa.list_(pa.string())),
        ("masked", pa.string()),
        *((f"peaks_{party}", pa.binary()) for party in PARTIES),
        ("provenance", pa.string()),
        ("run_id", pa.string()),
        ("processed_at", pa.string()),
    ]
)

_PLAIN = [
    "key",
    "call_id",
    "size_bytes",
    "mtime_ns",
    "audio_sha256",
    "config",
    "status",
    "reason_code",
    "reason",
    "agent_id",
    "queue",
    "direction",
    "caller",
    "answered_ms",
    "duration_ms",
    "rate_hz",
    "channels",
    "codec",
    "language",
    "language_probability",
    "grade",
    "run_id",
]


def recordings_table(calls: Sequence[CallFacts], *, processed_at: datetime) -> pa.Table:
    """Return `calls` as rows of the ``recordings`` table."""
    stamp = processed_at.astimezone(UTC).isoformat()
    rows = [_row(call) | {"processed_at": stamp} for call in calls]
    return pa.Table.from_pylist(rows, schema=RECORDINGS)


def facts_of_row(row: Mapping[str, Any]) -> CallFacts:
    """Return the facts of one ``recordings`` row given as a mapping."""
    parties = [cast(Party, party) for party in row["parties"] or ()]
    return CallFacts(
        **{name: row[name] for name in _PLAIN},
        path=path_of_text(row["path"]),
        also_at=tuple(map(path_of_text, row["also_at"] or ())),
        started_at=datetime.fromisoformat(row["started_at"]) if row["started_at"] else None,
        metadata=json.loads(row["metadata"]),
        metadata_sources=json.loads(row["metadata_sources"]),
        speech={party: spans_array(row[f"speech_{party}"]) for party in parties},
        words=tuple(Word(**word) for word in row["words"] or ()),
        holds=spans_array(row["holds"]),
        levels=json.loads(row["levels"]),
        raised={party: spans_array(v) for party, v in json.loads(row["raised"]).items()},
        checks=tuple(json.loads(row["checks"])),
        damage=tuple(json.loads(row["damage"])),
        flags=tuple(row["flags"] or ()),
        masked=tuple((party, a, b) for party, a, b in json.loads(row["masked"])),
        peaks={party: row[f"peaks_{party}"] for party in parties if row[f"peaks_{party}"]},
        provenance=json.loads(row["provenance"]),
    )


def spans_array(spans: Any) -> IntervalArray:
    """Return nested lists of (start, end) as an array of shape (n, 2)."""
    if spans is None or not len(spans):
        return no_intervals()
    return np.asarray(spans, dtype=np.int64).reshape(-1, 2)


def _row(call: CallFacts) -> dict[str, Any]:
    return {
        **{name: getattr(call, name) for name in _PLAIN},
        "path": text_of_path(call.path),
        "call_id": readable(call.call_id),
        "reason": None if call.reason is None else readable(call.reason),
        "also_at": [text_of_path(path) for path in call.also_at],
        "started_at": None if call.started_at is None else call.started_at.isoformat(),
        "metadata": to_json(dict(call.metadata)),
        "metadata_sources": to_json(dict(call.metadata_sources)),
        "parties": list(call.parties),
        **{
            f"speech_{party}": call.speech[party].tolist() if party in call.speech else None
            for party in PARTIES
        },
        "words": [
            {
                "party": word.party,
                "start_ms": word.start_ms,
                "end_ms": word.end_ms,
                "text": word.text,
                "probability": word.probability,
                "flag": word.flag,
            }
            for word in call.words
        ],
        "holds": call.holds.tolist(),
        "levels": to_json(call.levels),
        "raised": to_json(call.raised),
        "checks": to_json(call.checks),
        "damage": to_json(call.damage),
        "flags": list(call.flags),
        "masked": to_json(call.masked),
        **{f"peaks_{party}": call.peaks.get(party) for party in PARTIES},
        "provenance": to_json(dict(call.provenance)),
    }
