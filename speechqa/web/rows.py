"""What lists and sums need of a call, taken from the tables' columns without whole rows."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

RECORDING_COLUMNS = [
    *("key", "call_id", "path", "audio_sha256", "processed_at", "status", "reason_code"),
    *("reason", "agent_id", "queue", "started_at", "language", "grade", "duration_ms", "also_at"),
]
ASSESSMENT_COLUMNS = [
    *("key", "assessed_at", "percent", "raw_percent", "points", "potential", "coverage"),
    *("failed_by", "sections", "results", "silence_ms", "live_ms", "agent_talk_ms"),
    *("customer_talk_ms", "agent_interruptions", "agent_units", "agent_articulation_rate"),
]


@dataclass(frozen=True, slots=True)
class Recorded:
    """One row of ``recordings`` as lists need it, and where the whole row lies."""

    key: str
    call_id: str
    path: str
    audio_sha256: str | None
    processed_at: str
    status: str
    reason_code: str | None
    reason: str | None
    agent_id: str | None
    queue: str | None
    started_at: str | None
    language: str | None
    grade: str
    duration_ms: int
    place: int
    also_at: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class Judged:
    """One row of ``assessments`` as lists need it, and where the whole row lies."""

    key: str
    assessed_at: str
    percent: float | None
    raw_percent: float | None
    points: float
    potential: float
    coverage: float | None
    failed_by: tuple[str, ...]
    sections: tuple[tuple[str, float, float], ...]
    silence_ms: int | None
    live_ms: int | None
    agent_talk_ms: int | None
    customer_talk_ms: int | None
    interruptions: int | None
    units: int | None
    rate: float | None
    place: int
    violated: tuple[str, ...] = ()
    met: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    fragile: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Listed:
    """A call as the lists show it: where it came from and how it was judged."""

    recorded: Recorded
    recorded_in: str
    judged: Judged | None = None
    judged_in: str = ""

    @property
    def agent(self) -> str:
        """The agent, or an empty text."""
        return self.recorded.agent_id or ""

    @property
    def day(self) -> str:
        """The day it started, ISO 8601, or an empty text."""
        return (self.recorded.started_at or "")[:10]

    @property
    def percent(self) -> float | None:
        """The machine's score."""
        return self.judged.percent if self.judged else None


def recorded_rows(parts: Iterable[pa.Table]) -> list[Recorded]:
    """Return the rows of one file of ``recordings``, given in parts."""
    rows = (row for part in parts for row in part.to_pylist())
    return [
        Recorded(**{name: row[name] for name in RECORDING_COLUMNS}, place=place)
        for place, row in enumerate(rows)
    ]


def judged_rows(parts: Iterable[pa.Table]) -> list[Judged]:
    """Return the rows of one file of ``assessments``, given in parts."""
    made: list[Judged] = []
    for part in parts:
        answers = _answers(part["results"])
        plain = part.drop_columns(["results"]).to_pylist()
        first = len(made)
        made += [_judged(row, first + at, answers.get(at, {})) for at, row in enumerate(plain)]
    return made


def _judged(row: Mapping[str, Any], place: int, answers: Mapping[str, tuple[str, ...]]) -> Judged:
    known: dict[str, Any] = dict(answers)
    return Judged(
        **{
            name: row[name]
            for name in (
                *("key", "assessed_at", "percent", "raw_percent", "points", "potential"),
                *("coverage", "silence_ms", "live_ms", "agent_talk_ms", "customer_talk_ms"),
            )
        },
        failed_by=tuple(row["failed_by"] or ()),
        sections=tuple(
            (one["section"], one["points"], one["potential"]) for one in row["sections"] or ()
        ),
        interruptions=row["agent_interruptions"],
        units=row["agent_units"],
        rate=row["agent_articulation_rate"],
        place=place,
        **known,
    )


def _answers(results: pa.ChunkedArray) -> dict[int, dict[str, tuple[str, ...]]]:
    """Return, per row, the rules that were violated, met, unknown, and those that are fragile."""
    whole = results.combine_chunks()
    if isinstance(whole, pa.ChunkedArray):
        whole = pa.concat_arrays(whole.chunks) if whole.num_chunks else pa.array([], results.type)
    parents, flat = pc.list_parent_indices(whole), pc.list_flatten(whole)
    rules = pc.struct_field(flat, "rule").cast(pa.string())
    outcome = pc.struct_field(flat, "outcome").cast(pa.string())
    fragile = pc.fill_null(pc.struct_field(flat, "fragile"), False)
    found: dict[int, dict[str, tuple[str, ...]]] = {}
    for name in ("violated", "met", "unknown", "fragile"):
        mask = fragile if name == "fragile" else pc.equal(outcome, name)
        table = pa.table({"at": parents.filter(mask), "rule": rules.filter(mask)})
        grouped = table.group_by("at", use_threads=False).aggregate([("rule", "list")])
        for at, named in zip(
            grouped["at"].to_pylist(), grouped["rule_list"].to_pylist(), strict=True
        ):
            found.setdefault(at, {})[name] = tuple(map(sys.intern, named))
    return found
