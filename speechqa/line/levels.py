"""How loud each channel is: level, signal to noise, clipping, raised voice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from speechqa.settings import LineSettings

FloatArray = NDArray[np.float32]
IntervalArray = NDArray[np.int64]


@dataclass(frozen=True)
class Levels:
    """Level figures of one channel; None where there is nothing to measure.

    Parameters
    ----------
    level_dbfs
        RMS over the channel's talkspurts, in dB below a full-scale square wave.
    snr_db
        RMS over the talkspurts against RMS outside them.
    clipped_share
        Share of all samples at full scale, 0 to 1.
    raised_voice
        Spans (ms) of at least 2 s of speech 9 dB above the party's own median.
    unmeasured
        Why a figure is None, by name.
    """

    level_dbfs: float | None
    snr_db: float | None
    clipped_share: float
    raised_voice: tuple[tuple[int, int], ...]
    unmeasured: dict[str, str]


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

    Examples
    --------
    >>> half = np.full((1, 8000), 0.5, dtype=np.float32)
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
    power = np.concatenate(([0.0], np.cumsum(np.square(channel, dtype=np.float64))))
    at = np.clip(np.asarray(spans, dtype=np.int64) * rate_hz // 1000, 0, len(channel))
    inside = float(np.sum(power[at[:, 1]] - power[at[:, 0]])) if len(at) else 0.0
    size = int(np.sum(at[:, 1] - at[:, 0])) if len(at) else 0
    unmeasured: dict[str, str] = {}
    level = _db(inside / size) if size and inside > 0 else None
    if level is None:
        unmeasured["level_dbfs"] = "no speech on this channel"
    snr = None
    outside, rest = float(power[-1]) - inside, len(channel) - size
    if level is None:
        unmeasured["snr_db"] = "no speech on this channel"
    elif rest * 1000 < settings.snr_min_pause_ms * rate_hz:
        unmeasured["snr_db"] = "hardly anything outside the talkspurts"
    elif outside / rest < 1e-12:
        unmeasured["snr_db"] = "digital silence outside the talkspurts"
    else:
        snr = round(level - _db(outside / rest), 1)
    clipped = float(np.mean(np.abs(channel) >= settings.full_scale)) if len(channel) else 0.0
    return Levels(
        level_dbfs=None if level is None else round(level, 1),
        snr_db=snr,
        clipped_share=clipped,
        raised_voice=_raised(power, rate_hz, at, settings),
        unmeasured=unmeasured,
    )


def _raised(
    power: NDArray[np.float64], rate_hz: int, at: IntervalArray, settings: LineSettings
) -> tuple[tuple[int, int], ...]:
    """Spans of `raised_min_ms` of own speech, each second of it above the own median."""
    step = rate_hz // 10
    pieces = [np.arange(a, b - step + 1, step) for a, b in at]
    starts = np.concatenate(pieces) if pieces else np.empty(0, dtype=np.int64)
    need = settings.raised_min_ms // 100
    if len(starts) < 2 * need:
        return ()
    energy = power[starts + step] - power[starts]
    window = np.convolve(energy, np.ones(need) / need, mode="valid")
    decibels = 10 * np.log10(np.maximum(window / step, 1e-12))
    own = (
        10 * np.log10(max(float(np.median(energy[energy > 0])) / step, 1e-12))
        if np.any(energy > 0)
        else 0.0
    )
    loud = np.flatnonzero(decibels >= own + settings.raised_db)
    spans: list[list[int]] = []
    for first in loud:
        start, end = int(starts[first]), int(starts[first + need - 1] + step)
        if spans and start <= spans[-1][1]:
            spans[-1][1] = end
        else:
            spans.append([start, end])
    return tuple((a * 1000 // rate_hz, b * 1000 // rate_hz) for a, b in spans)


def _db(power: float) -> float:
    return float(10 * np.log10(power))
