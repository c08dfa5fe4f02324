"""From a plan and what became of it to the account: each recording found, with one outcome."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from speechqa.batch.account import RunReport
from speechqa.batch.plan import Plan
from speechqa.pipeline import CallFacts


def account_so_far(
    run_id: str, work: Plan, passed_over: Sequence[tuple[str, str]] = ()
) -> RunReport:
    """Return the account of a run that has only begun: what is not known is pending."""
    known = [row.status for row in work.known.values()]
    pending = sorted(set(work.paths) - work.known.keys())
    return RunReport(
        run_id=run_id,
        found=work.found,
        known=len(known),
        same_content=0,
        counts=Counter(known) + Counter(pending=len(pending)),
        troubled={},
        audio_s=0.0,
        seconds=0.0,
        interrupted=True,
        passed_over=tuple(passed_over),
        pending=tuple(pending),
        ended=False,
    )


def account(
    begun: RunReport,
    work: Plan,
    *,
    outcome: Mapping[str, CallFacts],
    same: Mapping[str, Sequence[str]],
    statuses: Mapping[str, str],
    unused_rows: tuple[tuple[int, str], ...] = (),
) -> RunReport:
    """Return the account of a run that has ended.

    Parameters
    ----------
    begun
        What `account_so_far` said of it.
    work
        What was to be done.
    outcome
        By path, the recordings processed.
    same
        By key, further paths with the same bytes.
    statuses
        By key, what was stored before.
    unused_rows
        Metadata rows that are for none of the recordings found.
    """
    by_key = {**statuses, **{row.key: row.status for row in outcome.values()}}
    ends: dict[str, str] = {path: row.status for path, row in work.known.items()}
    alias_ends = {path: by_key.get(key, "pending") for key, paths in same.items() for path in paths}
    ends |= alias_ends | {path: row.status for path, row in outcome.items()}
    final = {path: ends.get(path, "pending") for path in work.paths}
    return replace(
        begun,
        same_content=len(alias_ends),
        counts=Counter(final.values()),
        troubled={
            path: (row.status, row.reason_code or "", row.reason or "")
            for path, row in sorted(outcome.items())
            if row.status != "scored"
        },
        audio_s=sum(row.duration_ms for row in outcome.values()) / 1000,
        unused_rows=unused_rows,
        pending=tuple(sorted(path for path, end in final.items() if end == "pending")),
        ended=True,
    )
