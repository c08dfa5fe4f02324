"""Pack the speech of one channel into windows, and map times back.

A window holds pieces of one channel in order of time, with a short silence between two pieces;
pieces of different channels or calls are never in one window. Each window keeps where each piece
lies in it and where it came from, so a time heard in the window is mapped to the channel's clock
by one search, exactly. Integer milliseconds; knows nothing of the recogniser.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from speechqa.asr.interface import Spans
from speechqa.intervals import bridge

Quietest = Callable[[int, int], int]
"""Return the quietest millisecond in a half-open range: where a long piece is cut."""


@dataclass(frozen=True)
class Window:
    """Pieces of one channel's speech, laid end to end with gaps.

    Parameters
    ----------
    packed_ms, source_ms, length_ms
        Shape (pieces,): start in the window, start on the channel's clock, length.
    """

    packed_ms: NDArray[np.int64]
    source_ms: NDArray[np.int64]
    length_ms: NDArray[np.int64]

    @property
    def end_ms(self) -> int:
        """Where the last piece ends in the window."""
        return int(self.packed_ms[-1] + self.length_ms[-1])

    @property
    def speech_ms(self) -> int:
        """Length of the pieces without the gaps."""
        return int(self.length_ms.sum())

    def to_source(self, times_ms: NDArray[np.int64]) -> NDArray[np.int64]:
        """Map intervals heard in the window to the channel's clock.

        Each interval goes to the piece nearest to its middle and is clamped to that piece, so no
        word ever lies in audio that was not sent.

        Parameters
        ----------
        times_ms
            Shape (n, 2), within the window.

        Returns
        -------
        numpy.ndarray
            Shape (n, 2), on the channel's clock.

        Examples
        --------
        >>> window = Window(np.array([0, 1300]), np.array([5000, 9000]), np.array([1000, 700]))
        >>> window.to_source(np.array([[200, 900], [900, 1300], [1200, 1500]])).tolist()
        [[5200, 5900], [5900, 6000], [9000, 9200]]
        """
        middles = (times_ms[:, 0] + times_ms[:, 1]) / 2
        ends = self.packed_ms + self.length_ms
        borders = (ends[:-1] + self.packed_ms[1:]) / 2
        piece = np.searchsorted(borders, middles, side="right")
        inside = times_ms - self.packed_ms[piece, None]
        clamped = np.clip(inside, 0, self.length_ms[piece, None])
        mapped: NDArray[np.int64] = clamped + self.source_ms[piece, None]
        return mapped


def pack(spans: Spans, *, window_ms: int, gap_ms: int, max_pieces: int = 0) -> list[Window]:
    """Fill windows with `spans` in order of time.

    Parameters
    ----------
    spans
        Shape (n, 2); see `split_long`.
    window_ms
        Pieces are added to a window up to this length; a longer piece has a window of its own.
    gap_ms
        Silence between two pieces of one window.
    max_pieces
        Most pieces in one window; 0 for no limit.

    Returns
    -------
    list of Window
        As few as any packing in order of time can use.

    Examples
    --------
    >>> windows = pack(np.array([[0, 4000], [5000, 9000], [9500, 12000]]), window_ms=10_000,
    ...                gap_ms=300)
    >>> [window.packed_ms.tolist() for window in windows]
    [[0, 4300], [0]]
    """
    groups: list[list[tuple[int, int]]] = []
    room = -1
    for start, end in spans.tolist():
        length = end - start
        full = bool(max_pieces and groups and len(groups[-1]) >= max_pieces)
        if full or length + gap_ms > room:
            groups.append([])
            room = window_ms + gap_ms
        groups[-1].append((start, end))
        room -= length + gap_ms
    return [_window(group, gap_ms) for group in groups]


def fill(spans: Spans, speech: Spans, *, window_ms: int, gap_ms: int) -> list[Window]:
    """Fill windows with `spans` in order of time, cutting a span in a pause to save a window.

    Of all ways that need the fewest windows, the one with the fewest cuts is taken, then the one
    whose cuts lie in the longest pauses. What was cut and comes to lie in one window is whole.

    Parameters
    ----------
    spans
        Shape (n, 2), none longer than a window; see `split_long`.
    speech
        Unpadded speech: where the pauses are.
    window_ms, gap_ms
        As in `pack`.

    Returns
    -------
    list of Window
        Never more than `pack` gives.

    Examples
    --------
    >>> spans = np.array([[0, 7000], [8000, 13_000], [14_000, 21_000]])
    >>> speech = np.array([[200, 6800], [8200, 10_400], [10_600, 12_800], [14_200, 20_800]])
    >>> windows = fill(spans, speech, window_ms=10_000, gap_ms=300)
    >>> [window.source_ms.tolist() for window in windows]
    [[0, 8000], [10500, 14000]]
    >>> len(pack(spans, window_ms=10_000, gap_ms=300))
    3
    """
    atoms, pauses = _atoms(spans, speech)
    best: list[tuple[int, int, int, int]] = [(0, 0, 0, 0)]  # windows, cuts, less pause, first atom
    for last in range(1, len(atoms) + 1):
        choices = []
        length = -gap_ms
        for first in range(last - 1, -1, -1):
            start, end = atoms[first]
            joined = first + 1 < last and pauses[first + 1] >= 0
            length += end - start + (0 if joined else gap_ms)
            if length > window_ms:
                break
            windows, cuts, pause, _ = best[first]
            cut = first > 0 and pauses[first] >= 0
            choices.append((windows + 1, cuts + cut, pause - cut * pauses[first], first))
        best.append(min(choices))
    borders = [len(atoms)]
    while borders[-1]:
        borders.append(best[borders[-1]][3])
    borders.reverse()
    groups = [atoms[a:b] for a, b in pairwise(borders)]
    return [
        _window(bridge(np.array(group), shorter_than_ms=1).tolist(), gap_ms) for group in groups
    ]


def _atoms(spans: Spans, speech: Spans) -> tuple[list[tuple[int, int]], list[int]]:
    """Cut `spans` in all their pauses; also return each piece's pause to the one before it.

    The pause is -1 where a new span begins, and 0 where two spans touch.
    """
    middles = (speech[:-1, 1] + speech[1:, 0]) // 2
    lengths = speech[1:, 0] - speech[:-1, 1]
    atoms: list[tuple[int, int]] = []
    pauses: list[int] = []
    for start, end in spans.tolist():
        touches = bool(atoms) and atoms[-1][1] == start
        pauses.append(0 if touches else -1)
        low = int(np.searchsorted(middles, start, side="right"))
        high = int(np.searchsorted(middles, end, side="left"))
        at = start
        for middle, length in zip(
            middles[low:high].tolist(), lengths[low:high].tolist(), strict=True
        ):
            if middle > at:
                atoms.append((at, middle))
                pauses.append(length)
                at = middle
        atoms.append((at, end))
    return atoms, pauses


def split_long(spans: Spans, speech: Spans, *, window_ms: int, quietest: Quietest) -> Spans:
    """Cut spans that are longer than a window, in a pause where there is one.

    Parameters
    ----------
    spans, speech
        Padded and unpadded speech of one channel.
    window_ms
        Longest piece allowed.
    quietest
        Asked for a place to cut where the speech has no pause.

    Returns
    -------
    numpy.ndarray
        Shape (m, 2), covering the same time as `spans`.

    Examples
    --------
    >>> spans = np.array([[0, 15_000]])
    >>> speech = np.array([[200, 7000], [7400, 14_800]])
    >>> split_long(spans, speech, window_ms=10_000, quietest=min).tolist()
    [[0, 7200], [7200, 15000]]
    """
    pieces = [
        piece
        for start, end in spans.tolist()
        for piece in _cut(start, end, speech, window_ms, quietest)
    ]
    return np.array(pieces, np.int64).reshape(-1, 2)


def _cut(
    start: int, end: int, speech: Spans, window_ms: int, quietest: Quietest
) -> Iterator[tuple[int, int]]:
    while end - start > window_ms:
        parts = -(-(end - start) // window_ms)
        # Not before 60 % of an even share, nor so early that more windows are needed.
        earliest = max(start + (end - start) * 6 // (10 * parts), end - window_ms * (parts - 1))
        latest = start + window_ms
        cut = _pause(speech, earliest, latest)
        if cut is None:
            cut = min(max(quietest(earliest, latest), earliest), latest)
        yield start, cut
        start = cut
    yield start, end


def _pause(speech: Spans, earliest: int, latest: int) -> int | None:
    """Return the middle of the longest pause within the range, or None."""
    pauses = np.stack([speech[:-1, 1], speech[1:, 0]], axis=1)
    middles = pauses.sum(axis=1) // 2
    fits = np.flatnonzero((middles >= earliest) & (middles <= latest))
    if not len(fits):
        return None
    longest = fits[np.argmax(pauses[fits, 1] - pauses[fits, 0])]
    return int(middles[longest])


def _window(group: list[tuple[int, int]], gap_ms: int) -> Window:
    source, ends = np.array(group, np.int64).T
    length = ends - source
    packed = np.concatenate([[0], np.cumsum(length + gap_ms)[:-1]])
    return Window(packed.astype(np.int64), source, length)
