"""R1 to R8: how fast speechqa is beside others and beside its own limits, in one table.

    python -m benchmarks.ratios --quick                    minutes: small sizes, few rounds
    python -m benchmarks.ratios                            the sizes that the table is meant for
    python -m benchmarks.ratios --only R2,R7.ray --json out.json
    python -m benchmarks.ratios --from out.json more.json --plot ratios.svg

Every row is measured by a benchmark of its own, in a process of its own, with its own options;
this command runs them, reads what they print, and shows the medians, their 95 % intervals and
what is wanted. A part of the table can be measured alone (R7 is R7.workers, R7.ray and R7.memory);
with `--json FILE` it takes its old place among the figures of that file, so that a table can be
measured part by part when the machine is quiet. Contenders take turns within a benchmark; one that
tells a single figure is run several times. Ratios are of processor seconds where nothing else is
said. `--from` shows figures measured before and measures nothing.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

from benchmarks.figures import Figure, say, table

ROOT = Path(__file__).resolve().parents[1]


def told(*command: str) -> str:
    """Run a benchmark and return what it prints."""
    say("python -m benchmarks." + " ".join(command))
    done = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{command[0]}", *command[1:]],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"benchmarks.{command[0]} ended with {done.returncode}; see above")
    return done.stdout


def written(*command: str) -> list[Figure]:
    """Run a benchmark that writes its figures with ``--json FILE``, and return them."""
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "figures.json"
        told(*command, "--json", str(file))
        return [Figure(**one) for one in json.loads(file.read_text())]


def recogniser(quick: bool) -> list[Figure]:
    """R1."""
    few = ("--calls", "1", "--rounds", "3", "--skip-segments", "--peer", "2,1,16")
    size = few if quick else ("--rounds", "5")  # at full size the peer is tuned first
    return written("throughput", "--beam-size", "1", "--skip-r2", *size)


def share(quick: bool) -> list[Figure]:
    """R2."""
    calls = "1" if quick else "6"
    return written("throughput", "--r2", "--calls", calls, "--rounds", "5")


def fill(quick: bool) -> list[Figure]:
    """R3; it takes seconds at any size."""
    del quick
    return written("throughput", "--r3")


def voice_activity(quick: bool) -> list[Figure]:
    """R4: seconds of Silero over ours, and how right both are on the same calls."""
    calls, rounds = (2, 3) if quick else (8, 5)
    size = ("--json", "--calls", str(calls), "--conditions", "clean")
    ratios: list[float] = []
    rows: dict[str, dict[str, float | None]] = {}
    for _ in range(rounds):
        text = told("vad_accuracy", *size, "--detectors", "webrtc ours,silero")
        rows = {row["detector"]: row for row in map(json.loads, text.splitlines())}
        ours, silero = (
            float(rows[name]["cpu_s_per_channel_hour"] or "nan")
            for name in ("webrtc ours", "silero")
        )
        ratios.append(silero / ours)
    right = [
        Figure.of("R4", f"{name.replace('_', ' ')}, {detector}, clean line", [value])
        for detector, row in rows.items()
        for name in ("speech_recall", "speech_precision", "silence_f1")
        if (value := row[name]) is not None
    ]
    return [Figure.of("R4", "Silero / speechqa's voice activity", ratios, ">= 25"), *right]


def intervals(quick: bool) -> list[Figure]:
    """R5."""
    size = ("--talkspurts", "1000000", "--rounds", "5") if quick else ()
    report = json.loads(told("timing_speed", "--json", *size))
    wanted = {"pyannote.core": ">= 1000", "pandas": ">= 15", "numba": ">= 0.4"}
    out = [
        Figure("R5", f"{peer} / gaps and overlaps", r["median"], r["low"], r["high"], wanted[peer])
        for peer, r in report["ratios"].items()
    ]
    per = report["ns_per_talkspurt"]["gaps and overlaps"]
    name = f"per talkspurt, {report['talkspurts']:,} of them (fastest to slowest)"
    spread = (per["median"], per["fastest"], per["slowest"])
    return [*out, Figure("R5", name, *spread, "<= 15", "ns")]


def phrases(quick: bool) -> list[Figure]:
    """R6: the usual loop over ours, with precision and recall of both."""
    size = ("--calls", "4", "--rounds", "5") if quick else ()
    text = told("phrases", *size)
    out = []
    speeds = re.findall(r"ratio of the first to this +([\d.]+) \(([\d.]+) to ([\d.]+)\)", text)
    for lang, (median, low, high) in zip(("English", "Chinese"), speeds, strict=True):
        name = f"loop over phrases / speechqa's matcher, {lang}"
        out.append(Figure("R6", name, float(median), float(low), float(high), ">= 7"))
    found = re.findall(
        r"(en|zh) (\w+) +\d+ sentences +(.+?) +precision ([\d.]+) +recall ([\d.]+)", text
    )
    part = "test" if any(row[1] == "test" for row in found) else found[-1][1]
    for lang, of_part, name, precision, recall in found:
        if of_part == part:
            out.append(Figure.of("R6", f"precision, {lang}, {name}", [float(precision)]))
            out.append(Figure.of("R6", f"recall, {lang}, {name}", [float(recall)]))
    return out


def workers(quick: bool) -> list[Figure]:
    """R7: two workers on two cores against one on one."""
    size = ("--few", "32", "--many", "64", "--rounds", "2") if quick else ()
    return written("executors", "--compare", "workers", *size)


def ray(quick: bool) -> list[Figure]:
    """R7: Ray against the local executor."""
    size = ("--few", "32", "--many", "64", "--rounds", "2") if quick else ()
    return written("executors", "--compare", "ray", *size)


def memory(quick: bool) -> list[Figure]:
    """R7: memory over many calls."""
    calls = 400 if quick else 1000
    text = told("throughput_memory", "--calls", str(calls), "--hours", "0")
    found = re.findall(r"(\d+) MB \(([\d.]+) in use\) after", text)
    of_all = f"{calls:,} calls"
    out = []
    for name, column in (("memory", 0), ("memory in use", 1)):
        few, half, many = (float(row[column]) for row in found)
        for before, less in ((few, calls // 10), (half, calls // 2)):
            ratio = [many / before]
            out.append(Figure.of("R7", f"{name}, {of_all} / {less} calls", ratio, "<= 1.05"))
    return out


def reassess(quick: bool) -> list[Figure]:
    """R8: seconds for 100,000 calls, scaled where fewer are judged."""
    calls, rounds = (5000, 2) if quick else (100_000, 2)
    seconds: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as place:
        size = ("--calls", str(calls), "--distinct", "1000", "--store", f"{place}/store")
        for _ in range(rounds):
            text = told("reassess", *size, "--only", "phrase,weight,required")
            for name, of_all in re.findall(r"^(\S.*?) +[\d.]+ s +[\d.]+ ms +(\d+) s  ", text, re.M):
                seconds.setdefault(name, []).append(float(of_all))
    scaled = "" if calls == 100_000 else f", from {calls:,}"
    return [
        Figure.of("R8", f"100,000 calls{scaled}: {name}", found, "<= 60", "s")
        for name, found in seconds.items()
    ]


PARTS: dict[str, Callable[[bool], list[Figure]]] = {
    "R1": recogniser,
    "R2": share,
    "R3": fill,
    "R4": voice_activity,
    "R5": intervals,
    "R6": phrases,
    "R7.workers": workers,
    "R7.ray": ray,
    "R7.memory": memory,
    "R8": reassess,
}


def parts_of(asked: str) -> list[str]:
    """Return the parts that are meant by rows and parts, in the order of the table.

    >>> parts_of("R7,R2")
    ['R2', 'R7.workers', 'R7.ray', 'R7.memory']
    """
    names = asked.split(",")
    rows = {part.partition(".")[0] for part in PARTS}
    if unknown := [name for name in names if name not in {*PARTS, *rows}]:
        raise SystemExit(f"no such row: {', '.join(unknown)}; there are {', '.join(PARTS)}")
    return [part for part in PARTS if part in names or part.partition(".")[0] in names]


def measure(parts: Sequence[str], quick: bool) -> list[Figure]:
    """Measure the parts asked for, in their order."""
    return [replace(figure, part=part) for part in parts for figure in PARTS[part](quick)]


def read(files: Iterable[Path]) -> list[Figure]:
    """Return the figures of files in the order of the table."""
    found = [Figure(**one) for file in files for one in json.loads(file.read_text())]
    places = {part: place for place, part in enumerate(PARTS)}
    return sorted(found, key=lambda one: (one.row, places.get(one.part, 0)))


def put(figures: Sequence[Figure], file: Path) -> None:
    """Write figures to a file in the place of those that it has of the same parts."""
    parts = {figure.part for figure in figures}
    old = read([file]) if file.exists() else []
    kept = [figure for figure in old if figure.part not in parts]
    file.write_text(json.dumps([asdict(figure) for figure in (*kept, *figures)], indent=1))


def draw(figures: Sequence[Figure], file: Path) -> None:
    """Draw how far each judged figure is from what is wanted, with its interval."""
    import matplotlib as mpl
    from matplotlib.figure import Figure as Canvas

    judged = [figure for figure in figures if figure.margin is not None][::-1]
    mpl.rcParams["svg.hashsalt"] = "speechqa"
    canvas = Canvas(figsize=(9, 1.2 + 0.32 * len(judged)), layout="constrained")
    axes = canvas.add_subplot()
    for place, figure in enumerate(judged):
        margin = figure.margin or 0.0
        low, high = figure.margins or (margin, margin)
        colour = "#1b7837" if margin >= 1 else "#b2182b"
        axes.plot([low, high], [place, place], color=colour, linewidth=2)
        axes.plot([margin], [place], "o", color=colour, markersize=5)
        _, _, value, _, wanted, _ = figure.cells()
        axes.annotate(
            f"{value}  ({wanted})",
            (1.01, place),
            xycoords=("axes fraction", "data"),
            va="center",
            fontsize=8,
        )
    axes.set_yticks(
        range(len(judged)), [f"{figure.row}  {figure.name}" for figure in judged], fontsize=8
    )
    axes.axvline(1, color="#555555", linewidth=1)
    axes.set_xscale("log")
    axes.set_xticks([0.5, 1, 2, 5, 10], ["0.5", "1", "2", "5", "10"])
    axes.minorticks_off()
    axes.set_xlabel("times better than wanted (1: exactly as wanted)")
    axes.spines[["top", "right"]].set_visible(False)
    mpl.rcParams["svg.fonttype"] = "none"
    canvas.savefig(file, metadata={"Date": None} if file.suffix == ".svg" else None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small sizes and few rounds")
    parser.add_argument("--only", default=",".join(PARTS), help="rows or parts, such as R2,R7.ray")
    parser.add_argument("--from", dest="files", nargs="+", type=Path, help="show these figures")
    parser.add_argument("--json", type=Path, help="also put the figures in this file")
    parser.add_argument("--plot", type=Path, help="also draw them here, as SVG or PNG")
    asked = parser.parse_args()
    parts = parts_of(asked.only)
    if asked.files:
        rows = {part.partition(".")[0] for part in parts}
        figures = [figure for figure in read(asked.files) if figure.row in rows]
    else:
        begun, load = time.monotonic(), os.getloadavg()[0]
        figures = measure(parts, asked.quick)
        say(
            f"{time.monotonic() - begun:.0f} s, {len(os.sched_getaffinity(0))} cores, "
            f"load {load:.1f} before"
        )
        if asked.json:
            put(figures, asked.json)
            figures = read([asked.json])
    print(table(figures))
    if asked.plot:
        draw(figures, asked.plot)


if __name__ == "__main__":
    main()
