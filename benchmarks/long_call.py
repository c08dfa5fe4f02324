"""Memory over one very long call, through the whole product: decode, line checks, speech, words.

    python -m benchmarks.long_call [--hours 4] [--talk 1.0] [--prepare-only]

A stereo telephone recording (8 kHz, u-law) is made by repeating the sample calls, with faint noise
between them where less talk is asked for, and goes through what a worker does with a call, with
the shipped model. Printed: the process's own resident memory
before, at most while the call is prepared, at most while it is recognised, and the length of its
samples as float32. Run it in a process of its own: what memory was used before counts.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from benchmarks.throughput_memory import Peak, resident_mb
from speechqa.batch.work import CallTask, GroupTask, make_worker
from speechqa.metadata import CallMetadata
from speechqa.pipeline import Source
from speechqa.settings import load_settings

AUDIO = Path(__file__).resolve().parents[1] / "fixtures" / "audio"
RATE = 8000


def write_call(file: Path, hours: float, talk: float) -> None:
    """Write a stereo recording of `hours`, of which `talk` (0 to 1) are sample calls."""
    noise = np.random.default_rng(0)
    sources = sorted(AUDIO.glob("*.wav"))
    wanted = int(hours * 3600 * RATE)
    with soundfile.SoundFile(file, "w", RATE, 2, "ULAW") as out:
        while wanted:
            for source in sources:
                samples, rate = soundfile.read(source, dtype="int16", always_2d=True)
                assert (rate, samples.shape[1]) == (RATE, 2)
                out.write(samples[:wanted])
                wanted -= len(samples[:wanted])
                quiet = min(wanted, round(len(samples) * (1 / talk - 1)))
                for minute in range(0, quiet, 60 * RATE):
                    length = min(60 * RATE, quiet - minute)
                    out.write(noise.normal(0, 20, (length, 2)).astype(np.int16))
                wanted -= quiet


def measure(hours: float, talk: float, *, recognise: bool) -> dict[str, Any]:
    """Process one call of `hours`; return memory in MB and seconds."""
    settings = load_settings(
        run={"workers": 1}, asr={"threads": 1, "engine": "whisper" if recognise else "stub"}
    )
    work = make_worker(settings, "config", "run")
    marks: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "long.wav"
        write_call(file, hours, talk)
        at = file.stat()
        source = Source(str(file), at.st_size, at.st_mtime_ns)
        task = CallTask(source, CallMetadata("long"))
        before = resident_mb()
        with Peak() as peak:

            def told(value: tuple[str, Any, int]) -> None:
                marks[value[0]] = time.monotonic()
                if value[0] == "transcribe":
                    marks["prepare_mb"], peak.most_mb = peak.most_mb, resident_mb()

            (facts,) = work(GroupTask((task,)), told)
            done = time.monotonic()
    if facts.status != "scored" or not facts.words:
        raise SystemExit(f"the call ended {facts.status} with {len(facts.words)} words")
    return {
        "before_mb": before,
        "prepare_mb": marks["prepare_mb"],
        "transcribe_mb": peak.most_mb,
        "samples_mb": hours * 3600 * RATE * 2 * np.dtype(np.float32).itemsize / 2**20,
        "prepare_s": marks["transcribe"] - marks["prepare"],
        "transcribe_s": done - marks["transcribe"],
        "words": len(facts.words),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--hours", type=float, default=4.0)
    parser.add_argument("--talk", type=float, default=1.0, help="share of it that is calls")
    parser.add_argument("--prepare-only", action="store_true", help="recognise nothing")
    asked = parser.parse_args()
    took = measure(asked.hours, asked.talk, recognise=not asked.prepare_only)
    recognised = (
        ""
        if asked.prepare_only
        else f"{took['transcribe_mb']:.0f} MB at most while recognised "
        f"({took['transcribe_s']:.0f} s, {took['words']} words); "
    )
    print(
        f"one stereo call of {asked.hours:g} h, {asked.talk:.0%} talk: "
        f"{took['before_mb']:.0f} MB before, "
        f"{took['prepare_mb']:.0f} MB at most while prepared ({took['prepare_s']:.0f} s), "
        f"{recognised}its samples alone are {took['samples_mb']:.0f} MB"
    )


if __name__ == "__main__":
    main()
