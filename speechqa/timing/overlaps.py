"""Overlaps of the two parties, and what each start inside the other's speech was.

A talkspurt `u` that starts strictly inside a talkspurt `v` of the other party is, tested in this
order: a backchannel, a simultaneous start, a terminal overlap, or an interruption.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from speechqa.intervals import IntArray
from speechqa.settings import TimingSettings
from speechqa.timing.lanes import Lanes

BACKCHANNEL, SIMULTANEOUS, TERMINAL, FAILED, SUCCESSFUL = 0, 1, 2, 3, 4


@dataclass(frozen=True, eq=False)
class Overlaps:
    """Maximal stretches where both parties speak, in order, on the block's clock."""

    offsets: IntArray
    start: IntArray
    end: IntArray

    @property
    def length(self) -> IntArray:
        """Length of each overlap, ms."""
        return self.end - self.start


@dataclass(frozen=True, eq=False)
class Entries:
    """Starts of one party inside the other's speech, in order, on the block's clock.

    Parameters
    ----------
    offsets
        Shape (calls + 1,).
    start, end
        The talkspurt `u`.
    other_start, other_end
        The talkspurt `v` of the other party inside which `u` starts.
    party
        Whose `u` is: 0 agent, 1 customer.
    kind
        `BACKCHANNEL`, `SIMULTANEOUS`, `TERMINAL`, `FAILED` or `SUCCESSFUL`.
    """

    offsets: IntArray
    start: IntArray
    end: IntArray
    other_start: IntArray
    other_end: IntArray
    party: NDArray[np.int8]
    kind: NDArray[np.int8]

    @property
    def overlap(self) -> IntArray:
        """How long `u` and `v` overlap, ms."""
        return np.minimum(self.end, self.other_end) - self.start


def find_overlaps(lanes: Lanes, settings: TimingSettings) -> tuple[Overlaps, Entries]:
    """Return the overlaps of the block, and each start inside the other's speech."""
    row = np.flatnonzero(lanes.free < 0)
    start, end, other_end = lanes.start[row], lanes.end[row], lanes.reach[row]
    overlaps = Overlaps(np.searchsorted(row, lanes.offsets), start, np.minimum(end, other_end))
    customer = lanes.customer[row]
    agents = len(lanes.agent_start)
    # Before merged place i lie i - (own rank) talkspurts of the other party; v is the last one.
    rank = lanes.place[row] - np.where(customer, agents, 0)
    other = row - rank - 1
    other_start = np.empty(len(row), dtype=np.int64)
    other_start[customer] = lanes.agent_start[other[customer]]
    other_start[~customer] = lanes.customer_start[other[~customer]]
    strict = np.flatnonzero(other_start < start)
    kind = _classify(start[strict], end[strict], other_start[strict], other_end[strict], settings)
    entries = Entries(
        np.searchsorted(strict, overlaps.offsets),
        start[strict],
        end[strict],
        other_start[strict],
        other_end[strict],
        customer[strict].astype(np.int8),
        kind,
    )
    return overlaps, entries


def _classify(
    start: IntArray,
    end: IntArray,
    other_start: IntArray,
    other_end: IntArray,
    settings: TimingSettings,
) -> NDArray[np.int8]:
    kind = np.where(end > other_end, SUCCESSFUL, FAILED).astype(np.int8)
    kind[other_end - start <= settings.terminal_ms] = TERMINAL
    kind[start - other_start < settings.simultaneous_ms] = SIMULTANEOUS
    kind[(end <= other_end) & (end - start <= settings.backchannel_ms)] = BACKCHANNEL
    return kind
