"""Frames of 10 ms and the interval sets made of them.

Knows nothing of detectors: it turns a yes or no per frame into talkspurts. A frame is 80 samples
at 8 kHz; frame `i` covers `[10 * i, 10 * i + 10)` ms. A last partial frame counts as a frame and
its end is the end of the recording.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RATE_HZ = 8000
FRAME_MS = 10
FRAME = RATE_HZ * FRAME_MS // 1000

BoolArray = NDArray[np.bool_]
FloatArray = NDArray[np.float32]
IntervalArray = NDArray[np.int64]


def frame_count(samples: int) -> int:
    """Return how many frames cover `samples` samples at 8 kHz, the last partial one included.

    >>> frame_count(160), frame_count(161)
    (2, 3)
    """
    return -(-samples // FRAME)


def runs(mask: BoolArray) -> IntervalArray:
    """Return the runs of true frames as half-open frame indices, shape (n, 2).

    >>> runs(np.array([False, True, True, False, True])).tolist()
    [[1, 3], [4, 5]]
    """
    edges = np.flatnonzero(np.diff(mask.astype(np.int8), prepend=0, append=0))
    return edges.reshape(-1, 2).astype(np.int64)


def fill(spans: IntervalArray, frames: int) -> BoolArray:
    """Return the mask of `frames` frames that is true inside `spans` (frame indices).

    >>> fill(np.array([[1, 3]]), 4).tolist()
    [False, True, True, False]
    """
    steps = np.zeros(frames + 1, dtype=np.int32)
    np.add.at(steps, spans[:, 0], 1)
    np.add.at(steps, spans[:, 1], -1)
    return np.asarray(np.cumsum(steps[:-1]) > 0)


def hysteresis(high: BoolArray, low: BoolArray) -> BoolArray:
    """Return the runs of `low` that hold at least one frame of `high`.

    >>> high = np.array([False, False, True, False, False])
    >>> low = np.array([True, False, True, True, False])
    >>> hysteresis(high, low).tolist()
    [False, False, True, True, False]
    """
    spans = runs(low | high)
    if not len(spans):
        return np.zeros_like(low)
    total = np.concatenate(([0], np.cumsum(high)))
    return fill(spans[total[spans[:, 1]] > total[spans[:, 0]]], len(low))


def bridge(spans: IntervalArray, gap: int) -> IntervalArray:
    """Join neighbours whose gap is shorter than `gap`, in the unit of `spans`.

    >>> bridge(np.array([[0, 100], [299, 400], [600, 700]]), 200).tolist()
    [[0, 400], [600, 700]]
    """
    if len(spans) < 2:
        return spans
    apart = spans[1:, 0] - spans[:-1, 1] >= gap
    starts = spans[np.concatenate(([True], apart)), 0]
    ends = spans[np.concatenate((apart, [True])), 1]
    return np.stack((starts, ends), axis=1)


def drop_short(spans: IntervalArray, length: int) -> IntervalArray:
    """Drop the spans shorter than `length`, in the unit of `spans`.

    >>> drop_short(np.array([[0, 99], [200, 300]]), 100).tolist()
    [[200, 300]]
    """
    return spans[spans[:, 1] - spans[:, 0] >= length]
