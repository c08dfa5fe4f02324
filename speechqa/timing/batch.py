"""What the timing measures are made from: many calls laid end to end in flat columns.

A batch holds speech, holds, words and phrase instants of many calls, nothing of audio or text.
Columns may be views of Arrow buffers (see `speechqa.timing.arrow`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from speechqa.intervals import Ragged, as_spans, empty, normalise
from speechqa.timing.call import NOT_KNOWN, PARTIES, Call, Layout
from speechqa.timing.columns import Instants, Words


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
    level, snr, clipped
        Shape (calls, 2): dBFS, dB and shares of samples; NaN where not measured.
    words, transcribed
        Words of agent and customer, and shape (calls,): whether there is a transcript at all.
    raised, listened
        Stretches of raised voice, agent and customer, and shape (calls, 2): whether they were
        looked for.
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
    snr: NDArray[np.float64]
    clipped: NDArray[np.float64]
    raised: tuple[Ragged, Ragged]
    listened: NDArray[np.bool_]
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
            level=_of_parties(call.level_dbfs for call in given),
            snr=_of_parties(call.snr_db for call in given),
            clipped=_of_parties(call.clipped_share for call in given),
            raised=(
                _ragged([call.raised.get("agent") for call in given]),
                _ragged([call.raised.get("customer") for call in given]),
            ),
            listened=np.array(
                [[party in call.raised for party in PARTIES] for call in given], dtype=np.bool_
            ).reshape(-1, 2),
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


def _of_parties(figures: Iterable[Mapping[str, float | None]]) -> NDArray[np.float64]:
    rows = [[_number(one.get(party)) for party in PARTIES] for one in figures]
    return np.array(rows, dtype=np.float64).reshape(-1, 2)


def _number(value: float | None) -> float:
    return np.nan if value is None else float(value)
