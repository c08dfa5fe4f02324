"""Scores of many groups of calls pooled in one sweep; `speechqa.score.pool_points` per group."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from speechqa.score import student_t, wilson

Floats = NDArray[np.float64]
Codes = NDArray[np.int32]
ALIKE = 1e-9
"""Spread under which all calls count as alike, as in `speechqa.score`."""


@dataclass(frozen=True)
class Pools:
    """Pooled scores, one per group; NaN where there is none.

    Parameters
    ----------
    n
        Calls with a score.
    percent, low, high
        Pooled percentage and its 95 % interval.
    """

    n: NDArray[np.int64]
    percent: Floats
    low: Floats
    high: Floats


def pool_groups(points: Floats, potential: Floats, group: Codes, count: int) -> Pools:
    """Pool the calls of each group.

    Parameters
    ----------
    points, potential
        One value per scored call.
    group
        Each call's group, 0 to `count` - 1.

    Examples
    --------
    >>> made = pool_groups(np.array([8.0, 10, 3]), np.array([10.0, 10, 5]), np.array([0, 0, 2]), 3)
    >>> made.n.tolist(), made.percent.tolist()
    ([2, 0, 1], [90.0, nan, 60.0])
    """
    n = np.bincount(group, minlength=count)
    top = np.bincount(group, points, count)
    total = np.bincount(group, potential, count)
    has = (n > 0) & (total > 0)
    ratio = np.divide(top, total, out=np.full(count, np.nan), where=has)
    left = np.where(has[group], (points - ratio[group] * potential) ** 2, 0.0)
    squares = np.bincount(group, left, count)
    wide = has & (n > 1)
    spread = np.zeros(count)
    spread[wide] = np.sqrt(n[wide] / (n[wide] - 1) * squares[wide]) / total[wide]
    low, high = np.full(count, np.nan), np.full(count, np.nan)
    reach = _reach(n)
    low[wide] = ratio[wide] - reach[wide] * spread[wide]
    high[wide] = ratio[wide] + reach[wide] * spread[wide]
    for at in np.flatnonzero(wide & (spread < ALIKE)):
        low[at], high[at] = wilson(float(ratio[at]), int(n[at]))
    low, high = 100 * np.maximum(0.0, low), 100 * np.minimum(1.0, high)
    return Pools(n, np.round(100 * ratio, 4), np.round(low, 4), np.round(high, 4))


def _reach(n: NDArray[np.int64]) -> Floats:
    """Return Student's t for each number of calls, from the definition in `speechqa.score`."""
    sizes, where = np.unique(n, return_inverse=True)
    return np.array([student_t(int(size) - 1) if size > 1 else np.nan for size in sizes])[where]
