"""Words and phrase instants of many calls, end to end in flat columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from speechqa.intervals import offsets_of


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
