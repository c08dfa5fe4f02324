"""Signalling tones: DTMF, ringback, dial and busy tones, beeps.

WebRTC's detector calls them all speech. A tone is one or two frequencies that stay put, at one
level, from its first millisecond to its last. A hummed "mm" comes near, but its level moves: by
0.8 dB and more on clean lines, where a tone's stays within 0.1; noise moves both.
"""

from __future__ import annotations

import numpy as np

from speechqa.vad.frames import FRAME, RATE_HZ, BoolArray, FloatArray, IntervalArray

_TRIM = 2 * FRAME
"""Samples left out at each end, where the tone is switched on and off."""
_LONGEST = RATE_HZ
"""A longer stretch is judged by its middle second."""
_SHORTEST = 3 * FRAME
_PURITY = 0.85
_STEADINESS_DB, _STEADINESS_PER_NOISE_DB = 0.5, 2.5
_LEVEL_RANGE_DB = 5.0


def is_tone(samples: FloatArray, *, noise_share: float = 0.0) -> bool:
    """Tell whether a stretch (samples at 8 kHz) is one or two steady frequencies.

    `noise_share` is the power of the line's noise over that of the stretch.

    Examples
    --------
    >>> t = np.arange(960) / 8000
    >>> is_tone((np.sin(2 * np.pi * 697 * t) + np.sin(2 * np.pi * 1209 * t)).astype(np.float32))
    True
    >>> is_tone(np.sin(2 * np.pi * 400 * t * (1 + 4 * t)).astype(np.float32))
    False
    """
    core = samples[_TRIM : len(samples) - _TRIM]
    if len(core) < _SHORTEST:
        return False
    if len(core) > _LONGEST:
        core = core[(len(core) - _LONGEST) // 2 :][:_LONGEST]
    still_db = _STEADINESS_DB + _STEADINESS_PER_NOISE_DB * min(noise_share, 0.3) ** 0.5
    return bool(_unsteadiness_db(core) <= still_db and _purity(core) >= _PURITY)


def tone_spans(
    samples: FloatArray, spans: IntervalArray, level_db: FloatArray, noise_db: float
) -> BoolArray:
    """Return which of `spans` (frames) are tones, shape (n,).

    `level_db` (frames,) spares most stretches the closer look: a tone keeps its level.
    `noise_db` is the level of the line's noise.

    >>> hum = np.sin(2 * np.pi * 440 * np.arange(8000) / 8000).astype(np.float32)
    >>> level = np.zeros(100, dtype=np.float32)
    >>> tone_spans(hum, np.array([[0, 50], [60, 62]]), level, -60.0).tolist()
    [True, False]
    """
    found = np.zeros(len(spans), dtype=bool)
    for k, (start, end) in enumerate(spans):
        core = level_db[start + 3 : end - 3] if end - start > 8 else level_db[start + 2 : end - 2]
        if len(core) >= 2 and np.ptp(core[:: max(len(core) // 8, 1)]) <= _LEVEL_RANGE_DB:
            noise_share = 10 ** ((noise_db - float(np.median(core))) / 10)
            stretch = samples[start * FRAME : end * FRAME]
            found[k] = is_tone(stretch, noise_share=noise_share)
    return found


def _purity(core: FloatArray) -> float:
    """Share of the power that lies in the two strongest lines."""
    size = len(core)
    power = np.abs(np.fft.rfft(core * np.hanning(size), 2 * size)) ** 2
    power[: int(100 * 2 * size / RATE_HZ)] = 0
    total = float(power.sum())
    if total <= 0:
        return 0.0
    found = 0.0
    for _ in range(2):
        at = int(power.argmax())
        line = slice(max(at - 4, 0), at + 5)
        found += float(power[line].sum())
        power[line] = 0
    return found / total


def _unsteadiness_db(core: FloatArray) -> float:
    """Spread of the level over pieces of 20 ms, in dB; a beat of two tones averages out."""
    piece = 2 * FRAME if len(core) >= 6 * FRAME else FRAME
    pieces = core[: len(core) // piece * piece].reshape(-1, piece)
    level = 10 * np.log10(np.maximum(np.mean(np.square(pieces), axis=1), 1e-10))
    low, high = np.percentile(level, [10, 90])
    return float(high - low) / 2
