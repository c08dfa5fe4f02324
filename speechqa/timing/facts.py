"""Everything the measures of one block of calls are read from, computed once.

A block is a run of calls small enough for its columns to stay in the processor's cache. Tables
are on the block's clock (`speechqa.timing.lanes.Clock`); figures per call are plain arrays.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from speechqa.intervals import IntArray
from speechqa.settings import TimingSettings
from speechqa.timing.batch import CallBatch
from speechqa.timing.gaps import Gaps, find_gaps
from speechqa.timing.holds import Holds, find_holds
from speechqa.timing.lanes import Clock, Lanes, merge
from speechqa.timing.overlaps import Entries, Overlaps, find_overlaps
from speechqa.timing.rates import Rates, count_units
from speechqa.timing.rows import order_by_cell, sum_by_call
from speechqa.timing.turns import Turns, find_turns


@dataclass(frozen=True, eq=False)
class Facts:
    """One block of calls, taken apart.

    Parameters
    ----------
    first, last
        Conversation of each call on the clock, shape (calls,); equal where nobody speaks.
    talk
        Speech of each call and party, ms, shape (calls, 2).
    hold
        Hold inside each conversation, ms, shape (calls,).
    silences
        The gaps of at least `silence_ms`.
    answers
        Floor transfer offsets sorted within each cell (call, party), and the cells' offsets.
    """

    batch: CallBatch
    settings: TimingSettings
    lanes: Lanes
    first: IntArray
    last: IntArray
    talk: IntArray
    hold: IntArray
    holds: Holds
    gaps: Gaps
    silences: Gaps
    overlaps: Overlaps
    entries: Entries
    turns: Turns
    answers: tuple[IntArray, IntArray]
    rates: Rates

    @property
    def calls(self) -> int:
        """Calls in the block."""
        return len(self.batch)

    @property
    def live(self) -> IntArray:
        """Conversation without holds, ms, shape (calls,)."""
        return self.last - self.first - self.hold

    @property
    def entry_cell(self) -> IntArray:
        """Cell (``2 * call + party``) of each entry."""
        return self._cell(self.entries.start, self.entries.party)

    @property
    def turn_cell(self) -> IntArray:
        """Cell (``2 * call + party``) of each turn."""
        return self._cell(self.turns.start, self.turns.party)

    def _cell(self, at: IntArray, party: NDArray[np.int8]) -> IntArray:
        return 2 * self.lanes.clock.call(at) + party


def gather(batch: CallBatch, settings: TimingSettings) -> Facts:
    """Take one block of calls apart."""
    margin = max(
        settings.turn_pause_ms,
        settings.announce_within_ms,
        settings.hold_phrase_ms,
        settings.hold_return_ms,
    )
    clock = Clock.for_block(batch, margin_ms=margin + settings.phrase_snap_ms)
    lanes = merge(batch.agent, batch.customer, clock)
    first, last = _conversation(lanes)
    own = lanes.own_offsets
    talk = np.stack(
        [
            sum_by_call(lanes.agent_end - lanes.agent_start, own[0]),
            sum_by_call(lanes.customer_end - lanes.customer_start, own[1]),
        ],
        axis=1,
    )
    holds = find_holds(batch, lanes, first, last, settings)
    gaps = find_gaps(batch, lanes, holds, settings)
    overlaps, entries = find_overlaps(lanes, settings)
    turns = find_turns(lanes, settings)
    taken = np.flatnonzero(turns.change)
    taker = 2 * clock.call(turns.start[taken]) + turns.party[taken]
    return Facts(
        batch,
        settings,
        lanes,
        first,
        last,
        talk,
        sum_by_call(holds.end - holds.start, holds.offsets),
        holds,
        gaps,
        gaps.at_least(settings.silence_ms),
        overlaps,
        entries,
        turns,
        order_by_cell(turns.offset[taken], taker, len(batch)),
        count_units(batch, lanes, settings),
    )


def _conversation(lanes: Lanes) -> tuple[IntArray, IntArray]:
    first, last = lanes.clock.base[:-1].copy(), lanes.clock.base[:-1].copy()
    filled = np.flatnonzero(np.diff(lanes.offsets))
    first[filled] = lanes.start[lanes.offsets[filled]]
    final = lanes.offsets[filled + 1] - 1
    last[filled] = np.maximum(lanes.reach[final], lanes.end[final])
    return first, last
