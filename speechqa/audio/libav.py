"""Decoding with FFmpeg (PyAV): packet by packet, by the container's clock, bad packets counted.

The demuxer is named, the codecs are on a list, the file object is ours, and every further opening
is refused. FFmpeg resynchronises after damage without a word; the only traces are packets that do
not decode and a jump in the times of those that do.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from speechqa.audio.flac import frame_start
from speechqa.audio.recording import Damage, FloatArray
from speechqa.audio.stream import Layout
from speechqa.errors import CallError

_CODEC_NAMES = """
flac vorbis opus libopus speex aac alac wmav1 wmav2 wmapro wmavoice wmalossless
adpcm_ms adpcm_ima_wav adpcm_yamaha adpcm_ima_qt adpcm_g722 g722 adpcm_g726 g726 g726le
gsm gsm_ms libgsm libgsm_ms truespeech g723_1 g729 ac3 amrnb amrwb mp3float mp3
pcm_s16le pcm_s16be pcm_s24le pcm_s24be pcm_s32le pcm_s32be pcm_u8 pcm_s8 pcm_mulaw pcm_alaw
pcm_f32le pcm_f32be pcm_f64le pcm_f64be
"""
CODECS = frozenset(_CODEC_NAMES.split())
_DEMUXER_ERRORS = 64
_PROBE_PACKETS = 6


def _refuse_opening(url: str, flags: int, options: object) -> Any:
    raise PermissionError(f"a recording may not open another file ({len(url)} characters)")


class LibavDecoder:
    """One file through FFmpeg."""

    def __init__(self, file: io.RawIOBase | io.BufferedReader, demuxer: str, name: str) -> None:
        import av

        self.damage: list[Damage] = []
        options = {
            "protocol_whitelist": "none",
            "format_whitelist": demuxer,
        }
        try:
            self._container = av.open(
                file,
                "r",
                format=demuxer,
                container_options=options,
                metadata_errors="ignore",
                io_open=_refuse_opening,
            )
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise unreadable(name, error) from None
        tracks = self._container.streams.audio
        if not tracks:
            raise CallError("no-audio-track", f"the {name} file holds no audio track")
        if len(tracks) > 1:
            self.damage.append(
                Damage("other-tracks", None, None, f"{len(tracks)} audio tracks; the first is read")
            )
        self._track = tracks[0]
        context = self._track.codec_context
        if context is None or context.name not in CODECS:
            codec = "an unknown codec" if context is None else f"the codec {context.name}"
            raise CallError("unknown-codec", f"the {name} file holds {codec}")
        context.thread_count = 1
        context.options = {"err_detect": "crccheck+bitstream+buffer"}
        self._name = name
        self._bad = 0
        self._block = 0
        stated = None
        ticks = self._track.duration or 0
        if ticks > 0 and self._track.time_base:
            stated = round(ticks * self._track.time_base * (self._track.rate or 0))
        self.layout = Layout(
            rate_hz=int(self._track.rate or 0),
            channels=int(context.channels),
            codec=context.name,
            container=name,
            stated_frames=stated,
        )

    def begins(self) -> bool:
        """Tell whether one of the first packets decodes; the decoder is used up by asking."""
        import av

        for packet in islice(self._packets(), _PROBE_PACKETS):
            try:
                if packet.decode():
                    return True
            except (av.error.FFmpegError, ValueError):
                continue
        return False

    def pieces(self) -> Iterator[tuple[int | None, FloatArray]]:
        """Yield (first sample or None, (channels, n) float32)."""
        import av

        bad_until: int | None = None
        for packet in self._packets():
            try:
                frames = packet.decode()
            except (av.error.FFmpegError, ValueError):
                self._bad += 1
                bad_until = self._end_of(packet) or bad_until
                continue
            for index, frame in enumerate(frames):
                if frame.sample_rate != self.layout.rate_hz or (
                    len(frame.layout.channels) != self.layout.channels
                ):
                    self._format_changed(frame)
                    return
                bad_until = None
                yield self._start_of(packet, frame, index), float_samples(frame)
        if bad_until is not None:  # no good packet follows that would show the hole
            yield bad_until, np.zeros((self.layout.channels, 0), np.float32)
        self._count_bad()

    def _clock(self, ticks: int, base: Fraction) -> int:
        start = (self._track.start_time or 0) * (self._track.time_base or 0)
        return round((ticks * base - start) * self.layout.rate_hz)

    def _start_of(self, packet: Any, frame: Any, index: int) -> int | None:
        if frame.pts is not None:
            if self._track.codec_context.name == "flac":
                self._block = max(self._block, frame.samples)
            return self._clock(frame.pts, frame.time_base)
        if self._track.codec_context.name == "flac" and index == 0:
            # around damage FFmpeg gives FLAC packets no time, but each carries its own number
            return frame_start(bytes(packet), self._block)
        return None

    def _end_of(self, packet: Any) -> int | None:
        if packet.pts is None:
            return None
        return self._clock(packet.pts + (packet.duration or 0), packet.time_base)

    def _packets(self) -> Iterator[Any]:
        import av

        failures = 0
        iterator = self._container.demux(self._track)
        while True:
            try:
                yield next(iterator)
            except StopIteration:
                return
            except (av.error.FFmpegError, OSError):
                failures += 1
                self._bad += 1
                if failures > _DEMUXER_ERRORS:
                    return
                iterator = self._container.demux(self._track)

    def _format_changed(self, frame: Any) -> None:
        self.damage.append(
            Damage(
                "format-change",
                None,
                None,
                f"the stream changes from {self.layout.rate_hz} Hz, {self.layout.channels} "
                f"channels to {frame.sample_rate} Hz, {len(frame.layout.channels)} channels; "
                "what follows was not read",
            )
        )
        self._count_bad()

    def _count_bad(self) -> None:
        if self._bad:
            self.damage.append(
                Damage("bad-packets", None, None, f"{self._bad} packets could not be decoded")
            )


def float_samples(frame: Any) -> FloatArray:
    """Return one decoded frame as (channels, n) float32 in [-1, 1]."""
    raw: npt.NDArray[Any] = frame.to_ndarray()
    if not frame.format.is_planar:
        raw = raw.reshape(-1, len(frame.layout.channels)).T
    if raw.dtype == np.uint8:
        return (raw.astype(np.float32) - np.float32(128)) / np.float32(128)
    if raw.dtype.kind == "i":
        return raw.astype(np.float32) / np.float32(2 ** (raw.dtype.itemsize * 8 - 1))
    return raw.astype(np.float32)


def unreadable(name: str, error: Exception) -> CallError:
    """Return the error for a header that FFmpeg does not accept."""
    reason = getattr(error, "strerror", None) or type(error).__name__
    return CallError(
        "unreadable-header",
        f"it begins like {name}, but its header cannot be read ({str(reason).lower()})",
        hint="fetch the recording again from the recorder",
    )
