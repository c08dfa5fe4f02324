"""The votes of WebRTC's detector, one per frame of 10 ms.

The detector keeps state between frames and between calls (44 of 5,638 frames differ when one is
reused), so each channel of each recording gets a fresh one. It is asked every 30 ms, which costs
half of asking every 10. It knows neither tones nor steady noise, and holds its vote for some 100
ms after the end of speech; that is put right elsewhere.
"""

from __future__ import annotations

import numpy as np

from speechqa.vad.frames import FRAME, RATE_HZ, BoolArray, FloatArray, frame_count

_ASKED = 3 * FRAME
_BLOCK = 2000 * _ASKED
"""Samples looked at together: a minute, so that hours stay small in memory."""


def votes(samples: FloatArray, mode: int) -> BoolArray:
    """Return WebRTC's vote for each 10 ms frame of one channel at 8 kHz, shape (frames,).

    `mode` is 0 (calls most things speech) to 3 (calls least). The last partial frame is filled
    up with zeros. Source: WebRTC's `common_audio/vad`, by way of `webrtcvad`.

    >>> votes(np.zeros(161, dtype=np.float32), 2).tolist()
    [False, False, False]
    """
    import webrtcvad

    ask = webrtcvad.Vad(mode).is_speech
    step = 2 * _ASKED
    answers: list[bool] = []
    for first in range(0, len(samples), _BLOCK):
        part = samples[first : first + _BLOCK]
        pcm = np.zeros(-(-len(part) // _ASKED) * _ASKED, dtype="<i2")
        pcm[: len(part)] = np.clip(np.rint(part * 32768.0), -32768, 32767)
        data = pcm.tobytes()
        answers += [ask(data[at : at + step], RATE_HZ) for at in range(0, len(data), step)]
    return np.repeat(np.array(answers, dtype=bool), 3)[: frame_count(len(samples))]
