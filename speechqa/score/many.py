"""Scores of many calls at once: the sums of `speechqa.score.call`, over matrices.

A row is a call, a column a rule of the rulebook. What hangs on evidence (words charged once,
critical rules confirmed) is told by the caller; here points are only added up. The result is, bit
for bit, that of `score_call`; a test holds that.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from speechqa.rulebook.book import Rulebook
from speechqa.score.call import LEAST_COVERAGE, form_weights
from speechqa.score.lines import JUDGED

Flags = NDArray[np.bool_]
Figures = NDArray[np.float64]

OUTCOMES = ("", "met", "violated", "not_applicable", "unknown")
"""Answers by their code in a matrix; 0 where a call has no answer of that rule."""

MET, VIOLATED, NOT_APPLICABLE, UNKNOWN = range(1, 5)
_DECIMALS = 6
_ROUNDING = 1e-6


@dataclass
class Grid:
    """What rules answered on calls, as matrices of shape (calls, rules).

    Parameters
    ----------
    outcome
        Codes of `OUTCOMES`.
    earned
        Share of the points, 0 to 1.
    lacking, fragile
        As in `RuleResult`.
    """

    outcome: NDArray[np.int8]
    earned: Figures
    lacking: Flags
    fragile: Flags

    @classmethod
    def empty(cls, calls: int, rules: int) -> Grid:
        """Return a grid without answers."""
        shape = calls, rules
        return cls(
            np.zeros(shape, np.int8),
            np.zeros(shape),
            np.zeros(shape, np.bool_),
            np.zeros(shape, np.bool_),
        )

    def rows(self, at: NDArray[np.int64]) -> Grid:
        """Return some calls, as a grid that can be changed alone."""
        return Grid(self.outcome[at], self.earned[at], self.lacking[at], self.fragile[at])

    def copy(self) -> Grid:
        """Return a grid that can be changed alone."""
        return self.rows(np.arange(len(self.outcome)))

    def differs(self, other: Grid) -> Flags:
        """Return where two grids of one shape hold other answers."""
        made: Flags = (
            (self.outcome != other.outcome)
            | (self.earned != other.earned)
            | (self.lacking != other.lacking)
            | (self.fragile != other.fragile)
        )
        return made


@dataclass(frozen=True)
class Scores:
    """Points, potential points and percentage (None: too little evidence) of each call."""

    points: Figures
    potential: Figures
    percent: list[float | None]


def score_many(
    book: Rulebook,
    grid: Grid,
    *,
    spared: Iterable[tuple[int, int]] = (),
    failed: Iterable[tuple[int, int]] = (),
) -> Scores:
    """Return the scores of calls from what each call rule of `book` answered.

    Parameters
    ----------
    grid
        One column per call rule, in the order of the book.
    spared
        Call and rule: violated, but another rule charges the same words.
    failed
        Call and rule: a critical rule that is violated and confirmed.
    """
    rules = book.call_rules
    weights = form_weights(book)
    scored = np.array([rule.id in weights for rule in rules], np.bool_)
    weight = np.array([weights.get(rule.id, 0.0) for rule in rules])
    earned = grid.earned.copy()
    for row, column in spared:
        earned[row, column] = 1.0
    applies = np.isin(grid.outcome, [OUTCOMES.index(name) for name in JUDGED]) & scored
    points = np.where(applies, _rounded(weight * earned), 0.0)
    due = np.where(applies, _rounded(weight), 0.0)
    whole, zero = _failures(book, failed)
    total = np.zeros(len(earned))
    for section in dict.fromkeys(rule.section for rule in rules):
        own = np.array([rule.section == section for rule in rules], np.bool_)
        share = _rounded(points[:, own].sum(axis=1))
        share[zero.get(section, [])] = 0.0
        total += share
    total[whole] = 0.0
    made, potential = _rounded(total), _rounded(due.sum(axis=1))
    enough = _enough(grid, weight, scored, due) & (potential > 0)
    return Scores(
        made,
        potential,
        [
            round(100 * got / of, 4) if is_enough else None
            for got, of, is_enough in zip(
                made.tolist(), potential.tolist(), enough.tolist(), strict=True
            )
        ],
    )


def _failures(
    book: Rulebook, failed: Iterable[tuple[int, int]]
) -> tuple[list[int], dict[str, list[int]]]:
    """Return the calls that failed as a whole, and those of which a section did."""
    whole: list[int] = []
    sections: dict[str, list[int]] = {}
    for row, column in failed:
        rule = book.call_rules[column]
        (whole if rule.fails == "form" else sections.setdefault(rule.section, [])).append(row)
    return whole, sections


def _enough(grid: Grid, weight: Figures, scored: Flags, due: Figures) -> Flags:
    """Return the calls of which enough could be judged."""
    missing = (grid.outcome == UNKNOWN) | ((grid.outcome == NOT_APPLICABLE) & grid.lacking)
    lost = np.where(missing & scored, weight, 0.0)
    judged, lacking = due.sum(axis=1), lost.sum(axis=1)
    whole = judged + lacking
    enough: Flags = (whole > 0) & (judged >= LEAST_COVERAGE * whole)
    # Where the order of adding could decide, they are added one by one, as for a single call.
    for row in np.flatnonzero(np.abs(judged - LEAST_COVERAGE * whole) < _ROUNDING * (1 + whole)):
        one, other = sum(due[row].tolist()), sum(lost[row].tolist())
        enough[row] = bool(one + other) and one / (one + other) >= LEAST_COVERAGE
    return enough


def _rounded(values: Figures) -> Figures:
    """Return values rounded to six decimals, exactly as Python rounds them."""
    scaled = values * 10**_DECIMALS
    made: Figures = np.rint(scaled) / 10**_DECIMALS
    close = np.abs(np.abs(scaled - np.trunc(scaled)) - 0.5) < 1e-3
    if close.any():
        made[close] = [round(value, _DECIMALS) for value in values[close].tolist()]
    return made
