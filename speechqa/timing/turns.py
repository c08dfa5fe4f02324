"""Turns, and the changes of the floor between them.

Talkspurts contained in one of the other party's take no turn (of two identical ones the agent's
stays). What is left, in order of start, falls into runs of one party; a pause longer than
`turn_pause_ms` also ends a run.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from speechqa.intervals import IntArray
from speechqa.settings import TimingSettings
from speechqa.timing.lanes import BoolArray, Lanes


@dataclass(frozen=True, eq=False)
class Turns:
    """Turns of a block of calls, in order, on the block's clock.

    Parameters
    ----------
    offsets
        Shape (calls + 1,).
    start, end
        First start to last end of the turn's talkspurts.
    cell
        ``2 * call + party``.
    taken
        Rows whose turn before, in the same call, is the other party's.
    """

    offsets: IntArray
    start: IntArray
    end: IntArray
    cell: IntArray
    taken: IntArray

    @property
    def transfer(self) -> IntArray:
        """Floor transfer offset of each row `taken`; negative where the two turns overlap."""
        return self.start[self.taken] - self.end[self.taken - 1]


def find_turns(lanes: Lanes, settings: TimingSettings) -> Turns:
    """Return the turns of the block."""
    kept = np.flatnonzero(~_contained(lanes))
    start, end, customer = lanes.start[kept], lanes.end[kept], lanes.customer[kept]
    # Calls lie further apart than the pause, so the last turn of a call ends here too.
    cut = customer[1:] != customer[:-1]
    cut |= start[1:] - end[:-1] > settings.turn_pause_ms
    inner = np.flatnonzero(cut) + 1
    heads = np.concatenate([np.zeros(min(len(kept), 1), dtype=np.int64), inner])
    tails = np.append(inner, len(kept))[: len(heads)] - 1
    turn_start = start[heads]
    cell = 2 * lanes.clock.call(turn_start) + customer[heads]
    # Cells 2c and 2c + 1 are the two parties of one call: they differ in the last bit only.
    taken = np.flatnonzero((cell[1:] ^ cell[:-1]) == 1) + 1
    return Turns(lanes.clock.offsets(turn_start), turn_start, end[tails], cell, taken)


def _contained(lanes: Lanes) -> BoolArray:
    contained = lanes.reach >= lanes.end
    tie = lanes.ties
    contained[tie] |= lanes.end[tie + 1] > lanes.end[tie]
    return contained
