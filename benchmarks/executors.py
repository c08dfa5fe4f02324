"""R7: two workers against one, and Ray against the local executor, on the same calls.

    python -m benchmarks.executors [--few 64] [--many 192] [--rounds 3] [--compare workers,ray]

The whole product runs with the shipped model, from files to a store: each contender over a few
calls and over many, interleaved. One worker of one thread, held to one core with its parent, stands
beside two such workers on two cores; left alone it would take both. Their ratio is that of the
whole runs over many calls, start and all. For Ray, whose cluster takes its time to start once, it
is that of the slopes: what a call costs is the difference of the two runs over the difference of
the calls, what is left is the start. Few calls are enough to fill every worker's groups, else the
slope would compare large groups with small ones. Seconds are those of the wall and of the
processor, the latter of this process and of all that descend from it; on a machine shared with
others only the processor's say what Ray costs. Ratios are taken within a round: median, bootstrap
95 % interval.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import soundfile

from benchmarks.figures import Figure, interval, say, table
from speechqa.batch.run import Run
from speechqa.discovery import discover
from speechqa.metadata import MetadataReader
from speechqa.rulebook import load
from speechqa.settings import load_settings
from speechqa.store import open_store

AUDIO = Path(__file__).parents[1] / "fixtures" / "audio"
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Took:
    """Seconds of the wall and of the processor."""

    wall_s: float
    cpu_s: float


class TreeClock:
    """Processor seconds of this process and its descendants, those that ended included.

    Processes are looked at five times a second, so up to 0.2 s of each that ends is missed.
    """

    def __init__(self) -> None:
        self._seen: dict[int, float] = {}
        self._before: dict[int, float] = {}
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> TreeClock:
        self._look()
        self._before = dict(self._seen)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._look()
        self._done.set()
        self._thread.join()

    @property
    def seconds(self) -> float:
        """What has been used since the clock was started."""
        return sum(used - self._before.get(pid, 0.0) for pid, used in self._seen.items())

    def _watch(self) -> None:
        while not self._done.wait(0.2):
            self._look()

    def _look(self) -> None:
        parents: dict[int, int] = {}
        used: dict[int, float] = {}
        for entry in os.scandir("/proc"):
            if entry.name.isdigit():
                with contextlib.suppress(OSError):  # it ended meanwhile
                    text = Path(entry.path, "stat").read_text()
                    fields = text.rpartition(")")[2].split()
                    parents[int(entry.name)] = int(fields[1])
                    used[int(entry.name)] = (int(fields[11]) + int(fields[12])) / TICKS
        ours = {os.getpid()} | (self._seen.keys() & used.keys())
        grown = True
        while grown:
            more = {pid for pid, parent in parents.items() if parent in ours} - ours
            ours |= more
            grown = bool(more)
        self._seen.update({pid: used[pid] for pid in ours if pid in used})


def make_calls(folder: Path, count: int, seconds: float) -> None:
    """Write `count` different calls of `seconds`, cut from the sample calls."""
    folder.mkdir(parents=True)
    sources = sorted(AUDIO.glob("*.wav"))
    for number in range(count):
        samples, rate = soundfile.read(sources[number % len(sources)], always_2d=True)
        first = number // len(sources) * rate
        piece = samples[first : first + int(seconds * rate)]
        soundfile.write(folder / f"call-{number:04d}.wav", piece, rate, subtype="ULAW")


@contextlib.contextmanager
def held_to(cores: set[int]) -> Iterator[None]:
    """Let this process, and what it starts meanwhile, run on these cores alone."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def run_over(folder: Path, *, workers: int, executor: str) -> Took:
    """Run over the calls into a new store; return what it took, cluster and all."""
    settings = load_settings(run={"workers": workers, "executor": executor}, asr={"threads": 1})
    book = load("starter", settings.rules)
    with tempfile.TemporaryDirectory() as place:
        store = open_store(f"{place}/store", create=True)
        run = Run(settings, book, store, MetadataReader())
        paths = discover([folder]).paths
        cores = os.sched_getaffinity(0)
        with held_to(set(sorted(cores)[:workers])), TreeClock() as clock:
            before = time.monotonic()
            report = run.over(paths)
            wall_s = time.monotonic() - before
    if report.exit_code or report.counts["scored"] != len(paths):
        raise SystemExit(f"{executor}, {workers} workers: {report.equation}")
    return Took(wall_s, clock.seconds)


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Keep what Ray tells of itself from the terminal."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    kept = os.dup(2)
    with open(os.devnull, "w") as nothing:
        os.dup2(nothing.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)


Contender = tuple[str, int]


def measure(
    *, few: int, many: int, seconds: float, rounds: int, contenders: list[Contender]
) -> dict[Contender, list[tuple[Took, Took]]]:
    """Return, for each contender and round, what few calls took and what many took."""
    took: dict[Contender, list[tuple[Took, Took]]] = {key: [] for key in contenders}
    with tempfile.TemporaryDirectory() as place:
        folders = [Path(place) / name for name in ("few", "many")]
        for folder, count in zip(folders, (few, many), strict=True):
            make_calls(folder, count, seconds)
        for number in range(rounds):
            for executor, workers in contenders:
                with quietly():
                    pair = [run_over(f, workers=workers, executor=executor) for f in folders]
                took[executor, workers].append((pair[0], pair[1]))
                say(f"  round {number + 1}, {executor} {workers}: {pair[0]} {pair[1]}")
    return took


def per_call(pairs: list[tuple[Took, Took]], kind: str, more: int) -> list[float]:
    """Return the seconds of one call in each round: the slope between few calls and many."""
    return [(getattr(b, kind) - getattr(a, kind)) / more for a, b in pairs]


def figures(took: dict[Contender, list[tuple[Took, Took]]], *, few: int, many: int) -> list[Figure]:
    """Return the ratios that R7 asks for."""
    more = many - few
    two = took["local", 2]

    def slopes(kind: str) -> list[float]:
        pairs = zip(per_call(took["ray", 2], kind, more), per_call(two, kind, more), strict=True)
        return [a / b for a, b in pairs]

    def whole(kind: str) -> list[float]:
        pairs = zip(took["local", 1], two, strict=True)
        return [getattr(a, kind) / getattr(b, kind) for (_, a), (_, b) in pairs]

    out = []
    if ("local", 1) in took:
        out += [
            Figure.of(
                "R7", "1 worker, 1 core / 2 workers, 2 cores, wall", whole("wall_s"), ">= 1.8"
            ),
            Figure.of("R7", "1 worker, 1 core / 2 workers, 2 cores, CPU", whole("cpu_s")),
        ]
    if ("ray", 2) in took:
        out += [
            Figure.of("R7", "Ray / local, 2 workers, CPU", slopes("cpu_s"), "<= 1.05"),
            Figure.of("R7", "Ray / local, 2 workers, wall", slopes("wall_s"), "<= 1.05"),
        ]
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--few", type=int, default=64)
    parser.add_argument("--many", type=int, default=192)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--compare", default="workers,ray", help="what to set beside two local workers"
    )
    parser.add_argument("--json", type=Path, help="also write the ratios here")
    asked = parser.parse_args()
    compared = {"workers": ("local", 1), "ray": ("ray", 2)}
    contenders = [("local", 2), *(compared[name] for name in asked.compare.split(","))]
    took = measure(
        few=asked.few,
        many=asked.many,
        seconds=asked.seconds,
        rounds=asked.rounds,
        contenders=contenders,
    )
    print(
        f"{asked.few} and {asked.many} calls of {asked.seconds:.0f} s, {asked.rounds} rounds, "
        f"{len(os.sched_getaffinity(0))} cores, load {os.getloadavg()[0]:.1f}"
    )
    more = asked.many - asked.few
    for (executor, workers), pairs in took.items():
        for kind, name in (("cpu_s", "CPU"), ("wall_s", "wall")):
            cost, low, high = interval(per_call(pairs, kind, more))
            whole = interval([getattr(b, kind) for _, b in pairs])[0]
            start = interval(
                [
                    getattr(a, kind) - asked.few * c
                    for (a, _), c in zip(pairs, per_call(pairs, kind, more), strict=True)
                ]
            )[0]
            print(
                f"{executor:6}{workers} workers {name:5} {1000 * cost:7.0f} ms a call "
                f"[{1000 * low:.0f}, {1000 * high:.0f}], start {start:5.1f} s, "
                f"all {asked.many} {whole:6.1f} s"
            )
    found = figures(took, few=asked.few, many=asked.many)
    print(table(found))
    if asked.json:
        asked.json.write_text(json.dumps([asdict(figure) for figure in found]))


if __name__ == "__main__":
    main()
