"""Both parties' talkspurts of a block of calls, merged in order of start.

Everything else is read off this merge: a start later than all ends before it closes a gap, a
start earlier than one of them opens an overlap. The calls of a block share one clock
(`Clock`); the merge sorts one int64 key per talkspurt, whose low bits carry its place.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from speechqa.intervals import IntArray, Ragged
from speechqa.timing.batch import CallBatch
from speechqa.timing.columns import Instants
from speechqa.timing.rows import sum_by_call

BoolArray = NDArray[np.bool_]

_NEAR = 16


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
    def last(self) -> int:
        """The last instant that a call has on this clock."""
        return (1 << self.shift) - 1

    @cached_property
    def base(self) -> IntArray:
        """Instant 0 of each call, and of one more: shape (calls + 1,)."""
        return np.arange(self.calls + 1, dtype=np.int64) << self.shift

    def call(self, at: IntArray) -> IntArray:
        """Return the call to which each instant belongs."""
        return at >> self.shift

    def local(self, at: IntArray) -> IntArray:
        """Return each instant in ms from the start of its own recording."""
        return at & self.last

    def offsets(self, at: IntArray) -> IntArray:
        """Return where each call's rows begin in sorted instants, shape (calls + 1,)."""
        return np.asarray(np.searchsorted(at, self.base), dtype=np.int64)

    def bases(self, offsets: NDArray[Any]) -> IntArray:
        """Return instant 0 of its call for each row of a table with these `offsets`."""
        return np.asarray(np.repeat(self.base[:-1], np.diff(offsets)))

    def lay(self, ragged: Ragged) -> tuple[IntArray, IntArray]:
        """Return starts and ends of `ragged` on this clock, cut where the clock ends."""
        base = self.bases(ragged.offsets)
        start = base + np.minimum(_rows(ragged.start, ragged.offsets), self.last)
        return start, base + np.minimum(_rows(ragged.end, ragged.offsets), self.last)

    def lay_instants(self, instants: Instants) -> IntArray:
        """Return `instants` on this clock; those past the end of a recording stay in it."""
        local = np.clip(_rows(instants.at, instants.offsets), 0, self.last)
        return np.asarray(self.bases(instants.offsets) + local)


@dataclass(frozen=True, eq=False)
class Lanes:
    """Talkspurts of both parties in order of start, agent first among equal starts.

    Parameters
    ----------
    starts, ends
        The agent's talkspurts, then the customer's, each in order, on the clock.
    own_offsets
        Where each call's talkspurts begin in the agent's and in the customer's own columns.
    start, end
        The merge, shape (talkspurts,).
    place
        Place of each merged talkspurt in `starts`.
    customer
        Whether each merged talkspurt is the customer's.
    reach
        The latest end among the earlier talkspurts of the merge; meaningless at a call's first.
    offsets
        Of the merge, shape (calls + 1,).
    free
        ``start - reach``: positive after a gap, negative in an overlap, 0 at a call's first.
    ties
        Merged places whose successor starts at the same instant.
    """

    clock: Clock
    starts: IntArray
    ends: IntArray
    own_offsets: tuple[IntArray, IntArray]
    start: IntArray
    end: IntArray
    place: IntArray
    customer: BoolArray
    reach: IntArray
    offsets: IntArray
    free: IntArray
    ties: IntArray

    def own(self, party: int) -> tuple[IntArray, IntArray]:
        """Return starts and ends of one party's talkspurts."""
        agents = int(self.own_offsets[0][-1])
        rows = slice(agents, None) if party else slice(agents)
        return self.starts[rows], self.ends[rows]

    def spoken(self, party: int) -> IntArray:
        """Return the party's speech before each of its talkspurts, and in all of them."""
        return self._customer_spoken if party else self._agent_spoken

    @cached_property
    def _agent_spoken(self) -> IntArray:
        return self._running(0)

    @cached_property
    def _customer_spoken(self) -> IntArray:
        return self._running(1)

    @property
    def talk(self) -> IntArray:
        """Speech of each call and party, ms, shape (calls, 2)."""
        found = np.zeros((self.clock.calls, 2), dtype=np.int64)
        for party, offsets in enumerate(self.own_offsets):
            start, end = self.own(party)
            found[:, party] = sum_by_call(end - start, offsets)
        return found

    def _running(self, party: int) -> IntArray:
        start, end = self.own(party)
        running = np.zeros(len(start) + 1, dtype=np.int64)
        np.cumsum(end - start, out=running[1:])
        return running


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
    own = (_offsets(agent), _offsets(customer))
    offsets = own[0] + own[1]
    starts, ends = lay_lanes(agent, customer, clock)
    start, place = sort_with_place(starts, clock)
    end = ends[place]
    reach = latest_before(start, end)
    free = start - reach
    free[offsets[:-1][offsets[1:] > offsets[:-1]]] = 0
    return Lanes(
        clock,
        starts,
        ends,
        own,
        start,
        end,
        place,
        place >= agent.count,
        reach,
        offsets,
        free,
        np.flatnonzero(start[1:] == start[:-1]),
    )


def lay_lanes(agent: Ragged, customer: Ragged, clock: Clock) -> tuple[IntArray, IntArray]:
    """Return starts and ends on the clock, the agent's before the customer's."""
    count = agent.count + customer.count
    starts, ends = np.empty(count, dtype=np.int64), np.empty(count, dtype=np.int64)
    for ragged, rows in ((agent, slice(0, agent.count)), (customer, slice(agent.count, count))):
        base = clock.bases(ragged.offsets)
        np.add(_rows(ragged.start, ragged.offsets), base, out=starts[rows])
        np.add(_rows(ragged.end, ragged.offsets), base, out=ends[rows])
    return starts, ends


def latest_before(start: IntArray, end: IntArray) -> IntArray:
    """Return the latest of all earlier ends, for each talkspurt of a merge; 0 at the first.

    Examples
    --------
    >>> latest_before(np.array([0, 5, 12, 30]), np.array([10, 20, 15, 40])).tolist()
    [0, 10, 20, 20]
    """
    reach = np.empty(len(end), dtype=np.int64)
    reach[:1] = 0
    if (end[:-_NEAR] > start[_NEAR:]).any():
        np.maximum.accumulate(end[:-1], out=reach[1:])
        return reach
    # No talkspurt outlasts the next 16, so the latest of 16 ends is the latest of all. Four
    # doubling steps take half the time of a running maximum, whose steps wait for each other.
    window, spare = end[:-1], np.empty(max(len(end) - 1, 0), dtype=np.int64)
    for step in (1, 2, 4, 8):
        into = reach[1:] if step in (2, 8) else spare
        into[:step] = window[:step]
        np.maximum(window[step:], window[:-step], out=into[step:])
        window = into
    return reach


def sort_with_place(starts: IntArray, clock: Clock) -> tuple[IntArray, IntArray]:
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


def _offsets(ragged: Ragged) -> IntArray:
    return np.asarray(ragged.offsets, dtype=np.int64) - int(ragged.offsets[0])
