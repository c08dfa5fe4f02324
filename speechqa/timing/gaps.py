"""Gaps: where neither party speaks inside the live conversation, and who is to blame.

A gap of the merge that touches a hold is cut by it; its pieces keep the talkspurts on either
side of the whole gap as theirs.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from speechqa.intervals import IntArray
from speechqa.settings import TimingSettings
from speechqa.timing.batch import CallBatch
from speechqa.timing.call import AGENT, CUSTOMER
from speechqa.timing.holds import Holds
from speechqa.timing.lanes import BoolArray, Lanes

PartyArray = NDArray[np.int8]


@dataclass(frozen=True, eq=False)
class Gaps:
    """Gaps of a block of calls, in order, on the block's clock.

    Parameters
    ----------
    offsets
        Shape (calls + 1,).
    start, end
        Shape (gaps,).
    before, after
        Party (0 agent, 1 customer) whose talkspurt was the last to end, is the first to start.
    announced
        Whether a hold or wait phrase of the agent ends shortly before.
    """

    offsets: IntArray
    start: IntArray
    end: IntArray
    before: PartyArray
    after: PartyArray
    announced: BoolArray

    @property
    def length(self) -> IntArray:
        """Length of each gap, ms."""
        return self.end - self.start

    @property
    def owner(self) -> PartyArray:
        """Who answers for each gap: the customer only between agent and customer."""
        return np.asarray((self.before == AGENT) & (self.after == CUSTOMER), dtype=np.int8)

    def at_least(self, shortest_ms: int) -> Gaps:
        """Return the gaps of at least `shortest_ms`, counted per call."""
        keep = np.flatnonzero(self.length >= shortest_ms)
        return _take(self, keep, np.searchsorted(keep, self.offsets))


def find_gaps(
    batch: CallBatch, lanes: Lanes, holds: Holds, settings: TimingSettings, *, shortest_ms: int
) -> Gaps:
    """Return every gap of the block of at least `shortest_ms`."""
    row = np.flatnonzero(lanes.free >= shortest_ms)
    found = Gaps(
        np.searchsorted(row, lanes.offsets),
        lanes.reach[row],
        lanes.start[row],
        _before(lanes, row),
        lanes.customer[row].astype(np.int8),
        np.zeros(len(row), dtype=np.bool_),
    )
    if len(holds.start):
        found = _cut(found, holds, lanes).at_least(shortest_ms)
    if len(batch.announcements.at):
        found = replace(found, announced=_announced(batch, lanes, found.start, settings))
    return found


def _before(lanes: Lanes, row: IntArray) -> PartyArray:
    """Return who spoke last before the merged talkspurts `row`: the latest to start of those."""
    last = row - 1
    party = lanes.customer[last] ^ (lanes.end[last] != lanes.reach[row])
    if len(lanes.ties):
        # Of two identical talkspurts the customer's is merged second; the agent's counts.
        twins = lanes.ties[lanes.end[lanes.ties] == lanes.end[lanes.ties + 1]] + 1
        first, stop = np.searchsorted(last, twins), np.searchsorted(last, twins, side="right")
        party[first[first < stop]] = False
    return np.asarray(party, dtype=np.int8)


def _cut(gaps: Gaps, holds: Holds, lanes: Lanes) -> Gaps:
    """Cut the gaps by the holds: only those that a hold touches are looked at."""
    first = np.searchsorted(gaps.end, holds.start, side="right")
    stop = np.searchsorted(gaps.start, holds.end, side="left")
    step = np.zeros(len(gaps.start) + 1, dtype=np.int64)
    np.add.at(step, first, 1)
    np.add.at(step, np.maximum(stop, first), -1)
    touched = np.cumsum(step[:-1]) > 0
    if not touched.any():
        return gaps
    parent = np.flatnonzero(touched)
    # The complement of the holds, met with the touched gaps: all edges in one sorted line.
    edge = np.concatenate([gaps.start[parent], holds.end])
    order = np.argsort(edge, kind="stable")
    owner = np.concatenate([parent, np.full(len(holds.end), -1)])[order]
    owner = np.maximum.accumulate(owner)
    start = edge[order]
    nearest = np.append(holds.start, np.iinfo(np.int64).max)
    end = np.minimum(nearest[np.searchsorted(holds.start, start)], gaps.end[owner])
    inside = (owner >= 0) & (start < end)
    # A hold that ends where a gap starts would begin the same piece twice.
    inside &= (order < len(parent)) | (start > gaps.start[owner])
    # A gap that begins inside a hold has no piece there.
    within = np.searchsorted(holds.start, start, side="right") - 1
    inside &= (within < 0) | (holds.end[within] <= start)
    row = np.concatenate([np.flatnonzero(~touched), owner[inside]])
    starts = np.concatenate([gaps.start[~touched], start[inside]])
    ends = np.concatenate([gaps.end[~touched], end[inside]])
    order = np.argsort(starts, kind="stable")
    row, starts, ends = row[order], starts[order], ends[order]
    return Gaps(
        lanes.clock.offsets(starts),
        starts,
        ends,
        gaps.before[row],
        gaps.after[row],
        gaps.announced[row],
    )


def _announced(
    batch: CallBatch, lanes: Lanes, start: IntArray, settings: TimingSettings
) -> BoolArray:
    """Mark the gaps that begin shortly after a phrase: few phrases, so their side is walked."""
    spoken = snap(lanes.clock.lay_instants(batch.announcements), lanes, settings.phrase_snap_ms)
    step = np.zeros(len(start) + 1, dtype=np.int64)
    np.add.at(step, np.searchsorted(start, spoken), 1)
    until = spoken + settings.announce_within_ms
    np.add.at(step, np.searchsorted(start, until, side="right"), -1)
    return np.cumsum(step[:-1]) > 0


def snap(at: IntArray, lanes: Lanes, within_ms: int) -> IntArray:
    """Move instants just after the end of a talkspurt of the agent onto that end.

    A recogniser places the end of a word up to some tenths of a second after the voice ended.
    """
    start, end = lanes.own(AGENT)
    if len(start) == 0:
        return at
    row = np.maximum(np.searchsorted(start, at, side="right") - 1, 0)
    late = at - end[row]
    return np.where((late > 0) & (late <= within_ms), end[row], at)


def _take(gaps: Gaps, rows: IntArray, offsets: IntArray) -> Gaps:
    return Gaps(
        offsets,
        gaps.start[rows],
        gaps.end[rows],
        gaps.before[rows],
        gaps.after[rows],
        gaps.announced[rows],
    )
