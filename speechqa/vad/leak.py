"""The other party's voice in this channel.

Echo, sidetone and crosstalk carry a weaker copy of one party into the other's channel, where
every detector calls it speech: overlaps and interruptions that nobody made. Where it happens, the
copy follows the other channel: same shape in time, one delay, one gain per band. Both are
measured on the recording itself, and the level that they predict becomes a floor under the
channel: a frame counts only if it rises above what has leaked into it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from speechqa.vad.frames import FRAME_MS, BoolArray, FloatArray
from speechqa.vad.spectrum import decibels

_LONGEST_DELAY = 60
"""Frames; a round trip over two networks stays below 600 ms."""
_LEAST_FRAMES = 200
_ENOUGH_FRAMES = 6000
"""A minute of one party speaking alone tells the delay; an hour tells no more."""
_LEAST_LIKENESS = 0.35
_DOMINANCE_DB = 6.0
_DECAY_DB = np.float32(1.5)
_LEAST_DB = np.float32(-99.0)


@dataclass(frozen=True)
class Leak:
    """How one channel leaks into another.

    Parameters
    ----------
    delay_ms
        How much later it arrives.
    gain_db
        Its strength per band against the source, shape (bands,).
    spread_db
        How far single frames stray upwards from that, per band.
    likeness
        Correlation of the two levels where only the source speaks, 0 to 1.
    """

    delay_ms: int
    gain_db: FloatArray
    spread_db: FloatArray
    likeness: float

    @property
    def strength_db(self) -> float:
        """Gain in the band where most of the leak is."""
        return float(np.max(self.gain_db))


def find_leak(source: FloatArray, target: FloatArray, speaking: BoolArray) -> Leak | None:
    """Return how `source` leaks into `target`; None where it does not.

    Parameters
    ----------
    source, target
        Smoothed level of the two channels in dB per band, shape (frames, bands).
    speaking
        Frames where the source channel is active.
    """
    total_a, total_b = _total(source), _total(target)
    alone = speaking & (total_a > total_b + _DOMINANCE_DB)
    delay, likeness = _delay(total_a, total_b, alone)
    if delay is None or likeness < _LEAST_LIKENESS:
        return None
    at = np.flatnonzero(alone[: len(alone) - delay])
    ratio = target[at + delay] - source[at]
    gain = np.median(ratio, axis=0)
    spread = np.clip(gain - np.percentile(ratio, 16, axis=0), 1.0, 6.0)
    return Leak(
        delay * FRAME_MS, gain.astype(np.float32), spread.astype(np.float32), float(likeness)
    )


def predicted(leak: Leak, source: FloatArray) -> FloatArray:
    """Return the leaked level in dB to expect, shape of `source` (frames, bands).

    The level falls by at most 1.5 dB a frame, since rooms and echo paths ring on.
    """
    level = source + leak.gain_db + leak.spread_db
    delay = leak.delay_ms // FRAME_MS
    reached = np.maximum(_shift(level, delay), _shift(level, delay + 1))
    if delay:
        reached = np.maximum(reached, _shift(level, delay - 1))
    slope = _DECAY_DB * np.arange(len(level), dtype=np.float32)[:, None]
    ringing = np.maximum.accumulate(reached + slope, axis=0) - slope
    return np.asarray(np.maximum(ringing, _LEAST_DB), dtype=np.float32)


def _total(level_db: FloatArray) -> FloatArray:
    return decibels(np.sum(10 ** (level_db / 10), axis=1, dtype=np.float32))


def _delay(a: FloatArray, b: FloatArray, alone: BoolArray) -> tuple[int | None, float]:
    """Return the delay in frames at which `b` follows `a` best, and how well."""
    at = np.flatnonzero(alone[: max(len(alone) - _LONGEST_DELAY, 0)])
    if len(at) < _LEAST_FRAMES:
        return None, 0.0
    at = at[:: max(len(at) // _ENOUGH_FRAMES, 1)]
    x = a[at] - a[at].mean()
    own = _inner(x, x)
    best, likeness = 0, 0.0
    for delay in range(_LONGEST_DELAY):
        y = b[at + delay]
        y = np.minimum(y, _middle(y) + 12)
        y -= y.mean()
        norm = float(np.sqrt(own * _inner(y, y)))
        found = _inner(x, y) / norm if norm > 0 else 0.0
        if found > likeness:
            best, likeness = delay, found
    return best, likeness


def _middle(values: FloatArray) -> np.float32:
    """Return the median of every fourth value: near enough for a ceiling, a fifth of the time."""
    some = values[::4]
    middle: np.float32 = np.partition(some, len(some) // 2)[len(some) // 2]
    return middle


def _inner(x: FloatArray, y: FloatArray) -> float:
    """Return the inner product, outside BLAS: its threads wait for each other on a busy machine."""
    return float(np.einsum("i,i->", x, y))


def _shift(level: FloatArray, frames: int) -> FloatArray:
    if not frames:
        return level
    moved = np.full_like(level, _LEAST_DB)
    moved[frames:] = level[:-frames]
    return moved
