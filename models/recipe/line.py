"""Telephone lines and noise for training speech, and the sounds in which there is no word."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import soxr

from models.recipe.speech import RATE_HZ, FloatArray

Samples = npt.NDArray[np.float64]
_TELEPHONE_HZ = 8_000
_MU = 255.0


def mu_law(samples: FloatArray) -> FloatArray:
    """Samples through an 8-bit mu-law coder and back."""
    clipped = np.clip(samples, -1, 1)
    coded = np.sign(clipped) * np.log1p(_MU * np.abs(clipped)) / np.log1p(_MU)
    steps = np.round((coded + 1) / 2 * 255) / 255 * 2 - 1
    return np.asarray(np.sign(steps) * np.expm1(np.abs(steps) * np.log1p(_MU)) / _MU, np.float32)


def band_limit(samples: FloatArray, rate_hz: int, low_hz: float, high_hz: float) -> FloatArray:
    """Keep a band, with soft edges of a sixth of the edge frequency."""
    spectrum = np.fft.rfft(samples)
    hz = np.fft.rfftfreq(len(samples), 1 / rate_hz)
    gain = 1 / (1 + np.exp(-(hz - low_hz) / (low_hz / 6)))
    gain /= 1 + np.exp((hz - high_hz) / (high_hz / 30))
    return np.asarray(np.fft.irfft(spectrum * gain, len(samples)), np.float32)


def noise(count: int, rng: np.random.Generator) -> FloatArray:
    """Unit-power noise: white, brownish or mains hum."""
    white = rng.standard_normal(count).astype(np.float32)
    kind = rng.random()
    if kind < 0.4:
        out = white
    elif kind < 0.75:
        spectrum = np.fft.rfft(white)
        tilt = 1 / np.sqrt(1 + (np.fft.rfftfreq(count, 1 / RATE_HZ) / 300) ** 2)
        out = np.fft.irfft(spectrum * tilt, count).astype(np.float32)
    else:
        t = np.arange(count) / RATE_HZ
        hum = rng.choice([50, 60, 100, 120])
        phase = 6 * rng.random(3)[:, None]
        out = (0.1 * white + _harmonics(hum, 3, t, phase)).astype(np.float32)
    level = np.sqrt(np.mean(out**2)) + 1e-9
    return np.asarray(out / level, np.float32)


def on_the_line(samples: FloatArray, rng: np.random.Generator, *, telephone: bool) -> FloatArray:
    """A random level and noise, then the wideband or the telephone channel, at 16 kHz."""
    rms = np.sqrt(np.mean(samples**2)) + 1e-6
    out: FloatArray = samples * (0.1 / rms * 10 ** (rng.uniform(-12, 4) / 20))
    if rng.random() < 0.6:
        power = np.sqrt(np.mean(out**2)) * 10 ** (-rng.uniform(13, 42) / 20)
        out = out + noise(len(out), rng) * power
    out = np.clip(out, -1, 1).astype(np.float32)
    if not telephone:
        return out
    narrow = np.asarray(soxr.resample(out, RATE_HZ, _TELEPHONE_HZ), np.float32)
    if rng.random() < 0.6:
        narrow = band_limit(narrow, _TELEPHONE_HZ, rng.uniform(150, 320), rng.uniform(3300, 3700))
    wide = np.asarray(soxr.resample(mu_law(narrow), _TELEPHONE_HZ, RATE_HZ), np.float32)
    if len(wide) < len(samples):
        wide = np.pad(wide, (0, len(samples) - len(wide)))
    return wide[: len(samples)]


def wordless_sounds(*, seconds: float = 12.0, seed: int = 3) -> list[FloatArray]:
    """Noise, hum, tones, rings, music and clicks: nobody speaks in them."""
    rng = np.random.default_rng(seed)
    count = int(seconds * RATE_HZ)
    t = np.arange(count) / RATE_HZ

    def white(power: float = 1.0) -> Samples:
        return power * rng.standard_normal(count)

    def tone(hz: float) -> Samples:
        return np.sin(2 * np.pi * hz * t)

    sounds: list[Samples] = [white(), white()]
    sounds += [np.asarray(noise(count, rng), np.float64) for _ in range(6)]
    sounds += [white(0.05) + _harmonics(hz, 5, t) for hz in (50, 60, 100)]
    sounds += [white(0.003) + tone(hz) for hz in (300, 440, 697, 1000, 1209, 2000)]
    sounds.append(white(0.01) + (tone(440) + tone(480)) * (t % 6 < 2))
    sounds.append(white(0.005) + tone(450) * (t % 5 < 1))
    sounds.append(white(0.01) + tone(1000) * (t % 1 < 0.3))
    sounds += [white(0.005) + _music(count, rng) for _ in range(3)]
    sounds.append(white(3) * (rng.random(count) < 3 / RATE_HZ))
    scaled = []
    for sound in sounds:
        level = 0.05 / (np.sqrt(np.mean(sound**2)) + 1e-9)
        scaled.append(np.asarray(sound * level, np.float32))
    narrow = [
        np.asarray(
            soxr.resample(mu_law(soxr.resample(s, RATE_HZ, 8000)), 8000, RATE_HZ), np.float32
        )
        for s in scaled
    ]
    return scaled + narrow


def _harmonics(hz: float, count: int, t: Samples, phase: Samples | float = 0.0) -> Samples:
    """A tone and its overtones, each weaker by its number."""
    order = np.arange(1, count + 1)[:, None]
    out: Samples = (np.sin(2 * np.pi * hz * order * t + phase) / order).sum(0)
    return out


def _music(count: int, rng: np.random.Generator) -> Samples:
    out = np.zeros(count)
    step = int(RATE_HZ * rng.uniform(0.15, 0.5))
    s = np.arange(step) / RATE_HZ
    for start in range(0, count - step, step):
        chord = 220 * 2 ** (rng.integers(0, 24, rng.integers(1, 4)) / 12)
        tones = np.stack([_harmonics(float(hz), 3, s) for hz in chord]).sum(0)
        out[start : start + step] = tones * np.exp(-3 * s)
    return out
