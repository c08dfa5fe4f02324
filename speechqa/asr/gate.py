"""Keep from the recogniser what cannot be speech: silence, a constant offset, hum, tones, hiss.

Voice activity detectors take a tone for a voice, and a recogniser makes words of it. A voice
never holds its level: this is the last, cheap check before audio is sent. Knows nothing of words.
"""

from __future__ import annotations

import numpy as np

from speechqa.asr.features import as_float
from speechqa.asr.interface import Spans, SpeechJob

FRAME_MS = 50
"""Whole periods of mains hum (50 and 60 Hz) and of the beat of dual tones fit in it."""

STEADY_DB = 1.5
"""A span whose level changes by less than this from frame to frame, nine times in ten, is no
voice. Measured: speech over telephone lines 4 dB and more; white noise 0.7 dB, tones and hum
below 0.1 dB."""

_SILENT_DBFS = -80.0
_FEWEST_FRAMES = 4


def voiced_spans(job: SpeechJob, spans: Spans) -> Spans:
    """Return those of `spans` whose level moves as a voice's does.

    Parameters
    ----------
    job
        The channel.
    spans
        Shape (n, 2), within its samples.

    Returns
    -------
    numpy.ndarray
        Shape (m, 2), in order. A span shorter than 200 ms is kept unless it is silent.
    """
    kept = [span for span in spans.tolist() if not _steady(job, *span)]
    return np.array(kept, np.int64).reshape(-1, 2)


def _steady(job: SpeechJob, start_ms: int, end_ms: int) -> bool:
    first, last = (edge * job.rate_hz // 1000 for edge in (start_ms, end_ms))
    samples = as_float(job.samples[first:last])
    if not np.isfinite(samples).all():
        np.nan_to_num(samples, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
    size = max(1, job.rate_hz * FRAME_MS // 1000)
    frames = samples[: len(samples) // size * size].reshape(-1, size)
    if not len(frames):
        return not samples.any()
    # The variance of a frame leaves a constant offset out.
    level = 10 * np.log10(np.maximum(frames.var(axis=1), 1e-10))
    if level.max() < _SILENT_DBFS:
        return True
    if len(level) < _FEWEST_FRAMES:
        return False
    changes = np.sort(np.abs(np.diff(level)))
    return bool(changes[len(changes) * 9 // 10] < STEADY_DB)
