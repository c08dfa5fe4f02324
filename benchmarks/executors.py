"""R7: two workers against one, and Ray against the local executor, on the same calls.

Interleaved rounds with the shipped model; prints wall seconds per round and the median ratio::

    python -m benchmarks.executors --calls 24 --rounds 3
"""

from __future__ import annotations

import argparse
import contextlib
import os
import statistics
import tempfile
import time
from pathlib import Path

import soundfile

from speechqa.batch.run import Run
from speechqa.discovery import discover
from speechqa.metadata import MetadataReader
from speechqa.rulebook import load
from speechqa.settings import load_settings
from speechqa.store import open_store

AUDIO = Path(__file__).parents[1] / "fixtures" / "audio"


def make_calls(folder: Path, count: int, seconds: float) -> None:
    """Write `count` different calls of `seconds`, cut from the sample calls."""
    sources = sorted(AUDIO.glob("*.wav"))
    for number in range(count):
        samples, rate = soundfile.read(sources[number % len(sources)], always_2d=True)
        first = number // len(sources) * rate
        piece = samples[first : first + int(seconds * rate)]
        soundfile.write(folder / f"call-{number:04d}.wav", piece, rate, subtype="ULAW")


def seconds_of(folder: Path, *, workers: int, executor: str) -> float:
    """Run over the calls into a new store; return the wall seconds of the run."""
    settings = load_settings(run={"workers": workers, "executor": executor})
    book = load("starter", settings.rules)
    with tempfile.TemporaryDirectory() as place:
        store = open_store(f"{place}/store", create=True)
        run = Run(settings, book, store, MetadataReader())
        before = time.monotonic()
        report = run.over(discover([folder]).paths)
        seconds = time.monotonic() - before
    if report.exit_code:
        raise SystemExit(f"{executor}, {workers} workers: {report.equation}")
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=24)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--no-ray", action="store_true")
    options = parser.parse_args()
    contenders = [("local", 1), ("local", 2)] + ([] if options.no_ray else [("ray", 2)])
    took: dict[tuple[str, int], list[float]] = {key: [] for key in contenders}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "calls"
        folder.mkdir()
        make_calls(folder, options.calls, options.seconds)
        for _ in range(options.rounds):
            for executor, workers in contenders:
                with open(os.devnull, "w") as quiet, contextlib.redirect_stderr(quiet):
                    seconds = seconds_of(folder, workers=workers, executor=executor)
                took[executor, workers].append(seconds)
    print(
        f"{options.calls} calls of {options.seconds:.0f} s, {options.rounds} rounds, "
        f"{len(os.sched_getaffinity(0))} cores, load {os.getloadavg()[0]:.1f}"
    )
    for (executor, workers), all_seconds in took.items():
        listed = ", ".join(f"{s:.1f}" for s in all_seconds)
        print(
            f"{executor:6} {workers} workers: median {statistics.median(all_seconds):.1f} s "
            f"({listed})"
        )
    print(f"two workers over one: {_ratio(took['local', 1], took['local', 2]):.2f}")
    if not options.no_ray:
        print(f"ray over local, two workers: {_ratio(took['ray', 2], took['local', 2]):.2f}")


def _ratio(above: list[float], below: list[float]) -> float:
    return statistics.median(a / b for a, b in zip(above, below, strict=True))


if __name__ == "__main__":
    main()
