"""Which stretches of a channel are speech.

In order: frames that rise far enough above the floor, held down to a lower threshold; tones out;
stretches out that WebRTC hardly took for speech, that stay at one level, or that lie far below
the channel's own speech (breath, clicks, rustling); music out. What is left is speech, in frames
of 10 ms.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from speechqa.settings import VadSettings
from speechqa.vad.channel import Channel
from speechqa.vad.edges import own_level_db, reach_frames, sharpened, widened
from speechqa.vad.frames import FloatArray, IntervalArray, bridge, fill, hysteresis, runs
from speechqa.vad.music import musicality
from speechqa.vad.tones import tone_spans

_JOIN_FRAMES = 6
_LEAST_VOTES, _LEAST_VOTES_IN_DOUBT, _FEW_VOTES = 0.55, 0.3, 0.75
_LOUD_DB = 10.0
_SHORT_FRAMES = 30
_LEAST_SPREAD_DB, _LITTLE_SPREAD_DB = 2.5, 3.7
_SPREAD_FRAMES, _SPREAD_TRIM = 100, 5
_MUSIC = 0.18
_MUSIC_PAUSES = 0.2
_MAYBE_MUSIC = 0.06


@dataclass(frozen=True)
class Verdict:
    """Speech of one channel and the stretches that a second opinion should look at.

    Parameters
    ----------
    speech
        In frames, shape (n, 2).
    suspicious
        Which of them may not be speech after all, shape (n,).
    """

    speech: IntervalArray
    suspicious: NDArray[np.bool_]


def decide(
    channel: Channel, spans: IntervalArray, clear_db: float, settings: VadSettings
) -> Verdict:
    """Return which of the `candidates` of `channel` are speech, in noise `clear_db` below it."""
    spans = spans[_sounds_like_speech(channel, spans, settings)]
    if not len(spans):
        return Verdict(spans, np.zeros(0, dtype=bool))
    verdict = _without_music(channel, spans)
    wide = widened(channel, verdict.speech, clear_db)
    speech = bridge(wide, reach_frames(clear_db, settings))
    inside = np.searchsorted(speech[:, 0], verdict.speech[:, 0], side="right") - 1
    suspicious = np.zeros(len(speech), dtype=bool)
    np.logical_or.at(suspicious, inside, verdict.suspicious)
    return Verdict(speech, suspicious)


def candidates(channel: Channel, settings: VadSettings) -> IntervalArray:
    """Return the stretches that rise above the floor and are no tones, in frames."""
    high = channel.rise_db > settings.onset_db
    own = own_level_db(channel.level_db, high & channel.votes)
    if own is None or own < settings.least_level_db:
        return np.empty((0, 2), dtype=np.int64)
    loud = channel.level_db > own - settings.range_db
    spans = runs(hysteresis(high & loud, (channel.rise_db > settings.hold_db) & loud))
    spans = spans[~tone_spans(channel.samples, spans, channel.level_db, channel.noise_db)]
    return bridge(sharpened(channel, spans), _JOIN_FRAMES)


def _sounds_like_speech(
    channel: Channel, spans: IntervalArray, settings: VadSettings
) -> NDArray[np.bool_]:
    if not len(spans):
        return np.zeros(0, dtype=bool)
    # An end index of reduceat may lie one past the last frame: one more frame, never the loudest.
    level = np.append(channel.level_db, np.float32(-np.inf))
    peak = np.maximum.reduceat(level, spans.ravel())[::2]
    own = own_level_db(channel.level_db, fill(spans, len(channel.level_db)))
    assert own is not None
    # WebRTC is late for a loud word after a long pause in noise: half its frames may lack a vote.
    lenient = (spans[:, 1] - spans[:, 0] < _SHORT_FRAMES) | (peak > own - _LOUD_DB)
    return np.asarray(
        (_vote_share(channel, spans) >= np.where(lenient, _LEAST_VOTES_IN_DOUBT, _LEAST_VOTES))
        & (level_spread_db(channel.level_db, spans) >= _LEAST_SPREAD_DB)
        & (peak > own - settings.quiet_db)
    )


def _vote_share(channel: Channel, spans: IntervalArray) -> NDArray[np.float64]:
    votes = np.concatenate(([0], np.cumsum(channel.votes)))
    return np.asarray((votes[spans[:, 1]] - votes[spans[:, 0]]) / (spans[:, 1] - spans[:, 0]))


def level_spread_db(level_db: FloatArray, spans: IntervalArray) -> NDArray[np.float64]:
    """Return the standard deviation of the level inside each span; infinite under 1 s.

    Speech rises and falls with its syllables: by 3.7 dB and more in a second, in every voice
    looked at, also at 10 dB of noise (a drawn-out hum of half a second can have 1.6). Bursts of
    noise have 0.6, a fan 2, a held chord 0.9.

    >>> level_spread_db(np.tile([-20.0, -30.0], 60), np.array([[0, 120], [0, 90]])).tolist()
    [5.0, inf]
    """
    core = spans + np.array([_SPREAD_TRIM, -_SPREAD_TRIM])
    size = core[:, 1] - core[:, 0]
    core[size <= 0] = 0
    total, squares = (
        np.concatenate(([0.0], np.cumsum(values, dtype=np.float64)))
        for values in (level_db, np.square(level_db, dtype=np.float64))
    )
    count = np.maximum(size, 1)
    mean = (total[core[:, 1]] - total[core[:, 0]]) / count
    power = (squares[core[:, 1]] - squares[core[:, 0]]) / count
    spread = np.sqrt(np.maximum(power - mean**2, 0.0))
    return np.where(spans[:, 1] - spans[:, 0] < _SPREAD_FRAMES, np.inf, spread)


def _without_music(channel: Channel, spans: IntervalArray) -> Verdict:
    frames = len(channel.level_db)
    active = fill(spans, frames)
    score, pauses = musicality(channel.samples, active, channel.power.sum(axis=1))
    known = ~np.isnan(score)
    count = np.concatenate(([0], np.cumsum(known)))
    counted = count[spans[:, 1]] - count[spans[:, 0]]
    mean, paused = (
        (total[spans[:, 1]] - total[spans[:, 0]]) / np.maximum(counted, 1)
        for total in (
            np.concatenate(([0.0], np.cumsum(np.where(known, values, 0.0), dtype=np.float64)))
            for values in (score, pauses)
        )
    )
    # A voice that stays on one note still pauses; if in doubt, it is left to a second opinion.
    music = (counted > 0) & (mean > _MUSIC) & (paused < _MUSIC_PAUSES)
    kept = spans[~music]
    suspicious = ((counted > 0) & (mean > _MAYBE_MUSIC))[~music]
    long = kept[:, 1] - kept[:, 0] >= _SHORT_FRAMES
    suspicious |= long & (_vote_share(channel, kept) < _FEW_VOTES)
    suspicious |= level_spread_db(channel.level_db, kept) < _LITTLE_SPREAD_DB
    return Verdict(kept, np.asarray(suspicious))
