"""A made voice and made calls, for tests that need sound but no recording."""

import numpy as np

RATE = 8000


def voiced(seconds, *, seed=0, level=0.1, rate=RATE):
    """Return a made voice: a pulse train through two resonances, in syllables of 200 ms."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(seconds * rate)) / rate
    pitch = 120 + 15 * np.sin(2 * np.pi * 0.7 * t + rng.uniform(0, 6))
    phase = np.cumsum(pitch) / rate
    glide = 1 + 0.25 * np.sin(2 * np.pi * 1.3 * t + rng.uniform(0, 6))
    out = np.zeros_like(t)
    for harmonic in range(1, 26):
        f = harmonic * pitch
        gain = np.exp(-(((f - 550 * glide) / 180) ** 2)) + 0.5 * np.exp(
            -(((f - 1500 / glide) / 250) ** 2)
        )
        out += (gain + 0.02) * np.sin(2 * np.pi * harmonic * phase)
    out *= 0.25 + 0.75 * np.sin(np.pi * 2.5 * t) ** 2
    out += 0.001 * rng.standard_normal(len(t))
    return (level * out / np.sqrt(np.mean(out**2))).astype(np.float32)


def quiet(seconds, rate=RATE):
    return np.zeros(int(seconds * rate), dtype=np.float32)


def good_call(*, seed=0, level=0.1):
    """Return a clean call of 40 s, shape (2, n), and its speech per channel, ms."""
    rng = np.random.default_rng(seed)
    turns = [(0, 1000, 5000), (1, 5600, 9000), (0, 9500, 15000), (1, 15400, 22000)]
    turns += [(0, 26000, 31000), (1, 31500, 34000), (0, 34500, 38000)]
    call = 0.0003 * rng.standard_normal((2, 40 * RATE))
    speech = [[], []]
    for k, (side, start, end) in enumerate(turns):
        spoken = voiced((end - start) / 1000, seed=seed + 10 * k + side, level=level)
        call[side, start * 8 : end * 8] += spoken
        speech[side].append((start, end))
    return call.astype(np.float32), [np.array(spans, dtype=np.int64) for spans in speech]
