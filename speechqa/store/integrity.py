"""The integrity report: what became of every recording that the store knows."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from speechqa.store.tables import Store

STATUSES = ("scored", "damaged", "refused", "quarantined", "deferred", "pending")
AGAIN = ("refused", "quarantined", "deferred")
"""Statuses that can be tried again."""


@dataclass(frozen=True)
class Integrity:
    """Counts that add up, and everything that was not simply scored, with its reason.

    Parameters
    ----------
    found
        Recordings known: stored ones, and those that the last run found and did not come to.
    counts
        Status to number; they add up to `found`.
    pending
        Paths that the last run did not come to and that are not stored.
    assessed
        Calls with an assessment.
    grades
        Evidence grade to number of calls.
    audio_ms
        Total length of the recordings that could be decoded.
    troubled
        Status, path, reason code and reason of each that was not simply scored.
    last_run
        The newest run's account, if the store is local.
    """

    found: int
    counts: dict[str, int]
    assessed: int
    grades: dict[str, int]
    audio_ms: int
    pending: tuple[str, ...]
    troubled: tuple[dict[str, Any], ...]
    last_run: dict[str, Any] | None

    def as_dict(self) -> dict[str, Any]:
        """Return the report as plain values."""
        return asdict(self)


def integrity(store: Store) -> Integrity:
    """Read the store and account for every recording in it."""
    columns = [
        "key",
        "call_id",
        "path",
        "also_at",
        "status",
        "reason_code",
        "reason",
        "grade",
        "duration_ms",
    ]
    rows = store.current(columns).to_pylist()
    judged = set(store.assessments(columns=["key"])["key"].to_pylist())
    return account(rows, sum(row["key"] in judged for row in rows), last_run(store))


def account(
    rows: Sequence[Mapping[str, Any]], assessed: int, last: dict[str, Any] | None
) -> Integrity:
    """Account for recordings that were read already.

    Parameters
    ----------
    rows
        Current rows of ``recordings``, with the columns that `integrity` reads but ``key``.
    assessed
        How many of them have an assessment.
    last
        The newest run's account.
    """
    counts = Counter(row["status"] for row in rows)
    measured = [row for row in rows if row["status"] in ("scored", "damaged")]
    stored = {path for row in rows for path in (row["path"], *(row["also_at"] or ()))}
    pending = tuple(p for p in (last or {}).get("pending", ()) if p not in stored)
    troubled = tuple(
        {name: row[name] or "" for name in ("status", "path", "reason_code", "reason")}
        for row in rows
        if row["status"] != "scored"
    )
    return Integrity(
        found=len(rows) + len(pending),
        counts={name: counts[name] for name in STATUSES} | {"pending": len(pending)},
        assessed=assessed,
        grades=dict(sorted(Counter(row["grade"] for row in measured).items())),
        audio_ms=sum(row["duration_ms"] for row in measured),
        pending=pending,
        troubled=troubled,
        last_run=last,
    )


def last_run(store: Store) -> dict[str, Any] | None:
    """Return the newest run's account, if the store is local and keeps one."""
    if store.local is None or not (store.local / "runs").is_dir():
        return None
    files = sorted((store.local / "runs").glob("*.json"))
    return dict(json.loads(files[-1].read_text("utf-8"))) if files else None
