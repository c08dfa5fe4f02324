"""Whisper's log-mel features, before the normalisation that depends on the whole window.

The filter bank is faster-whisper's own, so that training sees what recognition will see.
`log_mel` stays unnormalised: gain, noise and window can then be varied without new audio.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from models.recipe.speech import FloatArray

HOP = 160
N_FFT = 400
MELS = 80
FLOOR = -10.0


@cache
def _filters() -> tuple[FloatArray, FloatArray]:
    from faster_whisper.feature_extractor import FeatureExtractor

    window = np.hanning(N_FFT + 1)[:-1].astype(np.float32)
    return np.ascontiguousarray(FeatureExtractor().mel_filters.T, np.float32), window


def log_mel(samples: FloatArray) -> npt.NDArray[np.float32]:
    """Log10 mel power of 16 kHz samples, ``(frames, 80)``, 10 ms a frame."""
    mel_filters, window = _filters()
    padded = np.pad(np.pad(samples, (0, HOP)), (N_FFT // 2, N_FFT // 2), mode="reflect")
    count = 1 + (len(padded) - N_FFT) // HOP
    frames = np.lib.stride_tricks.sliding_window_view(padded, N_FFT)[::HOP][:count]
    power = np.abs(np.fft.rfft(frames * window, axis=1)[:-1]) ** 2
    return np.asarray(np.log10(np.maximum(power @ mel_filters, 1e-10)), np.float32)
