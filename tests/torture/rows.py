"""The rows of docs/reliability.md at full size, one small piece after the other.

Each row yields what became of each of its pieces, so that it can be stopped, watched and resumed
behind the last one. Every piece stands for itself: its number decides everything that is random.
"""

from __future__ import annotations

import math
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from speechqa.batch.lock import hold
from tests.conftest import ROOT
from tests.torture import crashes, disks, failing, forgetting, poisons
from tests.torture.inline import begun, ended

FUZZED_AT_ONCE = 5000


@dataclass(frozen=True)
class Piece:
    """What became of one piece.

    Parameters
    ----------
    number
        The next piece to do.
    told
        What to count.
    wrong
        What is not as it must be.
    weight
        How many cases it was.
    """

    number: int
    told: str
    wrong: tuple[str, ...] = ()
    weight: int = 1


@dataclass(frozen=True)
class Row:
    """One row of the page.

    Parameters
    ----------
    name, what
        For the command line and for people.
    full
        Its N; None where the row itself knows its end.
    work
        From a folder, the first piece's number and the number to stop before to its pieces.
    preload
        Whether it needs the library that makes writes fail.
    parts
        Processes that share its pieces.
    """

    name: str
    what: str
    full: int | None
    work: Callable[[Path, int, int], Iterator[Piece]]
    preload: bool = False
    parts: int = 1

    def bounds(self, part: int) -> tuple[int, int]:
        """Return the first piece of one part, and the first behind it."""
        full = self.full or 0
        return full * part // self.parts, full * (part + 1) // self.parts


def _steps(base: Path, first: int, _: int) -> Iterator[Piece]:
    compared = crashes.Compared(base)
    number = first
    while crashes.at_step(compared, number + 1):
        number += 1
        yield _piece(compared, number, "killed")


def _kills(base: Path, first: int, end: int) -> Iterator[Piece]:
    compared = crashes.Compared(base)
    length_s = crashes.length_of_run_s(compared)
    for number in range(first, end):
        target = crashes.kill_one(compared, number, length_s=length_s)
        yield _piece(compared, number + 1, f"{target} killed")


def _model(base: Path, first: int, end: int) -> Iterator[Piece]:
    compared = crashes.Compared(base, engine="whisper")
    length_s = crashes.length_of_run_s(compared, inline=True)
    for number in range(first, end):
        crashes.kill_inline(compared, number, length_s=length_s)
        yield _piece(compared, number + 1, "killed")


def _pairs(base: Path, first: int, end: int) -> Iterator[Piece]:
    compared = crashes.Compared(base)
    for number in range(first, end):
        both = crashes.pair(compared, number)
        yield _piece(compared, number + 1, both)


def _locks(base: Path, first: int, end: int) -> Iterator[Piece]:
    """Kill a process while it holds a store, and take the store at once."""

    def holder() -> None:
        with hold(base):
            (base / "held").write_text("")
            time.sleep(600)

    for number in range(first, end):
        (base / "held").unlink(missing_ok=True)
        child = begun(holder)
        while not (base / "held").exists():
            time.sleep(0.005)
        os.kill(child, signal.SIGKILL)
        before = time.monotonic()
        with hold(base):
            waited_s = time.monotonic() - before
        ended(child)
        late = (f"lock {number}: {waited_s:.1f} s",) if waited_s > 5 else ()
        yield Piece(number + 1, "taken without a person", late)


def _full(base: Path, first: int, _: int) -> Iterator[Piece]:
    if first:
        return
    compared = crashes.Compared(base)
    with disks.small_disk(base / "disk", kb=8) as disk:
        for message, hint in disks.fill_up(compared, disk, step_kb=16):
            clear = "No space" in message and "free some" in hint
            wrong = () if clear else (f"unclear: {message[:200]}",)
            yield Piece(1, "full", (*_new(compared), *wrong))
        if not disks.same(compared, disk / "store"):
            yield Piece(1, "not identical afterwards", ("not identical afterwards",))


def _eio(base: Path, first: int, _: int) -> Iterator[Piece]:
    compared = crashes.Compared(base)
    for number, said in failing.every_write(compared, first=first + 1):
        yield _piece(compared, number, "stopped with a message" if said else "did not matter")


def _purges(base: Path, first: int, _: int) -> Iterator[Piece]:
    folder = forgetting.template(base)
    number, met = first, True
    while met:
        number += 1
        met, wrong = forgetting.killed_at(folder, base / "store", number)
        if met or wrong:
            yield Piece(number, "completed by the same purge", wrong)


def _upkeep(base: Path, first: int, end: int) -> Iterator[Piece]:
    folder = forgetting.scattered(base)
    for number in range(first, end):
        what, wrong = forgetting.upkeep_killed(folder, base, number)
        yield Piece(number + 1, f"{what} killed", wrong)


def _orders(base: Path, first: int, end: int) -> Iterator[Piece]:
    compared = crashes.Compared(base)
    for number in range(first, end):
        workers = (1, 2, 4)[number % 3]
        crashes.shuffled(compared, number, workers=workers)
        yield _piece(compared, number + 1, f"{workers} workers")


def _poison(base: Path, first: int, end: int) -> Iterator[Piece]:
    if first == 0:
        told, wrong = poisons.night_of(base, end)
        yield Piece(end, told, tuple(wrong), weight=end)


def _drift(base: Path, first: int, end: int) -> Iterator[Piece]:
    if first == 0:
        grown, held = poisons.growth(base, end)
        wrong = (f"grew by {grown:.1%}",) if grown > 0.1 else ()
        yield Piece(end, f"{held / 1e6:.0f} MB, {grown:+.1%}", wrong, weight=end)


def _hangs(base: Path, first: int, end: int) -> Iterator[Piece]:
    for number in range(first, end):
        late_s, wrong = poisons.lateness_of_a_hang()
        yield Piece(number + 1, f"gone within {math.ceil(late_s)} s of the deadline", tuple(wrong))


def _fuzz(base: Path, first: int, end: int) -> Iterator[Piece]:
    from tests.fuzz_audio import fuzz

    for start in range(first, end, FUZZED_AT_ONCE):
        size = min(FUZZED_AT_ONCE, end - start)
        tally = fuzz(size, first=start)
        wrong = list(tally.faults)
        if tally.ran != size:
            wrong.append(f"{tally.ran} of {size} mutants from {start} on ended")
        yield Piece(start + size, "mutants", tuple(wrong), weight=size)


def _tests(*names: str, marker: str = "not slow") -> Callable[[Path, int, int], Iterator[Piece]]:
    """Return a row made of tests that are at full size as they are."""

    def work(base: Path, first: int, _: int) -> Iterator[Piece]:
        if first:
            return
        command = [sys.executable, "-m", "pytest", "-q", "-rf", "-m", marker, "--tb=no"]
        command += ["-p", "no:cacheprovider", "-p", "no:xdist", f"--basetemp={base / 'pytest'}"]
        done = subprocess.run([*command, *names], cwd=ROOT, capture_output=True, text=True)
        lines = done.stdout.strip().splitlines()
        failed = tuple(line for line in lines if line.startswith(("FAILED", "ERROR")))
        if done.returncode and not failed:
            failed = ("\n".join(lines[-3:]) or done.stderr[-300:],)
        told = lines[-1].strip("= ").split(" in ")[0] if lines else "nothing"
        yield Piece(1, told, failed)

    return work


def _piece(compared: crashes.Compared, number: int, told: str) -> Piece:
    return Piece(number, told, _new(compared))


def _new(compared: crashes.Compared) -> tuple[str, ...]:
    wrong = tuple(compared.wrong)
    compared.wrong.clear()
    return wrong


STORE, WORKERS = "tests/test_reliability_store.py", "tests/test_reliability_workers.py"
ROWS = (
    Row(
        "kills", "kill -9 at random of parent, worker or group, stub engine", 1000, _kills, parts=3
    ),
    Row("fuzz", "mutants of 20 seeds through the whole of prepare", 100_000, _fuzz, parts=2),
    Row("steps", "kill -9 at every durable step, each once", None, _steps),
    Row(
        "disk-full",
        "disk full, 16 kB later each time until a run is clean",
        None,
        _full,
    ),
    Row("purges", "kill -9 at every durable step of a purge, each once", None, _purges),
    Row("upkeep", "kill -9 at random of compacting and backups", 100, _upkeep),
    Row("orders", "3 shuffled runs x 1, 2, 4 workers", 9, _orders),
    Row("poison", "recordings, 8 of them poison, two runs and a retry", 200, _poison),
    Row("locks", "lock left by a killed process", 100, _locks),
    Row("model", "kill -9 at random with the shipped model", 100, _model),
    Row("pairs", "two runs at once on one store", 200, _pairs),
    Row("hangs", "workers that hang in C and heed no signal, killed at their deadline", 50, _hangs),
    Row("drift", "recordings in one worker", 1000, _drift),
    Row("eio", "EIO at every write, under Delta Lake too", None, _eio, preload=True),
    Row(
        "motion",
        "files that grow, shrink, are replaced or renamed; new bytes under an old name",
        1,
        _tests(
            f"{STORE}::test_a_file_in_motion_is_deferred_and_scored_by_the_next_run",
            f"{STORE}::test_a_renamed_file_is_known_by_its_bytes",
            "tests/test_run.py",
        ),
    ),
    Row(
        "signals",
        "SIGINT, SIGTERM; hangs; set-up deaths",
        1,
        _tests(WORKERS, marker="slow or not slow"),
    ),
    Row(
        "damage",
        "320 files damaged by the test, 200 clean ones",
        1,
        _tests("tests/test_audio_damage.py", marker="slow"),
    ),
    Row(
        "awkward",
        "a folder of awkward files through a whole run; false alarms on clean ones",
        1,
        _tests("tests/test_awkward.py", marker="slow"),
    ),
    Row(
        "audio",
        "formats, limits, hostile names and values, an odd night, metadata",
        1,
        _tests(
            "tests/test_audio.py",
            "tests/test_line.py",
            "tests/test_odd_night.py",
            "tests/test_run_edges.py",
            "tests/test_discovery.py",
            "tests/test_metadata.py",
        ),
    ),
    Row(
        "privacy",
        "card numbers, no text, logs, purge, store check, backup",
        1,
        _tests(
            "tests/test_reliability_privacy.py",
            "tests/test_privacy.py",
            "tests/test_purge.py",
            "tests/test_store.py",
        ),
    ),
    Row(
        "exports",
        "formula cells, files written beside and renamed",
        1,
        _tests("tests/test_export_tables.py", "tests/test_export_calls.py"),
    ),
    Row(
        "recogniser",
        "nothing heard in silence, DC, hum, tones; loops, language, models",
        1,
        _tests(
            "tests/test_asr_engine.py",
            "tests/test_asr_languages.py",
            "tests/test_asr_models.py",
            "tests/test_asr_words.py",
            "tests/test_assess.py",
        ),
    ),
)


def cleared(folder: Path) -> Path:
    """Return an empty folder."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
