"""Hold music, told from speech by what a voice never does.

Two figures of the 3 s around each frame. *Steadiness*: the share of 64 ms spectra whose fine
structure (the harmonics, whitened) is still the same 128 ms later. A voice glides: 0 to 0.34 in
every voice looked at, real and made; notes stay: 0.3 to 1. *Pauses*: the share of time more than
10 dB below the mean or on the noise floor: a voice has 0.15 to 0.65, music rarely more than 0.1.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from speechqa.vad.frames import FRAME, BoolArray, FloatArray

_SIZE = 512
_HOP = 640
"""Samples: 8 frames of 10 ms, so that both clocks agree."""
_FRAMES = _HOP // FRAME
_LAG = 2
_LOWEST_BIN, _HIGHEST_BIN = 6, 230
_SMOOTHED_BINS = 15
_ALIKE = 0.6
_WINDOW_HOPS = 37
_LEAST_ACTIVE_HOPS = 12
_PAUSE_DB = 10.0
_CHUNK = 4096


def musicality(
    samples: FloatArray, active: BoolArray, power: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return steadiness minus 0.8 times pauses around each frame, and pauses, shape (frames,).

    Speech lies below 0 (a flat synthetic voice below 0.6, with pauses above 0.2), hold music
    above 0.2 with pauses below 0.2. NaN where less than 1 s of the surrounding 3 s is
    active: too little to tell.

    Parameters
    ----------
    samples
        One channel at 8 kHz.
    active
        Frames that may be speech, shape (frames,).
    power
        Power of each frame, shape (frames,).

    Examples
    --------
    >>> hum = np.sin(2 * np.pi * 440 * np.arange(32000) / 8000).astype(np.float32)
    >>> score, pauses = musicality(hum, np.ones(400, dtype=bool), np.ones(400))
    >>> round(float(score[200]), 1), round(float(pauses[200]), 1)
    (1.0, 0.0)
    """
    likeness = stable(samples, active)
    hops = len(likeness)
    score = np.full(len(active), np.nan, dtype=np.float32)
    if not hops:
        return score, score
    counted = ~np.isnan(likeness)
    steady = counted & (np.nan_to_num(likeness) > _ALIKE)
    share = _around(steady) / np.maximum(_around(counted), 1)
    pieces = power[: hops * _FRAMES].reshape(hops, _FRAMES)
    heard = active[: hops * _FRAMES].reshape(hops, _FRAMES)
    mean = _around(pieces.sum(axis=1)) / (np.maximum(_around(np.ones(hops)), 1) * _FRAMES)
    quiet = ~heard | (pieces < mean[:, None] * 10 ** (-_PAUSE_DB / 10))
    pauses = _around(quiet.mean(axis=1)) / np.maximum(_around(np.ones(hops)), 1)
    judged = _around(counted) >= _LEAST_ACTIVE_HOPS
    made = []
    for values in (share - 0.8 * pauses, pauses):
        per_hop = np.where(judged, values, np.nan).astype(np.float32)
        per_frame = np.repeat(per_hop, _FRAMES)
        rest = np.full(len(active) - len(per_frame), per_hop[-1], dtype=np.float32)
        made.append(np.concatenate((per_frame, rest)))
    return made[0], made[1]


def stable(samples: FloatArray, active: BoolArray) -> FloatArray:
    """Return the fine-structure correlation over 160 ms of each 80 ms hop, shape (hops,).

    Hops without active frames are NaN and cost nothing.

    >>> hum = np.sin(2 * np.pi * 440 * np.arange(8000) / 8000).astype(np.float32)
    >>> bool(np.nanmin(stable(hum, np.ones(100, dtype=bool))) > 0.9)
    True
    """
    hops = min(max((len(samples) - _SIZE) // _HOP + 1, 0), len(active) // _FRAMES)
    likeness = np.full(hops, np.nan, dtype=np.float32)
    heard = active[np.arange(hops) * _FRAMES] & active[np.arange(hops) * _FRAMES + _FRAMES // 2]
    first = np.flatnonzero(heard[:-_LAG] & heard[_LAG:]) if hops > _LAG else np.empty(0, np.int64)
    windows = np.lib.stride_tricks.sliding_window_view(samples, _SIZE)[::_HOP] if hops else None
    for at in range(0, len(first), _CHUNK):
        some = first[at : at + _CHUNK]
        assert windows is not None
        needed, place = np.unique(np.concatenate((some, some + _LAG)), return_inverse=True)
        lines = _structure(windows[needed])
        likeness[some] = np.einsum("ij,ij->i", lines[place[: len(some)]], lines[place[len(some) :]])
    return likeness


def _structure(windows: FloatArray) -> FloatArray:
    """Return the whitened harmonics of each window, unit length, shape (n, bins)."""
    spectrum = np.fft.rfft(windows * _hann(), axis=1)[:, _LOWEST_BIN:_HIGHEST_BIN]
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    level = np.log(power + 1e-6 * power.max(axis=1, keepdims=True) + 1e-12)
    half = _SMOOTHED_BINS // 2
    total = np.cumsum(np.pad(level, ((0, 0), (half + 1, half)), mode="edge"), axis=1)
    peaks = np.maximum(
        level - (total[:, _SMOOTHED_BINS:] - total[:, :-_SMOOTHED_BINS]) / _SMOOTHED_BINS, 0
    )
    peaks -= peaks.mean(axis=1, keepdims=True)
    norm = np.sqrt(np.einsum("ij,ij->i", peaks, peaks)) + 1e-9
    return np.asarray(peaks / norm[:, None], dtype=np.float32)


def _around(values: NDArray[np.generic]) -> NDArray[np.float64]:
    """Return the sum of `values` over the window centred on each."""
    reach = _WINDOW_HOPS // 2
    total = np.concatenate(([0.0], np.cumsum(values, dtype=np.float64)))
    at = np.arange(len(values))
    return np.asarray(
        total[np.minimum(at + reach + 1, len(values))] - total[np.maximum(at - reach, 0)]
    )


@cache
def _hann() -> FloatArray:
    return np.hanning(_SIZE).astype(np.float32)
