"""Recordings made and damaged by the tests themselves: every format, every kind of scratch.

The content is noise shaped like speech in level, different at every moment, so that a second of
decoded audio can be found again in the original and its shift in time be measured.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import av
import numpy as np
import soundfile as sf
import soxr

RATE = 8000
SECONDS = 30.0


def content(*, channels: int = 2, seconds: float = SECONDS, seed: int = 7) -> np.ndarray:
    """Return (channels, n) float32 at 8 kHz."""
    rng = np.random.default_rng(seed)
    n = int(seconds * RATE)
    shape = np.hanning(9) / np.hanning(9).sum()
    noise = rng.standard_normal((channels, n))
    smooth = np.array([np.convolve(each, shape, "same") for each in noise]) * 0.3
    level = 0.35 + 0.65 * np.abs(np.sin(2 * np.pi * 0.4 * np.arange(n) / RATE))
    return (smooth * level).astype(np.float32)


def at_rate(samples: np.ndarray, rate_hz: int) -> np.ndarray:
    """Return `samples`, made at 8 kHz, at another rate."""
    if rate_hz == RATE:
        return samples
    return np.ascontiguousarray(soxr.resample(samples.T, RATE, rate_hz).T, dtype=np.float32)


def by_sndfile(samples: np.ndarray, rate_hz: int, kind: str, subtype: str) -> bytes:
    """Encode with libsndfile, in blocks (its Vorbis encoder overflows on long ones)."""
    file = io.BytesIO()
    with sf.SoundFile(file, "w", rate_hz, samples.shape[0], subtype, format=kind) as sound:
        for at in range(0, samples.shape[1], 4096):
            sound.write(np.ascontiguousarray(samples[:, at : at + 4096].T))
    return file.getvalue()


def by_ffmpeg(
    samples: np.ndarray,
    rate_hz: int,
    kind: str,
    codec: str,
    *,
    bit_rate: int | None = None,
    quality: int | None = None,
) -> bytes:
    """Encode with FFmpeg."""
    file = io.BytesIO()
    layout = "stereo" if samples.shape[0] == 2 else "mono"
    with av.open(file, "w", format=kind) as container:
        stream = container.add_stream(codec, rate=rate_hz)
        stream.layout = layout
        if bit_rate is not None:
            stream.bit_rate = bit_rate
        if quality is not None:
            stream.codec_context.qscale = True
            stream.codec_context.global_quality = quality * 118
        wanted = stream.codec_context.format.name
        resampler = av.AudioResampler(format=wanted, layout=layout, rate=rate_hz)
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(samples), format="fltp", layout=layout
        )
        frame.sample_rate = rate_hz
        frame.pts = 0
        for piece in resampler.resample(frame):
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    return file.getvalue()


@dataclass(frozen=True)
class Kind:
    """A format: its rate, its channels, and how to write it."""

    rate_hz: int
    channels: int
    encode: Callable[[np.ndarray], bytes]


KINDS: dict[str, Kind] = {
    "wav-ulaw": Kind(8000, 2, lambda x: by_sndfile(x, 8000, "WAV", "ULAW")),
    "wav-pcm16": Kind(8000, 2, lambda x: by_sndfile(x, 8000, "WAV", "PCM_16")),
    "flac": Kind(8000, 2, lambda x: by_sndfile(x, 8000, "FLAC", "PCM_16")),
    "ogg-vorbis": Kind(16000, 2, lambda x: by_sndfile(x, 16000, "OGG", "VORBIS")),
    "ogg-opus": Kind(48000, 2, lambda x: by_sndfile(x, 48000, "OGG", "OPUS")),
    "mp3-cbr": Kind(16000, 2, lambda x: by_ffmpeg(x, 16000, "mp3", "libmp3lame", bit_rate=32000)),
    "mp3-vbr": Kind(16000, 2, lambda x: by_ffmpeg(x, 16000, "mp3", "libmp3lame", quality=4)),
    "m4a": Kind(16000, 2, lambda x: by_ffmpeg(x, 16000, "mp4", "aac", bit_rate=32000)),
    "wma": Kind(16000, 2, lambda x: by_ffmpeg(x, 16000, "asf", "wmav2", bit_rate=32000)),
    "amr": Kind(8000, 1, lambda x: by_ffmpeg(x, 8000, "amr", "libopencore_amrnb", bit_rate=12200)),
}


@lru_cache(maxsize=32)
def clean(kind: str, *, seconds: float = SECONDS, seed: int = 7) -> bytes:
    """Return a clean recording of a kind."""
    made = KINDS[kind]
    samples = content(channels=made.channels, seconds=seconds, seed=seed)
    return made.encode(at_rate(samples, made.rate_hz))


@dataclass(frozen=True)
class Case:
    """One damaged file, and how much of it was hit."""

    kind: str
    damage: str
    data: bytes
    hit_s: float

    @property
    def name(self) -> str:
        return f"{self.kind} {self.damage}"


def cases(places: int, *, seed: int = 3) -> Iterator[Case]:
    """Yield `places` x 4 damaged files of each of the 10 kinds.

    Bytes are taken out only of containers that number their frames, or state their count: of a
    WAV and an AMR no trace remains; they get two scratches. Nor is an AMR cut exactly between two
    of its frames of 32 bytes: it has no length and no end.
    """
    rng = np.random.default_rng(seed)
    for kind in KINDS:
        data = clean(kind)
        per_s = len(data) / SECONDS
        for place in range(places):
            at = int(len(data) * rng.uniform(0.1, 0.7))
            seconds = float(rng.uniform(0.5, 3.0))
            size = max(600, int(seconds * per_s))
            zeros, noise = bytes(size), rng.bytes(size)
            yield Case(kind, f"zeros {place}", data[:at] + zeros + data[at + size :], seconds)
            yield Case(kind, f"noise {place}", data[:at] + noise + data[at + size :], seconds)
            end = at + 1 if kind == "amr" and (at - len(b"#!AMR\n")) % 32 == 0 else at
            yield Case(kind, f"cut off {place}", data[:end], SECONDS - end / per_s)
            if kind in ("wav-ulaw", "wav-pcm16", "amr"):
                twice = data[:at] + noise + data[at + size :]
                other = int(len(data) * 0.8)
                twice = twice[:other] + rng.bytes(size) + twice[other + size :]
                yield Case(kind, f"noise twice {place}", twice, 2 * seconds)
            else:
                yield Case(kind, f"taken out {place}", data[:at] + data[at + size :], seconds)


def shift_ms(original: np.ndarray, decoded: np.ndarray, rate_hz: int, at_s: float) -> int | None:
    """Return how many ms too late the second of `decoded` at `at_s` is; None if not found."""
    window, span = rate_hz, 4 * rate_hz
    start = int(at_s * rate_hz)
    piece = decoded[start : start + window]
    low = max(0, start - span)
    around = original[low : start + window + span]
    if len(piece) < window or float(np.abs(piece).max()) < 1e-3:
        return None
    size = 1 << int(np.ceil(np.log2(len(around) + window)))
    spectrum = np.fft.rfft(around, size) * np.conj(np.fft.rfft(piece, size))
    match = np.fft.irfft(spectrum, size)[: len(around) - window + 1]
    best = int(np.argmax(match))
    norm = np.sqrt((piece**2).sum() * (around[best : best + window] ** 2).sum()) + 1e-9
    return None if match[best] / norm < 0.5 else round((start - low - best) * 1000 / rate_hz)
