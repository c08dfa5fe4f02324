"""Drawings as SVG coordinates: sparklines and a call's two lanes.

Everything is drawn by attributes, none by inline style, so that the strictest content policy
lets it through. Coordinates along a call are percent of its length.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from speechqa.web.figures import Day

WAVE_COLUMNS = 1000


def sparkline(days: Sequence[Day], *, width: int = 96, height: int = 22) -> dict[str, Any] | None:
    """Return a trend as points of a polyline, scaled to its own range; None under two days.

    Examples
    --------
    >>> sparkline([Day("1", 1, 50.0, None, None), Day("2", 1, 100.0, None, None)])["points"]
    '2.0,20.0 94.0,2.0'
    """
    values = [day.percent for day in days if day.percent is not None]
    if len(values) < 2:
        return None
    low, high = min(values), max(values)
    reach = (high - low) or 1.0
    xs = np.linspace(2, width - 2, len(values))
    ys = [height - 2 - (value - low) / reach * (height - 4) for value in values]
    points = [f"{x:.1f},{y:.1f}" for x, y in zip(xs, ys, strict=True)]
    last_x, last_y = points[-1].split(",")
    return {
        "points": " ".join(points),
        "last_x": last_x,
        "last_y": last_y,
        "width": width,
        "height": height,
        "first": values[0],
        "last": values[-1],
    }


def wave(peaks: bytes | None) -> str | None:
    """Return waveform peaks as a closed path in a box of ``len`` by 2, mirrored; None without.

    Loudness is drawn by its square root, so that quiet speech is seen.

    Examples
    --------
    >>> wave(bytes([0, 255]))
    'M0,1.00L1,0.00L1,2.00L0,1.00Z'
    """
    if not peaks:
        return None
    values = np.frombuffer(peaks, np.uint8).astype(float) / 255
    if len(values) > WAVE_COLUMNS:
        edges = np.linspace(0, len(values), WAVE_COLUMNS, endpoint=False).astype(int)
        values = np.maximum.reduceat(values, edges)
    heights = np.sqrt(values)
    up = [f"{i},{1 - h:.2f}" for i, h in enumerate(heights)]
    down = [f"{i},{1 + h:.2f}" for i, h in reversed(list(enumerate(heights)))]
    return "M" + "L".join([*up, *down]) + "Z"


def columns(peaks: bytes | None) -> int:
    """Return the width of `wave`'s box."""
    return max(1, min(WAVE_COLUMNS, len(peaks or b"")) - 1)


def place(ms: int, duration_ms: int) -> str:
    """Return a time as percent of the call.

    Examples
    --------
    >>> place(500, 1000)
    '50.000%'
    """
    return f"{100 * min(max(ms, 0), duration_ms) / max(1, duration_ms):.3f}%"


def extent(start_ms: int, end_ms: int, duration_ms: int) -> dict[str, str]:
    """Return an interval as x and width, in percent of the call; never too thin to see."""
    wide = max(100 * (end_ms - start_ms) / max(1, duration_ms), 0.15)
    return {"x": place(start_ms, duration_ms), "width": f"{wide:.3f}%"}


def axis(duration_ms: int) -> list[dict[str, str]]:
    """Return marks along a call: at most ten, at round times."""
    for step_s in (5, 10, 15, 30, 60, 120, 300, 600, 1200, 3600):
        if duration_ms / 1000 / step_s <= 10:
            break
    return [
        {"x": place(at * 1000, duration_ms), "text": f"{at // 60}:{at % 60:02d}"}
        for at in range(0, duration_ms // 1000, step_s)
    ]
