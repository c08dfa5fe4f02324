"""What decoding one file yields: the samples, and everything that was wrong with them.

Channels stay apart: nothing here mixes them. Samples are float32 in [-1, 1] at the file's own
rate. A place where audio was lost holds zeros, so that what follows keeps its time; those places
are `Recording.lost`, and they are neither silence nor speech. Whether a recording is worth scoring
is not decided here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

FloatArray: TypeAlias = npt.NDArray[np.float32]
IntervalArray: TypeAlias = npt.NDArray[np.int64]


KINDS = {
    "lost-audio": "a hole: the container's clock, its frame numbers or its bytes tell its length",
    "overwritten": "bytes that cannot be audio lie where audio should be",
    "cut-off": "the end is missing: less is there than the header states, or no end mark",
    "bad-packets": "packets that did not decode; what they held is a hole of its own",
    "wrong-length": "the header states less than is there, or nothing usable; all was read",
    "clock-jump": "the clock of the file jumps; what follows is in order, its times are not",
    "unreliable-clock": "a hole of unknown length; times after it cannot be trusted",
    "exact-zeros": "one long stretch of exact zeros in a recording that has none elsewhere",
    "not-finite": "samples that are NaN, infinite or beyond any level; set to 0",
    "format-change": "rate or channels change inside; what follows was not read",
    "faulty-header": "the header contradicts the audio; a more tolerant decoder read it",
    "other-tracks": "several audio tracks; the first was read",
}
"""Every kind of damage, in the words of a person."""


@dataclass(frozen=True, slots=True)
class Damage:
    """One thing that was wrong with a file, in the words of a person; `KINDS` lists them.

    Attributes
    ----------
    kind
        Stable kebab-case name, e.g. ``"lost-audio"``; reports group by it.
    at_ms
        Where in the recording, or None when it concerns the whole or the place is unknown.
    lost_ms
        How much audio is missing, or None when nothing is, or the amount is unknown.
    detail
        What was found, with figures.
    unreliable_from_ms
        From here on times may be wrong by more than 100 ms; None when they hold.

    Examples
    --------
    >>> Damage("lost-audio", 30_000, 512, "12 packets did not decode").lost_ms
    512
    """

    kind: str
    at_ms: int | None
    lost_ms: int | None
    detail: str
    unreliable_from_ms: int | None = None


@dataclass(frozen=True)
class Recording:
    """The decoded audio of one file, channels apart, with its identity and its damage.

    Attributes
    ----------
    path
        The path as given; bytes that are not UTF-8 are kept as surrogates.
    samples
        (channels, n) float32 in [-1, 1] at `rate_hz`. Zeros where audio was lost.
    sha256, size_bytes, mtime_ns
        Identity of the file's bytes.
    damage
        Everything that was wrong; empty for a clean file.
    """

    path: str
    samples: FloatArray
    rate_hz: int
    codec: str
    container: str
    sha256: str
    size_bytes: int
    mtime_ns: int
    damage: tuple[Damage, ...] = ()

    @property
    def channels(self) -> int:
        """Number of channels."""
        return int(self.samples.shape[0])

    @property
    def duration_ms(self) -> int:
        """Length in ms, rounded; lost audio whose place is known counts."""
        return round(int(self.samples.shape[1]) * 1000 / self.rate_hz)

    @property
    def lost_ms(self) -> int:
        """Audio known to be missing, in ms."""
        return sum(damage.lost_ms or 0 for damage in self.damage)

    @property
    def lost(self) -> IntervalArray:
        """(n, 2) intervals in ms inside the recording where audio was lost; sorted, disjoint."""
        end = self.duration_ms
        spans = sorted(
            (damage.at_ms, min(damage.at_ms + damage.lost_ms, end))
            for damage in self.damage
            if damage.at_ms is not None and damage.lost_ms and damage.at_ms < end
        )
        merged: list[list[int]] = []
        for start, stop in spans:
            if merged and start <= merged[-1][1]:
                merged[-1][1] = max(merged[-1][1], stop)
            else:
                merged.append([start, stop])
        return np.array(merged, dtype=np.int64).reshape(-1, 2)

    @property
    def unreliable_from_ms(self) -> int | None:
        """First time from which clock times cannot be trusted to 100 ms; None when all can."""
        marks = [
            damage.unreliable_from_ms
            for damage in self.damage
            if damage.unreliable_from_ms is not None
        ]
        return min(marks, default=None)
