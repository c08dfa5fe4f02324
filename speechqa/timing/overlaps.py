"""Overlaps of the two parties, and what each start inside the other's speech was.

A talkspurt `u` that starts strictly inside a talkspurt `v` of the other party is, tested in this
order: a backchannel, a simultaneous start, a terminal overlap, or an interruption. Every overlap
begins with such a start, or with two starts at the same instant (`TOGETHER`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from speechqa.intervals import IntArray
from speechqa.settings import TimingSettings
from speechqa.timing.lanes import BoolArray, Lanes

BACKCHANNEL, SIMULTANEOUS, TERMINAL, TOGETHER, FAILED, SUCCESSFUL = range(6)
KINDS = 6


@dataclass(frozen=True, eq=False)
class Overlaps:
    """Maximal stretches where both parties speak, in order, on the block's clock.

    Parameters
    ----------
    offsets
        Shape (calls + 1,).
    start
        Where the overlap, and the talkspurt `u` that makes it, starts.
    own_end
        End of `u`.
    other_start, other_end
        The talkspurt `v` of the other party inside which `u` starts.
    cell
        ``2 * call + party`` of `u`.
    kind
        `BACKCHANNEL`, `SIMULTANEOUS`, `TERMINAL`, `TOGETHER`, `FAILED` or `SUCCESSFUL`.
    """

    offsets: IntArray
    start: IntArray
    own_end: IntArray
    other_start: IntArray
    other_end: IntArray
    cell: IntArray
    kind: NDArray[np.int8]

    @property
    def end(self) -> IntArray:
        """Where the overlap ends."""
        return np.minimum(self.own_end, self.other_end)

    def where(self, keep: BoolArray) -> Overlaps:
        """Return some of the overlaps."""
        rows = np.flatnonzero(keep)
        return Overlaps(
            np.searchsorted(rows, self.offsets),
            self.start[rows],
            self.own_end[rows],
            self.other_start[rows],
            self.other_end[rows],
            self.cell[rows],
            self.kind[rows],
        )


def find_overlaps(lanes: Lanes, settings: TimingSettings) -> Overlaps:
    """Return the overlaps of the block."""
    row = np.flatnonzero(lanes.free < 0)
    start, own_end, other_end = lanes.start[row], lanes.end[row], lanes.reach[row]
    place = lanes.place[row]
    agents = int(lanes.own_offsets[0][-1])
    # Of the `row` talkspurts merged before u, its rank are its own party's; v is the last of the
    # others. In agent's-then-customer's columns that is one formula for both parties.
    other_start = lanes.starts[row - place + (agents - 1)]
    return Overlaps(
        np.searchsorted(row, lanes.offsets),
        start,
        own_end,
        other_start,
        other_end,
        2 * lanes.clock.call(start) + (place >= agents),
        _classify(start, own_end, other_start, other_end, settings),
    )


def _verdict(tests: int) -> int:
    """Return the kind for the answers to the tests, one bit each, in their order of rank."""
    beyond, ends_soon, starts_together, short, at_once = (
        bool(tests >> bit & 1) for bit in range(5)
    )
    if at_once:
        return TOGETHER
    if short and not beyond:
        return BACKCHANNEL
    if starts_together:
        return SIMULTANEOUS
    if ends_soon:
        return TERMINAL
    return SUCCESSFUL if beyond else FAILED


_VERDICTS = np.array([_verdict(tests) for tests in range(32)], dtype=np.int8)


def _classify(
    start: IntArray,
    own_end: IntArray,
    other_start: IntArray,
    other_end: IntArray,
    settings: TimingSettings,
) -> NDArray[np.int8]:
    # One bit per test and a table of verdicts: masks one after the other cost ten times as much.
    lead = start - other_start
    answers = (
        own_end > other_end,
        other_end - start <= settings.terminal_ms,
        lead < settings.simultaneous_ms,
        own_end - start <= settings.backchannel_ms,
        lead == 0,
    )
    tests = np.zeros(len(start), dtype=np.uint8)
    for bit, answer in enumerate(answers):
        tests |= answer.view(np.uint8) << np.uint8(bit)
    return _VERDICTS[tests]
