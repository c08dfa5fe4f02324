"""Log-mel features of packed windows, straight from the telephone's own 8 kHz.

The values are those of faster-whisper's extractor. For audio at 8 kHz the spectrum is taken at
8 kHz: half the samples and half the transform, and the mel bands above 4 kHz are empty as they
would be after resampling. Knows nothing of speech or words.

Conventions: samples are float32 in [-1, 1]; a frame is 10 ms; features have shape
(mel bands, frames).
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from speechqa.asr.interface import SpeechJob
from speechqa.asr.packing import Window

FloatArray = NDArray[np.float32]

FRAME_MS = 10
_FADE_MS = 5  # a hard edge between speech and digital silence is a click in every mel band
_FLOOR = np.float32(1e-10)
_BLOCK = 480  # frames transformed at once: they stay in the cache
_BLAS_FRAMES = 24
"""Frames in one matrix product: few enough that BLAS does not start threads of its own, which
beside the recogniser's cost more than they give (15 ms of waiting a window for 0.5 ms of work)."""


def native_rate(rate_hz: int) -> int:
    """Return the rate that features are made at: 8 kHz stays, all else becomes 16 kHz.

    Examples
    --------
    >>> native_rate(8000), native_rate(11025), native_rate(44100)
    (8000, 16000, 16000)
    """
    return 8000 if rate_hz == 8000 else 16000


def window_samples(job: SpeechJob, window: Window) -> FloatArray:
    """Return the packed samples of one window at `native_rate`.

    Each piece loses its constant offset (a faulty line card's, which would hide the speech from
    the features' dynamic range) and is faded in and out over 5 ms.
    """
    rate = native_rate(job.rate_hz)
    packed = np.zeros(window.end_ms * rate // 1000, np.float32)
    for at, source, length in zip(
        window.packed_ms.tolist(), window.source_ms.tolist(), window.length_ms.tolist(), strict=True
    ):
        piece = _piece(job, source, source + length, rate)
        first = at * rate // 1000
        room = packed[first : first + len(piece)]
        room[:] = piece[: len(room)]
    return packed


def log_mel(samples: FloatArray, rate_hz: int, mel_filters: FloatArray) -> FloatArray:
    """Return Whisper's log-mel features of `samples`.

    Parameters
    ----------
    samples
        Shape (n,).
    rate_hz
        8000 or 16000.
    mel_filters
        Shape (mel bands, 201): faster-whisper's, for 16 kHz and 400 points.

    Returns
    -------
    numpy.ndarray
        Shape (mel bands, n * 100 // rate_hz), float32.

    Notes
    -----
    At 8 kHz each bin is weighted with the response of the resampler, so that the features are
    those of the resampled audio, down to its roll-off just below 4 kHz.
    """
    n_fft, hop = rate_hz // 40, rate_hz // 100
    frames = len(samples) // hop
    filters = _filters(mel_filters, rate_hz)
    used = filters.shape[1]
    bands = np.full((max(frames, 1), used), _FLOOR, np.float32)
    if len(samples) > n_fft:
        framed = _framed(samples, n_fft, hop)
        for at in range(0, frames, _BLOCK):
            mel = _power(framed[at : at + _BLOCK], n_fft) @ filters
            bands[at : at + _BLOCK] = mel.reshape(-1, used)[: frames - at]
    np.maximum(bands, _FLOOR, out=bands)
    np.log10(bands, out=bands)
    lowest = max(np.log10(_FLOOR), bands.max() - np.float32(8))
    np.maximum(bands, lowest, out=bands)
    out = np.full((len(mel_filters), frames), lowest, np.float32)
    out[:used] = bands[:frames].T
    out += np.float32(4)
    out *= np.float32(0.25)
    return out


def _filters(mel_filters: FloatArray, rate_hz: int) -> FloatArray:
    """Return the mel filters for spectra taken at `rate_hz`, without the bands that are empty.

    Contiguous, since the product of many small matrices is three times as slow otherwise.
    """
    bins = rate_hz // 80 + 1
    weighted = mel_filters[:, :bins].T * _response(rate_hz)[:, None]
    filled = np.flatnonzero(mel_filters[:, :bins].any(axis=1))
    return np.ascontiguousarray(weighted[:, : int(filled[-1]) + 1])


def _framed(samples: FloatArray, n_fft: int, hop: int) -> FloatArray:
    """Return overlapping frames centred on each hop: a view of the mirrored samples."""
    half, count = n_fft // 2, len(samples) + hop
    padded = np.zeros(count + n_fft, np.float32)
    inner = padded[half : half + count]
    inner[: len(samples)] = samples
    padded[:half] = inner[half:0:-1]
    padded[half + count :] = inner[-2 : -half - 2 : -1]
    return np.lib.stride_tricks.sliding_window_view(padded, n_fft)[::hop]


def _power(framed: FloatArray, n_fft: int) -> FloatArray:
    """Return the power spectra of some frames, padded to whole groups of `_BLAS_FRAMES`.

    A windowed frame is folded about its middle, so that its cosine and sine transforms are two
    products of half the size: 1.4 ms a window of 30 s, against 2.4 ms by `numpy.fft`.
    """
    cosine, sine = _transforms(n_fft)
    half = n_fft // 2
    count = len(framed[:_BLOCK])
    groups = -(-count // _BLAS_FRAMES)
    even = np.zeros((groups * _BLAS_FRAMES, half + 1), np.float32)
    odd = np.zeros((groups * _BLAS_FRAMES, half - 1), np.float32)
    left, right = framed[:_BLOCK, 1:half], framed[:_BLOCK, :half:-1]
    even[:count, 0] = framed[:_BLOCK, 0]
    even[:count, half] = framed[:_BLOCK, half]
    np.add(left, right, out=even[:count, 1:half])
    np.subtract(left, right, out=odd[:count])
    power: FloatArray = np.square(even.reshape(groups, _BLAS_FRAMES, -1) @ cosine)
    power += np.square(odd.reshape(groups, _BLAS_FRAMES, -1) @ sine)
    return power


def padded_features(
    features: FloatArray, frames: int, *, out: FloatArray | None = None
) -> FloatArray:
    """Return `features` with exactly `frames` frames: zeros after, as faster-whisper pads.

    Parameters
    ----------
    out
        Zeros of shape (mel bands, frames) to write into, where the caller has them.

    Examples
    --------
    >>> padded_features(np.ones((2, 3), np.float32), 4)[0].tolist()
    [1.0, 1.0, 1.0, 0.0]
    """
    if out is None:
        out = np.zeros((len(features), frames), np.float32)
    kept = min(frames, features.shape[1])
    out[:, :kept] = features[:, :kept]
    return out


def quietest_ms(job: SpeechJob, start_ms: int, end_ms: int) -> int:
    """Return where in a range the audio is quietest, judged over 100 ms around each 10 ms."""
    first = start_ms * job.rate_hz // 1000
    hop = max(1, job.rate_hz // 100)
    samples = as_float(job.samples[first : end_ms * job.rate_hz // 1000])
    frames = len(samples) // hop
    if frames < 10:
        return (start_ms + end_ms) // 2
    energy = np.square(samples[: frames * hop]).reshape(frames, hop).sum(axis=1)
    smooth = np.convolve(energy, np.ones(10, np.float32), mode="valid")
    return start_ms + (int(np.argmin(smooth)) + 5) * FRAME_MS


def as_float(samples: NDArray[np.generic]) -> FloatArray:
    """Return a copy as float32 in [-1, 1]; 16-bit integers are scaled."""
    if samples.dtype == np.int16:
        return samples.astype(np.float32) / np.float32(32768)
    return np.array(samples, np.float32)


def _piece(job: SpeechJob, start_ms: int, end_ms: int, rate: int) -> FloatArray:
    first, last = (edge * job.rate_hz // 1000 for edge in (start_ms, end_ms))
    piece = as_float(job.samples[first:last])
    if not len(piece):
        return piece
    if not np.isfinite(piece).all():
        np.nan_to_num(piece, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
    piece -= piece.mean(dtype=np.float64).astype(np.float32)
    if job.rate_hz != rate:
        from speechqa.audio import resample

        piece = resample(piece, job.rate_hz, rate)
    fade = min(len(piece) // 2, _FADE_MS * rate // 1000)
    ramp = np.linspace(0, 1, fade, endpoint=False, dtype=np.float32)
    piece[:fade] *= ramp
    piece[len(piece) - fade :] *= ramp[::-1]
    return piece


@lru_cache(maxsize=2)
def _response(rate_hz: int) -> FloatArray:
    """Return the power with which each 40 Hz bin passes from `rate_hz` to 16 kHz."""
    if rate_hz == 16000:
        return np.ones(201, np.float32)
    from speechqa.audio import resample

    impulse = np.zeros(rate_hz, np.float32)
    impulse[rate_hz // 2] = 1
    spectrum = np.fft.rfft(resample(impulse, rate_hz, 16000), 16000)
    return np.square(np.abs(spectrum[: rate_hz // 2 + 1 : 40])).astype(np.float32)


@lru_cache(maxsize=2)
def _transforms(n_fft: int) -> tuple[FloatArray, FloatArray]:
    """Return the cosine and sine matrices of a folded frame under a Hann window."""
    half = n_fft // 2
    window = np.hanning(n_fft + 1)[: half + 1, None]
    angle = 2 * np.pi * np.outer(np.arange(half + 1), np.arange(half + 1)) / n_fft
    cosine, sine = np.cos(angle) * window, np.sin(angle) * window
    return cosine.astype(np.float32), sine[1:half].astype(np.float32)
