"""Turns, and the changes of the floor between them.

Talkspurts contained in one of the other party's take no turn (of two identical ones the agent's
stays). What is left, in order of start, falls into runs of one party; a pause longer than
`turn_pause_ms` also ends a run.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

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
    speech
        Sum of those talkspurts, ms.
    party
        0 agent, 1 customer.
    change
        Whether the turn before, in the same call, is the other party's.
    offset
        Floor transfer offset where `change`: start minus the end of the turn before; negative
        when they overlap. Meaningless elsewhere.
    """

    offsets: IntArray
    start: IntArray
    end: IntArray
    speech: IntArray
    party: NDArray[np.int8]
    change: BoolArray
    offset: IntArray


def find_turns(lanes: Lanes, settings: TimingSettings) -> Turns:
    """Return the turns of the block."""
    kept = np.flatnonzero(~_contained(lanes))
    start, end, customer = lanes.start[kept], lanes.end[kept], lanes.customer[kept]
    # Calls lie further apart than the pause, so the last turn of a call ends here too.
    cut = (customer[1:] != customer[:-1]) | (start[1:] - end[:-1] > settings.turn_pause_ms)
    inner = np.flatnonzero(cut) + 1
    heads = np.concatenate([np.zeros(min(len(kept), 1), dtype=np.int64), inner])
    tails = np.append(inner, len(kept))[: len(heads)] - 1
    spoken = np.zeros(len(kept) + 1, dtype=np.int64)
    np.cumsum(end - start, out=spoken[1:])
    turn_start, turn_end, party = start[heads], end[tails], customer[heads].astype(np.int8)
    offset = np.zeros(len(heads), dtype=np.int64)
    offset[1:] = turn_start[1:] - turn_end[:-1]
    call = lanes.clock.call(turn_start)
    change = np.zeros(len(heads), dtype=np.bool_)
    change[1:] = (party[1:] != party[:-1]) & (call[1:] == call[:-1])
    return Turns(
        lanes.clock.offsets(turn_start),
        turn_start,
        turn_end,
        spoken[tails + 1] - spoken[heads],
        party,
        change,
        offset,
    )


def _contained(lanes: Lanes) -> BoolArray:
    contained = lanes.reach >= lanes.end
    tie = np.flatnonzero(lanes.start[1:] == lanes.start[:-1])
    contained[tie] |= lanes.end[tie + 1] > lanes.end[tie]
    return contained
