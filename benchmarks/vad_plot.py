"""Draw the table of docs/voice-activity.md: detectors beside each other, line by line.

    python -m benchmarks.vad_plot docs/voice-activity.md docs/images/voice-activity.svg

The page is read, nothing is measured: `benchmarks.vad_accuracy --page` writes it. Detectors differ
in shape as well as in colour; a bar is the 95 % interval, a line across the wanted value where
the condition has one.
"""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass
from pathlib import Path

DETECTORS = {
    "webrtc raw": ("s", "#bf812d"),
    "silero": ("^", "#7b3294"),
    "webrtc ours": ("D", "#35978f"),
    "auto": ("o", "#01665e"),
}
WANTED: dict[str, dict[str, float]] = {
    "silences found (F1)": {"clean": 0.98, "noise-20": 0.98, "noise-10": 0.9, "leak-20": 0.9},
    "interruptions found (F1)": {
        "clean": 0.95,
        "noise-20": 0.95,
        "noise-10": 0.85,
        "leak-20": 0.85,
    },
    "edge error, 90th percentile (ms)": {"clean": 100, "noise-20": 100},
}


@dataclass(frozen=True)
class Cell:
    """A figure with its interval."""

    value: float
    low: float
    high: float

    @classmethod
    def read(cls, text: str) -> Cell:
        """Return what a cell of the table says.

        >>> Cell.read("0.958 (0.90 to 0.99)")
        Cell(value=0.958, low=0.9, high=0.99)
        >>> Cell.read("42")
        Cell(value=42.0, low=42.0, high=42.0)
        """
        value, *interval = [float(number) for number in re.findall(r"[\d.]+", text)]
        low, high = interval or (value, value)
        return cls(value, low, high)


def rows_of(page: str) -> dict[tuple[str, str], dict[str, Cell]]:
    """Return, by condition and detector, the three figures that are drawn."""
    reported = page.partition("<!-- reported: begin -->")[2].partition("<!-- reported: end -->")[0]
    found: dict[tuple[str, str], dict[str, Cell]] = {}
    for line in reported.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 13 and cells[1] in DETECTORS:
            found[cells[0], cells[1]] = dict(
                zip(WANTED, map(Cell.read, (cells[7], cells[9], cells[5])), strict=True)
            )
    return found


def draw(rows: dict[tuple[str, str], dict[str, Cell]], file: Path) -> None:
    """Draw one panel a figure, one line a condition."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    mpl.rcParams |= {"svg.hashsalt": "speechqa", "svg.fonttype": "none"}
    conditions = list(dict.fromkeys(condition for condition, _ in rows))
    canvas = Figure(figsize=(11, 0.9 + 0.42 * len(conditions)), layout="constrained")
    panels = canvas.subplots(1, len(WANTED), sharey=True)
    for axes, (name, wanted) in zip(panels, WANTED.items(), strict=True):
        for place, condition in enumerate(conditions):
            if condition in wanted:
                x = wanted[condition]
                axes.plot([x, x], [place - 0.42, place + 0.42], color="#555555", linewidth=1)
            for at, (detector, (shape, colour)) in enumerate(DETECTORS.items()):
                cell = rows[condition, detector][name]
                y = place + 0.2 * (at - 1.5)
                axes.plot([cell.low, cell.high], [y, y], color=colour, linewidth=1.2, alpha=0.6)
                first = place == 0
                axes.plot(
                    [cell.value],
                    [y],
                    shape,
                    color=colour,
                    markersize=4.5,
                    label=detector if first else None,
                )
        axes.set_title(name, fontsize=10, loc="left")
        axes.set_yticks(range(len(conditions)), conditions)
        axes.grid(axis="x", color="#e5e5e5")
        axes.set_axisbelow(True)
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_xlim(0, None if "ms" in name else 1.02)
    panels[0].invert_yaxis()
    canvas.legend(*panels[0].get_legend_handles_labels(), loc="outside lower left", ncols=4)
    canvas.savefig(file, metadata={"Date": None} if file.suffix == ".svg" else None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("page", type=Path, help="docs/voice-activity.md")
    parser.add_argument("image", type=Path, help="SVG or PNG to write")
    asked = parser.parse_args()
    draw(rows_of(asked.page.read_text()), asked.image)


if __name__ == "__main__":
    main()
