"""Segments of one recording, and what is refused or repaired in them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from speechqa.errors import CallError
from speechqa.intervals import IntervalArray, as_spans, empty, is_normal, normalise

LONGEST_MS = 48 * 3_600_000
"""No recording is longer; a later time is a mistake of unit."""


@dataclass(frozen=True)
class Speakers:
    """Which labels are whose; compared without regard to case.

    Examples
    --------
    >>> Speakers(agent=("SPK1",)).party("spk1"), Speakers().party("Customer")
    ('agent', 'customer')
    """

    agent: tuple[str, ...] = ()
    customer: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()

    def party(self, label: str) -> str | None:
        """Return the party of a label, ``"ignored"``, or None where nobody said."""
        name = label.casefold()
        for party in ("agent", "customer", "ignored"):
            if name in (known.casefold() for known in getattr(self, party)):
                return party
        return name if name in ("agent", "customer") else None


@dataclass(frozen=True)
class Segments:
    """Who speaks when in one recording.

    Parameters
    ----------
    path
        The file that told.
    recording
        The recording's name in the file; empty where it has none.
    agent, customer, mixed
        Normal interval sets, ms; empty also where the file says nothing of that party.
    parties
        The parties of which the file speaks.
    duration_ms
        As told; None where the file does not tell.
    notes
        What was repaired, one sentence each.
    more
        Other fields of a JSON file, checked: holds, words, answered_ms, language,
        announcements, returns.
    """

    path: str
    recording: str
    agent: IntervalArray
    customer: IntervalArray
    mixed: IntervalArray
    parties: tuple[str, ...]
    duration_ms: int | None
    notes: tuple[str, ...]
    more: dict[str, Any]

    @property
    def end_ms(self) -> int:
        """End of the last interval; 0 without any."""
        lanes = (self.agent, self.customer, self.mixed)
        return max((int(lane[-1, 1]) for lane in lanes if len(lane)), default=0)


def refuse(place: str, problem: str, hint: str) -> CallError:
    """Return the error for something in a segments file that cannot be true."""
    return CallError("bad-segments", f"{place}: {problem}", hint=hint)


def check_interval(start_ms: int, end_ms: int, place: str) -> None:
    """Refuse an interval that cannot be.

    Raises
    ------
    CallError
        It is negative, ends before it starts, or lies beyond 48 h.

    Examples
    --------
    >>> check_interval(5, 3, "call.rttm:7")
    Traceback (most recent call last):
    speechqa.errors.CallError: call.rttm:7: interval ends before it starts: 5 to 3 ms
    """
    span = f"{start_ms} to {end_ms} ms"
    if start_ms < 0:
        raise refuse(place, f"time is negative: {span}", "times count from the recording's start")
    if end_ms < start_ms:
        raise refuse(place, f"interval ends before it starts: {span}", "swap or correct the times")
    if end_ms > LONGEST_MS:
        raise refuse(
            place,
            f"time is beyond 48 hours: {span}",
            "RTTM times are in seconds, JSON times in milliseconds: check the unit",
        )


def tidy(spans: Sequence[tuple[int, int]], name: str) -> tuple[IntervalArray, list[str]]:
    """Return `spans` as a normal set, and what had to be done for that.

    Examples
    --------
    >>> spans, notes = tidy([(50, 90), (0, 20), (10, 30)], "agent")
    >>> spans.tolist(), notes[0]
    ([[0, 30], [50, 90]], 'agent: intervals were not in order: sorted')
    """
    given = as_spans(spans) if len(spans) else empty()
    notes = []
    hollow = int((given[:, 0] == given[:, 1]).sum())
    if hollow:
        notes.append(f"{name}: {hollow} intervals under half a millisecond: left out")
        given = given[given[:, 0] < given[:, 1]]
    if (given[1:, 0] < given[:-1, 0]).any():
        notes.append(f"{name}: intervals were not in order: sorted")
        given = given[np.argsort(given[:, 0], kind="stable")]
    if not is_normal(given):
        met = given[1:, 0] <= np.maximum.accumulate(given[:, 1])[:-1]
        touched = int((np.append(met, False) | np.append(False, met)).sum())
        notes.append(f"{name}: {touched} intervals overlapped or touched: merged")
        given = normalise(given)
    return given, notes
