"""MPEG audio frames (MP3): where they are, and how long each is.

An MP3 has no clock. A frame's place in time is the number of samples before it, so a stretch
that holds no valid frame moves everything after it, unless the length of the stretch in time is
found. Here frames are walked by their headers (ISO 11172-3, 13818-3, and the 2.5 extension); the
decoding itself is FFmpeg's.
"""

from __future__ import annotations

from dataclasses import dataclass

_KBPS = {
    (1, 1): (0, 32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (1, 2): (0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (1, 3): (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 1): (0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (2, 3): (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}


@dataclass(frozen=True, slots=True)
class FrameHeader:
    """One frame: its length in bytes and in samples, and what it holds."""

    size: int
    samples: int
    rate_hz: int
    channels: int
    layer: int
    version: int
    bitrate_kbps: int


def frame_header(head: bytes) -> FrameHeader | None:
    """Read the 4 bytes of a frame header; None when they are not one.

    >>> frame_header(bytes.fromhex("fffb9064")).size
    417
    >>> frame_header(b"RIFF") is None
    True
    """
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    version, layer = head[1] >> 3 & 3, 4 - (head[1] >> 1 & 3)
    kbps_index, rate_index = head[2] >> 4, head[2] >> 2 & 3
    if version == 1 or layer == 4 or kbps_index in (0, 15) or rate_index == 3:
        return None  # reserved values, and free format, whose length is not in the header
    if head[3] & 3 == 2:
        return None  # reserved emphasis
    kbps = _KBPS[1 if version == 3 else 2, layer][kbps_index]
    rate = _RATES[version][rate_index]
    padding = head[2] >> 1 & 1
    if layer == 1:
        samples = 384
        size = (12 * kbps * 1000 // rate + padding) * 4
    else:
        samples = 576 if layer == 3 and version != 3 else 1152
        size = samples // 8 * kbps * 1000 // rate + padding
    return FrameHeader(size, samples, rate, 1 if head[3] >> 6 == 3 else 2, layer, version, kbps)


def same_stream(a: FrameHeader, b: FrameHeader) -> bool:
    """Tell whether two frames can be neighbours in one stream."""
    return (a.rate_hz, a.layer, a.version) == (b.rate_hz, b.layer, b.version)


def find_frame(data: bytes, *, start: int = 0, limit: int | None = None) -> int | None:
    """Return where the first frame begins that another follows; None when there is none.

    A frame that ends exactly at the end of `data` counts only when it is the first byte looked
    at: four bytes look like a header once in some thousand places of random data.
    """
    stop = len(data) if limit is None else min(len(data), start + limit)
    at = data.find(b"\xff", start, stop)
    while at != -1:
        header = frame_header(data[at : at + 4])
        if header is not None:
            following = frame_header(data[at + header.size : at + header.size + 4])
            if following is not None and same_stream(header, following):
                return at
            if at == start and at + header.size >= len(data):
                return at
        at = data.find(b"\xff", at + 1, stop)
    return None
