"""Which calls are exported: the filters of the command line over the store's current calls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from speechqa.errors import UsageError
from speechqa.scorecard import day
from speechqa.store import Store

if TYPE_CHECKING:
    import pyarrow as pa

RECORDED = (
    *("call_id", "agent_id", "started_at", "queue", "direction", "caller", "duration_ms"),
    *("language", "language_probability", "grade", "status", "reason_code", "reason"),
    *("rate_hz", "channels", "codec", "path", "also_at", "audio_sha256", "flags", "key"),
)
"""Columns of ``recordings`` that are one plain value."""


@dataclass(frozen=True)
class Choice:
    """Filters; an empty one takes everything.

    Parameters
    ----------
    since, until
        First and last day, ISO 8601, both included; calls without a start time then drop out.
    calls
        Names of single calls: id, path, or the start of the key.
    """

    agent: str | None = None
    queue: str | None = None
    since: str | None = None
    until: str | None = None
    calls: tuple[str, ...] = ()

    @property
    def is_all(self) -> bool:
        """Whether nothing is left out."""
        return self == Choice()


def chosen(store: Store, choice: Choice) -> pa.Table:
    """Return the chosen current calls, columns `RECORDED`, in order of start, then path.

    Raises
    ------
    UsageError
        A day cannot be read, a named call does not exist, or no call fits.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    table = store.current(RECORDED)
    first, last = day(choice.since, "--since"), day(choice.until, "--until")
    days = pc.utf8_slice_codeunits(pc.fill_null(table["started_at"], ""), 0, 10)
    masks: list[Any] = []
    whole = None
    if first is not None:
        masks.append(pc.greater_equal(days, first))
    if last is not None:
        masks.append(pc.and_(pc.less_equal(days, last), pc.not_equal(days, "")))
    if choice.queue is not None:
        masks.append(pc.equal(table["queue"], choice.queue))
    if choice.agent is not None:
        masks.append(pc.equal(table["agent_id"], choice.agent))
    if choice.calls:
        keys = [store.find(name).key for name in choice.calls]
        masks.append(pc.is_in(table["key"], pa.array(keys, pa.string())))
    for row_mask in masks:
        whole = row_mask if whole is None else pc.and_(whole, row_mask)
    if whole is not None:
        table = table.filter(pc.fill_null(whole, False))
    if table.num_rows == 0:
        raise UsageError(
            f"{store.uri}: no call fits",
            hint="look at `speechqa status --calls`, or widen --agent, --queue, --since, --until",
        )
    return table.sort_by([("started_at", "ascending"), ("path", "ascending"), ("key", "ascending")])
