"""Sets of time intervals, of one call or of many calls laid end to end.

An interval set is an int64 array of shape (n, 2): rows ``[start, end)`` in integer milliseconds,
sorted, non-empty, and neither overlapping nor touching ("normal"). Everything here takes normal
sets and returns normal sets, except `normalise`, which takes anything. This module knows nothing
of parties, calls or speech; `Ragged` holds one set per call in two flat columns.

Source of the vocabulary (support, gaps, crop): H. Bredin, pyannote.core.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

IntArray = NDArray[np.int64]
IntervalArray = NDArray[np.int64]
"""Interval set, shape (n, 2)."""


def empty() -> IntervalArray:
    """Return the empty set, shape (0, 2).

    Examples
    --------
    >>> empty().tolist()
    []
    """
    return np.empty((0, 2), dtype=np.int64)


def as_spans(spans: ArrayLike) -> IntervalArray:
    """Return any nested sequence of (start, end) as an int64 array of shape (n, 2).

    Examples
    --------
    >>> as_spans([]).shape, as_spans([(1, 2)]).tolist()
    ((0, 2), [[1, 2]])
    """
    return np.asarray(spans, dtype=np.int64).reshape(-1, 2)


def is_normal(spans: IntervalArray) -> bool:
    """Whether `spans` are sorted, non-empty and neither overlap nor touch.

    Examples
    --------
    >>> is_normal(as_spans([(0, 5), (6, 9)])), is_normal(as_spans([(0, 5), (5, 9)]))
    (True, False)
    """
    return bool((spans[:, 0] < spans[:, 1]).all() and (spans[1:, 0] > spans[:-1, 1]).all())


def normalise(spans: ArrayLike) -> IntervalArray:
    """Return the instants covered by `spans`, in any order, as a normal set.

    Empty and reversed intervals cover nothing.

    Examples
    --------
    >>> normalise([(5, 9), (0, 3), (3, 4), (7, 7)]).tolist()
    [[0, 4], [5, 9]]
    """
    given = as_spans(spans)
    given = given[given[:, 0] < given[:, 1]]
    if len(given) == 0:
        return empty()
    order = np.argsort(given[:, 0], kind="stable")
    start, end = given[order, 0], np.maximum.accumulate(given[order, 1])
    return _runs(start, end, start[1:] > end[:-1])


def union(*sets: IntervalArray) -> IntervalArray:
    """Return the instants covered by any of the `sets`.

    Examples
    --------
    >>> union(as_spans([(0, 2), (8, 9)]), as_spans([(1, 5)])).tolist()
    [[0, 5], [8, 9]]
    """
    return normalise(np.concatenate([empty(), *sets]))


def intersect(a: IntervalArray, b: IntervalArray) -> IntervalArray:
    """Return the instants covered by both `a` and `b`.

    Examples
    --------
    >>> intersect(as_spans([(0, 300)]), as_spans([(100, 200), (250, 400)])).tolist()
    [[100, 200], [250, 300]]
    """
    start = np.concatenate([a[:, 0], b[:, 0]])
    end = np.concatenate([a[:, 1], b[:, 1]])
    order = np.argsort(start, kind="stable")
    start, end = start[order], end[order]
    # At most one interval of each set is open at any instant, so what is open before a start
    # is the running maximum of the ends.
    reach = np.maximum.accumulate(end)
    stop = np.minimum(end[1:], reach[:-1])
    keep = start[1:] < stop
    return np.stack([start[1:][keep], stop[keep]], axis=1)


def gaps(spans: IntervalArray, start: int, end: int) -> IntervalArray:
    """Return the instants of ``[start, end)`` that `spans` leave uncovered.

    Examples
    --------
    >>> gaps(as_spans([(10, 20), (50, 60)]), 0, 55).tolist()
    [[0, 10], [20, 50]]
    """
    edges = np.concatenate([[start], np.clip(spans.ravel(), start, end), [end]])
    free = edges.reshape(-1, 2)
    return free[free[:, 0] < free[:, 1]].astype(np.int64)


def subtract(a: IntervalArray, b: IntervalArray) -> IntervalArray:
    """Return the instants covered by `a` and not by `b`.

    Examples
    --------
    >>> subtract(as_spans([(0, 10)]), as_spans([(2, 4), (9, 12)])).tolist()
    [[0, 2], [4, 9]]
    """
    if len(a) == 0:
        return empty()
    return intersect(a, gaps(b, int(a[0, 0]), int(a[-1, 1])))


def clip(spans: IntervalArray, start: int, end: int) -> IntervalArray:
    """Return the part of `spans` inside ``[start, end)``.

    Examples
    --------
    >>> clip(as_spans([(0, 10), (20, 30)]), 5, 25).tolist()
    [[5, 10], [20, 25]]
    """
    cut = np.clip(spans, start, end)
    return cut[cut[:, 0] < cut[:, 1]]


def bridge(spans: IntervalArray, *, shorter_than_ms: int) -> IntervalArray:
    """Return `spans` with the gaps between them shorter than `shorter_than_ms` filled.

    Examples
    --------
    >>> bridge(as_spans([(0, 10), (15, 20), (30, 40)]), shorter_than_ms=10).tolist()
    [[0, 20], [30, 40]]
    """
    start, end = spans[:, 0], spans[:, 1]
    return _runs(start, end, start[1:] - end[:-1] >= shorter_than_ms)


def drop_short(spans: IntervalArray, *, shorter_than_ms: int) -> IntervalArray:
    """Return `spans` without the intervals shorter than `shorter_than_ms`.

    Examples
    --------
    >>> drop_short(as_spans([(0, 10), (15, 20)]), shorter_than_ms=10).tolist()
    [[0, 10]]
    """
    return spans[spans[:, 1] - spans[:, 0] >= shorter_than_ms]


def pad(spans: IntervalArray, *, each_side_ms: int, duration_ms: int) -> IntervalArray:
    """Return `spans` widened on both sides, inside ``[0, duration_ms)``; those that meet merge.

    Examples
    --------
    >>> pad(as_spans([(5, 10), (14, 20)]), each_side_ms=2, duration_ms=21).tolist()
    [[3, 21]]
    """
    wide = np.clip(spans + np.array([-each_side_ms, each_side_ms]), 0, duration_ms)
    return normalise(wide)


def total(spans: IntervalArray) -> int:
    """Return how many milliseconds `spans` cover.

    Examples
    --------
    >>> total(as_spans([(0, 10), (15, 20)]))
    15
    """
    return int((spans[:, 1] - spans[:, 0]).sum())


def _runs(start: IntArray, end: IntArray, cut: NDArray[np.bool_]) -> IntervalArray:
    """Join consecutive intervals except where `cut` (one shorter) says so."""
    if len(start) == 0:
        return empty()
    heads = np.concatenate([[True], cut])
    tails = np.concatenate([cut, [True]])
    return np.stack([start[heads], end[tails]], axis=1)


@dataclass(frozen=True, eq=False)
class Ragged:
    """One interval set per call, all calls end to end in flat columns.

    Parameters
    ----------
    offsets
        Shape (calls + 1,): call ``i`` owns rows ``offsets[i]`` to ``offsets[i + 1]``. The first
        one need not be 0: a slice of a larger batch shares its columns.
    start, end
        Columns of the rows, any integer type; views of foreign buffers are kept as they are.

    Examples
    --------
    >>> calls = Ragged.from_lists([[(0, 5), (7, 9)], [], [(1, 2)]])
    >>> len(calls), calls[0].tolist(), calls[1].tolist()
    (3, [[0, 5], [7, 9]], [])
    """

    offsets: NDArray[Any]
    start: NDArray[Any]
    end: NDArray[Any]

    @classmethod
    def from_spans(cls, offsets: ArrayLike, spans: NDArray[Any]) -> Ragged:
        """Wrap one (n, 2) array without a copy."""
        return cls(np.asarray(offsets), spans[:, 0], spans[:, 1])

    @classmethod
    def from_lists(cls, calls: Iterable[ArrayLike]) -> Ragged:
        """Lay the sets of several calls end to end, as they are."""
        sets = [as_spans(spans) for spans in calls]
        flat = np.concatenate([empty(), *sets])
        return cls.from_spans(offsets_of(len(spans) for spans in sets), flat)

    @classmethod
    def empty(cls, calls: int) -> Ragged:
        """Return `calls` empty sets."""
        return cls.from_spans(np.zeros(calls + 1, dtype=np.int64), empty())

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, call: int) -> IntervalArray:
        if not -len(self) <= call < len(self):
            raise IndexError(f"call {call} of a batch of {len(self)}")
        call %= len(self)
        rows = slice(self.offsets[call], self.offsets[call + 1])
        return np.stack([self.start[rows], self.end[rows]], axis=1).astype(np.int64)

    @property
    def count(self) -> int:
        """How many intervals there are in all calls together."""
        return int(self.offsets[-1] - self.offsets[0])

    def calls(self, first: int, stop: int) -> Ragged:
        """Return calls `first` to `stop` on the same columns, without a copy."""
        return Ragged(self.offsets[first : stop + 1], self.start, self.end)

    def map(self, change: Callable[[IntervalArray], IntervalArray], *, reach_ms: int = 1) -> Ragged:
        """Apply `change` to all calls at once.

        The calls are laid on one clock, further apart than `reach_ms`, so that a function that
        joins intervals nearer than that never joins two calls.

        Examples
        --------
        >>> calls = Ragged.from_lists([[(0, 5), (7, 9)], [(1, 2)]])
        >>> joined = calls.map(lambda s: bridge(s, shorter_than_ms=3), reach_ms=3)
        >>> joined[0].tolist(), joined[1].tolist()
        ([[0, 9]], [[1, 2]])
        """
        rows = slice(self.offsets[0], self.offsets[-1])
        spans = np.stack([self.start[rows], self.end[rows]], axis=1).astype(np.int64)
        stride = int(spans.max(initial=0)) + reach_ms + 1
        base = np.arange(len(self) + 1, dtype=np.int64) * stride
        spans += np.repeat(base[:-1], np.diff(self.offsets))[:, None]
        changed = change(spans)
        offsets = np.searchsorted(changed[:, 0], base)
        return Ragged.from_spans(offsets, changed - np.repeat(base[:-1], np.diff(offsets))[:, None])


def offsets_of(counts: Iterable[int] | Sequence[int]) -> IntArray:
    """Return offsets, one more than there are `counts`, beginning with 0.

    Examples
    --------
    >>> offsets_of([2, 0, 1]).tolist()
    [0, 2, 2, 3]
    """
    return np.concatenate([[0], np.cumsum(np.fromiter(counts, dtype=np.int64))]).astype(np.int64)
