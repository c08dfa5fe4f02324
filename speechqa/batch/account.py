"""The account of a run: every recording found, with exactly one outcome.

Written as one JSON file per run beside the tables, for people and for monitoring.
"""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

from speechqa.discovery import UNLISTED
from speechqa.errors import StoreError
from speechqa.faults import durable
from speechqa.store import Store
from speechqa.store.disk import write_whole
from speechqa.store.plain import text_of_path

OUTCOMES = ("scored", "damaged", "refused", "quarantined", "deferred", "pending")
FAILED = ("refused", "quarantined", "deferred")


@dataclass(frozen=True)
class RunReport:
    """What became of the recordings of one run.

    Parameters
    ----------
    found
        Recordings found.
    known
        Of them, stored by an earlier run.
    same_content
        Of them, the same bytes as another one under another name.
    counts
        Outcome to number; they add up to `found`.
    troubled
        Path to (status, reason code, reason), processed in this run and not simply scored.
    audio_s
        Audio processed in this run.
    seconds
        Wall time.
    interrupted
        Whether a signal ended it early.
    passed_over
        Path and reason of files in the folders that are no recordings.
    unused_rows
        Line and key of metadata rows that are for none of the recordings found.
    unjudged
        Path of a stored call that could not be judged, and where that failed.
    pending
        Paths of recordings that were not come to.
    ended
        False in the account that is written when a run begins: a run that is killed leaves it.

    Examples
    --------
    >>> report = RunReport("r", 2, 0, 0, Counter(scored=1, refused=1), {}, 60.0, 6.0, False)
    >>> report.exit_code, report.equation
    (3, '2 found = 1 scored + 1 refused')
    """

    run_id: str
    found: int
    known: int
    same_content: int
    counts: Counter[str]
    troubled: dict[str, tuple[str, str, str]]
    audio_s: float
    seconds: float
    interrupted: bool
    passed_over: tuple[tuple[str, str], ...] = ()
    unused_rows: tuple[tuple[int, str], ...] = ()
    unjudged: tuple[tuple[str, str], ...] = ()
    pending: tuple[str, ...] = ()
    ended: bool = True

    @property
    def exit_code(self) -> int:
        """0 when all was scored, 3 when some calls failed or were not seen, 130 interrupted."""
        if self.interrupted:
            return 130
        unseen = any(reason.startswith(UNLISTED) for _, reason in self.passed_over)
        failed = any(self.counts[status] for status in FAILED)
        return 3 if unseen or self.unjudged or failed else 0

    @property
    def equation(self) -> str:
        """The account in one line."""
        parts = [f"{self.counts[name]} {name}" for name in OUTCOMES if self.counts[name]]
        return f"{self.found} found = " + (" + ".join(parts) or "nothing")

    def check(self) -> None:
        """Raise StoreError when the outcomes do not add up to what was found."""
        if sum(self.counts[name] for name in OUTCOMES) != self.found or (
            self.counts["pending"] and not self.interrupted
        ):
            raise StoreError(
                f"the account does not add up: {self.equation}",
                hint="this is a fault of speechqa: please report it with the run's JSON file",
            )

    def as_dict(self) -> dict[str, Any]:
        """Return the account as plain values."""
        return asdict(self) | {
            "counts": {name: self.counts[name] for name in OUTCOMES},
            "troubled": [
                {"path": text_of_path(path), "status": s, "reason_code": code, "reason": reason}
                for path, (s, code, reason) in self.troubled.items()
            ],
            "passed_over": [
                {"path": text_of_path(path), "reason": reason} for path, reason in self.passed_over
            ],
            "unused_rows": [{"line": line, "key": key} for line, key in self.unused_rows],
            "unjudged": [
                {"path": text_of_path(path), "where": where} for path, where in self.unjudged
            ],
            "pending": [text_of_path(path) for path in self.pending],
        }


def write_report(store: Store, report: RunReport) -> None:
    """Write the account as ``runs/RUN.json`` into a local store."""
    if store.local is not None:
        text = json.dumps(report.as_dict(), ensure_ascii=False, indent=1)
        write_whole(store.local / "runs" / f"{report.run_id}.json", text)
        durable("report")
