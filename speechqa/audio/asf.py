"""The length that a Windows Media header states.

FFmpeg reckons the length of a cut-off file anew, from the bytes that are there, which hides the
cut. (ASF specification, section 3.2: file properties object.)
"""

from __future__ import annotations

import struct

_FILE_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")


def stated_bytes(head: bytes) -> int | None:
    """Return the size of the file stated in its first bytes; None when it states none."""
    at = head.find(_FILE_PROPERTIES)
    if at == -1 or at + 48 > len(head):
        return None
    return int(struct.unpack("<Q", head[at + 40 : at + 48])[0]) or None


def stated_ms(head: bytes) -> int | None:
    """Return the playing time stated in the first bytes of a file; None when it states none.

    The stated time contains the preroll, a delay before playing that is no audio.
    """
    at = head.find(_FILE_PROPERTIES)
    if at == -1 or at + 92 > len(head):
        return None
    playing, _sending, preroll, flags = struct.unpack("<QQQI", head[at + 64 : at + 92])
    live = flags & 1
    ms = playing // 10_000 - preroll
    return None if live or ms <= 0 else int(ms)
