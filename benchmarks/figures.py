"""What the benchmarks share: a measured figure, its interval, and what is wanted of it."""

from __future__ import annotations

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
    median, low, high
        Over the rounds, with the 95 % interval; all the same where there is nothing to repeat.
    wanted
        The bound, such as ``">= 1.8"``; anything else is not judged.
    unit
        Printed after the figure.
    part
        The measurement that it came from, such as ``"R7.ray"``: measured again, it is replaced.
    """

    row: str
    name: str
    median: float
    low: float
    high: float
    wanted: str = ""
    unit: str = ""
    part: str = ""

    @classmethod
    def of(
        cls, row: str, name: str, rounds: Sequence[float], wanted: str = "", unit: str = ""
    ) -> Figure:
        """Return the figure of some rounds."""
        return cls(row, name, *interval(rounds), wanted, unit)

    @property
    def bound(self) -> float | None:
        """The number in `wanted`, where there is one.

        >>> Figure.of("R2", "bare / whole", [0.9], ">= 0.95").bound
        0.95
        """
        found = re.fullmatch(r"(<=|>=) ([\d.,]+)", self.wanted)
        return float(found[2].replace(",", "")) if found else None

    @property
    def margin(self) -> float | None:
        """How many times better than wanted; under 1 is missed, None where nothing is asked.

        >>> Figure.of("R8", "assess again", [30.0], "<= 60").margin
        2.0
        """
        return self._over(self.median)

    @property
    def margins(self) -> tuple[float, float] | None:
        """The margin at both ends of the interval, the lesser first."""
        ends = [self._over(value) for value in (self.low, self.high)]
        known = sorted(end for end in ends if end is not None)
        return (known[0], known[1]) if len(known) == 2 else None

    def cells(self) -> tuple[str, str, str, str, str, str]:
        """Return the figure as cells of a table.

        >>> Figure.of("R3", "speech / windows", [0.7], ">= 0.7").cells()
        ('R3', 'speech / windows', '0.700', '', '>= 0.7', 'met')
        """
        spread = "" if self.low == self.high else f"[{number(self.low)}, {number(self.high)}]"
        margin = self.margin
        verdict = "" if margin is None else "met" if margin >= 1 else "missed"
        value = number(self.median) + (f" {self.unit}" if self.unit else "")
        return self.row, self.name, value, spread, self.wanted, verdict

    def _over(self, value: float) -> float | None:
        if self.bound is None or not np.isfinite(value) or value <= 0:
            return None
        return value / self.bound if ">=" in self.wanted else self.bound / value


HEAD = ("", "figure", "median", "95 % interval", "wanted", "")


def table(figures: Sequence[Figure]) -> str:
    """Return figures as an aligned Markdown table."""
    rows = [HEAD, *(figure.cells() for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    lines = [
        "| " + " | ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) + " |"
        for row in rows
    ]
    rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
    return "\n".join([lines[0], rule, *lines[1:]])


def number(value: float) -> str:
    """Return three digits that mean something.

    >>> number(0.9312), number(13.23), number(1950.2)
    ('0.931', '13.2', '1,950')
    """
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.3f}"


def say(text: str) -> None:
    """Tell how a benchmark goes on, beside its printed result."""
    print(text, file=sys.stderr, flush=True)
