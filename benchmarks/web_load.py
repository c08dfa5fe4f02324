"""The pages under load: people clicking through a large store while a run writes into it.

Starts ``speechqa serve`` on a store (`benchmarks.web_load_store` makes one), runs a batch with the
stub recogniser into the same store, alone and under load in turn, and lets locust click. Prints
the answers' times per page, everything that was no success, and how much slower the batch was::

    python -m benchmarks.web_load /path/to/store --people 20 --seconds 100

Client, server and batch share one machine; the batch has one worker process.
"""

from __future__ import annotations

import argparse
import csv
import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import httpx
import soundfile

from speechqa.web.guard import COOKIE

ROOT = Path(__file__).parents[1]
SHOWN = ("50%", "95%", "99%", "100%")


def recordings(folder: Path, *, count: int, first: int) -> Path:
    """Write short calls cut from the samples, none of them twice, and return their folder."""
    folder.mkdir(parents=True)
    sources = sorted((ROOT / "fixtures" / "audio").glob("*.wav"))
    for number in range(first, first + count):
        samples, rate = soundfile.read(sources[number % len(sources)], always_2d=True)
        start = int(number / 7 * rate) % max(1, len(samples) - 10 * rate)
        name = f"load_GUID_{number:05d}_AGENT_LoadL_DT_2025-03-01T09-00-00.wav"
        soundfile.write(folder / name, samples[start : start + 10 * rate], rate, subtype="ULAW")
    return folder


def batch(store: str, folder: Path) -> float:
    """Run over a folder and return how long it took, in seconds."""
    command = ["speechqa", "run", str(folder), "--store", store, "--workers", "1"]
    start = time.perf_counter()
    subprocess.run(
        [str(Path(sys.executable).parent / command[0]), *command[1:]],
        check=True,
        env=os.environ | {"SPEECHQA_ASR__ENGINE": "stub"},
        capture_output=True,
    )
    return time.perf_counter() - start


class Server:
    """``speechqa serve`` on a free port, with a session of its own."""

    def __init__(self, store: str) -> None:
        self.process = subprocess.Popen(
            [
                str(Path(sys.executable).parent / "speechqa"),
                *("serve", "--store", store, "--port", "0", "--supervisor", "Load"),
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        link = self.process.stdout.readline().strip()
        entered = httpx.get(link, timeout=60)
        entered.raise_for_status()
        self.base = re.sub(r"/enter.*", "", link)
        self.cookie = entered.cookies[COOKIE]
        httpx.get(self.base, cookies={COOKIE: self.cookie}, timeout=120).raise_for_status()

    def usage(self) -> tuple[float, float]:
        """Return CPU seconds used and the memory held, in MiB."""
        text = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        ticks = int(text[11]) + int(text[12])
        held = int(text[21]) * os.sysconf("SC_PAGE_SIZE") / 2**20
        return ticks / os.sysconf("SC_CLK_TCK"), held

    def stop(self) -> None:
        """End it."""
        self.process.terminate()
        self.process.wait(30)


def clicks(server: Server, options: argparse.Namespace, stem: Path) -> subprocess.Popen[bytes]:
    """Start the people."""
    return subprocess.Popen(
        [
            *(sys.executable, "-m", "locust", "-f", str(ROOT / "benchmarks/web_load_people.py")),
            *("--headless", "--only-summary", "-u", str(options.people), "-r", "5"),
            *("-t", f"{options.seconds}s", "--host", server.base, "--csv", str(stem)),
            *("--exit-code-on-error", "0"),
        ],
        env=os.environ
        | {
            "SPEECHQA_LOAD_COOKIE": server.cookie,
            "SPEECHQA_LOAD_THINK_S": str(options.think),
            "PYTHONPATH": str(ROOT),
        },
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def table(stem: Path) -> None:
    """Print what locust counted."""
    with open(f"{stem}_stats.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    print("| page | answers | failed | median ms | p95 ms | p99 ms | slowest ms |")
    print("|---|---|---|---|---|---|---|")
    for row in rows:
        name = "all" if row["Name"] == "Aggregated" else row["Name"]
        times = " | ".join(f"{float(row[one]):.0f}" for one in SHOWN)
        print(f"| {name} | {row['Request Count']} | {row['Failure Count']} | {times} |")
    with open(f"{stem}_failures.csv", newline="") as file:
        for row in csv.DictReader(file):
            print("failed:", row["Name"], row["Error"], row["Occurrences"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("store")
    parser.add_argument("--people", type=int, default=20)
    parser.add_argument("--seconds", type=int, default=100)
    parser.add_argument("--think", type=float, default=2.0, help="mean pause between clicks, s")
    parser.add_argument("--batch", type=int, default=120, help="recordings in each run")
    options = parser.parse_args()
    first = int(time.time()) % 1_000_000 * 100
    with tempfile.TemporaryDirectory() as made:
        folders = [
            recordings(Path(made) / str(i), count=options.batch, first=first + i * options.batch)
            for i in range(12)
        ]
        server = Server(options.store)
        try:
            report(server, folders, options, Path(made) / "load")
        finally:
            server.stop()


def report(server: Server, folders: list[Path], options: argparse.Namespace, stem: Path) -> None:
    """Let the batch run alone and under load in turn, and print what came of it."""
    alone, loaded = [batch(options.store, folders.pop())], []
    cpu, _ = server.usage()
    people = clicks(server, options, stem)
    start = time.perf_counter()
    try:
        time.sleep(6)  # until all have come
        while time.perf_counter() - start < options.seconds - 8 and len(folders) > 1:
            loaded.append(batch(options.store, folders.pop()))
        people.wait()
    finally:
        people.terminate()
    used, held = server.usage()
    alone.append(batch(options.store, folders.pop()))
    table(stem)
    rate = (used - cpu) / options.seconds
    slower = median(loaded) / median(alone) - 1
    print(
        f"\nserver: {100 * rate:.0f} % of one core, {held:.0f} MiB; "
        f"batch of {options.batch}: {median(alone):.1f} s alone ({len(alone)} runs), "
        f"{median(loaded):.1f} s under load ({len(loaded)} runs): {100 * slower:+.1f} %"
    )


if __name__ == "__main__":
    main()
