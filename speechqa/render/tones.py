"""Sounds of a telephone line that nobody says: rings, tones, keys and hold music.

Every generator returns float64 samples, shape (n,), for a length in ms; the level is the RMS
while the tone sounds. Cadences are the public ones: North American ringback, busy and dial tone
(ITU-T E.180), DTMF (ITU-T Q.23).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from speechqa.errors import UsageError

Samples = NDArray[np.float64]

_DTMF_LOW = {
    k: f
    for row, f in zip(("123A", "456B", "789C", "*0#D"), (697, 770, 852, 941), strict=True)
    for k in row
}
_DTMF_HIGH = {
    k: f
    for column, f in zip(("147*", "2580", "369#", "ABCD"), (1209, 1336, 1477, 1633), strict=True)
    for k in column
}
_EDGE_MS = 5


def tone(
    frequencies_hz: tuple[float, ...], duration_ms: int, *, rate_hz: int, level_dbfs: float = -20.0
) -> Samples:
    """Return sines of equal strength, faded over 5 ms at both ends.

    Examples
    --------
    >>> len(tone((440, 480), 100, rate_hz=8000))
    800
    """
    at = np.arange(duration_ms * rate_hz // 1000) / rate_hz
    wave = sum((np.sin(2 * np.pi * f * at) for f in frequencies_hz), np.zeros_like(at))
    wave *= np.sqrt(2 / len(frequencies_hz)) * 10 ** (level_dbfs / 20)
    return _faded(wave, rate_hz)


def _faded(wave: Samples, rate_hz: int) -> Samples:
    edge = min(len(wave) // 2, _EDGE_MS * rate_hz // 1000)
    ramp = np.linspace(0, 1, edge, endpoint=False)
    wave[:edge] *= ramp
    wave[len(wave) - edge :] *= ramp[::-1]
    return wave


def _cadence(
    frequencies_hz: tuple[float, ...],
    pattern_ms: tuple[int, int],
    duration_ms: int,
    rate_hz: int,
    level_dbfs: float,
) -> Samples:
    out = np.zeros(duration_ms * rate_hz // 1000)
    on_ms, off_ms = pattern_ms
    for start_ms in range(0, duration_ms, on_ms + off_ms):
        burst = tone(
            frequencies_hz,
            min(on_ms, duration_ms - start_ms),
            rate_hz=rate_hz,
            level_dbfs=level_dbfs,
        )
        first = start_ms * rate_hz // 1000
        out[first : first + len(burst)] = burst[: len(out) - first]
    return out


def ringback(duration_ms: int, *, rate_hz: int, level_dbfs: float = -22.0) -> Samples:
    """Return the caller's ring: 440 + 480 Hz, 2 s on, 4 s off."""
    return _cadence((440, 480), (2000, 4000), duration_ms, rate_hz, level_dbfs)


def busy(duration_ms: int, *, rate_hz: int, level_dbfs: float = -22.0) -> Samples:
    """Return the busy tone: 480 + 620 Hz, 0.5 s on, 0.5 s off."""
    return _cadence((480, 620), (500, 500), duration_ms, rate_hz, level_dbfs)


def dial_tone(duration_ms: int, *, rate_hz: int, level_dbfs: float = -22.0) -> Samples:
    """Return the steady dial tone: 350 + 440 Hz."""
    return tone((350, 440), duration_ms, rate_hz=rate_hz, level_dbfs=level_dbfs)


def dtmf(
    keys: str, *, rate_hz: int, key_ms: int = 100, gap_ms: int = 80, level_dbfs: float = -18.0
) -> Samples:
    """Return the tones of pressed keys.

    Examples
    --------
    >>> len(dtmf("12", rate_hz=8000)) / 8
    360.0

    Raises
    ------
    UsageError
        A key is none of 0-9, A-D, * and #.
    """
    parts = []
    for key in keys.upper():
        if key not in _DTMF_LOW:
            raise UsageError(f"DTMF key {key!r} does not exist", hint="use 0-9, A-D, * and #")
        pair = (_DTMF_LOW[key], _DTMF_HIGH[key])
        parts.append(tone(pair, key_ms, rate_hz=rate_hz, level_dbfs=level_dbfs))
        parts.append(np.zeros(gap_ms * rate_hz // 1000))
    return np.concatenate(parts) if parts else np.zeros(0)


def hold_music(
    duration_ms: int, *, rate_hz: int, seed: int = 0, level_dbfs: float = -24.0
) -> Samples:
    """Return a plain tune of plucked notes over chords, its own for each seed.

    Notes fade and harmonics move, so that it is neither a steady tone nor noise: the hard case
    for a detector that looks for tones.
    """
    rng = np.random.default_rng(seed)
    count = duration_ms * rate_hz // 1000
    out = np.zeros(count + 2 * rate_hz)
    beat = int(rate_hz * 60 / rng.integers(84, 126))
    scale = 220 * 2 ** (np.array([0, 2, 4, 7, 9, 12, 14, 16]) / 12)
    roots = 110 * 2 ** (np.array([0, -3, 5, 7]) / 12)
    degree = 3
    for k, start in enumerate(range(0, count, beat // 2)):
        if k % 8 == 0:
            root = roots[(k // 8) % 4]
            for ratio in (1.0, 1.26, 1.5):
                _pluck(out, start, root * ratio, 4 * beat, 0.35, rate_hz)
        if rng.random() < 0.75:
            degree = int(np.clip(degree + rng.integers(-2, 3), 0, len(scale) - 1))
            _pluck(out, start, scale[degree] * 2, beat, 1.0, rate_hz)
    out = out[:count]
    power = float(np.mean(out**2)) if count else 0.0
    if power > 0:
        out *= 10 ** (level_dbfs / 20) / np.sqrt(power)
    return _faded(out, rate_hz)


def _pluck(
    out: Samples, start: int, pitch_hz: float, length: int, strength: float, rate_hz: int
) -> None:
    at = np.arange(min(length, len(out) - start)) / rate_hz
    envelope = np.exp(-4.0 * at * rate_hz / length) * np.minimum(1, at * 100)
    for harmonic, share in ((1, 1.0), (2, 0.5), (3, 0.3), (4, 0.15)):
        if pitch_hz * harmonic < 0.45 * rate_hz:
            wave = np.sin(2 * np.pi * pitch_hz * harmonic * at)
            out[start : start + len(at)] += strength * share * envelope * wave
