"""MP3 with a clock of our own: first every frame is found, then every frame is decoded.

FFmpeg joins what lies before and after a damaged stretch: a 4 kB scratch in a 60 s recording
moves everything after it by half a second, without an error. Here the stretch's length in time
comes from its bytes (constant bit rate) or from the number of frames that the Xing header states
(variable bit rate, one stretch); where neither tells, times from there on are marked unreliable.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from speechqa.audio.libav import float_samples
from speechqa.audio.mpeg import FrameHeader, find_frame, frame_header, same_stream
from speechqa.audio.recording import Damage, FloatArray
from speechqa.audio.sniff import id3_bytes
from speechqa.audio.source import Source
from speechqa.audio.stream import Layout, too_long
from speechqa.errors import CallError

_DECODER_DELAY = 529
_CHUNK = 1 << 20
_TAIL_BYTES = 4096
_NEIGHBOURS = 50


@dataclass(frozen=True, slots=True)
class Xing:
    """The length that the encoder stated in the first frame, and the samples it padded."""

    frames: int | None
    size: int | None
    delay: int = 0
    padding: int = 0


@dataclass(slots=True)
class Gap:
    """A stretch without frames: before which frame it lies, its bytes, and its frames of time."""

    before: int
    size: int
    frames: int = 0


class Mp3Decoder:
    """One MP3 file, or the MP3 payload of a WAV file."""

    def __init__(
        self,
        source: Source,
        start: int,
        stop: int,
        *,
        max_duration_s: int,
        container: str = "mp3",
    ) -> None:
        self._source = source
        self._max_duration_s = max_duration_s
        self.damage: list[Damage] = []
        self._places: list[tuple[int, int]] = []
        self._gaps: list[Gap] = []
        self._kbps: list[int] = []
        self._broken_tail = 0
        self._first: FrameHeader | None = None
        self._find_all(start, stop)
        if self._first is None:
            raise CallError(
                "no-audio-decoded",
                f"not one MP3 frame in {stop - start} bytes: this is not a silent call, it is a "
                "broken file",
                hint="fetch the recording again from the recorder",
            )
        self._xing: Xing | None = _xing(source.read_at(*self._places[0]), self._first)
        if self._xing is not None:
            self._drop_first()
        self._place_gaps()
        self.layout: Layout = Layout(
            self._first.rate_hz,
            self._first.channels,
            "mp3" if self._first.layer == 3 else f"mp{self._first.layer}",
            container,
            self._stated(),
        )

    def pieces(self) -> Iterator[tuple[int | None, FloatArray]]:
        """Yield (first sample, (channels, n) float32)."""
        import av

        assert self._first is not None
        context = av.CodecContext.create(f"mp{self._first.layer}float", "r")
        step = self._first.samples
        delay = self._xing.delay + _DECODER_DELAY if self._xing and self._xing.delay else 0
        end = self.layout.stated_frames
        bad = number = 0
        gaps = {gap.before: gap for gap in self._gaps}
        for index, (at, size) in enumerate(self._places):
            if index in gaps:
                number += gaps[index].frames
                context.flush_buffers()
            start = number * step - delay
            number += 1
            try:
                packet = av.Packet(self._source.read_at(at, size))
                frames = context.decode(packet)  # type: ignore[attr-defined]
            except (av.error.FFmpegError, ValueError):
                bad += 1
                continue
            for frame in frames:
                samples = self._shaped(float_samples(frame))
                if start < 0:
                    samples, start = samples[:, -start:], 0
                if end is not None and start + samples.shape[1] > end > start:
                    samples = samples[:, : end - start]  # the padding that the encoder added
                yield start, samples
        if bad:
            self.damage.append(
                Damage("bad-packets", None, None, f"{bad} packets could not be decoded")
            )

    def _shaped(self, samples: FloatArray) -> FloatArray:
        """Keep the number of channels: joint stereo may switch a frame to one."""
        channels = self.layout.channels
        if samples.shape[0] == channels:
            return samples
        return samples[[0] * channels] if samples.shape[0] == 1 else samples[:channels]

    def _find_all(self, start: int, stop: int) -> None:
        """Walk all frames; fill places, bit rates and gaps."""
        window = b""
        base = at = start
        gap_from: int | None = None
        while at < stop:
            if at - base + 8192 > len(window) and base + len(window) < stop:
                window, base = self._source.read_at(at, min(_CHUNK, stop - at)), at
                if not window:
                    break
            head = window[at - base : at - base + 10]
            if head[:3] in (b"ID3", b"TAG") or head[:8] == b"APETAGEX":
                at += self._tag_bytes(head, at, stop)
                continue
            header = frame_header(head)
            if header is not None and self._belongs(header, window, at - base, at, stop):
                if gap_from is not None:
                    if self._places:
                        self._gaps.append(Gap(len(self._places), at - gap_from))
                    gap_from = None
                self._first = self._first or header
                self._places.append((at, header.size))
                if len(self._places) * header.samples > self._max_duration_s * header.rate_hz:
                    raise too_long(self._max_duration_s)
                self._kbps.append(header.bitrate_kbps)
                at += header.size
                continue
            if gap_from is None:
                gap_from = at
            at += self._next_candidate(window, at - base)
        if gap_from is not None:
            self._broken_tail = stop - gap_from

    @staticmethod
    def _tag_bytes(head: bytes, at: int, stop: int) -> int:
        if head[:3] == b"ID3":
            return max(10, id3_bytes(head))
        return 128 if head[:3] == b"TAG" else stop - at

    @staticmethod
    def _next_candidate(window: bytes, at: int) -> int:
        following = window.find(b"\xff", at + 1)
        tags = [window.find(tag, at + 1) for tag in (b"ID3", b"TAG", b"APETAGEX")]
        places = [place for place in (following, *tags) if place != -1]
        return min(places, default=len(window)) - at

    def _belongs(self, header: FrameHeader, window: bytes, at: int, place: int, stop: int) -> bool:
        """Tell whether a header is that of a whole frame of this stream.

        A frame is taken when the next one, a tag or the end follows it: the frame at the edge of
        a scratch has a good header and a broken body.
        """
        if self._first is not None and not same_stream(header, self._first):
            return False
        end = place + header.size
        if end > stop:
            return False
        after = window[at + header.size : at + header.size + 10]
        if end == stop or after[:3] in (b"ID3", b"TAG") or after[:8] == b"APETAGEX":
            return bool(self._places) or find_frame(window, start=at, limit=1) is not None
        following = frame_header(after)
        if following is None or not same_stream(header, following):
            return False
        if self._places and self._places[-1][0] + self._places[-1][1] == place:
            return True
        third = window[at + header.size + following.size :][:4]
        return len(third) < 4 or frame_header(third) is not None or third[:3] == b"TAG"

    def _drop_first(self) -> None:
        """Take out the frame that holds the Xing header: it is no audio."""
        del self._places[0], self._kbps[0]
        for gap in self._gaps:
            gap.before -= 1

    def _stated(self) -> int | None:
        assert self._first is not None
        if self._xing is not None and self._xing.frames:
            frames = self._xing.frames * self._first.samples
            return max(0, frames - self._xing.delay - self._xing.padding)
        return (len(self._places) + sum(gap.frames for gap in self._gaps)) * self._first.samples

    def _place_gaps(self) -> None:
        """Give each gap its length in frames, and say from where times cannot be trusted."""
        assert self._first is not None
        constant = len(set(self._kbps)) <= 1
        odd = False
        for gap in self._gaps:
            near = self._kbps[max(0, gap.before - _NEIGHBOURS) : gap.before + _NEIGHBOURS]
            usual = sum(near) / len(near) * 125 * self._first.samples / self._first.rate_hz
            gap.frames = max(1, round(gap.size / usual))
            # bytes taken out or put in leave a remainder that is no whole number of frames
            odd = odd or abs(gap.size - gap.frames * usual) > gap.frames + 2
        known = self._fit_to_stated()
        if self._gaps and not known and (odd or not constant):
            at = round(self._gaps[0].before * self._first.samples * 1000 / self._first.rate_hz)
            self.damage.append(
                Damage(
                    "unreliable-clock",
                    at,
                    None,
                    "the length of a damaged stretch is known only by its bytes",
                    unreliable_from_ms=at,
                )
            )
        if self._broken_tail > _TAIL_BYTES and not (self._xing and self._xing.frames):
            usual = sum(self._kbps) / len(self._kbps) * 125 if self._kbps else 1.0
            lost = round(self._broken_tail / usual * 1000)
            self.damage.append(
                Damage("cut-off", None, lost, f"the last {self._broken_tail} bytes do not decode")
            )

    def _fit_to_stated(self) -> bool:
        """Use the stated number of frames; return whether it settles where everything lies."""
        if self._xing is None or not self._xing.frames or not self._gaps:
            return False
        missing = self._xing.frames - len(self._places)
        guessed = sum(gap.frames for gap in self._gaps)
        if self._broken_tail:  # cut off at the end as well: what is missing lies in both places
            return False
        if missing < 0:
            return False
        if len(self._gaps) == 1:
            self._gaps[0].frames = missing
            return True
        return missing == guessed


def _xing(frame: bytes, header: FrameHeader) -> Xing | None:
    """Read the Xing, Info or VBRI header in the first frame; None when it is audio."""
    at = (
        (36 if header.channels == 2 else 21)
        if header.version == 3
        else (21 if header.channels == 2 else 13)
    )
    if frame[36:40] == b"VBRI" and len(frame) >= 54:
        size, frames = struct.unpack(">II", frame[46:54])
        return Xing(frames or None, size or None)
    if frame[at : at + 4] not in (b"Xing", b"Info") or len(frame) < at + 8:
        return None
    flags = struct.unpack(">I", frame[at + 4 : at + 8])[0]
    at += 8
    frames = size = None
    if flags & 1:
        frames, at = int.from_bytes(frame[at : at + 4], "big"), at + 4
    if flags & 2:
        size, at = int.from_bytes(frame[at : at + 4], "big"), at + 4
    at += (100 if flags & 4 else 0) + (4 if flags & 8 else 0)
    extra = frame[at + 21 : at + 24]
    if len(extra) < 3 or not frame[at : at + 4].strip(b"\0"):
        return Xing(frames, size)
    delay, padding = extra[0] << 4 | extra[1] >> 4, (extra[1] & 15) << 8 | extra[2]
    return Xing(frames, size, delay, padding)
