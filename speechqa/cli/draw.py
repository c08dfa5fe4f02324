"""A call drawn in text: a lane per party, marks for what happened, a clock below.

Takes plain intervals and events; knows nothing of stores or terminals' colours beyond rich's
markup styles.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.text import Text

LABEL_WIDTH = 10
_SHADES = " ▁▂▃▄▅▆▇█"
_COLOURS = {"agent": "cyan", "customer": "yellow", "mixed": "green"}
MARKS = {
    "silence": ("·", "white"),
    "hold": ("=", "blue"),
    "overtalk": ("x", "magenta"),
    "interruption": ("!", "red"),
    "raised_voice": ("^", "red"),
}
"""Sign and colour of each kind of event; the sign alone tells it."""


def lanes(
    speech: Mapping[Any, NDArray[np.int64]],
    events: Sequence[Mapping[str, Any]],
    *,
    duration_ms: int,
    width: int,
) -> list[Text]:
    """Return the lines of the picture.

    Parameters
    ----------
    speech
        Party to talkspurts, ms.
    events
        As in ``show --json``.
    duration_ms
        Length of the recording.
    width
        Columns of the whole picture, at least 40.

    Examples
    --------
    >>> speech = {"agent": np.array([[0, 30_000]]), "customer": np.array([[30_000, 60_000]])}
    >>> for line in lanes(speech, [], duration_ms=60_000, width=40): print(line.plain)
    agent     ███████████████
    customer                 ███████████████
              0:00           0:30
    """
    cells = max(width, 40) - LABEL_WIDTH
    cell_ms = max(1.0, duration_ms / cells)
    lines = []
    for party, spans in speech.items():
        shares = covered(spans, cells, cell_ms)
        shades = "".join(_SHADES[round(float(share) * 8)] for share in shares)
        line = Text(f"{party:<{LABEL_WIDTH}}")
        lines.append(line.append(shades.rstrip(), style=_COLOURS.get(party, "")))
    if marks := _marks(events, cells, cell_ms):
        lines.append(marks)
    lines.append(_clock(duration_ms, cells))
    return lines


def covered(spans: NDArray[np.int64], cells: int, cell_ms: float) -> NDArray[np.float64]:
    """Return the share of each cell that `spans` cover, shape (cells,).

    Examples
    --------
    >>> covered(np.array([[0, 150]]), 3, 100).tolist()
    [1.0, 0.5, 0.0]
    """
    edges = np.arange(cells + 1) * cell_ms
    if not len(spans):
        return np.zeros(cells)
    before = np.concatenate([[0], np.cumsum(spans[:, 1] - spans[:, 0])])
    at = np.searchsorted(spans[:, 0], edges, side="right")
    last = np.maximum(at - 1, 0)
    inside = np.clip(edges - spans[last, 0], 0, spans[last, 1] - spans[last, 0])
    total = np.where(at > 0, before[last] + inside, 0.0)
    return np.asarray(np.diff(total) / cell_ms)


def legend(events: Sequence[Mapping[str, Any]]) -> str:
    """Return what the marks mean, for the kinds that occur."""
    kinds = [kind for kind in MARKS if any(event["kind"] == kind for event in events)]
    return "  ".join(f"{MARKS[kind][0]} {kind.replace('_', ' ')}" for kind in kinds)


def _marks(events: Sequence[Mapping[str, Any]], cells: int, cell_ms: float) -> Text | None:
    signs: list[tuple[str, str]] = [(" ", "")] * cells
    found = False
    for kind, sign in MARKS.items():  # later kinds are drawn over earlier ones
        for event in (e for e in events if e["kind"] == kind):
            first = min(cells - 1, int(event["start_ms"] / cell_ms))
            last = min(cells - 1, max(first, int((event["end_ms"] - 1) / cell_ms)))
            stop = first if kind == "interruption" else last
            for cell in range(first, stop + 1):
                signs[cell] = sign
            found = True
    if not found:
        return None
    line = Text(f"{'events':<{LABEL_WIDTH}}")
    for mark, colour in signs:
        line.append(mark, style=colour)
    line.rstrip()
    return line


def _clock(duration_ms: int, cells: int) -> Text:
    steps = (5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600)
    seconds = duration_ms / 1000
    step = next((s for s in steps if seconds / s * 9 <= cells), 7200)
    ticks = [" "] * (cells + 8)
    for tick in range(0, int(seconds) + 1, step):
        label = f"{tick // 60}:{tick % 60:02d}"
        at = int(tick / max(seconds, 1e-9) * cells)
        if at + len(label) <= cells:
            ticks[at : at + len(label)] = list(label)
    return Text(" " * LABEL_WIDTH + "".join(ticks).rstrip(), style="dim")


def colour_of(party: str) -> str:
    """Return the colour that a party has everywhere in the terminal."""
    return _COLOURS.get(party, "")
