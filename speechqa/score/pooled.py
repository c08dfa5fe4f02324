"""Scores of several calls taken together, with a 95 % interval.

Calls pool by adding points and potential. The interval is that of a ratio of sums, linearised
(Cochran, *Sampling Techniques*, 3rd ed., 6.4): calls are the sample, so that forty rules of one
call do not count as forty observations; Student's t, clipped to 0 to 100. Where all calls have the
same percentage, the Wilson interval with one trial per call stands in.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from speechqa.score.call import Score

_Z = 1.959964


@dataclass(frozen=True)
class Pooled:
    """Scores of several calls taken together.

    Parameters
    ----------
    n
        Calls with a score.
    points, potential
        Sums over those calls.
    percent, low, high
        Pooled percentage and its 95 % interval; None without calls (the interval also with one).
    """

    n: int
    points: float
    potential: float
    percent: float | None
    low: float | None
    high: float | None


def pool(scores: Iterable[Score]) -> Pooled:
    """Pool the scores of calls; those without a percentage are left out."""
    kept = [score for score in scores if score.percent is not None]
    return pool_points([s.points for s in kept], [s.potential for s in kept])


def pool_points(points: Sequence[float], potential: Sequence[float]) -> Pooled:
    """Pool points and potential of calls.

    Parameters
    ----------
    points, potential
        One value per call each, in the same order.

    Examples
    --------
    >>> made = pool_points([8.0, 10.0, 3.0], [10.0, 10.0, 5.0])
    >>> made.n, made.percent, round(made.low, 1), round(made.high, 1)
    (3, 84.0, 41.0, 100.0)
    >>> pool_points([], []).percent is None
    True
    """
    if len(points) != len(potential):
        raise ValueError(f"{len(points)} points but {len(potential)} potentials")
    n, total, top = len(points), math.fsum(potential), math.fsum(points)
    if not n or total <= 0:
        return Pooled(n, top, total, None, None, None)
    ratio = top / total
    percent = round(100 * ratio, 4)
    if n < 2:
        return Pooled(n, top, total, percent, None, None)
    residuals = math.fsum((p - ratio * w) ** 2 for p, w in zip(points, potential, strict=True))
    spread = math.sqrt(n / (n - 1) * residuals) / total
    if spread < 1e-9:
        low, high = wilson(ratio, n)
    else:
        reach = student_t(n - 1) * spread
        low, high = ratio - reach, ratio + reach
    low, high = max(0.0, low), min(1.0, high)
    return Pooled(n, top, total, percent, round(100 * low, 4), round(100 * high, 4))


def wilson(share: float, n: int) -> tuple[float, float]:
    """Return the 95 % interval of a share seen on `n` (Wilson 1927).

    Examples
    --------
    >>> [round(end, 2) for end in wilson(0.8, 10)]
    [0.49, 0.94]
    """
    centre = share + _Z**2 / (2 * n)
    reach = _Z * math.sqrt(share * (1 - share) / n + _Z**2 / (4 * n * n))
    scale = 1 + _Z**2 / n
    return (centre - reach) / scale, (centre + reach) / scale


_T = (12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469, 2.3646, 2.3060, 2.2622, 2.2281)


def student_t(freedom: int) -> float:
    """Return the 97.5 % point of Student's t (Abramowitz & Stegun 26.7.5 beyond the table).

    Examples
    --------
    >>> student_t(1), round(student_t(100), 3)
    (12.7062, 1.984)
    """
    if freedom <= len(_T):
        return _T[freedom - 1]
    z, v = _Z, float(freedom)
    return (
        z
        + (z**3 + z) / (4 * v)
        + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * v**2)
        + (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / (384 * v**3)
    )
