"""A recording as browsers play it: 16-bit PCM WAV, masked spans silent, byte ranges.

Browsers play neither mu-law nor AMR nor WMA, so every recording is decoded and sent as PCM. The
newest renditions stay in memory.
"""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from collections.abc import AsyncIterator, Sequence

import numpy as np
from starlette.responses import Response, StreamingResponse

from speechqa.audio import read_recording
from speechqa.audio.recording import FloatArray
from speechqa.errors import CallError
from speechqa.pipeline import CallFacts
from speechqa.settings import AudioSettings

KEPT_BYTES = 256 << 20
MASK_MARGIN_MS = 150
"""Silence around a masked span: a recogniser's word edges are that uncertain."""
BLOCK = 1 << 20
"""Samples of a channel that are made into PCM at once."""
PIECE = 1 << 20
"""Bytes sent at once: a player stops taking what it does not need yet."""
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
        silent = [
            (
                max(0, start_ms - MASK_MARGIN_MS) * recording.rate_hz // 1000,
                -(-(end_ms + MASK_MARGIN_MS) * recording.rate_hz // 1000),
            )
            for _, start_ms, end_ms in facts.masked
        ]
        return wav_bytes(recording.samples, recording.rate_hz, silent)


def wav_bytes(samples: FloatArray, rate_hz: int, silent: Sequence[tuple[int, int]] = ()) -> bytes:
    """Return float samples, shape (channels, n), as a 16-bit PCM WAV file.

    A block at a time: a recording of hours is not held as floats twice.

    Parameters
    ----------
    silent
        Samples, from and to, that are written as zeros.

    Examples
    --------
    >>> made = wav_bytes(np.full((2, 10), 0.5, np.float32), 8000, [(4, 9)])
    >>> made[:4], len(made), np.frombuffer(made, "<i2", offset=44)[::2].tolist()
    (b'RIFF', 84, [16384, 16384, 16384, 16384, 0, 0, 0, 0, 0, 16384])
    """
    channels, length = samples.shape
    block = 2 * channels
    size = block * length
    head = b"RIFF" + (36 + size).to_bytes(4, "little") + b"WAVEfmt "
    fields = ((16, 4), (1, 2), (channels, 2), (rate_hz, 4), (rate_hz * block, 4), (block, 2))
    head += b"".join(value.to_bytes(width, "little") for value, width in (*fields, (16, 2)))
    parts = [head + b"data" + size.to_bytes(4, "little")]
    for first in range(0, length, BLOCK):
        piece = np.clip(samples[:, first : first + BLOCK], -1, 1)
        for start, end in silent:
            piece[:, max(0, start - first) : max(0, end - first)] = 0
        parts.append(np.round(piece * 32767).astype("<i2").T.tobytes())
    return b"".join(parts)


def ranged(body: bytes, asked: str | None, media_type: str) -> Response:
    """Answer with the bytes that a Range header asks for, or with all of them."""
    headers = {"Accept-Ranges": "bytes"}
    found = None if asked is None else _RANGE.fullmatch(asked.strip())
    if found is None or not any(found.groups()):  # RFC 9110 14.2: not understood, ignored
        return _sent(body, 0, len(body), 200, headers, media_type)
    first, last = found.groups()
    if first:
        start, end = int(first), min(int(last), len(body) - 1) if last else len(body) - 1
    else:
        start, end = max(0, len(body) - int(last)), len(body) - 1
    if start > end or start >= len(body):
        headers["Content-Range"] = f"bytes */{len(body)}"
        return Response(b"", 416, headers)
    headers["Content-Range"] = f"bytes {start}-{end}/{len(body)}"
    return _sent(body, start, end + 1, 206, headers, media_type)


def _sent(
    body: bytes, start: int, end: int, status: int, headers: dict[str, str], media_type: str
) -> Response:
    """Send a part of a rendition piece by piece, as fast as the browser takes it."""

    async def pieces() -> AsyncIterator[bytes]:
        for at in range(start, end, PIECE):
            yield body[at : min(end, at + PIECE)]

    length = {"Content-Length": str(end - start)}
    return StreamingResponse(pieces(), status, headers | length, media_type)
