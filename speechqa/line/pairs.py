"""How two channels are related: the same signal twice, or one leaking into the other.

Nothing here mixes channels: they are compared.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from speechqa.line.frames import (
    FRAME_MS,
    FloatArray,
    IntervalArray,
    decibels,
    finite,
    frame_power,
    inside,
)

_PARTS = 24
_CHUNK_S = 2
_LONGEST_LAG_MS = 100
_LONGEST_DELAY = 60
_LEAST_ALONE = 150
_CLEAR_OF_MS = 300
_FOLLOWS = 0.35
_OVER_NOISE = 2.0


@dataclass(frozen=True)
class Likeness:
    """How alike two channels are as wholes.

    Parameters
    ----------
    correlation
        Of the waveforms at the best lag, -1 to 1; negative for opposite polarity.
    lag_ms
        How much later the second channel is.
    gain_db
        How much louder the second channel is.
    """

    correlation: float
    lag_ms: float
    gain_db: float


@dataclass(frozen=True)
class Leaked:
    """A party's voice in the other channel.

    Parameters
    ----------
    leak_db
        Its power against the party's own channel.
    delay_ms
        How much later it arrives.
    follows
        Correlation of the two levels while only that party speaks, 0 to 1.
    """

    leak_db: float
    delay_ms: int
    follows: float


def likeness(a: FloatArray, b: FloatArray, rate_hz: int) -> Likeness | None:
    """Return how alike two channels are, over the loudest 2 s of each 24th of the call.

    None when either carries nothing.

    >>> rng = np.random.default_rng(0)
    >>> noise = rng.standard_normal(16000).astype(np.float32)
    >>> found = likeness(noise, -0.5 * np.roll(noise, 80), 8000)
    >>> round(found.correlation, 2), found.lag_ms, round(found.gain_db)
    (-1.0, 10.0, -6)
    """
    size = min(_CHUNK_S * rate_hz, len(a))
    if not size:
        return None
    points = 1 << (2 * size - 1).bit_length()
    cross = np.zeros(points // 2 + 1, dtype=np.complex128)
    energy_a = energy_b = 0.0
    for at in _loudest(a, b, size):
        one, two = (_centred(channel[at : at + size]) for channel in (a, b))
        energy_a += _inner(one, one)
        energy_b += _inner(two, two)
        cross += np.conj(np.fft.rfft(one, points)) * np.fft.rfft(two, points)
    if energy_a <= 0 or energy_b <= 0:
        return None
    reach = min(_LONGEST_LAG_MS * rate_hz // 1000, size - 1)
    product = np.fft.irfft(cross, points)
    product = np.concatenate((product[-reach:], product[: reach + 1]))
    best = int(np.abs(product).argmax())
    return Likeness(
        correlation=float(product[best] / np.sqrt(energy_a * energy_b)),
        lag_ms=round((best - reach) * 1000 / rate_hz, 2),
        gain_db=decibels(energy_b / energy_a),
    )


def leaked(
    source: FloatArray,
    target: FloatArray,
    rate_hz: int,
    source_speech: IntervalArray,
    target_speech: IntervalArray,
) -> Leaked | None:
    """Return how loud the source party is in the target channel; None where it is not heard.

    Looks at the time in which only the source party speaks. Needs 1.5 s of it.
    """
    from_, into = frame_power(source, rate_hz), frame_power(target, rate_hz)
    frames = len(from_)
    other = inside(target_speech, frames, grown_ms=_CLEAR_OF_MS)
    alone = inside(source_speech, frames) & ~other
    neither = ~inside(source_speech, frames, grown_ms=2 * _CLEAR_OF_MS) & ~other
    if int(alone.sum()) < _LEAST_ALONE:
        return None
    noise = float(into[neither].mean()) if neither.any() else float(np.percentile(into, 5))
    heard = float(into[alone].mean())
    if heard <= _OVER_NOISE * noise or heard <= 0:
        return None
    delay, follows = _following(from_, into, alone)
    if follows < _FOLLOWS:
        return None
    share = max(heard - noise, 0.0) / max(float(from_[alone].mean()), 1e-12)
    return Leaked(round(decibels(share), 1), delay * FRAME_MS, round(follows, 3))


def _following(
    source: NDArray[np.float64], target: NDArray[np.float64], alone: NDArray[np.bool_]
) -> tuple[int, float]:
    a, b = (10 * np.log10(np.maximum(power, 1e-10)) for power in (source, target))
    at = np.flatnonzero(alone[: max(len(alone) - _LONGEST_DELAY, 0)])
    if len(at) < _LEAST_ALONE:
        return 0, 0.0
    x = a[at] - a[at].mean()
    best, found = 0, 0.0
    for delay in range(_LONGEST_DELAY):
        y = b[at + delay] - b[at + delay].mean()
        norm = float(np.sqrt(_inner(x, x) * _inner(y, y)))
        follows = _inner(x, y) / norm if norm > 0 else 0.0
        if follows > found:
            best, found = delay, follows
    return best, found


def _inner(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Return the inner product, outside BLAS: its threads wait for each other on a busy machine."""
    return float(np.einsum("i,i->", x, y))


def _loudest(a: FloatArray, b: FloatArray, size: int) -> list[int]:
    """Return where the loudest chunk of each part of the call starts."""
    chunks = max(len(a) // size, 1)
    energy = np.array(
        [
            float(np.square(finite(a[k * size : (k + 1) * size])).sum(dtype=np.float64))
            + float(np.square(finite(b[k * size : (k + 1) * size])).sum(dtype=np.float64))
            for k in range(chunks)
        ]
    )
    parts = np.array_split(np.arange(chunks), min(_PARTS, chunks))
    return [int(part[energy[part].argmax()]) * size for part in parts]


def _centred(chunk: FloatArray) -> NDArray[np.float64]:
    clean = finite(chunk).astype(np.float64)
    return np.asarray(clean - clean.mean())
