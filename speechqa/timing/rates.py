"""Words counted against speech: units per party, and the rate per window of own speech.

A word counts when there is voice activity of its party under it. Its place is where it starts,
on the clock of the party's own speech (all talkspurts pushed together), which is what windows
are cut from; so a pause never makes anybody slow.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from speechqa.intervals import IntArray
from speechqa.settings import TimingSettings
from speechqa.timing.batch import AGENT, CUSTOMER, CallBatch, Words
from speechqa.timing.lanes import Lanes


@dataclass(frozen=True, eq=False)
class Windows:
    """Rate windows of a block of calls, by call, then party, then time.

    Parameters
    ----------
    cell
        ``2 * call + party`` of each window, sorted.
    start, end
        From the first to the last moment of its speech, on the block's clock.
    units
        Units that start in it.
    """

    cell: IntArray
    start: IntArray
    end: IntArray
    units: IntArray


@dataclass(frozen=True, eq=False)
class Rates:
    """Units per call and party, shape (calls, 2), and the windows."""

    units: IntArray
    windows: Windows


def count_units(batch: CallBatch, lanes: Lanes, settings: TimingSettings) -> Rates:
    """Count the units of every call, party and window of the block."""
    calls = len(batch)
    if batch.words is None or batch.words.offsets[-1] == batch.words.offsets[0]:
        nothing = np.empty(0, dtype=np.int64)
        return Rates(
            np.zeros((calls, 2), dtype=np.int64), Windows(nothing, nothing, nothing, nothing)
        )
    agent = _party(batch.words, AGENT, lanes.agent_start, lanes.agent_end, lanes, settings)
    customer = _party(
        batch.words, CUSTOMER, lanes.customer_start, lanes.customer_end, lanes, settings
    )
    columns = [np.concatenate(pair) for pair in zip(agent[1], customer[1], strict=True)]
    order = np.argsort(columns[0], kind="stable")
    windows = Windows(*(column[order] for column in columns))
    return Rates(np.stack([agent[0], customer[0]], axis=1), windows)


def _party(
    words: Words,
    party: int,
    start: IntArray,
    end: IntArray,
    lanes: Lanes,
    settings: TimingSettings,
) -> tuple[IntArray, tuple[IntArray, IntArray, IntArray, IntArray]]:
    """Return units per call, and cell, start, end and units of each window of one party."""
    clock = lanes.clock
    if len(start) == 0:
        nothing = np.empty(0, dtype=np.int64)
        return np.zeros(clock.calls, dtype=np.int64), (nothing, nothing, nothing, nothing)
    begin, stop, units = _own_words(words, party, lanes)
    spoken = np.zeros(len(start) + 1, dtype=np.int64)
    np.cumsum(end - start, out=spoken[1:])
    place, voiced = _place(begin, stop, start, end, spoken)
    running = np.zeros(len(units) + 1, dtype=np.int64)
    np.cumsum(units * voiced, out=running[1:])
    bounds = clock.offsets(begin)
    own = spoken[clock.offsets(start)]
    windows = np.maximum(np.diff(own) - settings.rate_window_ms, -settings.rate_hop_ms)
    count = windows // settings.rate_hop_ms + 1
    call = np.repeat(np.arange(clock.calls, dtype=np.int64), count)
    first = np.repeat(np.cumsum(count) - count, count)
    low = own[call] + (np.arange(len(call)) - first) * settings.rate_hop_ms
    high = low + settings.rate_window_ms
    inside = running[np.searchsorted(place, high)] - running[np.searchsorted(place, low)]
    head = np.searchsorted(spoken, low, side="right") - 1
    tail = np.searchsorted(spoken, high) - 1
    return running[bounds[1:]] - running[bounds[:-1]], (
        2 * call + party,
        start[head] + low - spoken[head],
        start[tail] + high - spoken[tail],
        inside,
    )


def _own_words(words: Words, party: int, lanes: Lanes) -> tuple[IntArray, IntArray, NDArray[Any]]:
    """Return start, end and units of one party's words on the clock, in order of start."""
    rows = slice(words.offsets[0], words.offsets[-1])
    mine = np.flatnonzero(words.party[rows] == party)
    base = lanes.clock.bases(words.offsets)[mine]
    last = (1 << lanes.clock.shift) - 1
    begin = base + np.clip(words.start[rows][mine], 0, last)
    stop = base + np.clip(words.end[rows][mine], 0, last)
    units = words.units[rows][mine]
    if (begin[1:] < begin[:-1]).any():
        order = np.argsort(begin, kind="stable")
        begin, stop, units = begin[order], stop[order], units[order]
    return begin, stop, units


def _place(
    begin: IntArray, stop: IntArray, start: IntArray, end: IntArray, spoken: IntArray
) -> tuple[IntArray, NDArray[np.bool_]]:
    """Return each word's place in the party's own speech, and whether voice is under it."""
    # Few talkspurts are looked up among many words, never the other way round.
    bounds = np.searchsorted(begin, start)
    count = np.diff(bounds, append=len(begin))
    early = int(bounds[0])
    close = np.repeat(end, count)
    following = np.append(start[1:], np.iinfo(np.int64).max)
    place = np.zeros(len(begin), dtype=np.int64)
    voiced = np.empty(len(begin), dtype=np.bool_)
    voiced[:early] = stop[:early] > start[0]
    late = begin[early:]
    place[early:] = np.minimum(late, close) + np.repeat(spoken[:-1] - start, count)
    voiced[early:] = (late < close) | (stop[early:] > np.repeat(following, count))
    return place, voiced
