"""Words counted against speech: units per party, and per window of the party's own speech.

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
from speechqa.timing.batch import CallBatch
from speechqa.timing.columns import Words
from speechqa.timing.lanes import Lanes


@dataclass(frozen=True, eq=False)
class Windows:
    """Rate windows of one party: window ``j`` of a call begins ``j`` hops into its speech.

    Parameters
    ----------
    offsets
        Shape (calls + 1,).
    units
        Units that start in each window.
    """

    offsets: IntArray
    units: IntArray

    def per_window(self, of_calls: NDArray[Any]) -> NDArray[Any]:
        """Return each window's entry of something told per call."""
        return np.repeat(of_calls, np.diff(self.offsets))


@dataclass(frozen=True, eq=False)
class Rates:
    """Units per call and party, shape (calls, 2), and each party's windows."""

    units: IntArray
    windows: tuple[Windows, Windows]


def count_units(batch: CallBatch, lanes: Lanes, settings: TimingSettings) -> Rates:
    """Count the units of every call, party and window of the block."""
    units, windows = zip(
        *(_party(words, party, lanes, settings) for party, words in enumerate(batch.words)),
        strict=True,
    )
    return Rates(np.stack(units, axis=1), (windows[0], windows[1]))


def window_spans(
    spurts: IntArray, low: IntArray, settings: TimingSettings
) -> tuple[IntArray, IntArray]:
    """Return where windows that begin at `low` in a call's own speech start and end.

    Examples
    --------
    >>> spurts = np.array([[0, 9000], [20_000, 29_000]])
    >>> window_spans(spurts, np.array([5000]), TimingSettings())[1].tolist()
    [26000]
    """
    spoken = np.append(0, np.cumsum(spurts[:, 1] - spurts[:, 0]))
    high = low + settings.rate_window_ms
    head = np.searchsorted(spoken, low, side="right") - 1
    tail = np.searchsorted(spoken, high) - 1
    return spurts[head, 0] + low - spoken[head], spurts[tail, 0] + high - spoken[tail]


def _party(
    words: Words, party: int, lanes: Lanes, settings: TimingSettings
) -> tuple[IntArray, Windows]:
    """Return units per call and the windows of one party."""
    clock = lanes.clock
    rows = slice(int(words.offsets[0]), int(words.offsets[-1]))
    if len(lanes.own(party)[0]) == 0 or rows.start == rows.stop:
        nothing = np.zeros(clock.calls + 1, dtype=np.int64)
        return nothing[1:], Windows(nothing, nothing[:0])
    base = clock.bases(words.offsets)
    begin = base + np.minimum(words.start[rows], clock.last)
    units = words.units[rows]
    voiceless = _voiceless(begin, base, words.end[rows], lanes.own(party), clock.last)
    if len(voiceless):
        units = units.copy()
        units[voiceless] = 0
    running = np.zeros(len(units) + 1, dtype=np.int64)
    np.cumsum(units, out=running[1:])
    bounds = running[np.asarray(words.offsets) - rows.start]
    own = lanes.spoken(party)[lanes.own_offsets[party]]
    count = np.maximum(np.diff(own) - settings.rate_window_ms, -settings.rate_hop_ms)
    count = count // settings.rate_hop_ms + 1
    offsets = np.zeros(clock.calls + 1, dtype=np.int64)
    np.cumsum(count, out=offsets[1:])
    in_windows = _window_units(begin, running, count, own, party, lanes, settings)
    return np.diff(bounds), Windows(offsets, in_windows)


def _voiceless(
    begin: IntArray,
    base: IntArray,
    stop: NDArray[Any],
    spurts: tuple[IntArray, IntArray],
    last_instant: int,
) -> IntArray:
    """Return the words that lie in a pause; few do, so only those that begin in one are read."""
    start, end = spurts
    before = np.append(np.searchsorted(begin, start), len(begin))
    last = np.maximum(before - 1, 0)
    quiet = begin[last] >= np.append(-1, end)
    quiet &= before > np.append(0, before[:-1])
    pause = np.flatnonzero(quiet)
    first = np.searchsorted(begin, np.append(-1, end)[pause])
    count = before[pause] - first
    word = np.repeat(first - (np.cumsum(count) - count), count) + np.arange(count.sum())
    following = np.append(start, np.iinfo(np.int64).max)[pause]
    over = base[word] + np.minimum(stop[word], last_instant)
    return np.asarray(word[over <= np.repeat(following, count)])


def _window_units(
    begin: IntArray,
    running: IntArray,
    count: IntArray,
    own: IntArray,
    party: int,
    lanes: Lanes,
    settings: TimingSettings,
) -> IntArray:
    """Return the units of each window, from the units before each edge between hops."""
    hops = settings.rate_window_ms // settings.rate_hop_ms
    call = np.flatnonzero(count)
    edges = count[call] + hops
    first = np.cumsum(edges) - edges
    step = np.arange(edges.sum()) - np.repeat(first, edges)
    at = np.repeat(own[call], edges) + step * settings.rate_hop_ms
    start, _ = lanes.own(party)
    spoken = lanes.spoken(party)
    row = np.maximum(np.searchsorted(spoken, at) - 1, 0)
    # A word in a pause is placed where the pause is cut out, hence the end before it.
    instant = start[row] + at - spoken[row]
    instant[first] = lanes.clock.base[call]
    before = running[np.searchsorted(begin, instant)]
    low = np.repeat(first - (np.cumsum(count[call]) - count[call]), count[call])
    low += np.arange(len(low))
    return np.asarray(before[low + hops] - before[low])
