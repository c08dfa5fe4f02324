"""The end of an Ogg file: whether its last page says that it is the last (RFC 3533, 6).

An Ogg stream states no length. The only trace of one that was cut off is a last page without the
end mark, or a page that the file does not hold whole.
"""

from __future__ import annotations

from speechqa.audio.recording import Damage
from speechqa.audio.source import Source

_TAIL_BYTES = 2 * 65_307
_END = 0x04


def missing_end(source: Source) -> Damage | None:
    """Return the damage of a stream without its end; None when the end is there."""
    start = max(0, source.size_bytes - _TAIL_BYTES)
    tail = source.read_at(start, _TAIL_BYTES)
    at = tail.rfind(b"OggS")
    if at == -1:
        return _cut("no page begins in its last bytes")
    segments = tail[at + 26] if at + 26 < len(tail) else None
    if segments is None or at + 27 + segments > len(tail):
        return _cut("its last page breaks off in the header")
    size = 27 + segments + sum(tail[at + 27 : at + 27 + segments])
    if at + size > len(tail):
        return _cut(f"its last page breaks off, {at + size - len(tail)} bytes are missing")
    if not tail[at + 5] & _END:
        return _cut("its last page does not carry the end mark")
    return None


def _cut(why: str) -> Damage:
    told = f"the stream has no end: {why}; how much is missing is unknown"
    return Damage("cut-off", None, None, told)
