"""Talkspurts of one channel, of all channels of a recording, and what the recogniser gets."""

from __future__ import annotations

import numpy as np

from speechqa.settings import VadSettings
from speechqa.vad import webrtc
from speechqa.vad.frames import (
    FRAME_MS,
    RATE_HZ,
    FloatArray,
    IntervalArray,
    bridge,
    drop_short,
    runs,
    to_ms,
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
    duration_ms = len(samples) * 1000 // rate_hz
    narrow = _telephone(samples, rate_hz)
    if not len(narrow) or not np.any(narrow):
        return np.empty((0, 2), dtype=np.int64)
    mask = webrtc.votes(narrow, settings.aggressiveness)
    return tidy(to_ms(runs(mask), duration_ms), settings)


def speech_of_channels(
    samples: FloatArray, rate_hz: int, settings: VadSettings
) -> list[IntervalArray]:
    """Return the talkspurts of every channel of one recording; samples (channels, n).

    Examples
    --------
    >>> [spans.tolist() for spans in speech_of_channels(np.zeros((2, 80)), 8000, VadSettings())]
    [[], []]
    """
    channels = len(samples)
    return [
        speech(samples[k], rate_hz, settings, other=samples[1 - k] if channels == 2 else None)
        for k in range(channels)
    ]


def asr_spans(speech: IntervalArray, duration_ms: int, settings: VadSettings) -> IntervalArray:
    """Return talkspurts padded each side and merged, for recognising; never for measuring.

    Examples
    --------
    >>> asr_spans(np.array([[300, 900], [1200, 1500]]), 1600, VadSettings()).tolist()
    [[100, 1600]]
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


def _telephone(samples: FloatArray, rate_hz: int) -> FloatArray:
    clean = np.nan_to_num(np.asarray(samples, dtype=np.float32), posinf=0.0, neginf=0.0)
    if rate_hz == RATE_HZ:
        return clean
    import soxr

    return np.asarray(soxr.resample(clean, rate_hz, RATE_HZ), dtype=np.float32)


__all__ = ["FRAME_MS", "asr_spans", "speech", "speech_of_channels", "tidy"]
