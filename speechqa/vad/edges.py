"""Where exactly a stretch of speech begins and ends.

Smoothing and windowing put frames on its ends that are not speech; noise hides weak sounds there
that are. Both are put right here, from the single frames next to each edge. All constants come
from rendered calls whose truth is known to the millisecond, other ones than are reported.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from speechqa.settings import VadSettings
from speechqa.vad.channel import Channel
from speechqa.vad.frames import FRAME_MS, FloatArray, IntervalArray, bridge
from speechqa.vad.spectrum import decibels

_SMEARED_FRAMES = 2
_EDGE_DB = 5.0

_CLEAN_DB = 40.0
"""With the noise this far below the speech, it hides nothing that counts."""
_LOOKED_AT = 18
_LIFT = 1.6
_WEIGHTS = np.array([1.5, 3, 4, 6, 8, 12])
_NOISE_OVER_FLOOR_DB = np.array([1.25, 0.88, 0.8, 0.67, 0.56, 0.46], dtype=np.float32)
_SOUNDS = np.array(
    [
        *np.eye(6),
        [1, 1, 0, 0, 0, 0],
        [0, 1, 1, 0, 0, 0],
        [1, 1, 1, 0, 0, 0],
        [0, 0, 0, 0, 1, 1],
        [1, 1, 1, 1, 1, 1],
    ]
)
"""Bands in which a weak sound may be: one, the low ones, the high ones, all."""
_MOST_PER_FRAME, _LEAST_PER_FRAME = 6.0, -99.0
_SURE = 6.0
_WEAKEST_DB = 35.0
"""Weak sounds of rendered speech lie up to 33 dB below its loud ones; breath and room lower."""

_DEEP_NOISE_DB = 26.0
_HIDDEN_MS_PER_DB = 4.5
_MOST_HIDDEN_MS = 60.0

_EARLIER_MS, _LATER_MS = 5, 3
"""Frames of 10 ms place starts 5 ms late and ends 3 ms early, in the median."""
_INWARD_AT_DB, _INWARD_MS = (27.0, 36.0, 45.0), (0.0, 4.5, 0.0)
"""Noise 30 dB below the speech puts a frame of noise on every second edge. At 20 dB it also hides
as much at others; on clean lines there is none."""


def sharpened(channel: Channel, spans: IntervalArray) -> IntervalArray:
    """Return `spans` without the frames that only smoothing and windowing put at their ends.

    Up to two frames at each end go when they don't rise on their own; one more goes in any case,
    since a window of 25 ms sees a sound some 10 ms before it begins and after it ends. Truth of
    rendered calls says so: without this, starts are 9 to 26 ms early and ends as late.
    """
    steps = np.arange(_SMEARED_FRAMES)
    fore, aft = spans[:, :1] + steps, spans[:, 1:] - 1 - steps
    lead, tail = (
        np.cumprod(_rise_alone(channel, at) < _EDGE_DB, axis=1).sum(axis=1) for at in (fore, aft)
    )
    start = spans[:, 0] + lead + (spans[:, 0] > 0)
    end = spans[:, 1] - tail - (spans[:, 1] < len(channel.level_db))
    return np.asarray(np.stack((start, end), axis=1)[start < end], dtype=np.int64)


def widened(channel: Channel, spans: IntervalArray, clear_db: float) -> IntervalArray:
    """Return `spans` with the weak sounds at their ends that noise hides from single frames.

    At 20 dB of noise one edge in ten is some 100 ms off, because a fricative or a dying vowel
    stands out too little in any frame. Over several frames it does: from the edge outwards, the
    logarithm of how much likelier some bands are raised by 2 dB than not is added up, and the
    edge moves to where the sum is greatest, if it is great enough and what lies between is no
    more than 35 dB below the channel's loud speech. Nothing is looked for on lines where the
    noise lies `clear_db` below speech and that is 40 dB or more.
    """
    if not len(spans) or clear_db >= _CLEAN_DB:
        return spans
    steps = 1 + np.arange(_LOOKED_AT)
    # The frame beside an edge is left out: it hears the speech on the other side.
    least = 10 ** ((channel.noise_db + clear_db - _WEAKEST_DB) / 10)
    start = spans[:, 0] - _hidden(channel, spans[:, :1] - 1 - steps, least)
    end = spans[:, 1] + _hidden(channel, spans[:, 1:] + steps, least)
    start = np.minimum.accumulate(start[::-1])[::-1]
    return bridge(np.stack((start, np.maximum.accumulate(end)), axis=1), 1)


def clearance_db(channel: Channel, settings: VadSettings) -> float:
    """Return how far the noise of a channel lies below its own loud speech; 40 without speech."""
    own = own_level_db(channel.level_db, channel.rise_db > settings.onset_db)
    return _CLEAN_DB if own is None else own - channel.noise_db


def reach_frames(clear_db: float, settings: VadSettings) -> int:
    """Return the gap to bridge in noise `clear_db` below the speech, in frames.

    Deep noise hides whole weak syllables, so that a pause looks longer than it is.

    >>> reach_frames(40.0, VadSettings()), reach_frames(16.0, VadSettings())
    (20, 24)
    """
    hidden_ms = np.clip(_HIDDEN_MS_PER_DB * (_DEEP_NOISE_DB - clear_db), 0, _MOST_HIDDEN_MS)
    return round((settings.bridge_ms + float(hidden_ms)) / FRAME_MS)


def in_ms(spans: IntervalArray, duration_ms: int, clear_db: float) -> IntervalArray:
    """Turn frame indices into milliseconds, in the recording, without the frames' own bias.

    >>> in_ms(np.array([[0, 2], [5, 13]]), 125, 50.0).tolist()
    [[0, 23], [45, 125]]
    """
    inward = float(np.interp(clear_db, _INWARD_AT_DB, _INWARD_MS))
    shift = np.rint([inward - _EARLIER_MS, _LATER_MS - inward]).astype(np.int64)
    return np.asarray(np.clip(spans * FRAME_MS + shift, 0, duration_ms), dtype=np.int64)


def own_level_db(level_db: FloatArray, speaking: NDArray[np.bool_]) -> float | None:
    """Return how loud the loud frames of a channel's own speech are; None without any.

    >>> own_level_db(np.array([-20.0, -20.0, -90.0]), np.array([True, True, False]))
    -20.0
    """
    return float(np.percentile(level_db[speaking], 95)) if np.any(speaking) else None


def _rise_alone(channel: Channel, frames: NDArray[np.int64]) -> FloatArray:
    """Return how far single frames rise above the floor, unsmoothed."""
    at = np.clip(frames, 0, len(channel.power) - 1)
    above = np.sort(decibels(channel.power[at]) - channel.floor_db[at], axis=-1)
    return np.asarray(above[..., -2:].mean(axis=-1), dtype=np.float32)


def _hidden(channel: Channel, frames: NDArray[np.int64], least: float) -> NDArray[np.int64]:
    """Return how many frames to move each edge; `frames` (n, steps) lead away from it.

    `least` is the power that the sound between must have in the mean.
    """
    last = len(channel.power) - 1
    at = np.clip(frames, 0, last)
    noise_db = channel.floor_db[at] + _NOISE_OVER_FLOOR_DB
    noise = 10 ** (noise_db / 10)
    lift = channel.power[at] / noise
    # Band power is a chi-square of as many degrees as the band holds independent lines, fewer
    # here by what neighbouring windows share.
    likelier = _WEIGHTS * (np.minimum(lift, 1e6) * (1 - 1 / _LIFT) - np.log(_LIFT))
    likelier = np.clip(likelier, _LEAST_PER_FRAME, _MOST_PER_FRAME)
    likelier[(frames < 0) | (frames > last)] = _LEAST_PER_FRAME
    evidence = np.cumsum(likelier, axis=1) @ _SOUNDS.T
    sound = np.cumsum((channel.power[at] - noise).sum(axis=2), axis=1)
    evidence[sound < least * (1 + np.arange(frames.shape[1]))] = -np.inf
    flat = evidence.reshape(len(frames), -1)
    moved = flat.argmax(axis=1) // len(_SOUNDS) + 2
    return np.where(flat.max(axis=1) > _SURE, moved, 0)
