"""Power in six telephone bands, every 10 ms.

A frame of 10 ms is described by a Hann window of 25 ms around it. The transform is one matrix
product per block (half the time of an FFT per frame at this size), and a second one sums the bins
of each band, so an hour takes some 0.2 s and a few MB. Knows nothing of speech.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from speechqa.vad.frames import FRAME, RATE_HZ, FloatArray, frame_count

WINDOW = 200
BAND_EDGES_HZ = (150, 300, 600, 1000, 1600, 2400, 3600)
BANDS = len(BAND_EDGES_HZ) - 1
_STEP_HZ = 50
_BLOCK = 512


def band_power(samples: FloatArray) -> FloatArray:
    """Return the power of each frame in each band, shape (frames, 6).

    A full-scale sine has a power of about 0.5 in its band. Bands: 150 to 3600 Hz, split at 300,
    600, 1000, 1600 and 2400.

    >>> tone = np.sin(2 * np.pi * 440 * np.arange(8000) / 8000).astype(np.float32)
    >>> int(band_power(tone)[50].argmax()), round(float(band_power(tone)[50].sum()), 1)
    (1, 0.5)
    """
    basis, bands = _basis()
    frames = frame_count(len(samples))
    lead = (WINDOW - FRAME) // 2
    power = np.empty((frames, BANDS), dtype=np.float32)
    for at in range(0, frames, _BLOCK):
        count = min(_BLOCK, frames - at)
        padded = np.zeros((count - 1) * FRAME + WINDOW, dtype=np.float32)
        first = at * FRAME - lead
        part = samples[max(first, 0) : first + len(padded)]
        skipped = max(-first, 0)
        padded[skipped : skipped + len(part)] = part
        windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::FRAME]
        # Windows that overlap in memory would not go to BLAS.
        parts = np.ascontiguousarray(windows) @ basis
        np.square(parts, out=parts)
        np.matmul(parts, bands, out=power[at : at + _BLOCK])
    return power


def decibels(power: FloatArray) -> FloatArray:
    """Return `power` in dB, not below -100.

    >>> decibels(np.array([1.0, 0.0], dtype=np.float32)).round().tolist()
    [0.0, -100.0]
    """
    return np.asarray(10 * np.log10(np.maximum(power, np.float32(1e-10))), dtype=np.float32)


def smooth(power: FloatArray) -> FloatArray:
    """Return `power` averaged over five frames, the middle one weighing most.

    >>> smooth(np.array([[0], [0], [9], [0], [0]], dtype=np.float32))[:, 0].tolist()
    [1.0, 2.0, 3.0, 2.0, 1.0]
    """
    weights = (1 / 9, 2 / 9, 3 / 9, 2 / 9, 1 / 9)
    if not len(power):
        return power
    padded = np.pad(power, ((2, 2), (0, 0)), mode="edge")
    total = np.zeros_like(power)
    for k, weight in enumerate(weights):
        total += np.float32(weight) * padded[k : k + len(power)]
    return total


@cache
def _basis() -> tuple[FloatArray, FloatArray]:
    """Return cosines and sines, shape (WINDOW, 2 bins), and what sums their squares by band."""
    window = np.hanning(WINDOW + 1)[:WINDOW]
    hertz = np.arange(BAND_EDGES_HZ[0], BAND_EDGES_HZ[-1], _STEP_HZ)
    angle = 2 * np.pi * np.outer(np.arange(WINDOW), hertz) / RATE_HZ
    # Bins lie 50 Hz apart where the window resolves 40: 1.25 makes up for the power between them.
    scale = np.sqrt(2 * 1.25 / (WINDOW * np.sum(window**2)))
    both = np.concatenate([np.cos(angle), np.sin(angle)], axis=1) * window[:, None] * scale
    band = np.searchsorted(BAND_EDGES_HZ, hertz, side="right") - 1
    members = np.eye(BANDS, dtype=np.float32)[np.tile(band, 2)]
    return both.astype(np.float32), members
