"""Memory of the recogniser over many calls, and over one very long call.

    python -m benchmarks.throughput_memory [--calls 1000] [--hours 4]

Calls are made of noise whose level moves like a voice's. Printed: own resident memory after a
tenth of the calls, half of them and all of them, how much of it is in use then (the rest is free,
and kept by the C library for the next batch), and the most during a long two-channel call whose
samples lie in files (memory maps) instead of memory.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import ctypes
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

from speechqa.asr import SpeechJob
from speechqa.asr.loading import load_whisper
from speechqa.settings import AsrSettings

RATE = 8000


def resident_mb() -> float:
    """Return this process's own resident memory in MB, without cached pages of files."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon:"):
            return int(line.split()[1]) / 1024
    raise SystemExit("this system does not tell a process's memory")


class _Mallinfo(ctypes.Structure):
    """As glibc's ``mallinfo2`` returns it."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in (
            "arena",
            "ordblks",
            "smblks",
            "hblks",
            "hblkhd",
            "usmblks",
            "fsmblks",
            "uordblks",
            "fordblks",
            "keepcost",
        )
    )


def in_use_mb() -> float:
    """Return what of the C library's memory is in use, in MB; what it keeps free is left out."""
    mallinfo2 = ctypes.CDLL(None).mallinfo2
    mallinfo2.restype = _Mallinfo
    told = mallinfo2()
    return float(told.uordblks + told.hblkhd) / 1024**2


class Peak:
    """Samples the resident memory while a block runs."""

    def __enter__(self) -> Peak:
        self.most_mb, self._done = resident_mb(), threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(0.1):
            self.most_mb = max(self.most_mb, resident_mb())


def noise(seed: int, seconds: float) -> np.ndarray:
    rng = np.random.default_rng(seed)
    steps = int(seconds * 20)
    level = np.repeat(rng.uniform(0.02, 1, steps), RATE // 20)
    return (rng.normal(0, 0.1, len(level)) * level).astype(np.float32)


def call(seed: int) -> SpeechJob:
    speech = np.array([[500, 3000], [4000, 6500], [8000, 9500]])
    return SpeechJob(str(seed), noise(seed, 10), RATE, speech, speech, language="en")


def long_call(folder: Path, hours: float) -> list[SpeechJob]:
    """Return two channels in files, 40 % of each speech."""
    seconds = int(hours * 3600)
    starts = np.arange(0, seconds * 1000 - 10_000, 10_000)
    jobs = []
    for channel in range(2):
        file = folder / f"{channel}.f32"
        with file.open("wb") as stream:
            for minute in range(seconds // 60):
                stream.write(noise(minute * 2 + channel, 60).tobytes())
        spans = np.stack([starts + 5000 * channel, starts + 5000 * channel + 4000], axis=1)
        samples = np.memmap(file, np.float32, "r")
        jobs.append(SpeechJob(str(channel), samples, RATE, spans, spans, language="en"))
    return jobs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", default="speechqa-tiny")
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--hours", type=float, default=4.0)
    asked = parser.parse_args()
    engine = load_whisper(AsrSettings(model=asked.model, device="cpu", beam_size=1))
    group = 25
    marks: dict[int, tuple[float, float]] = {}
    start = time.perf_counter()
    for first in range(0, asked.calls, group):
        engine.transcribe([call(seed) for seed in range(first, first + group)])
        if first + group in (asked.calls // 10, asked.calls // 2, asked.calls):
            marks[first + group] = resident_mb(), in_use_mb()
    told = ", ".join(
        f"{held:.0f} MB ({used:.1f} in use) after {count}" for count, (held, used) in marks.items()
    )
    print(f"{asked.calls} calls in {time.perf_counter() - start:.0f} s: {told}")
    if asked.hours:
        with tempfile.TemporaryDirectory() as folder:
            jobs = long_call(Path(folder), asked.hours)
            before = resident_mb()
            start = time.perf_counter()
            with Peak() as peak:
                heard = engine.transcribe(jobs)
            print(
                f"one call of {asked.hours:g} h, two channels in files of "
                f"{sum(job.samples.nbytes for job in jobs) / 1e6:.0f} MB, "
                f"{sum(c.windows for c in heard)} windows in {time.perf_counter() - start:.0f} s: "
                f"{before:.0f} MB before, {peak.most_mb:.0f} MB at most"
            )


if __name__ == "__main__":
    main()
