"""Gaps and overlaps of two parties, of many calls at once, and nothing else.

For those who need only these: exports, comparisons, other thresholds. Measures use the same
merge with holds and settings on top.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from speechqa.intervals import IntArray, Ragged
from speechqa.timing.lanes import Clock, latest_before, lay_lanes, sort_with_place

BLOCK_TALKSPURTS = 32_768
BLOCK_CALLS = 8192
"""13 bits of call, 32 of time and up to 18 of length (4 minutes) fill a key."""

_TIME_BITS, _KEY_BITS = 32, 63


def gaps_and_overlaps(agent: Ragged, customer: Ragged) -> tuple[Ragged, Ragged]:
    """Return where neither party speaks, between speech, and where both do.

    Parameters
    ----------
    agent, customer
        Normal interval sets, one per call.

    Returns
    -------
    Gaps and overlaps of each call, each in order.

    Examples
    --------
    >>> gaps, overlaps = gaps_and_overlaps(
    ...     Ragged.from_lists([[(0, 10), (30, 40)]]), Ragged.from_lists([[(5, 20)]])
    ... )
    >>> gaps[0].tolist(), overlaps[0].tolist()
    ([[20, 30]], [[5, 10]])
    """
    calls, most = len(agent), agent.count + customer.count
    offsets = np.zeros((2, calls + 1), dtype=np.int64)
    lists = [np.empty(most, dtype=np.int32) for _ in range(4)]
    filled = [0, 0]
    for first, stop in _cuts(agent, customer):
        block = _block(agent.calls(first, stop), customer.calls(first, stop), lists, filled)
        for kind in range(2):
            offsets[kind, first + 1 : stop + 1] = block[kind][1:] + filled[kind]
            filled[kind] += int(block[kind][-1])
    return (
        Ragged(offsets[0], lists[0][: filled[0]], lists[1][: filled[0]]),
        Ragged(offsets[1], lists[2][: filled[1]], lists[3][: filled[1]]),
    )


def _cuts(agent: Ragged, customer: Ragged) -> Iterator[tuple[int, int]]:
    before = agent.offsets - agent.offsets[0] + customer.offsets - customer.offsets[0]
    first = 0
    while first < len(agent):
        stop = int(np.searchsorted(before, before[first] + BLOCK_TALKSPURTS, side="right")) - 1
        stop = min(max(stop, first + 1), first + BLOCK_CALLS)
        yield first, stop
        first = stop


def _block(
    agent: Ragged, customer: Ragged, lists: list[NDArray[np.int32]], filled: list[int]
) -> tuple[IntArray, IntArray]:
    """Append the gaps and overlaps of a block to `lists`, and return their offsets."""
    start, end = _merged(agent, customer)
    reach = latest_before(start, end)
    free = start - reach
    offsets = agent.offsets - agent.offsets[0] + customer.offsets - customer.offsets[0]
    free[offsets[:-1][offsets[1:] > offsets[:-1]]] = 0
    gap, overlap = np.flatnonzero(free > 0), np.flatnonzero(free < 0)
    rows = (slice(filled[0], filled[0] + len(gap)), slice(filled[1], filled[1] + len(overlap)))
    # Writing into 32 bits drops the call, which lies above them, and leaves the call's own ms.
    lists[0][rows[0]] = reach.take(gap, mode="clip")
    lists[1][rows[0]] = start.take(gap, mode="clip")
    lists[2][rows[1]] = start.take(overlap, mode="clip")
    lists[3][rows[1]] = np.minimum(end, reach).take(overlap, mode="clip")
    return np.searchsorted(gap, offsets), np.searchsorted(overlap, offsets)


def _merged(agent: Ragged, customer: Ragged) -> tuple[IntArray, IntArray]:
    """Return starts and ends of both parties on one clock, in order of start.

    The length of each talkspurt rides in the low bits of its key through the sort.
    """
    lanes = [lane for lane in (agent, customer) if lane.count]
    rows = [slice(lane.offsets[0], lane.offsets[-1]) for lane in lanes]
    starts = [lane.start[row] for lane, row in zip(lanes, rows, strict=True)]
    lengths = [lane.end[row] - start for lane, row, start in zip(lanes, rows, starts, strict=True)]
    bits = int(max((length.max() for length in lengths), default=0)).bit_length()
    if len(agent).bit_length() + _TIME_BITS + bits > _KEY_BITS:
        clock = Clock(len(agent), _TIME_BITS)
        all_starts, all_ends = lay_lanes(agent, customer, clock)
        merged, place = sort_with_place(all_starts, clock)
        return merged, all_ends[place]
    key = np.empty(sum(lane.count for lane in lanes), dtype=np.int64)
    base = np.arange(len(agent), dtype=np.int64) << (_TIME_BITS + bits)
    row = 0
    for lane, start, length in zip(lanes, starts, lengths, strict=True):
        part = key[row : row + lane.count]
        np.left_shift(start, bits, out=part, dtype=np.int64)
        part += length
        part += np.repeat(base, np.diff(lane.offsets))
        row += lane.count
    key.sort(kind="stable")
    length = key & ((1 << bits) - 1)
    key >>= bits
    length += key
    return key, length
