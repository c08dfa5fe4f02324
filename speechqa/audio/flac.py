"""The number that each FLAC frame carries: its own place in time (RFC 9639, 9.1)."""

from __future__ import annotations


def frame_start(packet: bytes, block_frames: int) -> int | None:
    """Return the first sample of a FLAC frame; None when its header cannot be read.

    Parameters
    ----------
    packet
        The frame, from its sync code on.
    block_frames
        Samples per frame of a stream of fixed block size, which numbers frames, not samples.

    Examples
    --------
    >>> frame_start(bytes.fromhex("fff8c9180a"), 4096)
    40960
    """
    if len(packet) < 5 or packet[0] != 0xFF or packet[1] & 0xFE != 0xF8:
        return None
    number = _coded_number(packet[4:11])
    if number is None:
        return None
    fixed = packet[1] & 1 == 0
    return number * block_frames if fixed else number


def _coded_number(raw: bytes) -> int | None:
    """Decode a number written like UTF-8, up to 36 bits."""
    first = raw[0]
    if first < 0x80:
        return first
    length = 8 - (first ^ 0xFF).bit_length()
    if not 2 <= length <= 7 or len(raw) < length:
        return None
    number = first & (0x7F >> length)
    for byte in raw[1:length]:
        if byte & 0xC0 != 0x80:
            return None
        number = number << 6 | byte & 0x3F
    return number
