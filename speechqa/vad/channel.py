"""One channel, looked at once: what every later step of the detector needs."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from speechqa.settings import VadSettings
from speechqa.vad import webrtc
from speechqa.vad.floor import noise_floor, rise
from speechqa.vad.frames import BoolArray, FloatArray
from speechqa.vad.spectrum import band_power, decibels, smooth


@dataclass(frozen=True)
class Channel:
    """Figures of one channel at 8 kHz, per frame of 10 ms.

    Parameters
    ----------
    samples
        At 8 kHz, shape (n,).
    power
        Per band, shape (frames, bands).
    smooth_db
        The same in dB, averaged over five frames, shape (frames, bands).
    floor_db
        Level per band that a frame must rise above, shape (frames, bands).
    noise_db
        Level of the line's own noise, all bands together, in the middle.
    rise_db
        How far each frame rises above the floor, shape (frames,).
    level_db
        Power of all bands, shape (frames,).
    votes
        WebRTC's votes, shape (frames,).
    """

    samples: FloatArray
    power: FloatArray
    smooth_db: FloatArray
    floor_db: FloatArray
    noise_db: float
    rise_db: FloatArray
    level_db: FloatArray
    votes: BoolArray

    def over(self, leaked_db: FloatArray) -> Channel:
        """Return the channel with the leak of the other party put under its floor."""
        floor = np.maximum(self.floor_db, leaked_db)
        return replace(self, floor_db=floor, rise_db=rise(self.smooth_db, floor))


def look(samples: FloatArray, settings: VadSettings) -> Channel:
    """Return the figures of one channel at 8 kHz."""
    power = band_power(samples)
    smooth_db = decibels(smooth(power))
    floor = noise_floor(power)
    return Channel(
        samples=samples,
        power=power,
        smooth_db=smooth_db,
        floor_db=floor,
        noise_db=_middle_db(floor),
        rise_db=rise(smooth_db, floor),
        level_db=decibels(power.sum(axis=1)),
        votes=webrtc.votes(samples, settings.aggressiveness),
    )


def _middle_db(floor_db: FloatArray) -> float:
    """Return the median level of the floor, all bands together; -100 without frames."""
    if not len(floor_db):
        return -100.0
    return float(np.median(10 * np.log10(np.sum(10 ** (floor_db / 10), axis=1))))
