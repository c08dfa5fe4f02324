"""AMR files: frames of 20 ms without any clock, found by their one-byte headers (RFC 4867, 5).

Zeros look like frames of the lowest rate whose quality bit says "damaged", and random bytes look
like frames one time in some twenty, so a stretch counts as audio only where several good headers
follow one another. The length of a damaged stretch follows from its bytes, as long as the bit rate
does not change around it.
"""

from __future__ import annotations

from collections.abc import Iterator

from speechqa.audio.libav import float_samples
from speechqa.audio.recording import Damage, FloatArray
from speechqa.audio.source import Source
from speechqa.audio.stream import Layout
from speechqa.errors import CallError

_NARROW = (13, 14, 16, 18, 20, 21, 27, 32, 6, 0, 0, 0, 0, 0, 0, 1)
_WIDE = (18, 24, 33, 37, 41, 47, 51, 59, 61, 6, 0, 0, 0, 0, 1, 1)
_IN_A_ROW = 6
MAX_BYTES = 61 * 50 * 86_400
"""One day at the highest rate; the file is held in memory whole, so there is a bound."""


class AmrDecoder:
    """One AMR file: narrow band or wide band, one channel."""

    def __init__(self, source: Source, start: int) -> None:
        head = source.read_at(start, 16)
        if head.startswith(b"#!AMR-WB\n"):
            self._sizes, self._codec, rate, skip = _WIDE, "amrwb", 16_000, 9
        elif head.startswith(b"#!AMR\n"):
            self._sizes, self._codec, rate, skip = _NARROW, "amrnb", 8_000, 6
        else:
            raise CallError("unknown-codec", "an AMR file of several channels is not read")
        self.damage: list[Damage] = []
        if source.size_bytes > MAX_BYTES:
            raise CallError("too-long", f"{source.size_bytes} bytes of AMR are more than a day")
        self._data = source.read_at(start + skip, source.size_bytes)
        self._frames = list(self._walk())
        last = self._frames[-1][0] + 1 if self._frames else 0
        self.layout = Layout(rate, 1, self._codec, "amr", last * rate // 50)

    def pieces(self) -> Iterator[tuple[int | None, FloatArray]]:
        """Yield (first sample, (1, n) float32)."""
        import av

        context = av.CodecContext.create(self._codec, "r")
        context.layout = "mono"  # type: ignore[attr-defined]
        context.sample_rate = self.layout.rate_hz  # type: ignore[attr-defined]
        step = self.layout.rate_hz // 50
        bad = 0
        for number, at, size in self._frames:
            try:
                frames = context.decode(av.Packet(self._data[at : at + size]))  # type: ignore[attr-defined]
            except (av.error.FFmpegError, ValueError):
                bad += 1
                continue
            for frame in frames:
                yield number * step, float_samples(frame)
        if bad:
            self.damage.append(
                Damage("bad-packets", None, None, f"{bad} packets could not be decoded")
            )

    def _size(self, at: int) -> int:
        """Return the length of the frame at `at`; 0 when there is no good frame."""
        if at >= len(self._data):
            return 0
        head = self._data[at]
        kind = head >> 3 & 15
        good = head & 0x83 == 0 and (head & 4 or kind == 15)
        return self._sizes[kind] if good else 0

    def _good(self, at: int) -> bool:
        """Tell whether several good frames follow from here, or good ones to the end."""
        for _ in range(_IN_A_ROW):
            size = self._size(at)
            if size == 0:
                return at == len(self._data)
            at += size
        return True

    def _walk(self) -> Iterator[tuple[int, int, int]]:
        """Yield (number on the clock, place, bytes) of each frame; name what lies between."""
        at, number, usual = 0, 0, 32
        while at < len(self._data):
            size = self._size(at)
            if size and (at + size <= len(self._data)) and self._follows(at + size):
                yield number, at, size
                usual = size if size > 8 else usual
                at, number = at + size, number + 1
                continue
            start = at
            while at < len(self._data) and (at == start or not self._good(at)):
                at += 1
            lost = max(1, round((at - start) / usual))
            if at >= len(self._data):
                self._cut(number, lost, at - start)
                return
            number += lost

    def _follows(self, at: int) -> bool:
        return at >= len(self._data) or self._size(at) > 0

    def _cut(self, number: int, lost: int, size: int) -> None:
        told = f"the last {size} bytes are no whole frame: the file is cut off"
        self.damage.append(Damage("cut-off", number * 20, lost * 20 if lost > 1 else None, told))
