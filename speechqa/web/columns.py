"""The figures of every current call side by side, so that any sum over them is one sweep.

What is taken from a file of the store never changes, so it is taken once (`numbers_of`); a picture
of the store joins what its files gave (`Columns`). Names become codes through a `Vocabulary` that
only grows. A figure that was not made is NaN.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from speechqa.web.rows import Judged, Listed

Floats = NDArray[np.float64]
Codes = NDArray[np.int32]
FIELDS = (
    *("points", "potential", "percent", "silence_ms", "live_ms", "agent_talk_ms"),
    *("customer_talk_ms", "interruptions", "units", "rate", "failed"),
)
KINDS = ("violated", "met", "unknown", "fragile")


class Vocabulary:
    """Names and their codes, in the order of their first use.

    Examples
    --------
    >>> words = Vocabulary()
    >>> words.code("a"), words.code("b"), words.code("a"), words.names
    (0, 1, 0, ['a', 'b'])
    """

    def __init__(self) -> None:
        self._codes: dict[str, int] = {}

    def code(self, name: str) -> int:
        """Return a name's code; a new one for a new name."""
        return self._codes.setdefault(name, len(self._codes))

    @property
    def names(self) -> list[str]:
        """All names, by code."""
        return list(self._codes)


@dataclass(frozen=True)
class Numbers:
    """The figures of one file of ``assessments``.

    Parameters
    ----------
    fields
        Shape (rows, `FIELDS`).
    sections
        Row, section code, points, potential: one entry per section of a row.
    answers
        Row, rule code, place in `KINDS`: one entry per answer.
    """

    fields: Floats
    sections: tuple[Codes, Codes, Floats, Floats]
    answers: tuple[Codes, Codes, Codes]


def numbers_of(rows: Sequence[Judged], sections: Vocabulary, rules: Vocabulary) -> Numbers:
    """Return the figures of one file's rows."""
    fields = np.full((len(rows), len(FIELDS)), np.nan)
    for place, name in enumerate(FIELDS[:-1]):
        fields[:, place] = [
            np.nan if value is None else value for value in (getattr(row, name) for row in rows)
        ]
    fields[:, -1] = [bool(row.failed_by) for row in rows]
    parts = [
        (at, sections.code(name), points, potential)
        for at, row in enumerate(rows)
        for name, points, potential in row.sections
    ]
    answers = [
        (at, rules.code(rule), kind)
        for at, row in enumerate(rows)
        for kind, name in enumerate(KINDS)
        for rule in getattr(row, name)
    ]
    part = np.array(parts, dtype=np.float64).reshape(-1, 4)
    answer = np.array(answers, dtype=np.int32).reshape(-1, 3)
    return Numbers(
        fields,
        (part[:, 0].astype(np.int32), part[:, 1].astype(np.int32), part[:, 2], part[:, 3]),
        (answer[:, 0], answer[:, 1], answer[:, 2]),
    )


@dataclass(frozen=True)
class Columns:
    """The current calls' figures, one row per call in the order of `calls`.

    Parameters
    ----------
    calls
        Newest first.
    pieces
        Per file of ``assessments``, what `numbers_of` made of it.
    section_names, rule_names
        By code.
    """

    calls: tuple[Listed, ...]
    pieces: Mapping[str, Numbers] = field(repr=False)
    section_names: Sequence[str]
    rule_names: Sequence[str]

    @cached_property
    def _rows(self) -> tuple[Codes, Codes]:
        """Row of all pieces for every call, -1 without; and the call of every row, likewise."""
        starts, at = {}, 0
        for path, piece in self.pieces.items():
            starts[path] = at
            at += len(piece.fields)
        row_of = np.array(
            [
                -1 if call.judged is None else starts[call.judged_in] + call.judged.place
                for call in self.calls
            ],
            dtype=np.int32,
        )
        call_of = np.full(at, -1, dtype=np.int32)
        has = row_of >= 0
        call_of[row_of[has]] = np.flatnonzero(has).astype(np.int32)
        return row_of, call_of

    @cached_property
    def is_judged(self) -> NDArray[np.bool_]:
        """Whether a call has an assessment."""
        return np.asarray(self._rows[0] >= 0)

    @cached_property
    def fields(self) -> Mapping[str, Floats]:
        """Name to one figure per call."""
        row_of = self._rows[0]
        whole = np.full((len(self.calls), len(FIELDS)), np.nan)
        if self.pieces:
            stacked = np.concatenate([piece.fields for piece in self.pieces.values()])
            whole[row_of >= 0] = stacked[row_of[row_of >= 0]]
        return {name: np.ascontiguousarray(whole[:, at]) for at, name in enumerate(FIELDS)}

    @cached_property
    def sections(self) -> tuple[Codes, Codes, Floats, Floats]:
        """Call, section code, points, potential: one entry per section of a call."""
        call, code, points, potential = self._joined("sections", 4)
        return call, code, points.astype(np.float64), potential.astype(np.float64)

    @cached_property
    def answers(self) -> tuple[Codes, Codes, Codes]:
        """Call, rule code, place in `KINDS`: one entry per answer."""
        call, rule, kind = self._joined("answers", 3)
        return call, rule, kind

    def _joined(self, name: str, width: int) -> list[NDArray]:  # type: ignore[type-arg]
        """Join flat entries of all pieces; the first column becomes the call."""
        call_of, start = self._rows[1], 0
        made: list[list[NDArray]] = [[] for _ in range(width)]  # type: ignore[type-arg]
        for piece in self.pieces.values():
            row, *others = getattr(piece, name)
            call = call_of[row + start]
            for column, values in zip(made, (call, *others), strict=True):
                column.append(values[call >= 0])
            start += len(piece.fields)
        return [np.concatenate(c) if c else np.zeros(0, np.int32) for c in made]

    @cached_property
    def agents(self) -> tuple[Codes, list[str]]:
        """Agent of each call as code, and the names by code, in order of name."""
        return _coded([call.agent for call in self.calls])

    @cached_property
    def queues(self) -> tuple[Codes, list[str]]:
        """Queue of each call, likewise."""
        return _coded([call.recorded.queue or "" for call in self.calls])

    @cached_property
    def languages(self) -> tuple[Codes, list[str]]:
        """Language of each call, likewise."""
        return _coded([call.recorded.language or "" for call in self.calls])

    @cached_property
    def days(self) -> tuple[Codes, list[str]]:
        """Day of each call, likewise; an empty text for calls without one."""
        return _coded([call.day for call in self.calls])

    @cached_property
    def audio_ms(self) -> Floats:
        """Length of each recording."""
        return np.array([call.recorded.duration_ms or 0 for call in self.calls], dtype=np.float64)


def _coded(values: Iterable[str]) -> tuple[Codes, list[str]]:
    given = list(values)
    names = sorted(set(given))
    code = {name: at for at, name in enumerate(names)}
    return np.array([code[value] for value in given], dtype=np.int32), names
