"""Silero's detector, in the copy that faster-whisper carries.

A second opinion: it knows music and babble from speech, but it costs some twenty times WebRTC,
starts some 40 ms late, and misses up to half of the speech behind a hard 300 to 3400 Hz filter.
"""

from __future__ import annotations

import numpy as np

from speechqa.audio import resample
from speechqa.vad.frames import RATE_HZ, FloatArray, IntervalArray, hysteresis, runs

RATE_IN_HZ = 16_000
CHUNK_MS = 32
_CHUNK = RATE_IN_HZ * CHUNK_MS // 1000
_CHUNK_AT_8K = RATE_HZ * CHUNK_MS // 1000
_SPEECH, _STILL_SPEECH = 0.5, 0.35
_WARM_UP = RATE_HZ // 2


def probabilities(samples: FloatArray) -> FloatArray:
    """Return the probability of speech of each 32 ms of one channel at 8 kHz.

    >>> bool(probabilities(np.zeros(8000, dtype=np.float32)).max() < 0.1)
    True
    """
    from faster_whisper.vad import get_vad_model

    if not len(samples):
        return np.zeros(0, dtype=np.float32)
    wide = resample(samples, RATE_HZ, RATE_IN_HZ)
    wide = np.pad(wide, (0, -len(wide) % _CHUNK))
    return np.asarray(get_vad_model()(wide), dtype=np.float32).reshape(-1)


def spans_ms(samples: FloatArray) -> IntervalArray:
    """Return where Silero hears speech, ms, before bridging and dropping."""
    found = probabilities(samples)
    return runs(hysteresis(found > _SPEECH, found > _STILL_SPEECH)) * CHUNK_MS


def agrees(samples: FloatArray, span: IntervalArray) -> bool:
    """Tell whether Silero hears speech in a stretch (samples at 8 kHz, start and end).

    One frame is enough: doubtful speech is soft or noisy. The half second before it, which often
    is somebody's speech, only warms the model up.
    """
    start, end = int(span[0]), int(span[1])
    first = max(start - _WARM_UP, 0)
    found = probabilities(samples[first:end])[-(-(start - first) // _CHUNK_AT_8K) :]
    return bool(np.any(found > _SPEECH))
