"""Change of sampling rate: the only place in the product where it happens (soxr, high quality)."""

from __future__ import annotations

import numpy as np

from speechqa.audio.recording import FloatArray


def resample(samples: FloatArray, rate_hz: int, to_hz: int) -> FloatArray:
    """Return `samples` at another rate, each channel by itself.

    Parameters
    ----------
    samples
        (n,) or (channels, n) float32.
    rate_hz, to_hz
        Rate of `samples`, and the rate wanted; both above 0.

    Returns
    -------
    array of the same number of dimensions, float32, C order

    Examples
    --------
    >>> resample(np.zeros((2, 800), np.float32), 8000, 16000).shape
    (2, 1600)
    """
    if rate_hz <= 0 or to_hz <= 0:
        raise ValueError(f"rates must be above 0 Hz, got {rate_hz} -> {to_hz}")
    if rate_hz == to_hz or samples.shape[-1] == 0:
        return np.ascontiguousarray(samples, dtype=np.float32)
    import soxr

    # soxr wants (n, channels)
    changed = soxr.resample(samples.T, rate_hz, to_hz, quality="HQ")
    return np.ascontiguousarray(changed.T, dtype=np.float32)
