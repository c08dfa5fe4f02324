"""Everything the measures of one block of calls are read from, computed once.

A block is a run of calls small enough for its columns to stay in the processor's cache. Tables
are on the block's clock (`speechqa.timing.lanes.Clock`); figures per call are plain arrays.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from speechqa.intervals import IntArray
from speechqa.settings import TimingSettings
from speechqa.timing.batch import CallBatch
from speechqa.timing.gaps import Gaps, find_gaps
from speechqa.timing.holds import Holds, find_holds
from speechqa.timing.lanes import BoolArray, Clock, Lanes, merge
from speechqa.timing.overlaps import KINDS, Overlaps, find_overlaps
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
    gaps
        The gaps that reach any tier of silence.
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
    turns: Turns
    answers: tuple[IntArray, IntArray]
    rates: Rates

    @property
    def calls(self) -> int:
        """Calls in the block."""
        return len(self.batch)

    @cached_property
    def live(self) -> IntArray:
        """Conversation without holds, ms, shape (calls,)."""
        return self.last - self.first - self.hold

    @cached_property
    def silence(self) -> IntArray:
        """Total of the silences, ms, shape (calls,)."""
        return sum_by_call(self.silences.length, self.silences.offsets)

    @cached_property
    def overlap(self) -> IntArray:
        """Total of the overlaps, ms, shape (calls,)."""
        return sum_by_call(self.overlaps.end - self.overlaps.start, self.overlaps.offsets)

    @cached_property
    def overtalk(self) -> Overlaps:
        """The overlaps of at least `overtalk_ms`."""
        length = self.overlaps.end - self.overlaps.start
        return self.overlaps.where(length >= self.settings.overtalk_ms)

    @cached_property
    def entries(self) -> IntArray:
        """Overlaps of each call, party and kind, shape (calls, 2, kinds)."""
        code = self.overlaps.cell * KINDS + self.overlaps.kind
        counts = np.bincount(code, minlength=2 * KINDS * self.calls)
        return counts.reshape(self.calls, 2, KINDS).astype(np.int64)

    @cached_property
    def changes(self) -> IntArray:
        """Floor changes of each call, shape (calls,)."""
        return np.diff(self.answers[1][::2])

    @cached_property
    def pace_limits(self) -> NDArray[np.float64]:
        """Least and most units of an ordinary window, shape (calls, 2); NaN without limits."""
        known = self.settings.rate_limits
        row = {code: place for place, code in enumerate(known)}
        rows = [row.get(code or "", -1) for code in self.batch.language]
        table = np.array([*known.values(), (np.nan, np.nan)], dtype=np.float64)
        return table[rows] * (self.settings.rate_window_ms / 60_000)

    @cached_property
    def fast(self) -> tuple[BoolArray, BoolArray]:
        """For each party, which windows are beyond the upper limit of their call's language."""
        agent, customer = self.rates.windows
        high = self.pace_limits[:, 1]
        return (
            agent.units > agent.per_window(high),
            customer.units > customer.per_window(high),
        )

    @cached_property
    def slow(self) -> tuple[BoolArray, BoolArray]:
        """For each party, which windows are under the lower limit of their call's language."""
        agent, customer = self.rates.windows
        low = self.pace_limits[:, 0]
        return agent.units < agent.per_window(low), customer.units < customer.per_window(low)

    @cached_property
    def turn_spans(self) -> tuple[IntArray, IntArray]:
        """Spans of the turns, ms: the agent's with 0 for the customer's, and the reverse."""
        span, customer = self.turns.end - self.turns.start, self.turns.cell & 1
        customers = span * customer
        return span - customers, customers


def gather(batch: CallBatch, settings: TimingSettings) -> Facts:
    """Take one block of calls apart."""
    clock = clock_of(batch, settings)
    lanes = merge(batch.agent, batch.customer, clock)
    first, last = conversation(lanes)
    holds = find_holds(batch, lanes, first, last, settings)
    lowest = min(settings.silence_ms, settings.dead_air_ms, settings.long_silence_ms)
    gaps = find_gaps(batch, lanes, holds, settings, shortest_ms=lowest)
    silences = gaps if lowest == settings.silence_ms else gaps.at_least(settings.silence_ms)
    turns = find_turns(lanes, settings)
    return Facts(
        batch,
        settings,
        lanes,
        first,
        last,
        lanes.talk,
        sum_by_call(holds.end - holds.start, holds.offsets),
        holds,
        gaps,
        silences,
        find_overlaps(lanes, settings),
        turns,
        order_by_cell(turns.transfer, turns.cell[turns.taken], len(batch)),
        count_units(batch, lanes, settings),
    )


def clock_of(batch: CallBatch, settings: TimingSettings) -> Clock:
    """Return a clock on which no threshold reaches from one call into another."""
    margin = max(
        settings.turn_pause_ms,
        settings.announce_within_ms,
        settings.hold_phrase_ms,
        settings.hold_return_ms,
    )
    return Clock.for_block(batch, margin_ms=margin + settings.phrase_snap_ms)


def conversation(lanes: Lanes) -> tuple[IntArray, IntArray]:
    """Return start and end of each conversation; both its call's start where nobody speaks."""
    first, last = lanes.clock.base[:-1].copy(), lanes.clock.base[:-1].copy()
    filled = np.flatnonzero(np.diff(lanes.offsets))
    first[filled] = lanes.start[lanes.offsets[filled]]
    final = lanes.offsets[filled + 1] - 1
    last[filled] = np.maximum(lanes.reach[final], lanes.end[final])
    return first, last
