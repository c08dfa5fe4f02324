"""The noise floor of a channel, and how far each frame rises above it.

The floor is looked for on both sides of a frame, since a recording can be read backwards: the
8th percentile of 100 ms means within 8 s each way, per band. That follows steady and slowly
changing noise of any colour, where a detector that only looks back calls it speech.
"""

from __future__ import annotations

import numpy as np

from speechqa.vad.frames import FloatArray
from speechqa.vad.spectrum import decibels

_BLOCK = 10
_REACH = 80
_HOP = 5
_SHARE = 0.08
_LEAST_DB = np.float32(-92.0)


def noise_floor(power: FloatArray) -> FloatArray:
    """Return the noise floor in dB of each frame and band, the shape of `power` (frames, bands).

    >>> power = np.full((3000, 1), 1e-6, dtype=np.float32)
    >>> power[1000:1200] = 1e-2
    >>> floor = noise_floor(power)
    >>> round(float(floor.min())), round(float(floor.max()))
    (-60, -60)
    """
    frames, bands = power.shape
    if not frames:
        return power
    blocks = -(-frames // _BLOCK)
    filled = np.pad(power, ((0, blocks * _BLOCK - frames), (0, 0)), mode="edge")
    means = decibels(filled.reshape(blocks, _BLOCK, bands).mean(axis=1))
    reach = min(_REACH, blocks - 1)
    around = np.pad(means, ((reach, reach), (0, 0)), mode="reflect")
    views = np.lib.stride_tricks.sliding_window_view(around, 2 * reach + 1, axis=0)[::_HOP]
    rank = int(_SHARE * (2 * reach + 1))
    floor = np.partition(views, rank, axis=-1)[..., rank]
    spread = np.repeat(floor, _BLOCK * _HOP, axis=0)[:frames]
    return np.maximum(spread, _LEAST_DB)


def rise(smooth_db: FloatArray, floor_db: FloatArray) -> FloatArray:
    """Return how far each frame rises above the floor, in dB: mean of its two best bands.

    Voiced sounds stand out in the low bands and fricatives in the high ones, so asking for all
    bands would lose both in noise.

    >>> rise(np.array([[-20, -40, -60]]), np.array([[-60, -60, -60]])).tolist()
    [30.0]
    """
    above = np.asarray(smooth_db - floor_db, dtype=np.float32)
    best = above.max(axis=1)
    np.put_along_axis(above, above.argmax(axis=1)[:, None], -np.inf, axis=1)
    return np.asarray((best + above.max(axis=1)) / 2, dtype=np.float32)
