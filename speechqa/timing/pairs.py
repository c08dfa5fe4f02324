"""Gaps and overlaps of two parties, of many calls at once, and nothing else.

For those who need only these: exports, comparisons, other thresholds. Of both parties together at
most two talkspurts are open at any instant, so all starts in order and all ends in order tell
everything: if the end before the k-th start is later than it, the two enclose an overlap, if it
is earlier, a gap. Which end belongs to which start need not be known.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from speechqa.intervals import IntArray, Ragged

BLOCK_TALKSPURTS = 32_768
BLOCK_CALLS = 8192

_KEY_BITS = 31
"""Call and time share a number of 32 bits, which sorts in half the time of 64."""


def gaps_and_overlaps(agent: Ragged, customer: Ragged) -> tuple[Ragged, Ragged]:
    """Return where neither party speaks, between speech, and where both do.

    Parameters
    ----------
    agent, customer
        Normal interval sets, one per call.

    Returns
    -------
    Gaps and overlaps of each call, each in order.

    Raises
    ------
    ValueError
        A talkspurt ends 2**30 ms (twelve days) or more into its recording.

    Examples
    --------
    >>> gaps, overlaps = gaps_and_overlaps(
    ...     Ragged.from_lists([[(0, 10), (30, 40)]]), Ragged.from_lists([[(5, 20)]])
    ... )
    >>> gaps[0].tolist(), overlaps[0].tolist()
    ([[20, 30]], [[5, 10]])
    """
    sides = (_Side(agent), _Side(customer))
    before = sides[0].offsets + sides[1].offsets
    latest = max(side.latest for side in sides)
    bits = (latest + 1).bit_length()
    if bits >= _KEY_BITS:
        raise ValueError(f"a talkspurt ends at {latest} ms; no recording lasts twelve days")
    cuts = list(_cuts(before, most_calls=min(BLOCK_CALLS, 1 << (_KEY_BITS - bits))))
    # One desk for all blocks: it stays in the cache, and no block waits for fresh memory.
    desk = np.empty((2, max((int(before[b] - before[a]) for a, b in cuts), default=0)), np.int32)
    found = tuple(_Found(len(agent), int(before[-1])) for _ in range(2))
    for first, stop in cuts:
        offsets = before[first : stop + 1] - before[first]
        edges = desk[:, : offsets[-1]]
        _lay(edges, sides, first, stop, bits)
        edges.sort()
        start, end_before = edges[0, 1:], edges[1, :-1]
        free = start - end_before
        heads = offsets[:-1][offsets[1:] > offsets[:-1]]
        free[heads[1:] - 1] = 0
        # The call lies above the bits of time; what is left is the call's own ms.
        edges &= np.int32((1 << bits) - 1)
        found[0].add(end_before, start, free > 0, first, offsets)
        found[1].add(start, end_before, free < 0, first, offsets)
    return found[0].ragged(), found[1].ragged()


class _Side:
    """One party's rows, from 0."""

    def __init__(self, lane: Ragged) -> None:
        rows = slice(lane.offsets[0], lane.offsets[-1])
        self.columns = lane.start[rows], lane.end[rows]
        self.offsets: IntArray = np.asarray(lane.offsets - lane.offsets[0], dtype=np.int64)
        self.counts: IntArray = np.diff(self.offsets)
        # The last talkspurt of a call ends last.
        self.latest = int(self.columns[1][self.offsets[1:][self.counts > 0] - 1].max(initial=0))


class _Found:
    """Intervals of many calls, appended block by block."""

    def __init__(self, calls: int, most: int) -> None:
        self.offsets = np.zeros(calls + 1, dtype=np.int64)
        self.columns = np.empty(most, dtype=np.int32), np.empty(most, dtype=np.int32)
        self.count = 0

    def add(
        self,
        start: NDArray[np.int32],
        end: NDArray[np.int32],
        keep: NDArray[np.bool_],
        first: int,
        offsets: IntArray,
    ) -> None:
        """Append those to `keep`, of calls whose talkspurts begin at `offsets`."""
        row = keep.nonzero()[0]
        rows = slice(self.count, self.count + len(row))
        for edge, column in zip((start, end), self.columns, strict=True):
            edge.take(row, mode="clip", out=column[rows])
        before = np.searchsorted(row, offsets[1:] - 1)
        np.add(before, self.count, out=self.offsets[first + 1 : first + len(offsets)])
        self.count = rows.stop

    def ragged(self) -> Ragged:
        start, end = self.columns
        return Ragged(self.offsets, start[: self.count], end[: self.count])


def _cuts(before: IntArray, *, most_calls: int) -> Iterator[tuple[int, int]]:
    """Yield the first and last call of blocks, given the talkspurts before each call."""
    first = 0
    while first < len(before) - 1:
        stop = int(np.searchsorted(before, before[first] + BLOCK_TALKSPURTS, side="right")) - 1
        stop = min(max(stop, first + 1), first + most_calls)
        yield first, stop
        first = stop


def _lay(
    edges: NDArray[np.int32], sides: tuple[_Side, _Side], first: int, stop: int, bits: int
) -> None:
    """Write the starts of a block's talkspurts, and their ends: call above time."""
    at = 0
    for side in sides:
        low, high = side.offsets[first], side.offsets[stop]
        for column, into in zip(side.columns, edges[:, at : at + high - low], strict=True):
            into[:] = column[low:high]
        at += high - low
    base: NDArray[Any] = np.empty((2, stop - first), dtype=np.int32)
    base[:] = np.arange(stop - first, dtype=np.int32) << bits
    counts = np.concatenate([side.counts[first:stop] for side in sides])
    edges += np.repeat(base.ravel(), counts)
