"""A recording as browsers play it: 16-bit PCM WAV, masked spans silent, byte ranges.

Browsers play neither mu-law nor AMR nor WMA, so every recording is decoded and sent as PCM. The
newest renditions stay in memory.
"""

from __future__ import annotations

import re
import threading
from collections import OrderedDict

import numpy as np
from starlette.responses import Response

from speechqa.audio import read_recording
from speechqa.audio.recording import FloatArray
from speechqa.errors import CallError
from speechqa.pipeline import CallFacts
from speechqa.settings import AudioSettings

KEPT_BYTES = 256 << 20
MASK_MARGIN_MS = 150
"""Silence around a masked span: a recogniser's word edges are that uncertain."""
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


class Sounds:
    """Renditions by call key, the newest kept.

    Parameters
    ----------
    settings
        For the decoder.
    kept_bytes
        Memory for renditions.
    """

    def __init__(self, settings: AudioSettings, *, kept_bytes: int = KEPT_BYTES) -> None:
        self._settings = settings
        self._kept_bytes = kept_bytes
        self._made: OrderedDict[str, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def wav(self, facts: CallFacts) -> bytes:
        """Return the rendition of a call.

        Raises
        ------
        CallError
            The recording is gone, is not the one that was judged, or cannot be read.
        """
        with self._lock:
            if facts.key in self._made:
                self._made.move_to_end(facts.key)
                return self._made[facts.key]
        made = self._make(facts)
        with self._lock:
            self._made[facts.key] = made
            while len(self._made) > 1 and sum(map(len, self._made.values())) > self._kept_bytes:
                self._made.popitem(last=False)
        return made

    def _make(self, facts: CallFacts) -> bytes:
        try:
            recording = read_recording(facts.path, self._settings)
        except OSError as error:
            raise CallError("no-recording", f"it cannot be opened: {error.strerror}") from None
        if facts.audio_sha256 is not None and recording.sha256 != facts.audio_sha256:
            raise CallError("other-recording", "the file there is not the one that was judged")
        samples = np.array(recording.samples, dtype=np.float32)
        for _, start_ms, end_ms in facts.masked:
            first = max(0, start_ms - MASK_MARGIN_MS) * recording.rate_hz // 1000
            last = -(-(end_ms + MASK_MARGIN_MS) * recording.rate_hz // 1000)
            samples[:, first:last] = 0
        return wav_bytes(samples, recording.rate_hz)


def wav_bytes(samples: FloatArray, rate_hz: int) -> bytes:
    """Return float samples, shape (channels, n), as a 16-bit PCM WAV file.

    Examples
    --------
    >>> made = wav_bytes(np.zeros((2, 10), np.float32), 8000)
    >>> made[:4], len(made)
    (b'RIFF', 84)
    """
    channels = samples.shape[0]
    data: bytes = np.round(np.clip(samples, -1, 1) * 32767).astype("<i2").T.tobytes()
    block = 2 * channels
    head = b"RIFF" + (36 + len(data)).to_bytes(4, "little") + b"WAVEfmt "
    fields = ((16, 4), (1, 2), (channels, 2), (rate_hz, 4), (rate_hz * block, 4), (block, 2))
    head += b"".join(value.to_bytes(size, "little") for value, size in (*fields, (16, 2)))
    return head + b"data" + len(data).to_bytes(4, "little") + data


def ranged(body: bytes, asked: str | None, media_type: str) -> Response:
    """Answer with the bytes that a Range header asks for, or with all of them."""
    headers = {"Accept-Ranges": "bytes"}
    if asked is None:
        return Response(body, 200, headers, media_type)
    found = _RANGE.fullmatch(asked.strip())
    if found is None or not any(found.groups()):
        return Response(body, 200, headers, media_type)  # RFC 9110 14.2: not understood, ignored
    first, last = found.groups()
    if first:
        start, end = int(first), min(int(last), len(body) - 1) if last else len(body) - 1
    else:
        start, end = max(0, len(body) - int(last)), len(body) - 1
    if start > end or start >= len(body):
        headers["Content-Range"] = f"bytes */{len(body)}"
        return Response(b"", 416, headers)
    headers["Content-Range"] = f"bytes {start}-{end}/{len(body)}"
    return Response(body[start : end + 1], 206, headers, media_type)
