"""What a telephone line does to clean speech.

Signals are float64 in [-1, 1]; shape (n,) for one channel, (2, n) for a call with the agent
first. Nothing here knows who spoke when: levels that refer to speech take the talkspurts as an
argument. All filters have zero phase, so the truth of a call stays the truth.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import soxr
from numpy.typing import NDArray

from speechqa.intervals import IntervalArray

Samples = NDArray[np.float64]
NoiseColour = Literal["white", "pink", "hum"]

LINE_RATE_HZ = 8000
QUIET_SPEECH_DBFS = -23.0
"""Stands in for the speech level of a channel on which nobody speaks."""


def resampled(samples: Samples, *, rate_hz: int, to_hz: int = LINE_RATE_HZ) -> Samples:
    """Return one channel at another rate, without shifting it in time."""
    out: Samples = soxr.resample(np.asarray(samples, dtype=np.float64), rate_hz, to_hz, "VHQ")
    return out


def band_limit(
    samples: Samples,
    *,
    low_hz: float = 300.0,
    high_hz: float = 3400.0,
    slope_hz: float = 40.0,
    rate_hz: int = LINE_RATE_HZ,
) -> Samples:
    """Keep `low_hz` to `high_hz`; outside it falls to nothing within `slope_hz`.

    Examples
    --------
    >>> hum = np.sin(2 * np.pi * 100 * np.arange(8000) / 8000)
    >>> float(np.abs(band_limit(hum)[1000:7000]).max()) < 0.01
    True
    """
    count = samples.shape[-1]
    size = 1 << max(count + rate_hz // 4, 2).bit_length()
    at = np.fft.rfftfreq(size, 1 / rate_hz)
    rise = np.clip((at - low_hz) / slope_hz + 1, 0, 1)
    fall = np.clip((high_hz - at) / slope_hz + 1, 0, 1)
    response = np.sin(np.pi / 2 * np.minimum(rise, fall)) ** 2
    out: Samples = np.fft.irfft(np.fft.rfft(samples, size) * response, size)[..., :count]
    return out


def speech_rms(samples: Samples, speech: IntervalArray, *, rate_hz: int = LINE_RATE_HZ) -> float:
    """Return the RMS of one channel over its talkspurts, or of -23 dBFS where there are none."""
    pieces = [samples[s * rate_hz // 1000 : e * rate_hz // 1000] for s, e in speech.tolist()]
    spoken = np.concatenate([np.zeros(0), *pieces])
    if len(spoken) == 0:
        return float(10 ** (QUIET_SPEECH_DBFS / 20))
    return float(np.sqrt(np.mean(spoken**2)))


def noise(
    count: int, *, colour: NoiseColour, rng: np.random.Generator, rate_hz: int = LINE_RATE_HZ
) -> Samples:
    """Return `count` samples of line noise with an RMS of 1.

    "white" hisses, "pink" falls by 3 dB an octave (a room), "hum" is mains with harmonics.
    """
    wave = rng.standard_normal(count)
    if colour == "pink":
        spectrum = np.fft.rfft(wave)
        at = np.fft.rfftfreq(count, 1 / rate_hz)
        wave = np.fft.irfft(spectrum / np.sqrt(np.maximum(at, 50.0)), count)
    elif colour == "hum":
        at = np.arange(count) / rate_hz
        mains = sum(np.sin(2 * np.pi * 50 * k * at + k) / k for k in (1, 2, 3, 4, 5, 6))
        wave = 0.1 * wave + mains
    out: Samples = wave / np.sqrt(np.mean(wave**2)) if count else wave
    return out


def add_noise(
    samples: Samples,
    speech: IntervalArray,
    *,
    snr_db: float,
    rng: np.random.Generator,
    colour: NoiseColour = "white",
    rate_hz: int = LINE_RATE_HZ,
) -> Samples:
    """Add noise to one channel, `snr_db` below its own speech."""
    level = speech_rms(samples, speech, rate_hz=rate_hz) * 10 ** (-snr_db / 20)
    return samples + level * noise(len(samples), colour=colour, rng=rng, rate_hz=rate_hz)


def leak(
    call: Samples, *, leak_db: float, delay_ms: int = 0, rate_hz: int = LINE_RATE_HZ
) -> Samples:
    """Let each channel be heard in the other one, `leak_db` (negative) weaker, a little later.

    Examples
    --------
    >>> leak(np.array([[1.0, 0], [0, 0]]), leak_db=-20).round(3).tolist()
    [[1.0, 0.0], [0.1, 0.0]]
    """
    shift = delay_ms * rate_hz // 1000
    late = np.zeros_like(call)
    late[:, shift:] = call[:, : call.shape[1] - shift]
    return call + 10 ** (leak_db / 20) * late[::-1]


def amplified(samples: Samples, *, gain_db: float) -> Samples:
    """Return the samples louder (or, below 0, softer) by `gain_db`."""
    return samples * 10 ** (gain_db / 20)


def overdriven(samples: Samples, *, drive_db: float) -> Samples:
    """Amplify by `drive_db` into the limits, so that peaks are cut at full scale."""
    return np.clip(amplified(samples, gain_db=drive_db), -1.0, 1.0)


def offset(samples: Samples, *, dc: float) -> Samples:
    """Add a constant, as a share of full scale."""
    return samples + dc


def _mu_law_levels() -> NDArray[np.int32]:
    codes = np.arange(256)
    exponent, mantissa = (~codes >> 4) & 7, ~codes & 15
    size = (((mantissa << 3) + 0x84) << exponent) - 0x84
    return np.unique(np.where((~codes & 0x80) > 0, -size, size)).astype(np.int32)


_LEVELS = _mu_law_levels()
_EDGES = (_LEVELS[1:] + _LEVELS[:-1]) / 2


def mu_law(samples: Samples) -> NDArray[np.float32]:
    """Return the samples as they come back from 8-bit mu-law (ITU-T G.711), float32.

    The values are exactly those that a mu-law file decodes to, so writing and reading such a
    file changes nothing.

    Examples
    --------
    >>> [round(v, 4) for v in mu_law(np.array([0.0, 0.5, 2.0])).tolist()]
    [0.0, 0.5116, 0.9803]
    """
    pcm = np.clip(samples, -1, 1) * 32768
    return (_LEVELS[np.searchsorted(_EDGES, pcm)] / 32768).astype(np.float32)
