"""The decode loop's clock: pieces of audio with the container's times become one timeline.

A decoder hands over pieces, each with the sample it starts at (or None: it follows the last one).
Where the container's clock jumps ahead, audio was lost: the hole is filled with zeros and named,
so that everything after it keeps its time. The policy on length holds while decoding too, not
only for the length that a header states.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from speechqa.audio.recording import Damage, FloatArray
from speechqa.errors import CallError
from speechqa.settings import AudioSettings

TOLERANCE_MS = 30
"""A jump of the clock smaller than this is rounding: Windows Media counts whole ms, a packet of
MP3 or AAC is 23 to 72 ms, and 100 ms is the error that matters."""

PRIMING_MS = 150
"""Windows Media and Vorbis decoders hold back up to two packets at the start."""

TWICE_MS = 1000
"""Audio up to this much behind the clock was decoded before: it is left out."""

MAX_JUMPS_NAMED = 20
"""A file whose clock jumps all the time needs no list of it."""

LOUDEST = 1e6
"""Beyond this no number is a sample, on whatever scale: 120 dB above full scale."""

END_TOLERANCE_MS = 200
"""A stated length that differs by less than this from what was decoded is no damage: encoders
pad and prime by up to 4,096 samples."""


@dataclass(frozen=True, slots=True)
class Layout:
    """What a header states, before anything is decoded; `exact` when to the sample."""

    rate_hz: int
    channels: int
    codec: str
    container: str
    stated_frames: int | None = None
    exact: bool = False


class Decoder(Protocol):
    """Reads one container; `damage` is complete once `pieces` has run to its end."""

    layout: Layout
    damage: list[Damage]

    def pieces(self) -> Iterator[tuple[int | None, FloatArray]]:
        """Yield (first sample or None, (channels, n) float32)."""
        ...


def check_policy(layout: Layout, settings: AudioSettings) -> None:
    """Refuse what the settings do not accept, before any memory is taken for it.

    Raises
    ------
    CallError
        ``rate-out-of-range``, ``too-many-channels``, ``too-long``; the limit is in the message.
    """
    low, high = settings.min_rate_hz, settings.max_rate_hz
    if not low <= layout.rate_hz <= high:
        raise CallError(
            "rate-out-of-range",
            f"the header states {layout.rate_hz} Hz; accepted are {low} to {high} Hz",
            hint="if the rate is true, change audio.min_rate_hz or audio.max_rate_hz",
        )
    if layout.channels < 1:
        raise CallError("no-channels", "the header states 0 channels")
    chosen = settings.channels
    if chosen and max(chosen) >= layout.channels:
        raise CallError(
            "no-such-channel",
            f"channel {max(chosen)} was asked for, counted from 0; the recording has "
            f"{layout.channels}",
            hint="change audio.channels",
        )
    if not chosen and layout.channels > settings.max_channels:
        raise CallError(
            "too-many-channels",
            f"{layout.channels} channels; at most {settings.max_channels} are accepted, since "
            "which of them are the agent and the customer is unknown",
            hint="say which, counted from 0, agent first: audio.channels = [0, 1]",
        )
    frames = layout.stated_frames
    if frames is not None and frames > settings.max_duration_s * layout.rate_hz:
        raise too_long(settings.max_duration_s, frames / layout.rate_hz)


def too_long(limit_s: int, stated_s: float | None = None) -> CallError:
    """Return the error for a recording longer than the policy allows."""
    found = "it holds more" if stated_s is None else f"the header states {stated_s:.0f} s"
    return CallError(
        "too-long",
        f"at most {limit_s} s are accepted, and {found}",
        hint="if calls are that long here, raise audio.max_duration_s",
    )


class Timeline:
    """Turns a decoder's pieces into consecutive blocks, and collects the damage."""

    def __init__(self, decoder: Decoder, settings: AudioSettings) -> None:
        check_policy(decoder.layout, settings)
        self.layout = decoder.layout
        self._decoder, self._settings = decoder, settings
        self._clock = 0
        self._decoded = 0
        self._not_finite = 0
        self._shift = self._jumps = 0
        self._first_not_finite: int | None = None
        self._found: list[Damage] = []

    @property
    def damage(self) -> tuple[Damage, ...]:
        """All damage found so far, in order of place."""
        everything = _merge_holes([*self._found, *self._decoder.damage])
        return tuple(sorted(everything, key=lambda item: (item.at_ms is None, item.at_ms or 0)))

    @property
    def channels(self) -> int:
        """Number of channels that blocks have."""
        return len(self._settings.channels) or self.layout.channels

    def blocks(self, block_ms: int = 1000) -> Iterator[FloatArray]:
        """Yield (channels, n) float32 blocks, each of about `block_ms`, without gaps."""
        size = max(1, self.layout.rate_hz * block_ms // 1000)
        waiting: list[FloatArray] = []
        held = 0
        for piece in self._placed(size):
            waiting.append(piece)
            held += piece.shape[1]
            if held >= size:
                yield np.concatenate(waiting, axis=1)
                waiting, held = [], 0
        if held:
            yield np.concatenate(waiting, axis=1)
        self._finish()

    def _ms(self, frames: int) -> int:
        return round(frames * 1000 / self.layout.rate_hz)

    def _placed(self, size: int) -> Iterator[FloatArray]:
        for start, piece in self._decoder.pieces():
            if start is not None:
                yield from self._move_to(start, size)
                piece = piece[:, min(piece.shape[1], self._overlap(start)) :]
            if piece.shape[1] == 0:
                continue
            if self._settings.channels:
                piece = piece[list(self._settings.channels)]
            self._decoded += piece.shape[1]
            yield self._cleaned(piece)
            self._clock += piece.shape[1]
            if self._clock > self._settings.max_duration_s * self.layout.rate_hz:
                raise too_long(self._settings.max_duration_s)

    def _frames(self, ms: int) -> int:
        return self.layout.rate_hz * ms // 1000

    def _overlap(self, start: int) -> int:
        """Return how many samples of a piece lie before the clock: damage makes some come twice."""
        over = self._clock - (start + self._shift)
        return over if self._frames(TOLERANCE_MS) < over <= self._frames(TWICE_MS) else 0

    def _move_to(self, start: int, size: int) -> Iterator[FloatArray]:
        """Bring the clock to `start`: fill a hole, or take up a clock that was set anew."""
        if abs(start - self._clock) <= self._frames(TOLERANCE_MS):
            self._shift = 0
        jump = start + self._shift - self._clock
        if -self._frames(TWICE_MS) <= jump <= self._frames(TOLERANCE_MS):
            return
        if self._decoded == 0 and 0 < jump <= self._frames(PRIMING_MS):
            self._clock = start  # the first packets of a decoder that overlaps yield nothing
            yield np.zeros((self.channels, start), np.float32)
            return
        limit = self.layout.stated_frames or self._frames(self._settings.max_duration_s * 1000)
        if jump < 0 or self._clock + jump > limit + self.layout.rate_hz:
            self._set_anew(start, jump)
            return
        at = self._ms(self._clock)
        if not self._explained(at):
            told = f"{jump / self.layout.rate_hz:.2f} s of audio are missing here"
            self._found.append(Damage("lost-audio", at, self._ms(jump), told))
        end = self._clock + jump
        while self._clock < end:
            piece = np.zeros((self.channels, min(size, end - self._clock)), np.float32)
            self._clock += piece.shape[1]
            yield piece

    def _set_anew(self, start: int, jump: int) -> None:
        """Follow a clock that jumps: two streams in one file, or a broken time stamp."""
        self._shift = self._clock - start
        at = self._ms(self._clock)
        told = f"the clock of the file jumps by {jump / self.layout.rate_hz:+.2f} s"
        self._jumps += 1
        if self._jumps <= MAX_JUMPS_NAMED:
            self._found.append(Damage("clock-jump", at, None, told, unreliable_from_ms=at))

    def _explained(self, at: int) -> bool:
        """Tell whether the decoder itself named the hole at `at` ms."""
        return any(
            item.lost_ms and item.at_ms is not None and abs(item.at_ms - at) <= TOLERANCE_MS
            for item in self._decoder.damage
        )

    def _cleaned(self, piece: FloatArray) -> FloatArray:
        with np.errstate(invalid="ignore"):
            finite = np.abs(piece) <= LOUDEST
        if finite.all():
            return np.ascontiguousarray(piece, dtype=np.float32)
        if self._first_not_finite is None:
            self._first_not_finite = self._clock + int(np.argmin(finite.all(axis=0)))
        self._not_finite += int(finite.size - np.count_nonzero(finite))
        return np.where(finite, piece, np.float32(0)).astype(np.float32)

    def _finish(self) -> None:
        if self._decoded == 0:
            raise CallError(
                "no-audio-decoded",
                f"the header is that of {self.layout.codec} in {self.layout.container}, but not "
                "one sample could be decoded: this is not a silent call, it is a broken file",
                hint="fetch the recording again from the recorder",
            )
        if self._ms(self._clock) < self._settings.min_duration_ms:
            raise CallError(
                "too-short",
                f"{self._clock / self.layout.rate_hz:.3f} s of audio; at least "
                f"{self._settings.min_duration_ms} ms are needed for a call",
                hint="if calls are that short here, lower audio.min_duration_ms",
            )
        if self._first_not_finite is not None:
            self._found.append(
                Damage(
                    "not-finite",
                    self._ms(self._first_not_finite),
                    None,
                    f"{self._not_finite} samples are NaN or beyond any level; they were set to 0",
                )
            )
        stated = self.layout.stated_frames
        if stated is None:
            return
        missing = stated - self._clock
        tolerance = TOLERANCE_MS if self.layout.exact else END_TOLERANCE_MS
        if abs(missing) <= self.layout.rate_hz * tolerance // 1000:
            return
        rate = self.layout.rate_hz
        told = f"the header states {stated / rate:.2f} s, {self._clock / rate:.2f} s are there"
        end = self._ms(self._clock)
        if missing > 0:
            self._found.append(Damage("cut-off", end, self._ms(missing), told))
        else:
            self._found.append(Damage("wrong-length", None, None, told))


def _merge_holes(found: list[Damage]) -> list[Damage]:
    """Join holes that touch, so that one scratch is one damage."""
    merged: list[Damage] = []
    for item in found:
        last = merged[-1] if merged else None
        if (
            last is not None
            and item.kind == last.kind == "lost-audio"
            and item.at_ms is not None
            and last.at_ms is not None
            and last.lost_ms is not None
            and item.lost_ms is not None
            and item.at_ms - (last.at_ms + last.lost_ms) <= TOLERANCE_MS
        ):
            lost = item.at_ms + item.lost_ms - last.at_ms
            merged[-1] = Damage(
                "lost-audio", last.at_ms, lost, f"{lost / 1000:.2f} s of audio are missing here"
            )
        else:
            merged.append(item)
    return merged
