"""Frames of 10 ms at any rate: energies that a level or a check is made of.

Works in blocks, so that hours at a high rate stay small in memory. Not-finite samples count as
zero here; a check names them.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

FRAME_MS = 10
_BLOCK_FRAMES = 6000
_STRETCH = 480_000
"""Samples looked at together where a figure is a count: a minute at 8 kHz."""

FloatArray = NDArray[np.float32]
IntervalArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


def frame_edges(samples: int, rate_hz: int) -> NDArray[np.int64]:
    """Return the first sample of each 10 ms frame and the end of the last, shape (frames + 1,).

    >>> frame_edges(200, 11025).tolist()
    [0, 110, 200]
    """
    frames = -(-samples * 1000 // (rate_hz * FRAME_MS))
    edges = np.arange(frames + 1, dtype=np.int64) * rate_hz * FRAME_MS // 1000
    return np.minimum(edges, samples)


def frame_power(channel: FloatArray, rate_hz: int) -> NDArray[np.float64]:
    """Return the mean square of each 10 ms frame without the channel's own mean, shape (frames,).

    >>> frame_power(np.tile(np.array([0.5, -0.5], dtype=np.float32), 80), 8000).tolist()
    [0.25, 0.25]
    """
    edges = frame_edges(len(channel), rate_hz)
    frames = len(edges) - 1
    power, total = np.zeros(frames), 0.0
    for first in range(0, frames, _BLOCK_FRAMES):
        at = edges[first : first + _BLOCK_FRAMES + 1]
        block = finite(channel[at[0] : at[-1]])
        total += float(block.sum(dtype=np.float64))
        power[first : first + len(at) - 1] = np.add.reduceat(
            np.square(block, dtype=np.float64), at[:-1] - at[0]
        ) / np.diff(at)
    mean = total / len(channel) if len(channel) else 0.0
    return np.maximum(power - mean**2, 0.0)


def stretches(channel: FloatArray, *, over: int = 0) -> Iterator[FloatArray]:
    """Yield a channel piece by piece, each with the first `over` samples of the next.

    >>> [piece.shape for piece in stretches(np.zeros(600_000, np.float32), over=2)]
    [(480002,), (120000,)]
    """
    for at in range(0, len(channel), _STRETCH):
        yield channel[at : at + _STRETCH + over]


def inside(spans: IntervalArray, frames: int, *, grown_ms: int = 0) -> BoolArray:
    """Return which frames lie in `spans` (ms) grown by `grown_ms` on both sides.

    >>> inside(np.array([[10, 30]]), 4).tolist()
    [False, True, True, False]
    """
    steps = np.zeros(frames + 1, dtype=np.int32)
    at = np.asarray(spans, dtype=np.int64).reshape(-1, 2)
    np.add.at(steps, np.clip((at[:, 0] - grown_ms) // FRAME_MS, 0, frames), 1)
    np.add.at(steps, np.clip(-(-(at[:, 1] + grown_ms) // FRAME_MS), 0, frames), -1)
    return np.asarray(np.cumsum(steps[:-1]) > 0)


def finite(block: FloatArray) -> FloatArray:
    """Return the samples with NaN and infinity as zero."""
    if np.isfinite(block).all():
        return block
    return np.nan_to_num(block, nan=0.0, posinf=0.0, neginf=0.0)


def decibels(power: float) -> float:
    """Return a power in dB; it must be above 0.

    >>> decibels(0.01)
    -20.0
    """
    return float(10 * np.log10(power))
