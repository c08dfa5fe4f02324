"""Events found against events that are there: counts that add, and the rates made of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

Event = TypeVar("Event")


@dataclass(frozen=True)
class Counts:
    """How many events there are, how many were found, and how many of those are the same.

    Examples
    --------
    >>> Counts(true=4, found=5, matched=4) + Counts(true=1, found=0, matched=0)
    Counts(true=5, found=5, matched=4)
    >>> Counts(true=5, found=5, matched=4).f1
    0.8
    """

    true: int = 0
    found: int = 0
    matched: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.true + other.true, self.found + other.found, self.matched + other.matched
        )

    @property
    def recall(self) -> float | None:
        """Share of the true events that were found; None where there are none."""
        return self.matched / self.true if self.true else None

    @property
    def precision(self) -> float | None:
        """Share of the found events that are true; None where none was found."""
        return self.matched / self.found if self.found else None

    @property
    def f1(self) -> float | None:
        """Harmonic mean of recall and precision; None where there is nothing and nothing found."""
        both = self.true + self.found
        return 2 * self.matched / both if both else None


def pair(
    true: Sequence[Event],
    found: Sequence[Event],
    same: Callable[[Event, Event], bool],
) -> Counts:
    """Count the events that are the same, each with at most one partner, in order.

    >>> pair([10, 50], [12, 13, 90], lambda a, b: abs(a - b) <= 5)
    Counts(true=2, found=3, matched=1)
    """
    free = list(found)
    matched = 0
    for event in true:
        partner = next((k for k, other in enumerate(free) if same(event, other)), None)
        if partner is not None:
            del free[partner]
            matched += 1
    return Counts(len(true), len(found), matched)
