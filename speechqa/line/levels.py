"""How loud each channel is: level, signal to noise, clipping, raised voice.

Figures are made per channel, over the party's own talkspurts, with any constant offset taken off.
What cannot be measured is None, with the reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from speechqa.line.frames import (
    FRAME_MS,
    FloatArray,
    IntervalArray,
    decibels,
    frame_power,
    inside,
    stretches,
)
from speechqa.settings import LineSettings

_STEP = 10
"""Frames: raised voice is looked for in steps of 100 ms of own speech."""
_AROUND = 10
_NOTHING = 1e-12


@dataclass(frozen=True)
class Levels:
    """Level figures of one channel; None where there is nothing to measure.

    Parameters
    ----------
    level_dbfs
        RMS over the channel's talkspurts; 0 dB is a full-scale square wave.
    snr_db
        RMS over the talkspurts against RMS outside them.
    clipped_share
        Share of all samples at full scale, 0 to 1.
    raised_voice
        Spans (ms) of at least 2 s of speech, 9 dB above the median of the party's own seconds.
    unmeasured
        Why a figure is None or could not be looked for, by name.
    """

    level_dbfs: float | None
    snr_db: float | None
    clipped_share: float | None
    raised_voice: tuple[tuple[int, int], ...]
    unmeasured: dict[str, str] = field(default_factory=dict)


def levels(
    samples: FloatArray,
    rate_hz: int,
    speech: Sequence[IntervalArray],
    settings: LineSettings | None = None,
) -> list[Levels]:
    """Measure the level of each channel over its own talkspurts.

    Parameters
    ----------
    samples
        Shape (channels, n), float in [-1, 1].
    rate_hz
        Sampling rate.
    speech
        Talkspurts per channel, ms, each of shape (k, 2).
    settings
        Thresholds; None for the defaults.

    Examples
    --------
    >>> half = np.tile(np.array([0.5, -0.5], dtype=np.float32), (1, 4000))
    >>> levels(half, 8000, [np.array([[0, 1000]])])[0].level_dbfs
    -6.0
    """
    settings = settings or LineSettings()
    return [
        _of_channel(channel, rate_hz, spans, settings)
        for channel, spans in zip(samples, speech, strict=True)
    ]


def _of_channel(
    channel: FloatArray, rate_hz: int, spans: IntervalArray, settings: LineSettings
) -> Levels:
    power = frame_power(channel, rate_hz)
    own = inside(spans, len(power))
    unmeasured: dict[str, str] = {}
    level = snr = None
    if not own.any() or float(power[own].mean()) < _NOTHING:
        unmeasured["level_dbfs"] = unmeasured["snr_db"] = "no speech on this channel"
    else:
        level = decibels(float(power[own].mean()))
        pause = power[~own]
        if len(pause) * FRAME_MS < settings.snr_min_pause_ms:
            unmeasured["snr_db"] = "hardly anything outside the talkspurts"
        elif float(pause.mean()) < _NOTHING:
            unmeasured["snr_db"] = "digital silence outside the talkspurts"
        else:
            snr = level - decibels(float(pause.mean()))
    raised: tuple[tuple[int, int], ...] = ()
    if int(own.sum()) * FRAME_MS < settings.raised_least_speech_ms:
        unmeasured["raised_voice"] = f"under {settings.raised_least_speech_ms // 1000} s of speech"
    else:
        raised = _raised(power, own, settings)
    return Levels(
        level_dbfs=None if level is None else round(level, 1),
        snr_db=None if snr is None else round(snr, 1),
        clipped_share=clipped_share(channel, settings.full_scale) if len(channel) else None,
        raised_voice=raised,
        unmeasured=unmeasured,
    )


def clipped_share(channel: FloatArray, full_scale: float) -> float:
    """Return the share of samples at or above `full_scale`, either sign; not-finite ones too.

    >>> clipped_share(np.array([1.0, -1.0, 0.5, 0.0]), 0.98)
    0.5
    """
    below = sum(int((np.abs(part) < full_scale).sum()) for part in stretches(channel))
    return (len(channel) - below) / len(channel)


def _raised(
    power: NDArray[np.float64], own: NDArray[np.bool_], settings: LineSettings
) -> tuple[tuple[int, int], ...]:
    at = np.flatnonzero(own)
    at = at[: len(at) // _STEP * _STEP]
    energy = power[at].reshape(-1, _STEP).mean(axis=1)
    starts, ends = at[::_STEP], at[_STEP - 1 :: _STEP] + 1
    # The level of each step is that of the second around it: syllables don't cut a shout.
    weight = np.convolve(np.ones(len(energy)), np.ones(_AROUND), mode="same")
    window = np.convolve(energy, np.ones(_AROUND), mode="same") / weight
    level = 10 * np.log10(np.maximum(window, _NOTHING))
    loud = level >= np.median(level) + settings.raised_db
    edges = np.flatnonzero(np.diff(loud.astype(np.int8), prepend=0, append=0)).reshape(-1, 2)
    needed = settings.raised_min_ms // (_STEP * FRAME_MS)
    return tuple(
        (int(starts[first]) * FRAME_MS, int(ends[after - 1]) * FRAME_MS)
        for first, after in edges
        if after - first >= needed
    )
