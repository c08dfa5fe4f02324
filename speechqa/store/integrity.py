"""The integrity report: what became of every recording that the store knows."""

from __future__ import annotations

import json
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from speechqa.store.tables import Store

STATUSES = ("scored", "damaged", "refused", "quarantined", "deferred", "pending")
_STAMP = "%Y%m%dT%H%M%SZ"

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
    for file in reversed(_accounts(store)):
        with suppress(ValueError, OSError):  # `store check` names it
            account = json.loads(file.read_text("utf-8"))
            if isinstance(account, dict) and "run_id" in account:
                return account
    return None


def next_run_id(store: Store) -> str:
    """Return a name for a run that sorts after all earlier ones, whatever the clock says now."""
    at = datetime.now(UTC)
    names = [file.stem for file in _accounts(store)]
    with suppress(ValueError, IndexError):  # no run yet, or a name that is none of ours
        last = datetime.strptime(names[-1].split("-")[0], _STAMP).replace(tzinfo=UTC)
        at = max(at, last + timedelta(seconds=1))
    return f"{at.strftime(_STAMP)}-{uuid.uuid4().hex[:6]}"


def _accounts(store: Store) -> list[Path]:
    """Return the files of all runs' accounts, the oldest first."""
    return sorted((store.local / "runs").glob("*.json")) if store.local else []
