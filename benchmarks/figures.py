"""What the benchmarks share: a figure with its rounds, its interval, and what is wanted of it."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


def interval(values: Sequence[float], draws: int = 2000) -> tuple[float, float, float]:
    """Return the median and its bootstrap 95 % interval.

    >>> interval([2.0, 2.0, 2.0])
    (2.0, 2.0, 2.0)
    """
    sample = np.random.default_rng(0).choice(np.asarray(values, float), (draws, len(values)))
    low, high = np.quantile(np.median(sample, axis=1), [0.025, 0.975])
    return float(np.median(values)), float(low), float(high)


@dataclass(frozen=True)
class Figure:
    """One measured figure.

    Parameters
    ----------
    row
        Its row of the table, R1 to R8.
    name
        What is compared with what.
    rounds
        The figure in each round; one value where there is nothing to repeat.
    wanted
        The bound, such as ``">= 1.8"``; without a number it is not judged.
    unit
        Printed after the figure.
    """

    row: str
    name: str
    rounds: Sequence[float]
    wanted: str = ""
    unit: str = ""

    @property
    def median(self) -> float:
        """The middle of the rounds."""
        return interval(self.rounds)[0]

    @property
    def bound(self) -> float | None:
        """The number in `wanted`, where there is one.

        >>> Figure("R2", "bare / whole", [0.9], ">= 0.95").bound
        0.95
        """
        found = re.fullmatch(r"(<=|>=) ([\d.,]+)", self.wanted)
        return float(found[2].replace(",", "")) if found else None

    @property
    def met(self) -> bool | None:
        """Whether the median is what is wanted; None where nothing is asked.

        >>> Figure("R2", "bare / whole", [0.9], ">= 0.95").met
        False
        """
        if self.bound is None or math.isnan(self.median):
            return None
        return self.median >= self.bound if ">=" in self.wanted else self.median <= self.bound

    def line(self) -> str:
        """Return the figure as one line of a table.

        >>> Figure("R3", "speech / windows", [0.7], ">= 0.7").line().split()
        ['R3', 'speech', '/', 'windows', '0.700', '>=', '0.7', 'met']
        """
        median, low, high = interval(self.rounds)
        spread = f"[{_number(low)}, {_number(high)}]" if len(self.rounds) > 1 else ""
        verdict = {True: "met", False: "missed", None: ""}[self.met]
        value = _number(median) + self.unit
        return (
            f"{self.row:4}{self.name:52}{value:>9} {spread:19} {self.wanted:9} {verdict}".rstrip()
        )


def _number(value: float) -> str:
    """Return three digits that mean something.

    >>> _number(0.9312), _number(13.23), _number(1950.2)
    ('0.931', '13.2', '1,950')
    """
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3f}"


def say(text: str) -> None:
    """Tell how a benchmark goes on, beside its printed result."""
    print(text, file=sys.stderr, flush=True)
