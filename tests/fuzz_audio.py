"""Mutants of 20 seed recordings through the whole of `prepare`, each in a worker process.

A decoder in C can die; the parent must not, and must know on which mutant it was. The worker
writes the number of a mutant before it opens it, so a death or a hang is put down to that one, and
the next worker goes on behind it. Run it at length with::

    python -m tests.fuzz_audio --runs 100000 --jobs 2

It prints how many ran, how they ended, and every death, hang, wrong result or escaped exception
with the number that makes the mutant again (``--only NUMBER``).
"""

from __future__ import annotations

import argparse
import os
import resource
import select
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tests.damaged_audio import KINDS, at_rate, by_ffmpeg, by_sndfile, content

if TYPE_CHECKING:
    from speechqa.pipeline.prepare import Prepared
    from speechqa.settings import Settings

HANG_S = 60.0
START_S = 600.0
"""What a worker may take to import everything, on a machine with much else to do."""
MEMORY_BYTES = 3 << 30


@lru_cache(maxsize=1)
def seeds() -> tuple[tuple[str, bytes], ...]:
    """Return 20 short recordings: the 10 kinds of the damage tests, and 10 rarer ones."""
    mono, stereo = content(channels=1, seconds=1.5), content(channels=2, seconds=1.5)
    wide = at_rate(stereo, 16000)
    short = {
        kind: made.encode(at_rate(content(channels=made.channels, seconds=1.5), made.rate_hz))
        for kind, made in KINDS.items()
    }
    more = {
        "wav-alaw-mono": by_sndfile(mono, 8000, "WAV", "ALAW"),
        "wav-float": by_sndfile(stereo, 8000, "WAV", "FLOAT"),
        "wav-24": by_sndfile(stereo, 8000, "WAVEX", "PCM_24"),
        "wav-gsm": by_sndfile(mono, 8000, "WAV", "GSM610"),
        "wav-adpcm": by_sndfile(stereo, 8000, "WAV", "MS_ADPCM"),
        "rf64": by_sndfile(stereo, 8000, "RF64", "PCM_16"),
        "aiff": by_sndfile(stereo, 8000, "AIFF", "PCM_16"),
        "au": by_sndfile(stereo, 8000, "AU", "ULAW"),
        "alac": by_ffmpeg(wide, 16000, "mp4", "alac"),
        "flac-mono-24": by_sndfile(mono, 8000, "FLAC", "PCM_24"),
    }
    return tuple((short | more).items())


def mutant(number: int) -> tuple[str, bytes]:
    """Return the mutant of a number: the same bytes on every machine with the same encoders.

    Headers are where decoders believe what they read: half of the mutants are changed anywhere in
    the first 512 bytes, the other half only behind them.
    """
    rng = np.random.default_rng(number)
    name, seed = seeds()[number % len(seeds())]
    data = bytearray(seed)
    low, high = (0, 512) if rng.random() < 0.5 else (512, len(data))
    for _ in range(int(rng.integers(1, 12))):
        high = min(high, len(data))
        if low >= high:
            break
        at = int(rng.integers(low, high))
        size = int(rng.integers(1, 65))
        change = int(rng.integers(8))
        if change <= 1:
            data[at] ^= 1 << int(rng.integers(8))
        elif change == 2:
            data[at : at + size] = rng.bytes(size)
        elif change == 3:
            data[at : at + 4] = [b"\xff" * 4, b"\0" * 4, b"\x7f\xff\xff\xff", b"\x80\0\0\0"][
                int(rng.integers(4))
            ]
        elif change == 4:
            del data[at : at + size * int(rng.integers(1, 200))]
        elif change == 5:
            data[at:at] = rng.bytes(size)
        elif change == 6:
            data[at:at] = data[at : at + size * int(rng.integers(1, 40))]
        else:
            other = seeds()[int(rng.integers(len(seeds())))][1]
            data[at : at + size] = other[at : at + size]
    return name, bytes(data)


@lru_cache(maxsize=1)
def settings() -> Settings:
    """Return the settings of a run, but for a bound on memory and the faster detector."""
    from speechqa.settings import load_settings

    return load_settings(audio={"max_decoded_bytes": 512 << 20}, vad={"detector": "webrtc"})


def verdict(path: Path) -> str:
    """Prepare one file; return how it ended, beginning with "!" when it may not end like that."""
    from speechqa.errors import CallError
    from speechqa.metadata import CallMetadata
    from speechqa.pipeline import Source
    from speechqa.pipeline.prepare import prepare

    state = path.stat()
    source = Source(str(path), state.st_size, state.st_mtime_ns)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)  # a figure that is none in the making
            made = prepare(source, CallMetadata(call_id=path.name), settings(), config="fuzz")
            wrong = _wrong(made)
    except CallError as error:
        return f"{error.status} {error.reason_code}"
    except BaseException as error:
        return f"!escaped {type(error).__name__}: {str(error)[:80]}"
    return wrong or ("damage named" if made.facts.damage else "prepared")


def _wrong(made: Prepared) -> str:
    """Say what may not be in the facts of any recording; empty when all is as it should be."""
    from speechqa.store.schema import recordings_table

    facts, policy = made.facts, settings().audio
    if not all(np.isfinite(samples).all() for samples in made.samples.values()):
        return "!NaN in the samples"
    if facts.duration_ms > policy.max_duration_s * 1000:
        return "!longer than the policy allows"
    if facts.channels is None or facts.channels > policy.max_channels:
        return "!more channels than the policy allows"
    for spans in facts.speech.values():
        edges = spans.ravel()
        if len(edges) and not (edges[0] >= 0 and (np.diff(edges) > 0).all()):
            return "!speech that is not sorted and disjoint"
        if len(edges) and edges[-1] > facts.duration_ms:
            return "!speech after the end"
    (row,) = recordings_table([facts], processed_at=datetime.now(UTC)).to_pylist()
    if any("NaN" in row[name] or "Infinity" in row[name] for name in ("levels", "checks")):
        return "!NaN in a figure"
    return ""


def work(first: int, runs: int, step: int) -> None:
    """Worker: announce each mutant, prepare it, say how it ended."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "mutant.bin"
        for _, seed in seeds()[:2]:  # whatever is imported on first use is, before any clock runs
            path.write_bytes(seed)
            verdict(path)
        for number in range(first, runs, step):
            print(f"{number} begins", flush=True)
            path.write_bytes(mutant(number)[1])
            print(f"{number} {verdict(path)}", flush=True)


@dataclass
class Tally:
    """How all mutants ended."""

    ran: int = 0
    ends: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)

    def add(self, number: int, end: str) -> None:
        self.ran += 1
        if self.ran % 5000 == 0:
            print(f"{self.ran} ran, {len(self.faults)} faults", file=sys.stderr, flush=True)
        self.ends[end.split(":")[0]] += 1
        if end.startswith("!"):
            self.faults.append(f"mutant {number} ({seeds()[number % len(seeds())][0]}): {end[1:]}")


def drive(first: int, runs: int, step: int, tally: Tally) -> None:
    """Parent of one row of workers: starts the next one behind each death or hang."""
    while first < runs:
        command = [sys.executable, "-m", "tests.fuzz_audio", "--worker", f"{first},{runs},{step}"]
        last, ended = _follow(command, tally)
        if ended is None:
            return
        tally.add(first if last is None else last, ended)
        first = (first if last is None else last) + step


def _follow(command: list[str], tally: Tally) -> tuple[int | None, str | None]:
    """Read one worker to its end; return the mutant it died on and how, or None for neither."""
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=Path(__file__).parents[1],
        env=os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
    )
    assert process.stdout is not None
    current: int | None = None
    waiting = b""
    deadline = time.monotonic() + START_S
    starved = 0.0
    while True:
        ready, _, _ = select.select([process.stdout], [], [], max(0, deadline - time.monotonic()))
        if not ready:
            longer, starved = starved_s(process.pid) - starved, starved_s(process.pid)
            if longer > 1:  # others had the processor: that is no hang
                deadline = time.monotonic() + longer
                continue
            process.kill()
            process.wait()
            return current, "!hang"
        piece = os.read(process.stdout.fileno(), 65536)
        if not piece:
            code = process.wait()
            return (None, None) if code == 0 else (current, f"!died with {code}")
        waiting += piece
        *lines, waiting = waiting.split(b"\n")
        for line in lines:
            number, end = line.decode().split(" ", 1)
            if end == "begins":
                current = int(number)
            else:
                tally.add(int(number), end)
            deadline, starved = time.monotonic() + HANG_S, starved_s(process.pid)


def starved_s(pid: int | str) -> float:
    """Return how long a process has waited for a processor that others had."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return 0.0


def fuzz(runs: int, *, jobs: int = 1, first: int = 0) -> Tally:
    """Run the mutants [first, first + runs) and return how they ended."""
    from threading import Thread

    tallies = [Tally() for _ in range(jobs)]
    threads = [
        Thread(target=drive, args=(first + job, first + runs, jobs, tally))
        for job, tally in enumerate(tallies)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    whole = Tally()
    for tally in tallies:
        whole.ran += tally.ran
        whole.ends += tally.ends
        whole.faults += tally.faults
    return whole


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--runs", type=int, default=2000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--only", type=int, help="prepare one mutant in this process")
    parser.add_argument("--worker", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.worker:
        first, runs, step = (int(part) for part in given.worker.split(","))
        work(first, runs, step)
        return 0
    if given.only is not None:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "mutant.bin"
            path.write_bytes(mutant(given.only)[1])
            print(seeds()[given.only % len(seeds())][0], verdict(path))
        return 0
    start = time.monotonic()
    tally = fuzz(given.runs, jobs=given.jobs, first=given.first)
    print(f"{tally.ran} mutants of {len(seeds())} seeds in {time.monotonic() - start:.0f} s")
    for end, count in tally.ends.most_common():
        print(f"{count:8d}  {end.lstrip('!')}")
    print(f"{len(tally.faults)} faults")
    for fault in tally.faults[:200]:
        print(f"  {fault}")
    return 1 if tally.faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
