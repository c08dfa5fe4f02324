"""What the timing measures are made from: many calls laid end to end in flat columns.

A batch holds speech, holds, words and phrase instants of many calls, nothing of audio or text.
Columns may be views of Arrow buffers (see `speechqa.timing.arrow`). The parties are numbered:
`AGENT` is 0, `CUSTOMER` is 1. Times are integer milliseconds from the start of each recording.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from speechqa.intervals import Ragged, as_spans, empty, normalise, offsets_of

AGENT, CUSTOMER = 0, 1
PARTIES = ("agent", "customer")

NOT_KNOWN = np.int64(-1)
"""Answer instant of a call whose telephony did not tell it."""


class Layout(IntEnum):
    """How the parties of a recording lie in its channels."""

    MIXED = 0
    """One channel, parties not told apart: all speech is in the agent's column."""
    SEGMENTS = 1
    """One channel, parties told apart by software or by hand."""
    CHANNELS = 2
    """A channel for each party."""
    AGENT_ONLY = 3
    """Only the agent was recorded."""
    CUSTOMER_ONLY = 4
    """Only the customer was recorded."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call, in plain lists.

    Parameters
    ----------
    duration_ms
        Length of the recording.
    agent, customer
        Talkspurts of each party, (start, end) pairs in any order; None where there is no such
        channel.
    mixed
        Speech of a recording whose parties share a channel and are not told apart.
    one_channel
        The parties were told apart on one channel, by software or by hand: overlap and
        interruptions are then not measured.
    holds
        From telephony metadata; None where it says nothing of holds.
    answered_ms
        When the agent took the call; None where the telephony does not tell.
    language
        ISO 639-1 code, for the limits of the speech rate.
    words
        ``(party, start, end, units)`` for each trusted word; None without a transcript.
    announcements
        Instants where a hold or wait phrase of the agent ends.
    returns
        Instants where a return phrase of the agent starts ("thank you for holding").
    level_dbfs
        Level of each party's speech, by party.
    raised
        Stretches of raised voice, by party.
    grade
        Evidence grade, "A" to "D"; None where nobody graded the call.

    Examples
    --------
    >>> Call(duration_ms=9000, agent=[(0, 2000)], customer=[]).layout.name
    'CHANNELS'
    """

    duration_ms: int
    agent: ArrayLike | None = None
    customer: ArrayLike | None = None
    mixed: ArrayLike | None = None
    one_channel: bool = False
    holds: ArrayLike | None = None
    answered_ms: int | None = None
    language: str | None = None
    words: Sequence[tuple[str, int, int, int]] | None = None
    announcements: Sequence[int] = ()
    returns: Sequence[int] = ()
    level_dbfs: dict[str, float | None] = field(default_factory=dict)
    raised: dict[str, ArrayLike] = field(default_factory=dict)
    grade: str | None = None

    @property
    def layout(self) -> Layout:
        """How the parties lie in the channels, from what was given."""
        if self.agent is not None and self.customer is not None:
            return Layout.SEGMENTS if self.one_channel else Layout.CHANNELS
        if self.mixed is not None:
            return Layout.MIXED
        if self.agent is not None:
            return Layout.AGENT_ONLY
        if self.customer is not None:
            return Layout.CUSTOMER_ONLY
        raise ValueError("a call needs speech: `agent` and `customer`, or `mixed`; got neither")


@dataclass(frozen=True, eq=False)
class Words:
    """One party's words of many calls, in the order of their start within each call.

    Parameters
    ----------
    offsets
        Shape (calls + 1,).
    start, end
        Shape (words,), ms.
    units
        Shape (words,): speech-rate units; 0 for a word that is not trusted.
    """

    offsets: NDArray[Any]
    start: NDArray[Any]
    end: NDArray[Any]
    units: NDArray[Any]

    @classmethod
    def from_lists(cls, calls: Iterable[Iterable[tuple[int, int, int]]]) -> Words:
        """Lay the ``(start, end, units)`` of several calls end to end, sorted within each call."""
        lists = [sorted(words) for words in calls]
        flat = [word for words in lists for word in words]
        numbers = np.array(flat, dtype=np.int64).reshape(-1, 3)
        offsets = offsets_of(len(words) for words in lists)
        return cls(offsets, numbers[:, 0], numbers[:, 1], numbers[:, 2])

    @classmethod
    def empty(cls, calls: int) -> Words:
        """Return no words for `calls` calls."""
        nothing = np.empty(0, dtype=np.int64)
        return cls(np.zeros(calls + 1, dtype=np.int64), nothing, nothing, nothing)

    def calls(self, first: int, stop: int) -> Words:
        """Return calls `first` to `stop` on the same columns, without a copy."""
        return replace(self, offsets=self.offsets[first : stop + 1])


@dataclass(frozen=True, eq=False)
class Instants:
    """Sorted instants of many calls: where phrases end or start."""

    offsets: NDArray[Any]
    at: NDArray[Any]

    @classmethod
    def from_lists(cls, calls: Iterable[Sequence[int]]) -> Instants:
        """Lay the instants of several calls end to end, sorted within each call."""
        lists = [sorted(instants) for instants in calls]
        flat = np.array([at for instants in lists for at in instants], dtype=np.int64)
        return cls(offsets_of(len(instants) for instants in lists), flat)

    @classmethod
    def empty(cls, calls: int) -> Instants:
        """Return no instants for `calls` calls."""
        return cls(np.zeros(calls + 1, dtype=np.int64), np.empty(0, dtype=np.int64))

    def calls(self, first: int, stop: int) -> Instants:
        """Return calls `first` to `stop` on the same columns, without a copy."""
        return Instants(self.offsets[first : stop + 1], self.at)


@dataclass(frozen=True, eq=False, kw_only=True)
class CallBatch:
    """Many calls, one column per fact; see `Call` for what each means.

    Parameters
    ----------
    duration, answered
        Shape (calls,), ms; `NOT_KNOWN` where the answer instant is not known.
    layout
        Shape (calls,), values of `Layout`.
    agent, customer
        Talkspurts; mixed speech is in `agent`.
    hold, hold_known
        Holds from telephony metadata, and shape (calls,) whether it tells any.
    language
        One code per call.
    level
        Shape (calls, 2), dBFS; NaN where not measured.
    words, transcribed
        Words of agent and customer, and shape (calls,): whether there is a transcript at all.
    raised
        Stretches of raised voice, agent and customer.
    grade
        Shape (calls,): 0 to 3 for "A" to "D", -1 for not graded.
    """

    duration: NDArray[Any]
    layout: NDArray[np.int8]
    agent: Ragged
    customer: Ragged
    hold: Ragged
    hold_known: NDArray[np.bool_]
    answered: NDArray[Any]
    language: Sequence[str | None]
    words: tuple[Words, Words]
    transcribed: NDArray[np.bool_]
    announcements: Instants
    returns: Instants
    level: NDArray[np.float64]
    raised: tuple[Ragged, Ragged]
    grade: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.duration)

    @property
    def talkspurts(self) -> int:
        """Talkspurts of both parties in all calls."""
        return self.agent.count + self.customer.count

    @property
    def two_party(self) -> NDArray[np.bool_]:
        """Shape (calls,): whether each party has a channel of its own."""
        return np.asarray(self.layout == Layout.CHANNELS)

    @classmethod
    def from_calls(cls, calls: Iterable[Call]) -> CallBatch:
        """Build a batch from plain lists; intervals are sorted and merged.

        Raises
        ------
        ValueError
            A time is negative or after the end of its recording; the message names the call.

        Examples
        --------
        >>> batch = CallBatch.from_calls([Call(duration_ms=900, agent=[(0, 200)], customer=[])])
        >>> len(batch), batch.talkspurts
        (1, 1)
        """
        given = list(calls)
        first = [call.agent if call.agent is not None else call.mixed for call in given]
        batch = cls(
            duration=np.array([call.duration_ms for call in given], dtype=np.int64),
            layout=np.array([call.layout for call in given], dtype=np.int8),
            agent=_ragged(first),
            customer=_ragged([call.customer for call in given]),
            hold=_ragged([call.holds for call in given]),
            hold_known=np.array([call.holds is not None for call in given], dtype=np.bool_),
            answered=np.array(
                [NOT_KNOWN if call.answered_ms is None else call.answered_ms for call in given],
                dtype=np.int64,
            ),
            language=[call.language for call in given],
            words=(_words(given, "agent"), _words(given, "customer")),
            transcribed=np.array([call.words is not None for call in given], dtype=np.bool_),
            announcements=Instants.from_lists(call.announcements for call in given),
            returns=Instants.from_lists(call.returns for call in given),
            level=np.array(
                [[_number(call.level_dbfs.get(party)) for party in PARTIES] for call in given],
                dtype=np.float64,
            ).reshape(-1, 2),
            raised=(
                _ragged([call.raised.get("agent") for call in given]),
                _ragged([call.raised.get("customer") for call in given]),
            ),
            grade=np.array(
                ["ABCD".index(c.grade) if c.grade else -1 for c in given], dtype=np.int8
            ),
        )
        batch.check()
        return batch

    @classmethod
    def from_arrow(cls, table: Any, **columns: str) -> CallBatch:
        """Wrap an Arrow table or record batch without a copy; see `speechqa.timing.arrow`."""
        from speechqa.timing.arrow import read_batch

        return read_batch(table, **columns)

    def calls(self, first: int, stop: int) -> CallBatch:
        """Return calls `first` to `stop` on the same columns, without a copy."""
        cut: dict[str, Any] = {}
        for item in fields(self):
            value = getattr(self, item.name)
            if isinstance(value, tuple) and value and isinstance(value[0], Ragged | Words):
                cut[item.name] = tuple(part.calls(first, stop) for part in value)
            elif isinstance(value, Ragged | Words | Instants):
                cut[item.name] = value.calls(first, stop)
            else:
                cut[item.name] = value[first:stop]
        return CallBatch(**cut)

    def check(self) -> None:
        """Refuse columns that are no interval sets inside their recordings, or words unsorted.

        Raises
        ------
        ValueError
            Names the column and the first call that is wrong, with its interval.
        """
        for name, ragged in (
            ("agent", self.agent),
            ("customer", self.customer),
            ("hold", self.hold),
        ):
            _check(name, ragged, None if name == "hold" else self.duration)
        for party, words in zip(PARTIES, self.words, strict=True):
            _check_words(party, words)


def _check(name: str, ragged: Ragged, duration: NDArray[Any] | None) -> None:
    rows = slice(ragged.offsets[0], ragged.offsets[-1])
    start, end = ragged.start[rows], ragged.end[rows]
    if len(start) == 0:
        return
    offsets = np.asarray(ragged.offsets) - ragged.offsets[0]
    bad = (start >= end) | (start < 0)
    out_of_order = start[1:] <= end[:-1]
    heads = offsets[1:-1]
    out_of_order[heads[(heads > 0) & (heads < len(start))] - 1] = False
    bad[1:] |= out_of_order
    if duration is not None:
        filled = np.flatnonzero(np.diff(offsets))
        last = offsets[filled + 1] - 1
        bad[last] |= end[last] > duration[filled]
    if bad.any():
        row = int(np.argmax(bad))
        call = int(np.searchsorted(offsets, row, side="right")) - 1
        raise ValueError(
            f"{name} of call {call}: interval [{start[row]}, {end[row]}) is empty, negative, not "
            "after the one before it, or past the end of the recording; use "
            "speechqa.intervals.normalise and the recording's length in ms"
        )


def _check_words(party: str, words: Words) -> None:
    start = words.start[words.offsets[0] : words.offsets[-1]]
    back = start[1:] < start[:-1]
    heads = np.asarray(words.offsets)[1:-1] - words.offsets[0]
    back[heads[(heads > 0) & (heads < len(start))] - 1] = False
    if back.any() or (start < 0).any():
        raise ValueError(f"words of the {party} are not in order of start, or start before 0")


def _words(calls: Sequence[Call], party: str) -> Words:
    return Words.from_lists(
        [(start, end, units) for who, start, end, units in call.words or () if who == party]
        for call in calls
    )


def _ragged(sets: Iterable[ArrayLike | None]) -> Ragged:
    return Ragged.from_lists(_merged(spans) for spans in sets)


def _merged(spans: ArrayLike | None) -> NDArray[np.int64]:
    return empty() if spans is None else normalise(_forward(as_spans(spans)))


def _forward(spans: NDArray[np.int64]) -> NDArray[np.int64]:
    backward = spans[:, 0] > spans[:, 1]
    if backward.any() or (spans < 0).any():
        wrong = spans[backward | (spans < 0).any(axis=1)][0].tolist()
        raise ValueError(f"interval {wrong} ends before it starts or is negative")
    return spans


def _number(value: float | None) -> float:
    return np.nan if value is None else float(value)
