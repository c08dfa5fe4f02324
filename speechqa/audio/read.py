"""Reading a recording: from a path to samples, or to a stream of blocks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from speechqa.audio.libav import LibavDecoder
from speechqa.audio.pcm import SndfileDecoder
from speechqa.audio.recording import FloatArray, Recording
from speechqa.audio.sniff import HEAD_BYTES, Sniffed, id3_bytes, refuse_unknown, sniff
from speechqa.audio.source import PathLike, Source, Window
from speechqa.audio.stream import Decoder, Timeline
from speechqa.errors import CallError
from speechqa.settings import AudioSettings

_DEMUXERS = {
    "flac": "flac",
    "ogg-vorbis": "ogg",
    "ogg-opus": "ogg",
    "ogg-flac": "ogg",
    "ogg-speex": "ogg",
    "mp3": "mp3",
    "mp4": "mov",
    "amr": "amr",
    "wma": "asf",
}


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


def read_recording(path: PathLike, settings: AudioSettings) -> Recording:
    """Decode one file into memory, channels apart, with everything that was wrong with it.

    Raises
    ------
    CallError
        The file is refused, or deferred because it is not at rest; the reason code says why.
    """
    with Source(path) as source:
        timeline = Timeline(_decoder(source, settings), settings)
        identity = source.identity()
        samples = _gather(timeline, settings)
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
    if source.size_bytes > settings.max_bytes:
        raise CallError(
            "too-large",
            f"{source.size_bytes} bytes; at most {settings.max_bytes} are accepted",
            hint="if recordings are that large here, raise audio.max_bytes",
        )
    found = _sniffed(source, settings)
    if found.name not in settings.formats:
        raise CallError(
            "format-not-accepted",
            f"it is {found.name}; accepted are {', '.join(settings.formats)}",
            hint=f'to accept it, add "{found.name}" to audio.formats, or convert it to WAV',
        )
    window = Window(source, found.offset, source.size_bytes)
    if found.name in _DEMUXERS:
        return LibavDecoder(window, _DEMUXERS[found.name], found.name)
    return SndfileDecoder(window, found.name)


def _sniffed(source: Source, settings: AudioSettings) -> Sniffed:
    tag = id3_bytes(source.read_at(0, 10))
    head = source.read_at(tag, HEAD_BYTES)
    found = sniff(head)
    if found is None:
        raise refuse_unknown(source.read_at(0, HEAD_BYTES), formats=settings.formats)
    return Sniffed(found.name, tag + found.offset)


def _gather(timeline: Timeline, settings: AudioSettings) -> FloatArray:
    """Collect the blocks in one array that grows by half; never more than the memory limit."""
    layout, channels = timeline.layout, timeline.channels
    limit = settings.max_decoded_bytes // (4 * channels)
    if (layout.stated_frames or 0) > limit:
        raise _too_big(layout.stated_frames or 0, channels, settings)
    room = min(limit, (layout.stated_frames or 0) + layout.rate_hz)
    samples = np.empty((channels, room), np.float32)
    filled = 0
    for block in timeline.blocks():
        end = filled + block.shape[1]
        if end > limit:
            raise _too_big(end, channels, settings)
        if end > samples.shape[1]:
            grown = np.empty((channels, min(limit, end + end // 2)), np.float32)
            grown[:, :filled] = samples[:, :filled]
            samples = grown
        samples[:, filled:end] = block
        filled = end
    return samples[:, :filled]


def _too_big(frames: int, channels: int, settings: AudioSettings) -> CallError:
    return CallError(
        "too-big-for-memory",
        f"decoded it takes {frames * channels * 4 / 1e6:.0f} MB; at most "
        f"{settings.max_decoded_bytes / 1e6:.0f} MB are taken for one recording",
        hint="raise audio.max_decoded_bytes, or store recordings at 8 or 16 kHz",
    )
