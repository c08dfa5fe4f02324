"""Reading a recording: from a path to samples, or to a stream of blocks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from speechqa.audio.amr import AmrDecoder
from speechqa.audio.asf import stated_bytes, stated_ms
from speechqa.audio.gather import Room, gather
from speechqa.audio.libav import LibavDecoder
from speechqa.audio.mp3 import Mp3Decoder
from speechqa.audio.mp4 import what_is_wrong
from speechqa.audio.ogg import missing_end
from speechqa.audio.pcm import SndfileDecoder, WavDecoder
from speechqa.audio.recording import Damage, FloatArray, Recording
from speechqa.audio.riff import ALAW, FLOAT, MP3, MULAW, PCM, walk_wav
from speechqa.audio.sniff import HEAD_BYTES, Sniffed, id3_bytes, refuse_unknown, sniff
from speechqa.audio.source import PathLike, Source, Window, refuse_too_large
from speechqa.audio.stream import Decoder, Timeline
from speechqa.errors import CallError
from speechqa.settings import AudioSettings

_DEMUXERS = {
    "flac": "flac",
    "ogg-vorbis": "ogg",
    "ogg-opus": "ogg",
    "ogg-flac": "ogg",
    "ogg-speex": "ogg",
    "mp4": "mov",
    "wma": "asf",
}


_TAIL_BYTES = 8192
"""So many bytes after the stated end of a file are left alone."""


@contextmanager
def open_recording(path: PathLike, settings: AudioSettings) -> Iterator[Timeline]:
    """Open a recording for streaming; `Timeline.blocks` yields it in pieces.

    Memory stays at a few blocks, however long the call is. `Timeline.damage` is complete once
    the blocks have run out.

    Raises
    ------
    CallError
        The file is refused; the reason code says why.
    """
    with Source(path) as source:
        yield Timeline(_decoder(source, settings), settings)
        source.check_unchanged()


def iter_blocks(
    path: PathLike, settings: AudioSettings, *, block_ms: int = 1000
) -> Iterator[FloatArray]:
    """Yield a recording as consecutive (channels, n) float32 blocks of about `block_ms`."""
    with open_recording(path, settings) as timeline:
        yield from timeline.blocks(block_ms)


def read_recording(
    path: PathLike, settings: AudioSettings, *, room: Room | None = None
) -> Recording:
    """Decode one file, channels apart, with everything that was wrong with it.

    Parameters
    ----------
    room
        Where the samples of a long recording go; None keeps all of them in memory.

    Raises
    ------
    CallError
        The file is refused, or deferred because it is not at rest; the reason code says why.
    """
    with Source(path) as source:
        timeline = Timeline(_decoder(source, settings), settings)
        identity = source.identity()
        samples = gather(timeline, settings, room)
        source.check_unchanged()
        return Recording(
            path=source.path,
            samples=samples,
            rate_hz=timeline.layout.rate_hz,
            codec=timeline.layout.codec,
            container=timeline.layout.container,
            sha256=identity.sha256,
            size_bytes=identity.size_bytes,
            mtime_ns=identity.mtime_ns,
            damage=timeline.damage,
        )


def _decoder(source: Source, settings: AudioSettings) -> Decoder:
    if source.size_bytes == 0:
        raise CallError(
            "zero-bytes",
            "the file has 0 bytes",
            hint="the recorder opened it and never wrote; fetch it again",
        )
    refuse_too_large(source.size_bytes, settings)
    found = _sniffed(source, settings)
    if found.name == "ogg-unknown":
        raise CallError("unknown-codec", "an Ogg file whose first packet is of no known coding")
    if found.name not in settings.formats:
        raise CallError(
            "format-not-accepted",
            f"it is {found.name}; accepted are {', '.join(settings.formats)}",
            hint=f'to accept it, add "{found.name}" to audio.formats, or convert it to WAV',
        )
    return _open(source, found, settings)


def _open(source: Source, found: Sniffed, settings: AudioSettings) -> Decoder:
    start, stop = found.offset, source.size_bytes
    if found.name == "wav":
        return _wav(source, settings)
    if found.name == "mp3":
        return Mp3Decoder(source, start, stop, max_duration_s=settings.max_duration_s)
    if found.name == "amr":
        return AmrDecoder(source, start)
    if found.name in ("aiff", "au"):
        return SndfileDecoder(source, start, found.name)
    if found.name == "flac":
        return _flac(source, start)
    try:
        decoder = LibavDecoder(Window(source, start, stop), _DEMUXERS[found.name], found.name)
    except CallError as error:
        if found.name != "mp4" or error.reason_code != "unreadable-header":
            raise
        told = f"an MP4 file, but {what_is_wrong(source)}"
        raise CallError(error.reason_code, told, hint=error.hint) from None
    if found.name == "wma":
        _compare_asf(decoder, source.read_at(start, HEAD_BYTES), stop - start)
    if found.name.startswith("ogg"):
        cut = missing_end(source)
        decoder.damage.extend([cut] if cut else [])
    return decoder


def _compare_asf(decoder: LibavDecoder, head: bytes, on_disk: int) -> None:
    """Take the length that a Windows Media header states, and name bytes that it does not."""
    if (ms := stated_ms(head)) is not None:
        frames = ms * decoder.layout.rate_hz // 1000
        decoder.layout = replace(decoder.layout, stated_frames=frames)
    size = stated_bytes(head)
    if size is not None and on_disk > size + _TAIL_BYTES:
        told = f"the header states {size} bytes, {on_disk} are on disk; the rest was not read"
        decoder.damage.append(Damage("wrong-length", None, None, told))


def _flac(source: Source, start: int) -> Decoder:
    """Use FFmpeg, which keeps the clock after damage; libFLAC where FFmpeg cannot begin.

    FFmpeg gives up on headers whose block size or bit depth contradicts the frames; libFLAC
    reads them. Which of them can is known after the first packets.
    """
    problem: CallError | None = None
    try:
        probe = LibavDecoder(Window(source, start, source.size_bytes), "flac", "flac")
        if probe.begins():
            return LibavDecoder(Window(source, start, source.size_bytes), "flac", "flac")
    except CallError as error:
        problem = error
    try:
        decoder = SndfileDecoder(source, start, "flac")
    except CallError as error:
        raise problem or error from None
    told = "the header contradicts the audio; it was read by a more tolerant decoder"
    decoder.damage.append(Damage("faulty-header", None, None, told))
    return decoder


def _wav(source: Source, settings: AudioSettings) -> Decoder:
    wav = walk_wav(source, max_duration_s=settings.max_duration_s)
    if wav.format.tag in (PCM, FLOAT, ALAW, MULAW):
        return WavDecoder(source, wav)
    if wav.format.tag == MP3:
        return Mp3Decoder(
            source,
            wav.data_at,
            wav.data_at + wav.data_bytes,
            max_duration_s=settings.max_duration_s,
            container="wav",
        )
    decoder = LibavDecoder(Window(source, 0, source.size_bytes), "wav", "wav")
    decoder.damage.extend(wav.damage)
    missing = (wav.stated_bytes or 0) - wav.data_bytes
    if missing > 0 and wav.format.bytes_per_s:
        lost = round(missing * 1000 / wav.format.bytes_per_s)
        told = f"the header states {wav.stated_bytes} bytes of audio, {wav.data_bytes} are on disk"
        decoder.damage.append(Damage("cut-off", None, lost, told))
    return decoder


def _sniffed(source: Source, settings: AudioSettings) -> Sniffed:
    tag = id3_bytes(source.read_at(0, 10))
    head = source.read_at(tag, HEAD_BYTES)
    found = sniff(head)
    if found is None and tag:
        raise CallError(
            "no-audio-decoded",
            f"an ID3 tag of {tag} bytes, and in the {max(0, source.size_bytes - tag)} bytes after "
            "it no audio that is known",
            hint="fetch the recording again from the recorder",
        )
    if found is None:
        raise refuse_unknown(source.read_at(0, HEAD_BYTES), formats=settings.formats)
    return Sniffed(found.name, tag + found.offset)
