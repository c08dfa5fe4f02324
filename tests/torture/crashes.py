"""Kill -9 at every durable step and at random moments; then one more run, and compare.

    python -m tests.torture.crashes --random 1000

prints how many crashes there were and whether each store ended as the one of a run that nothing
disturbed. ``--workers`` makes real worker processes and kills parent, worker or group by turns;
``--model`` recognises with the shipped model.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from speechqa.errors import StoreError
from speechqa.faults import CRASH_AT
from speechqa.store import open_store
from speechqa.store.check import check
from tests.conftest import AUDIO, ROOT
from tests.nights import canonical, cut, run_night
from tests.torture.inline import begun, ended, forked, night_in

CALLS = 5
OPTIONS: dict = {"workers": 1, "vad": {"detector": "webrtc"}}


def small_night(folder: Path, *, count: int = CALLS) -> Path:
    """Write calls of 3 s, one of them under two names, and a text that is no recording."""
    folder.mkdir(parents=True)
    sources = sorted(AUDIO.glob("*.wav"))
    for number in range(count):
        name = f"n_GUID_{number}_AGENT_A{number % 2}_DT_2025-03-0{number % 5 + 1}T09-00-00.wav"
        source = str(sources[number % len(sources)])
        cut(source, folder / name, start_s=2 + number, seconds=3)
    shutil.copy(folder / name, folder / "twin.wav")
    (folder / "text.wav").write_text("this is not a recording\n")
    return folder


class Compared:
    """Stores that were tortured, against one that was not."""

    def __init__(self, base: Path, **options) -> None:
        self.base = base
        self.options = OPTIONS | options
        self.folder = small_night(base / "in")
        code = forked(self.write_expected)
        assert code == 0, f"the undisturbed run ended with {code}"
        self.expected = (base / "expected").read_text("utf-8")
        self.wrong: list[str] = []
        self.kinds: Counter[str] = Counter()

    def write_expected(self) -> None:
        run_night([self.folder], self.base / "calm", **self.options)
        (self.base / "expected").write_text(canonical(self.base / "calm"), "utf-8")

    def judge(self, store: Path, label: str) -> None:
        """Run once more without trouble, and compare everything that is stored."""

        def finish() -> None:
            report = run_night([self.folder], store, **self.options)
            assert report.counts["pending"] == 0, report.equation
            assert report.found == CALLS + 2, report.equation
            assert canonical(store) == self.expected, "the export differs"
            faults = check(open_store(str(store)))
            assert not faults, faults
            assert open_store(str(store)).read("recordings").num_rows == CALLS + 1, "duplicates"

        code = forked(finish)
        self.kinds[label] += 1
        if code != 0:
            self.wrong.append(f"{label}: {store.name} ended with {code}")
        shutil.rmtree(store, ignore_errors=True)


def every_step(compared: Compared) -> int:
    """Kill a run at its first durable step, its second, and so on; return how many there are."""
    step = 0
    while True:
        step += 1
        store = compared.base / f"step-{step}"
        run = night_in(compared.folder, store, **compared.options)
        if forked(run, environment={CRASH_AT: str(step)}) != -signal.SIGKILL:
            return step - 1
        compared.judge(store, "step")


def at_random(compared: Compared, count: int, *, seed: int = 1, until: float = 1e18) -> None:
    """Kill `count` runs at random moments, without worker processes."""
    dice = random.Random(seed)
    length_s = _seconds(compared)
    for number in range(count):
        if time.monotonic() > until:
            return
        store = compared.base / f"random-{number}"
        child = begun(night_in(compared.folder, store, **compared.options))
        time.sleep(dice.uniform(0.0, length_s))
        os.kill(child, signal.SIGKILL)
        ended(child)
        compared.judge(store, "parent")


def with_workers(compared: Compared, count: int, *, seed: int = 2, until: float = 1e18) -> None:
    """Kill the parent, a worker or the whole group of `count` real runs, by turns."""
    dice = random.Random(seed)
    code = (
        "import sys; from pathlib import Path; from tests.nights import run_night; "
        f"run_night([Path({str(compared.folder)!r})], Path(sys.argv[1]), **{compared.options!r})"
    )
    before = time.monotonic()
    calm = compared.base / "timed"
    subprocess.run([sys.executable, "-c", code, str(calm)], cwd=ROOT, check=True)
    length_s = time.monotonic() - before
    shutil.rmtree(calm)
    for number in range(count):
        if time.monotonic() > until:
            return
        store = compared.base / f"workers-{number}"
        command = [sys.executable, "-c", code, str(store)]
        process = subprocess.Popen(
            command, cwd=ROOT, start_new_session=True, stderr=subprocess.DEVNULL
        )
        time.sleep(dice.uniform(0.3, 1.0) * length_s)
        target = ("parent", "worker", "group")[number % 3]
        _kill(process, target)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(60 if target == "worker" else 5)
        if left := _session(process.pid):
            time.sleep(2)  # a worker notices within two seconds at most
            left = _session(process.pid)
        if left:
            compared.wrong.append(f"{target}: {len(left)} processes outlived the run")
        compared.judge(store, target)


def pairs(compared: Compared, count: int, *, until: float = 1e18) -> None:
    """Start two runs at once on one store: one does the work, the other says who holds it."""
    for number in range(count):
        if time.monotonic() > until:
            return
        store = compared.base / f"pair-{number}"
        told = [compared.base / f"told-{number}-{side}" for side in "ab"]
        runs = [begun(_one_of_two(compared, store, file)) for file in told]
        for run in runs:
            ended(run)
        said = sorted(file.read_text("utf-8") for file in told)
        if said[0] != "" or not (said[1] == "" or "in use by process" in said[1]):
            compared.wrong.append(f"pair: {said}")
        compared.judge(store, "pair")


def _one_of_two(compared: Compared, store: Path, told: Path) -> Callable[[], object]:
    def run() -> None:
        before = time.monotonic()
        try:
            run_night([compared.folder], store, **compared.options)
            told.write_text("")
        except StoreError as error:
            told.write_text(error.message + " (late)" * (time.monotonic() - before > 5))

    return run


def _seconds(compared: Compared) -> float:
    before = time.monotonic()
    forked(night_in(compared.folder, compared.base / "timing", **compared.options))
    shutil.rmtree(compared.base / "timing")
    return (time.monotonic() - before) * 1.1


def _kill(process: subprocess.Popen[bytes], target: str) -> None:
    with contextlib.suppress(ProcessLookupError):
        if target == "group":
            os.killpg(process.pid, signal.SIGKILL)
        elif target == "parent":
            os.kill(process.pid, signal.SIGKILL)
        else:
            workers = [pid for pid in _children(process.pid) if b"spawn_main" in _command(pid)]
            for pid in workers[:1]:
                os.kill(pid, signal.SIGKILL)


def _children(pid: int) -> list[int]:
    try:
        return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def _session(leader: int) -> list[int]:
    """Return the living processes of a session, but for those that nobody has waited for."""
    found = []
    for folder in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            pid = int(folder.name)
            state = (folder / "stat").read_text().rsplit(")", 1)[1].split()[0]
            helper = b"resource_tracker" in _command(pid)
            if os.getsid(pid) == leader and state != "Z" and not helper:
                found.append(pid)
    return found


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def main() -> None:
    """Run what the command line asks for and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", action="store_true", help="kill at every durable step")
    parser.add_argument("--random", type=int, default=0, metavar="N")
    parser.add_argument("--workers", type=int, default=0, metavar="N")
    parser.add_argument("--pairs", type=int, default=0, metavar="N")
    parser.add_argument("--model", action="store_true", help="recognise with the shipped model")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=1e9, help="stop there, whatever N is")
    given = parser.parse_args()
    before = time.monotonic()
    until = before + 60 * given.minutes
    options: dict = {"engine": "whisper"} if given.model else {}
    with tempfile.TemporaryDirectory() as base:
        compared = Compared(Path(base), **options)
        if given.steps:
            print(f"durable steps of a run: {every_step(compared)}")
        if given.random:
            at_random(compared, given.random, seed=given.seed, until=until)
        if given.workers:
            with_workers(compared, given.workers, seed=given.seed, until=until)
        if given.pairs:
            pairs(compared, given.pairs, until=until)
        counts = ", ".join(f"{kind} {count}" for kind, count in sorted(compared.kinds.items()))
        print(f"killed: {counts}; wrong afterwards: {len(compared.wrong)}", end="; ")
        print(f"{time.monotonic() - before:.0f} s")
        for line in compared.wrong[:20]:
            print("  " + line)
    sys.exit(1 if compared.wrong else 0)


if __name__ == "__main__":
    main()
