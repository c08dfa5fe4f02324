"""Both parties' talkspurts of a block of calls, merged in order of start.

Everything else is read off this merge: a start later than all ends before it closes a gap, a
start earlier than one of them opens an overlap. The calls of a block share one clock
(`Clock`); the merge sorts one int64 key per talkspurt, whose low bits carry its place.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from speechqa.intervals import IntArray, Ragged
from speechqa.timing.batch import CallBatch, Instants

BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Clock:
    """One time axis for many calls: bits above `shift` are the call, those below are its ms.

    Calls lie further apart than any threshold, so a comparison in time never joins two calls.
    """

    calls: int
    shift: int

    @classmethod
    def for_block(cls, batch: CallBatch, *, margin_ms: int) -> Clock:
        """Return the clock of a block whose thresholds are all at most `margin_ms`."""
        last = max(
            [int(batch.duration.max(initial=0))]
            + [int(_rows(r.end, r.offsets).max(initial=0)) for r in (batch.agent, batch.customer)]
        )
        return cls(len(batch), int(last + margin_ms + 2).bit_length())

    @property
    def base(self) -> IntArray:
        """Instant 0 of each call, and of one more: shape (calls + 1,)."""
        return np.arange(self.calls + 1, dtype=np.int64) << self.shift

    def call(self, at: IntArray) -> IntArray:
        """Return the call to which each instant belongs."""
        return at >> self.shift

    def local(self, at: IntArray) -> IntArray:
        """Return each instant in ms from the start of its own recording."""
        return at & ((1 << self.shift) - 1)

    def offsets(self, at: IntArray) -> IntArray:
        """Return where each call's rows begin in sorted instants, shape (calls + 1,)."""
        return np.asarray(np.searchsorted(at, self.base), dtype=np.int64)

    def bases(self, offsets: NDArray[Any]) -> IntArray:
        """Return instant 0 of its call for each row of a table with these `offsets`."""
        return np.asarray(np.repeat(self.base[:-1], np.diff(offsets)))

    def lay(self, ragged: Ragged) -> tuple[IntArray, IntArray]:
        """Return starts and ends of `ragged` on this clock, cut where the clock ends."""
        last = (1 << self.shift) - 1
        base = self.bases(ragged.offsets)
        start = base + np.minimum(_rows(ragged.start, ragged.offsets), last)
        return start, base + np.minimum(_rows(ragged.end, ragged.offsets), last)

    def lay_instants(self, instants: Instants) -> IntArray:
        """Return `instants` on this clock; those past the end of a recording stay in it."""
        last = (1 << self.shift) - 1
        local = np.clip(_rows(instants.at, instants.offsets), 0, last)
        return np.asarray(self.bases(instants.offsets) + local)


@dataclass(frozen=True, eq=False)
class Lanes:
    """Talkspurts of both parties in order of start, agent first among equal starts.

    Parameters
    ----------
    agent_start, agent_end, customer_start, customer_end
        Each party's own talkspurts on the clock.
    start, end
        The merge, shape (talkspurts,).
    place
        Place of each merged talkspurt in agent's then customer's columns.
    customer
        Whether each merged talkspurt is the customer's.
    reach
        The latest end among the earlier talkspurts of the merge; meaningless at a call's first.
    offsets
        Of the merge, shape (calls + 1,).
    free
        ``start - reach``: positive after a gap, negative in an overlap, 0 at a call's first.
    """

    clock: Clock
    agent_start: IntArray
    agent_end: IntArray
    customer_start: IntArray
    customer_end: IntArray
    start: IntArray
    end: IntArray
    place: IntArray
    customer: BoolArray
    reach: IntArray
    offsets: IntArray
    free: IntArray

    @property
    def own_offsets(self) -> tuple[IntArray, IntArray]:
        """Offsets of the agent's and of the customer's own columns."""
        return self.clock.offsets(self.agent_start), self.clock.offsets(self.customer_start)


def merge(agent: Ragged, customer: Ragged, clock: Clock) -> Lanes:
    """Merge the talkspurts of a block.

    Examples
    --------
    >>> lanes = merge(
    ...     Ragged.from_lists([[(0, 10), (30, 40)]]), Ragged.from_lists([[(5, 20)]]), Clock(1, 9)
    ... )
    >>> lanes.start.tolist(), lanes.free.tolist()
    ([0, 5, 30], [0, -5, 10])
    """
    agents, count = agent.count, agent.count + customer.count
    starts, ends = np.empty(count, dtype=np.int64), np.empty(count, dtype=np.int64)
    for ragged, rows in ((agent, slice(0, agents)), (customer, slice(agents, count))):
        base = clock.bases(ragged.offsets)
        np.add(_rows(ragged.start, ragged.offsets), base, out=starts[rows])
        np.add(_rows(ragged.end, ragged.offsets), base, out=ends[rows])
    start, place = _sorted_with_place(starts, clock)
    end = ends[place]
    reach = np.empty(count, dtype=np.int64)
    reach[:1] = 0
    np.maximum.accumulate(end[:-1], out=reach[1:])
    free = start - reach
    offsets = (agent.offsets - agent.offsets[0]) + (customer.offsets - customer.offsets[0])
    offsets = np.asarray(offsets, dtype=np.int64)
    free[offsets[:-1][offsets[1:] > offsets[:-1]]] = 0
    return Lanes(
        clock,
        starts[:agents],
        ends[:agents],
        starts[agents:],
        ends[agents:],
        start,
        end,
        place,
        place >= agents,
        reach,
        offsets,
        free,
    )


def _sorted_with_place(starts: IntArray, clock: Clock) -> tuple[IntArray, IntArray]:
    """Sort, with the original places; two sorted runs cost one merge, not a sort."""
    bits = len(starts).bit_length()
    if clock.calls.bit_length() + clock.shift + bits > 63:
        place = np.argsort(starts, kind="stable")
        return starts[place], place
    key = starts << bits
    key += np.arange(len(starts), dtype=np.int64)
    key.sort(kind="stable")
    place = key & ((1 << bits) - 1)
    key >>= bits
    return key, place


def _rows(column: NDArray[Any], offsets: NDArray[Any]) -> NDArray[Any]:
    return column[offsets[0] : offsets[-1]]
