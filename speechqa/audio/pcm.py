"""Uncompressed audio through libsndfile, block by block: WAV, AIFF, AU.

The place of each sample follows from its place in the file, so damage inside cannot move what
follows; what is compared is the length that the header states with the bytes on disk.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import numpy as np

from speechqa.audio.payload import Stretch, scan
from speechqa.audio.recording import Damage, FloatArray
from speechqa.audio.riff import ALAW, FLOAT, MULAW, PCM, Wav
from speechqa.audio.source import Source, Window
from speechqa.audio.stream import Layout
from speechqa.errors import CallError

_BLOCK_FRAMES = 65_536
_SILENT_MS = 500
_WHOLE_FRAMES = 64_000_000
_UNKNOWN_FRAMES = 1 << 62
_SUBTYPES = {
    (PCM, 1): "PCM_U8",
    (PCM, 2): "PCM_16",
    (PCM, 3): "PCM_24",
    (PCM, 4): "PCM_32",
    (FLOAT, 4): "FLOAT",
    (FLOAT, 8): "DOUBLE",
    (ALAW, 1): "ALAW",
    (MULAW, 1): "ULAW",
}


class WavDecoder:
    """The audio of a walked WAV file whose samples have a fixed width."""

    def __init__(self, source: Source, wav: Wav) -> None:
        self.damage: list[Damage] = list(wav.damage)
        self._width, self._subtype = sample_width(wav)
        self._source, self._wav = source, wav
        frame_bytes = self._width * wav.format.channels
        stated = wav.stated_bytes if wav.stated_bytes is not None else wav.data_bytes
        self.layout = Layout(
            rate_hz=wav.format.rate_hz,
            channels=wav.format.channels,
            codec=self._subtype.lower(),
            container="wav",
            stated_frames=stated // frame_bytes if frame_bytes else None,
            exact=True,
        )

    def pieces(self) -> Iterator[tuple[int | None, FloatArray]]:
        """Yield (first sample, (channels, n) float32); stretches that are no audio are left out."""
        at, stop = 0, self._wav.data_bytes // self._frame_bytes
        for first, last in self._holes():
            yield from self._between(at, first)
            at = max(at, last)
        yield from self._between(at, stop)
        yield stop, np.zeros((self.layout.channels, 0), np.float32)

    @property
    def _frame_bytes(self) -> int:
        return self._width * self.layout.channels

    def _between(self, first: int, last: int) -> Iterator[tuple[int, FloatArray]]:
        """Decode the frames [first, last)."""
        import soundfile

        if last <= first:
            return
        start = self._wav.data_at
        window = Window(
            self._source, start + first * self._frame_bytes, start + last * self._frame_bytes
        )
        try:
            sound = soundfile.SoundFile(
                window,
                samplerate=self.layout.rate_hz,
                channels=self.layout.channels,
                format="RAW",
                subtype=self._subtype,
                endian="LITTLE",
            )
        except (soundfile.SoundFileError, TypeError, ValueError) as error:
            raise _unreadable("wav", error) from None
        for _, block in _read(sound, _BLOCK_FRAMES, self.damage):
            yield first, block
            first += block.shape[1]

    def _holes(self) -> Iterator[tuple[int, int]]:
        """Yield the frames [first, last) that hold something else than audio."""
        start, stop = self._wav.data_at, self._wav.data_at + self._wav.data_bytes
        payload = scan(
            self._source,
            start,
            stop,
            width=self._width,
            channels=self.layout.channels,
            min_silent=self._frame_bytes * self.layout.rate_hz * _SILENT_MS // 1000,
        )
        if payload.silent is not None:
            at, seconds = self._times(payload.silent)
            told = (
                f"{seconds:.2f} s of exact zeros on every channel, as nowhere else in the "
                "recording: lost, or muted by the recorder; they are measured as silence"
            )
            self.damage.append(Damage("exact-zeros", at, None, told))
        for stretch in payload.lost:
            at, seconds = self._times(stretch)
            told = f"{stretch.what} lie where {seconds:.2f} s of audio should be"
            self.damage.append(Damage("overwritten", at, round(seconds * 1000), told))
            first = (stretch.start - start) // self._frame_bytes
            yield first, min(-((start - stretch.stop) // self._frame_bytes), stop)

    def _times(self, stretch: Stretch) -> tuple[int, float]:
        per_s = self._frame_bytes * self.layout.rate_hz
        at = round((stretch.start - self._wav.data_at) * 1000 / per_s)
        return at, (stretch.stop - stretch.start) / per_s


def sample_width(wav: Wav) -> tuple[int, str]:
    """Return bytes per sample and libsndfile's name of the coding.

    Samples narrower than their container (20 bits in 3 bytes, 24 in 4) lie at its upper end.

    Raises
    ------
    CallError
        ``unknown-codec``: not a coding of fixed width, or a width that it does not have.
    """
    fmt = wav.format
    width = fmt.block_bytes // fmt.channels if fmt.channels else 0
    if width * fmt.channels != fmt.block_bytes or width * 8 < fmt.bits or width == 0:
        width = (fmt.bits + 7) // 8
    try:
        return width, _SUBTYPES[fmt.tag, width]
    except KeyError:
        raise CallError(
            "unknown-codec",
            f"the WAV header states coding 0x{fmt.tag:04x} with {fmt.bits} bits in "
            f"{fmt.block_bytes} bytes for {fmt.channels} channels: not a coding that is read",
            hint="convert it to PCM, A-law or mu-law WAV",
        ) from None


class SndfileDecoder:
    """A file whose header libsndfile reads: AIFF, AU, and FLAC that FFmpeg does not take."""

    def __init__(self, source: Source, start: int, name: str) -> None:
        import soundfile

        self.damage: list[Damage] = []
        try:
            self._sound = soundfile.SoundFile(Window(source, start, source.size_bytes))
        except (soundfile.SoundFileError, TypeError, ValueError) as error:
            raise _unreadable(name, error) from None
        stated = self._stated(source.read_at(start, 65_536), name)
        self.layout = Layout(
            rate_hz=self._sound.samplerate,
            channels=self._sound.channels,
            codec=self._sound.subtype.lower(),
            container=name,
            stated_frames=stated,
            exact=name != "flac",
        )

    def _stated(self, head: bytes, name: str) -> int | None:
        """Return the length that the header states, which libsndfile cuts to what is there."""
        if name == "aiff":
            return _aiff_frames(head)
        if name == "au":
            return _au_frames(head, self._sound.channels)
        frames = int(self._sound.frames)
        return frames if frames < _UNKNOWN_FRAMES else None

    def pieces(self) -> Iterator[tuple[int | None, FloatArray]]:
        """Yield (None, (channels, n) float32)."""
        # libFLAC cannot go on after a seek in a file whose header is wrong: one read, no seek
        whole = self.layout.container == "flac" and self._sound.frames <= _WHOLE_FRAMES
        size = self._sound.frames if whole else _BLOCK_FRAMES
        yield from _read(self._sound, size, self.damage)


def _read(sound: Any, size: int, damage: list[Damage]) -> Iterator[tuple[None, FloatArray]]:
    import soundfile

    while True:
        try:
            block = sound.read(size, dtype="float32", always_2d=True)
        except (soundfile.SoundFileError, ValueError) as error:
            reason = getattr(error, "error_string", "") or type(error).__name__
            told = f"the decoder stopped ({reason.strip(' .').lower()})"
            damage.append(Damage("bad-packets", None, None, told))
            return
        if len(block) == 0:
            return
        yield None, np.ascontiguousarray(block.T)
        if len(block) < size or sound.tell() >= sound.frames:
            return


def _aiff_frames(head: bytes) -> int | None:
    """Return the number of frames that the COMM chunk states."""
    at = head.find(b"COMM", 12)
    if at == -1 or at + 14 > len(head):
        return None
    return int(struct.unpack(">I", head[at + 10 : at + 14])[0])


def _au_frames(head: bytes, channels: int) -> int | None:
    """Return the number of frames that the header states; None when it leaves them open."""
    if len(head) < 24:
        return None
    stated, coding = struct.unpack(">II", head[8:16])
    width = {1: 1, 2: 1, 3: 2, 4: 3, 5: 4, 6: 4, 7: 8, 27: 1}.get(coding)
    return None if width is None or stated == 0xFFFF_FFFF else stated // (width * channels)


def _unreadable(name: str, error: Exception) -> CallError:
    reason = getattr(error, "error_string", "") or type(error).__name__
    return CallError(
        "unreadable-header",
        f"it begins like {name}, but its header cannot be read ({reason.strip(' .').lower()})",
        hint="fetch the recording again from the recorder",
    )
