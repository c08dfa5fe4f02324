"""Every file of a folder of awkward recordings: how it ends, how long it takes, how much memory.

Each file is read in a process of its own, so that a decoder that dies or swells is seen::

    python -m benchmarks.audio_awkward FOLDER [--json]

Every file must end decoded, decoded with its damage named, or refused or deferred with a reason
code, within 60 s and 1 GB. What is sound but no call (silence, tones, one channel dead, antiphase)
is named by the line checks, which are shown beside. The exit code is 1 when a file ends otherwise.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

LIMIT_S = 60.0
LIMIT_MB = 1000.0


@dataclass(frozen=True)
class End:
    """How one file ended."""

    file: str
    status: str
    reason: str
    detail: str
    seconds: float
    peak_mb: float


def read_one(path: str) -> tuple[str, str, str]:
    """Read one file; return status, reason and detail."""
    from speechqa import line, vad
    from speechqa.audio import read_recording
    from speechqa.errors import CallError
    from speechqa.settings import Settings

    settings = Settings()
    try:
        recording = read_recording(path, settings.audio)
    except CallError as error:
        return error.status, error.reason_code, error.message
    speech = vad.speech_of_channels(recording.samples, recording.rate_hz, settings.vad)
    checks = line.check(recording.samples, recording.rate_hz, speech, settings.line)
    shape = f"{recording.codec}, {recording.channels} ch, {recording.rate_hz} Hz"
    named = [f"{item.kind}: {item.detail}" for item in recording.damage]
    named += [f"line {check.name}" for check in checks if check.severity != "info"]
    detail = "; ".join([f"{shape}, {recording.duration_ms / 1000:.2f} s", *named])
    kinds = ",".join(sorted({item.kind for item in recording.damage}))
    return ("damaged" if recording.damage else "decoded"), kinds, detail


def _child(path: str, pipe: object) -> None:
    try:
        status, reason, detail = read_one(path)
    except BaseException:
        status, reason, detail = "TRACEBACK", "", traceback.format_exc(limit=-3)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    pipe.send((status, reason, detail, peak))  # type: ignore[attr-defined]


def end_of(path: Path, folder: Path) -> End:
    """Read one file in a fresh process."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    start = time.monotonic()
    process = context.Process(target=_child, args=(str(path), theirs))
    process.start()
    theirs.close()
    answer = ("HANG", "", f"no answer in {LIMIT_S:.0f} s", 0.0)
    try:
        if ours.poll(LIMIT_S):
            answer = ours.recv()
        else:
            process.kill()
    except EOFError:
        process.join()
        answer = ("DIED", "", f"exit code {process.exitcode}", 0.0)
    process.join()
    name = os.fsencode(path.relative_to(folder)).decode("utf-8", "backslashreplace")
    status, reason, detail, peak = answer
    return End(name, status, reason, detail, round(time.monotonic() - start, 3), round(peak, 1))


def ends(folder: Path) -> Iterator[End]:
    """Read every file under a folder."""
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        yield end_of(path, folder)


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--json", action="store_true", help="one object a line")
    given = parser.parse_args()
    found = []
    import numpy  # noqa: F401 - loaded once here, so that each child does not pay for it
    import soundfile  # noqa: F401

    for end in ends(given.folder):
        found.append(end)
        if given.json:
            print(json.dumps(asdict(end), ensure_ascii=False), flush=True)
        else:
            what = f"{end.reason + ': ' if end.reason else ''}{end.detail}".replace("\n", " ")
            print(f"{end.file[:60]:60} {end.status:9} {end.seconds:6.2f} s {what[:150]}")
    bad = [
        end
        for end in found
        if end.status not in ("decoded", "damaged", "refused", "deferred")
        or end.seconds > LIMIT_S
        or end.peak_mb > LIMIT_MB
    ]
    counts = dict(Counter(end.status for end in found))
    slowest = max((end.seconds for end in found), default=0.0)
    largest = max((end.peak_mb for end in found), default=0.0)
    told = f"{len(found)} files: {counts}; slowest {slowest:.2f} s, largest {largest:.0f} MB"
    print(f"{told}; otherwise {len(bad)}", file=sys.stderr)
    for end in bad:
        print(f"  {end.file}: {end.status} {end.detail}", file=sys.stderr)
    return 1 if bad or not found else 0


if __name__ == "__main__":
    raise SystemExit(main())
