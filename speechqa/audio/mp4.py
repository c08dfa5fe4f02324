"""Why an MP4 cannot be opened: nearly always its index, which many writers put at the end.

(ISO 14496-12, 4.2: boxes.) Without the index no packet can be found, whole as the audio may be.
"""

from __future__ import annotations

import struct

from speechqa.audio.source import Source

_MAX_BOXES = 1000


def what_is_wrong(source: Source) -> str:
    """Return what the boxes of a file that cannot be opened tell."""
    at = 0
    names: list[bytes] = []
    while at < source.size_bytes and len(names) < _MAX_BOXES:
        head = source.read_at(at, 16)
        if len(head) < 8:
            break
        size, name = struct.unpack(">I", head[:4])[0], head[4:8]
        if size == 1 and len(head) == 16:
            size = struct.unpack(">Q", head[8:])[0]
        if not all(32 <= byte < 127 for byte in name) or size < 8:
            break
        names.append(name)
        if name == b"moov" and at + size > source.size_bytes:
            return "its index (moov) is cut off"
        at += size
    if b"moov" in names:
        return "its index (moov) is broken"
    short = at - source.size_bytes
    cut = f"; the file ends {short} bytes too early" if short > 0 else ""
    return f"its index (moov) is not where it should be{cut}"
