"""Which kind of file this is, by its first bytes, never by its name.

FFmpeg and libsndfile are never asked to guess: a 38-byte text beginning `ffconcat version 1.0`
and named `x.wav` makes FFmpeg open another recording, and HLS and SDP texts can open addresses.
What is not on the list is refused with the name of what it looks like.
"""

from __future__ import annotations

from dataclasses import dataclass

from speechqa.audio.mpeg import find_frame
from speechqa.errors import CallError

HEAD_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Sniffed:
    """A recognised container: its name in `AudioSettings.formats`, and where it starts."""

    name: str
    offset: int = 0


_TEXTS = (
    (b"ffconcat", "an ffconcat playlist"),
    (b"#EXTM3U", "an HLS playlist"),
    (b"v=0", "an SDP session description"),
    (b"<!DOCTYPE", "a web page"),
    (b"<html", "a web page"),
    (b"<?xml", "an XML text"),
    (b"{", "a JSON text"),
    (b"%PDF", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\x1aE\xdf\xa3", "a Matroska or WebM file"),
    (b"caff", "an Apple CAF file"),
    (b"RIFX", "a big-endian RIFX file"),
    (b"riff\x2e\x91\xcf\x11", "a Sony Wave64 file"),
    (b"FLV", "a Flash video"),
    (b"\x00\x00\x01\xba", "an MPEG program stream"),
    (b"SQLite format 3", "an SQLite database"),
    (b"\x89PNG", "a PNG picture"),
    (b"\xff\xd8\xff", "a JPEG picture"),
)
_ASF = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")


def id3_bytes(head: bytes) -> int:
    """Return the length of the ID3v2 tag that `head` begins with; 0 without one.

    >>> id3_bytes(b"ID3" + bytes([4, 0, 0, 0, 0, 1, 2]))
    140
    """
    if len(head) < 10 or head[:3] != b"ID3" or max(head[6:10]) > 127:
        return 0
    size = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
    return 10 + size + (10 if head[5] & 0x10 else 0)


def sniff(head: bytes) -> Sniffed | None:
    """Return the container that `head`, the first bytes of a file after any ID3 tag, begins.

    >>> sniff(b"RIFF____WAVEfmt ").name
    'wav'
    >>> sniff(b"ffconcat version 1.0") is None
    True
    """
    if head[:4] in (b"RIFF", b"RF64", b"BW64") and head[8:12] == b"WAVE":
        return Sniffed("wav")
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return Sniffed("aiff")
    if head[:4] == b".snd":
        return Sniffed("au")
    if head[:4] == b"fLaC":
        return Sniffed("flac")
    if head[:4] == b"OggS":
        return Sniffed(_ogg_codec(head))
    if head[:5] == b"#!AMR":
        return Sniffed("amr")
    if head[:16] == _ASF:
        return Sniffed("wma")
    if head[4:8] == b"ftyp":
        return Sniffed("mp4")
    frame = find_frame(head, limit=4096)
    return None if frame is None else Sniffed("mp3", frame)


def _ogg_codec(head: bytes) -> str:
    packet = head[27 + head[26] :][:8] if len(head) > 27 else b""
    for magic, name in (
        (b"\x01vorbis", "ogg-vorbis"),
        (b"OpusHead", "ogg-opus"),
        (b"\x7fFLAC", "ogg-flac"),
        (b"Speex   ", "ogg-speex"),
    ):
        if packet.startswith(magic):
            return name
    return "ogg-unknown"


def refuse_unknown(head: bytes, *, formats: tuple[str, ...]) -> CallError:
    """Return the error for a file that is none of the accepted kinds."""
    hint = (
        f"accepted are {', '.join(formats)}; if this is a recording without a header, convert "
        "it to WAV with its true rate and codec first"
    )
    for magic, what in _TEXTS:
        if head.lstrip(b" \t\r\n\xef\xbb\xbf")[: len(magic)].lower() == magic.lower():
            return CallError("not-audio", f"not a recording: it begins like {what}", hint=hint)
    sample = head[:512]
    printable = sum(byte in b"\t\r\n" or 32 <= byte < 127 for byte in sample)
    if sample and printable / len(sample) > 0.95:
        return CallError("not-audio", "not a recording: it is a text", hint=hint)
    return CallError(
        "unknown-format",
        f"no accepted audio format begins with the bytes {head[:12].hex(' ')}",
        hint=hint,
    )
