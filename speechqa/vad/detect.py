"""Talkspurts of one channel, of all channels of a recording, and what the recogniser gets."""

from __future__ import annotations

import numpy as np

from speechqa.audio import resample
from speechqa.settings import VadSettings
from speechqa.vad import leak, silero
from speechqa.vad.channel import Channel, look
from speechqa.vad.decide import candidates, decide
from speechqa.vad.edges import clearance_db, in_ms
from speechqa.vad.frames import (
    FRAME,
    RATE_HZ,
    FloatArray,
    IntervalArray,
    bridge,
    drop_short,
    fill,
)


def speech(
    samples: FloatArray,
    rate_hz: int,
    settings: VadSettings,
    *,
    other: FloatArray | None = None,
) -> IntervalArray:
    """Return the talkspurts of one channel: unpadded, ms, int64, shape (n, 2).

    Parameters
    ----------
    samples
        One channel, shape (n,), float in [-1, 1].
    rate_hz
        Its sampling rate; anything but 8000 is resampled to that.
    settings
        Detector and thresholds.
    other
        The other party's channel at the same rate, whose leak is not speech here.

    Examples
    --------
    >>> speech(np.zeros(8000, dtype=np.float32), 8000, VadSettings()).tolist()
    []
    """
    both = samples[None] if other is None else np.stack([samples, other])
    return _talkspurts(both, rate_hz, settings)[0]


def speech_of_channels(
    samples: FloatArray, rate_hz: int, settings: VadSettings
) -> list[IntervalArray]:
    """Return the talkspurts of every channel of one recording; samples (channels, n).

    Examples
    --------
    >>> [spans.tolist() for spans in speech_of_channels(np.zeros((2, 80)), 8000, VadSettings())]
    [[], []]
    """
    return _talkspurts(samples, rate_hz, settings)


def asr_spans(speech: IntervalArray, duration_ms: int, settings: VadSettings) -> IntervalArray:
    """Return talkspurts padded each side and merged, for recognising; never for measuring.

    Examples
    --------
    >>> asr_spans(np.array([[300, 900], [1200, 1500]]), 1600, VadSettings()).tolist()
    [[0, 1600]]
    """
    if not len(speech):
        return np.empty((0, 2), dtype=np.int64)
    pad = np.array([-settings.asr_pad_ms, settings.asr_pad_ms])
    return bridge(np.clip(speech + pad, 0, duration_ms).astype(np.int64), 1)


def tidy(spans: IntervalArray, settings: VadSettings) -> IntervalArray:
    """Bridge short gaps, then drop short islands: what makes a talkspurt.

    Examples
    --------
    >>> tidy(np.array([[0, 90], [180, 300], [900, 950]]), VadSettings()).tolist()
    [[0, 300]]
    """
    joined = bridge(spans, settings.bridge_ms)
    return drop_short(joined, settings.island_ms).astype(np.int64)


def _talkspurts(samples: FloatArray, rate_hz: int, settings: VadSettings) -> list[IntervalArray]:
    duration_ms = samples.shape[1] * 1000 // rate_hz
    narrow = [_telephone(channel, rate_hz) for channel in samples]
    if settings.detector == "silero":
        found = [np.minimum(silero.spans_ms(channel), duration_ms) for channel in narrow]
        return [tidy(spans, settings) for spans in found]
    seen = [look(channel, settings) for channel in narrow]
    maybe = [candidates(channel, settings) for channel in seen]
    if len(seen) == 2:
        seen, maybe = _without_leak(seen, maybe, settings)
    talkspurts = []
    for channel, spans in zip(seen, maybe, strict=True):
        clear_db = clearance_db(channel, settings)
        kept = _spans(channel, spans, clear_db, settings)
        talkspurts.append(tidy(in_ms(kept, duration_ms, clear_db), settings))
    return talkspurts


def _spans(
    channel: Channel, maybe: IntervalArray, clear_db: float, settings: VadSettings
) -> IntervalArray:
    verdict = decide(channel, maybe, clear_db, settings)
    if settings.detector != "auto" or not np.any(verdict.suspicious):
        return verdict.speech
    doubted = verdict.speech[verdict.suspicious]
    kept = [span for span in doubted if silero.agrees(channel.samples, span * FRAME)]
    sure = verdict.speech[~verdict.suspicious]
    both = np.concatenate([sure, np.array(kept, dtype=np.int64).reshape(-1, 2)])
    return both[np.argsort(both[:, 0])]


def _without_leak(
    seen: list[Channel], maybe: list[IntervalArray], settings: VadSettings
) -> tuple[list[Channel], list[IntervalArray]]:
    """Return two channels and their candidates with the other's leak under the floor."""
    clean, left = list(seen), list(maybe)
    for into, other in ((0, 1), (1, 0)):
        source, target = seen[other].smooth_db, seen[into].smooth_db
        found = leak.find_leak(source, target, fill(maybe[other], len(source)))
        if found:
            clean[into] = seen[into].over(leak.predicted(found, source))
            left[into] = candidates(clean[into], settings)
    return clean, left


def _telephone(samples: FloatArray, rate_hz: int) -> FloatArray:
    clean = np.asarray(samples, dtype=np.float32)
    if not np.all(np.isfinite(clean)):
        clean = np.nan_to_num(clean, posinf=0.0, neginf=0.0)
    return clean if rate_hz == RATE_HZ else resample(clean, rate_hz, RATE_HZ)


__all__ = ["asr_spans", "speech", "speech_of_channels", "tidy"]
