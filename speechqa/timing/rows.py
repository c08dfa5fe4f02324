"""Sums, maxima and percentiles of groups of rows, without a Python loop.

A *table* holds rows of many calls end to end, with offsets of shape (calls + 1,). A *cell* is a
call and a party: ``2 * call + party``. Nothing here knows what the rows mean.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from speechqa.intervals import IntArray


def sum_by_call(values: NDArray[Any], offsets: NDArray[Any]) -> IntArray:
    """Return the sum of each call's rows, shape (calls,).

    Examples
    --------
    >>> sum_by_call(np.array([3, 4, 5]), np.array([0, 2, 2, 3])).tolist()
    [7, 0, 5]
    """
    return _reduce(np.add, values, offsets)


def max_by_call(values: NDArray[Any], offsets: NDArray[Any]) -> IntArray:
    """Return the largest of each call's rows, shape (calls,); 0 where there is none.

    Examples
    --------
    >>> max_by_call(np.array([3, 4, 5]), np.array([0, 2, 2, 3])).tolist()
    [4, 0, 5]
    """
    return _reduce(np.maximum, values, offsets)


def _reduce(operation: np.ufunc, values: NDArray[Any], offsets: NDArray[Any]) -> IntArray:
    # `reduceat` takes the next row for an empty group, and refuses a start past the end.
    found = np.zeros(len(offsets) - 1, dtype=np.int64)
    filled = np.flatnonzero(offsets[1:] > offsets[:-1])
    if len(filled):
        found[filled] = operation.reduceat(values, offsets[filled], dtype=np.int64)
    return found


def sum_by_cell(values: NDArray[Any] | None, cell: IntArray, calls: int) -> IntArray:
    """Return the sum (the count, without `values`) of each cell's rows, shape (calls, 2).

    Examples
    --------
    >>> sum_by_cell(np.array([3, 4, 5]), np.array([0, 3, 3]), 2).tolist()
    [[3, 0], [0, 9]]
    """
    if values is None:
        return np.bincount(cell, minlength=2 * calls).reshape(calls, 2).astype(np.int64)
    # Doubles are exact here: no sum of milliseconds comes near 2**53.
    sums = np.bincount(cell, weights=values, minlength=2 * calls)
    return sums.reshape(calls, 2).astype(np.int64)


def order_by_cell(values: IntArray, cell: IntArray, calls: int) -> tuple[IntArray, IntArray]:
    """Return `values` sorted within each cell, cells in order, and the cells' offsets.

    Values must lie within plus or minus 2**39.

    Examples
    --------
    >>> ordered, offsets = order_by_cell(np.array([5, -3, 4]), np.array([2, 2, 0]), 2)
    >>> ordered.tolist(), offsets.tolist()
    ([4, -3, 5], [0, 1, 1, 3, 3])
    """
    bias = np.int64(1) << 39
    key = (cell << 40) + (values + bias)
    key.sort()
    offsets = np.zeros(2 * calls + 1, dtype=np.int64)
    np.cumsum(np.bincount(cell, minlength=2 * calls), out=offsets[1:])
    return (key & ((bias << 1) - 1)) - bias, offsets


def quantile_by_cell(ordered: NDArray[Any], offsets: IntArray, q: float) -> NDArray[np.float64]:
    """Return a quantile of each cell, shape (calls, 2), linearly interpolated; NaN when empty.

    Parameters
    ----------
    ordered, offsets
        From `order_by_cell`.
    q
        0 to 1.

    Examples
    --------
    >>> quantile_by_cell(np.array([4, -3, 5]), np.array([0, 1, 1, 3, 3]), 0.5).tolist()
    [[4.0, nan], [1.0, nan]]
    """
    count = np.diff(offsets)
    found = np.full(len(count), np.nan)
    filled = np.flatnonzero(count)
    if len(filled):
        position = (count[filled] - 1) * q
        below = position.astype(np.int64)
        low = ordered[offsets[filled] + below]
        high = ordered[np.minimum(offsets[filled] + below + 1, offsets[filled + 1] - 1)]
        found[filled] = low + (high - low) * (position - below)
    return found.reshape(-1, 2)
