"""What a night of calls needs, per model: cores or GPUs, hours, and cost, from measured stages.

    python -m benchmarks.night --hours 83333 --window 8
    python -m benchmarks.night --shapes large-v3,large-v3-turbo --device cuda --price 2.5

Times the stages of the shipped model, and of models of published shapes with random weights (see
`benchmarks.random_whisper`: the same arithmetic, nothing is downloaded), on this machine, in
processor seconds on a CPU, and multiplies them out (`speechqa.asr.planning`): two channels, 40 %
of each speech, 4.5 tokens a second of it. A worker is a core with one thread, or a GPU; `--price`
is what one costs in an hour. What a real model says decides how many tokens it takes; the start of
a run, commits and other tenants come on top.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import math
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.figures import number, say
from benchmarks.random_whisper import SHAPES, write
from speechqa.asr.loading import load_whisper
from speechqa.asr.planning import StageCosts, measure, plan
from speechqa.settings import AsrSettings

SHIPPED = "speechqa-tiny"
ROOT = Path(__file__).resolve().parents[1]
HEAD = ("model", "window", "x real time", "workers", "worker hours", "cost per audio hour")


def costs_of(names: list[str], device: str) -> Iterator[tuple[str, StageCosts]]:
    """Yield each model's measured costs: the shipped one, then shapes with random weights."""
    with tempfile.TemporaryDirectory() as parent:
        for name in names:
            say(f"measuring {name}")
            model = name
            if name in SHAPES:
                folder = Path(parent) / name
                write(SHAPES[name], folder, ROOT / "models" / SHIPPED)
                model = str(folder)
            yield name, measure(load_whisper(AsrSettings(model=model, device=device, threads=1)))


def row(name: str, costs: StageCosts, hours: float, window_h: float, price: float) -> list[str]:
    """Return what a night needs with one model, as cells.

    >>> costs = StageCosts(30, fill=0.75, encode_s=1, token_s=0.01, align_s=0.01, workers=1)
    >>> row("small", costs, 1000, 8, 0.05)
    ['small', '30 s', '8.8', '15', '114', '0.0057']
    """
    night = plan(hours * 3600, costs=costs, workers=1)
    return [
        name,
        f"{costs.window_s:g} s",
        number(night.real_time_factor)
        if night.real_time_factor >= 100
        else f"{night.real_time_factor:.1f}",
        f"{math.ceil(night.hours / window_h):,}",
        f"{night.hours:,.0f}",
        f"{price * night.hours / hours:.4f}" if price else "",
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--shapes", default="tiny,base,small", help="of " + ",".join(SHAPES))
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--hours", type=float, default=83_333, help="of audio in the night")
    parser.add_argument("--window", type=float, default=8, help="hours that the night may take")
    parser.add_argument("--price", type=float, default=0, help="of one worker for one hour")
    asked = parser.parse_args()
    names = [SHIPPED, *(name for name in asked.shapes.split(",") if name)]
    if unknown := [name for name in names[1:] if name not in SHAPES]:
        raise SystemExit(f"no such shape: {', '.join(unknown)}; there are {', '.join(SHAPES)}")
    print(f"{asked.hours:,.0f} hours of audio in {asked.window:g} hours, device {asked.device}\n")
    print("| " + " | ".join(HEAD) + " |\n|" + "---|" * len(HEAD))
    for name, costs in costs_of(names, asked.device):
        print("| " + " | ".join(row(name, costs, asked.hours, asked.window, asked.price)) + " |")


if __name__ == "__main__":
    main()
