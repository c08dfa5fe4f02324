"""The chunks of a WAV or RF64 file: what the header states, and what is really on disk.

Recorders write the size last. One that died leaves 0 or 0xFFFFFFFF; a copy that broke off leaves
a size that the disk does not hold; a broken editor leaves a size smaller than the audio. A reader
that believes the header reads a 5 s recording as 0.03 s, without a word. Here the stated size is
compared with the bytes on disk, and the disk wins. (Microsoft RIFF MCI; EBU Tech 3306.)
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from speechqa.audio.recording import Damage
from speechqa.audio.source import Source
from speechqa.errors import CallError

PCM, FLOAT, ALAW, MULAW, MP3, EXTENSIBLE = 0x0001, 0x0003, 0x0006, 0x0007, 0x0055, 0xFFFE
_UNFINISHED = 0x7FFF_0000
"""From this size on, a 32-bit size is what streaming writers put: not a length."""
_MAX_CHUNKS = 4096
_JUNK_MS = 200
"""Bytes after the audio that would last less than this are left alone: tags, padding."""


@dataclass(frozen=True, slots=True)
class WavFormat:
    """The ``fmt`` chunk."""

    tag: int
    channels: int
    rate_hz: int
    bytes_per_s: int
    block_bytes: int
    bits: int


@dataclass(frozen=True, slots=True)
class Wav:
    """A walked WAV file: its format, and where its audio lies."""

    format: WavFormat
    data_at: int
    data_bytes: int
    stated_bytes: int | None
    damage: tuple[Damage, ...]


@dataclass(frozen=True, slots=True)
class _Chunk:
    name: bytes
    at: int
    stated: int


def walk_wav(source: Source, *, max_duration_s: int) -> Wav:
    """Read the chunks of a WAV file.

    Raises
    ------
    CallError
        ``unreadable-header``: no usable ``fmt`` or no ``data`` chunk. ``no-samples``: 0 bytes of
        audio, stated and on disk.
    """
    chunks = _chunks(source)
    form = next((chunk for chunk in chunks if chunk.name == b"fmt "), None)
    data = next((chunk for chunk in chunks if chunk.name == b"data"), None)
    if form is None or data is None:
        missing = "fmt" if form is None else "data"
        raise _unreadable(f"there is no {missing} chunk in {source.size_bytes} bytes")
    fmt = _format(source.read_at(form.at, min(form.stated, 40)))
    on_disk = source.size_bytes - data.at
    stated: int | None = data.stated
    if data.stated == 0xFFFF_FFFF:
        stated = _ds64_bytes(source, chunks)
    rate = fmt.bytes_per_s or fmt.block_bytes * fmt.rate_hz
    found: list[Damage] = []
    if stated is not None and (
        (stated > on_disk and stated >= _UNFINISHED)
        or (stated > on_disk and rate and stated > max_duration_s * rate)
    ):
        stated = None
    if stated is None or _is_lie(source, data.at + stated, rate):
        found.append(_lying(data.stated, on_disk))
        return Wav(fmt, data.at, on_disk, None, tuple(found))
    if stated == 0:
        raise CallError("no-samples", "the header states 0 bytes of audio, and there are none")
    return Wav(fmt, data.at, min(stated, on_disk), stated, tuple(found))


def _lying(stated: int, on_disk: int) -> Damage:
    return Damage(
        "wrong-length",
        None,
        None,
        f"the header states {stated} bytes of audio, {on_disk} are on disk; all were read",
    )


def _chunks(source: Source) -> list[_Chunk]:
    """Walk the chunks; those after the audio are read too, as far as they make sense."""
    chunks: list[_Chunk] = []
    at = 12
    while len(chunks) < _MAX_CHUNKS:
        head = source.read_at(at, 8)
        if len(head) < 8:
            break
        name, stated = head[:4], struct.unpack("<I", head[4:])[0]
        if not _is_name(name):
            if chunks and chunks[-1].stated % 2 and at == _padded_end(chunks[-1]):
                at -= 1  # the padding byte after an odd size was left out
                if _is_name(source.read_at(at, 4)):
                    continue
            break
        chunks.append(_Chunk(name, at + 8, stated))
        at = _padded_end(chunks[-1])
    return chunks


def _padded_end(chunk: _Chunk) -> int:
    return chunk.at + chunk.stated + chunk.stated % 2


def _is_name(name: bytes) -> bool:
    return len(name) == 4 and all(32 <= byte < 127 for byte in name)


def _format(raw: bytes) -> WavFormat:
    if len(raw) < 14:
        raise _unreadable(f"the fmt chunk has {len(raw)} bytes, at least 14 are needed")
    tag, channels, rate, per_s, block = struct.unpack("<HHIIH", raw[:14])
    bits = struct.unpack("<H", raw[14:16])[0] if len(raw) >= 16 else 8 * block // max(1, channels)
    if tag == EXTENSIBLE:
        if len(raw) < 26:
            raise _unreadable(f"the extensible fmt chunk has {len(raw)} bytes, 40 are needed")
        tag = struct.unpack("<H", raw[24:26])[0]
    return WavFormat(tag, channels, rate, per_s, block, bits)


def _ds64_bytes(source: Source, chunks: list[_Chunk]) -> int | None:
    for chunk in chunks:
        if chunk.name == b"ds64" and chunk.stated >= 16:
            return int(struct.unpack("<Q", source.read_at(chunk.at + 8, 8))[0])
    return None


def _is_lie(source: Source, end: int, bytes_per_s: int) -> bool:
    """Tell whether what lies after the stated end of the audio is more audio, not chunks."""
    rest = source.size_bytes - end
    if rest <= max(8, bytes_per_s * _JUNK_MS // 1000):
        return False
    for shift in (end % 2, 0, 1):
        if _is_chain(source, end + shift):
            return False
    at = end
    while piece := source.read_at(at, 1 << 16):
        if piece.count(0) != len(piece):
            return True
        at += len(piece)
    return False  # zeros up to the end: space reserved and not used


def _is_chain(source: Source, at: int) -> bool:
    """Tell whether chunks lie from here to the end of the file."""
    for _ in range(_MAX_CHUNKS):
        head = source.read_at(at, 8)
        if not head or head.count(0) == len(head):
            return True
        if len(head) < 8 or not _is_name(head[:4]):
            return False
        size = struct.unpack("<I", head[4:])[0]
        if at + 8 + size > source.size_bytes:
            return False
        at += 8 + size + size % 2
    return False


def _unreadable(why: str) -> CallError:
    return CallError(
        "unreadable-header",
        f"it begins like a WAV file, but {why}",
        hint="fetch the recording again from the recorder",
    )
