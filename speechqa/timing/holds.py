"""Holds: told by the telephony, or inferred from what the agent says and does not say.

A hold told by the telephony is taken as it is. Where it tells none, a hold is inferred: a hold
phrase of the agent, then no agent speech for at least 15 s, ended by a return phrase or by
speech of both. Confidence: 1.0 telephony; 0.9 a return phrase; 0.6 speech of both; 0.3 speech
of both when the customer spoke for over a quarter of the pause (he was probably just talking).
Those under `hold_confidence` are not holds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from speechqa.intervals import IntArray
from speechqa.settings import TimingSettings
from speechqa.timing.batch import CallBatch
from speechqa.timing.call import AGENT, CUSTOMER, Layout
from speechqa.timing.lanes import BoolArray, Clock, Lanes

METADATA, RETURN_PHRASE, BOTH_SPEAK, CUSTOMER_TALKS = 0, 1, 2, 3
CONFIDENCE = (1.0, 0.9, 0.6, 0.3)


UNKNOWN = -1


@dataclass(frozen=True, eq=False)
class Holds:
    """Holds inside the conversations of a block, on its clock, sorted and disjoint per call.

    Parameters
    ----------
    evidence
        `METADATA`, `RETURN_PHRASE`, `BOTH_SPEAK` or `CUSTOMER_TALKS`.
    announced, thanked
        Whether a hold phrase of the agent ends shortly before, and a return phrase (thanks or an
        apology for the wait) comes shortly after; `UNKNOWN` without words.
    """

    offsets: IntArray
    start: IntArray
    end: IntArray
    evidence: NDArray[np.int8]
    announced: NDArray[np.int8]
    thanked: NDArray[np.int8]


def find_holds(
    batch: CallBatch, lanes: Lanes, first: IntArray, last: IntArray, settings: TimingSettings
) -> Holds:
    """Return the holds of each call, clipped to its conversation ``[first, last)``."""
    told_start, told_end = lanes.clock.lay(batch.hold)
    start, end, evidence = told_start, told_end, np.zeros(len(told_start), dtype=np.int8)
    if len(batch.announcements.at):
        found = _infer(batch, lanes, settings)
        start, end = np.concatenate([start, found[0]]), np.concatenate([end, found[1]])
        evidence = np.concatenate([evidence, found[2]])
        order = np.argsort(start, kind="stable")
        start, end, evidence = start[order], end[order], evidence[order]
    if len(start):
        call = lanes.clock.call(start)
        start, end = np.maximum(start, first[call]), np.minimum(end, last[call])
        keep = start < end
        start, end, evidence = start[keep], end[keep], evidence[keep]
    manners = _manners(batch, lanes.clock, start, end, settings)
    return Holds(lanes.clock.offsets(start), start, end, evidence, *manners)


def _manners(
    batch: CallBatch, clock: Clock, start: IntArray, end: IntArray, settings: TimingSettings
) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
    """Return whether each hold was announced, and ended with thanks or an apology."""
    if len(start) == 0:
        return np.zeros(0, dtype=np.int8), np.zeros(0, dtype=np.int8)
    asked, returns = clock.lay_instants(batch.announcements), clock.lay_instants(batch.returns)
    before = any_within(asked, start - settings.hold_phrase_ms, start + settings.phrase_snap_ms)
    after = any_within(returns, end, end + settings.hold_return_ms)
    phrases = np.diff(batch.announcements.offsets) + np.diff(batch.returns.offsets)
    unheard = ~(batch.transcribed | (phrases > 0))[clock.call(start)]
    return (
        np.where(unheard, UNKNOWN, before).astype(np.int8),
        np.where(unheard, UNKNOWN, after).astype(np.int8),
    )


def speech_between(lanes: Lanes, party: int, low: IntArray, high: IntArray) -> IntArray:
    """Return how long a party speaks in each window ``[low, high)`` on the clock."""
    start, end = lanes.own(party)
    if len(start) == 0:
        return np.zeros(len(low), dtype=np.int64)
    spoken = lanes.spoken(party)

    def covered(at: IntArray) -> IntArray:
        row = np.searchsorted(start, at, side="right")
        last = np.maximum(row - 1, 0)
        return np.where(row > 0, spoken[last] + np.minimum(at, end[last]) - start[last], 0)

    return np.asarray(covered(high) - covered(low))


def any_within(at: IntArray, low: IntArray, high: IntArray) -> BoolArray:
    """Whether any of the sorted instants `at` lies in each ``[low, high]``, both included."""
    return np.searchsorted(at, high, side="right") > np.searchsorted(at, low, side="left")


def _infer(
    batch: CallBatch, lanes: Lanes, settings: TimingSettings
) -> tuple[IntArray, IntArray, NDArray[np.int8]]:
    clock = lanes.clock
    both_parties = (batch.layout == Layout.SEGMENTS) | (batch.layout == Layout.CHANNELS)
    allowed = both_parties & ~batch.hold_known
    start, end = lanes.own(AGENT)
    low, high = end[:-1], start[1:]
    pause = np.flatnonzero(high - low >= settings.hold_pause_ms)
    call = clock.call(low[pause])
    pause = pause[(call == clock.call(high[pause])) & allowed[call]]
    low, high = low[pause], high[pause]
    spoken = clock.lay_instants(batch.announcements)
    phrase = any_within(spoken, low - settings.hold_phrase_ms, low + settings.phrase_snap_ms)
    low, high = low[phrase], high[phrase]
    until = high + settings.hold_return_ms
    returned = any_within(clock.lay_instants(batch.returns), low, until)
    both = speech_between(lanes, CUSTOMER, high, until) > 0
    share = speech_between(lanes, CUSTOMER, low, high) / np.maximum(high - low, 1)
    talking = share > settings.hold_customer_share
    evidence = np.where(returned, RETURN_PHRASE, np.where(talking, CUSTOMER_TALKS, BOTH_SPEAK))
    sure = np.asarray(CONFIDENCE)[evidence] >= settings.hold_confidence
    keep = (returned | both) & sure
    return low[keep], high[keep], evidence[keep].astype(np.int8)
