"""Kill -9 at every durable step and at random moments; then one more run, and compare.

What is compared is the store of a run that nothing disturbed. Runs are forked from a process that
has imported everything; with or without worker processes, which are forked in their turn.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

from speechqa.batch import local
from speechqa.errors import StoreError
from speechqa.faults import CRASH_AT
from speechqa.store import open_store
from speechqa.store.check import check
from tests.conftest import AUDIO
from tests.fuzz_audio import starved_s
from tests.nights import canonical, cut, run_night
from tests.torture.inline import Inline, begun, ended, forked, night_in, warm

CALLS = 5
OPTIONS: dict = {"workers": 1, "vad": {"detector": "webrtc"}}


def small_night(folder: Path, *, count: int = CALLS) -> Path:
    """Write calls of 1.5 s, one of them under two names, and a text that is no recording."""
    folder.mkdir(parents=True)
    sources = sorted(AUDIO.glob("*.wav"))
    for number in range(count):
        name = f"n_GUID_{number}_AGENT_A{number % 2}_DT_2025-03-0{number % 5 + 1}T09-00-00.wav"
        source = str(sources[number % len(sources)])
        cut(source, folder / name, start_s=2 + number, seconds=1.5)
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
        warm((base / "imported").read_text("utf-8").split())
        self.wrong: list[str] = []
        self.kinds: Counter[str] = Counter()

    def write_expected(self) -> None:
        run_night([self.folder], self.base / "calm", **self.options)
        (self.base / "expected").write_text(canonical(self.base / "calm"), "utf-8")
        assert not check(open_store(str(self.base / "calm")))
        (self.base / "imported").write_text("\n".join(list(sys.modules)), "utf-8")

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
    step = 1
    while at_step(compared, step):
        step += 1
    return step - 1


def at_step(compared: Compared, step: int) -> bool:
    """Kill a run at a durable step; return whether it has that many."""
    store = compared.base / f"step-{step}"
    run = night_in(compared.folder, store, **compared.options)
    if forked(run, environment={CRASH_AT: str(step)}) != -signal.SIGKILL:
        return False
    compared.judge(store, "step")
    return True


def at_random(compared: Compared, count: int, *, seed: int = 1) -> None:
    """Kill `count` runs at random moments, without worker processes."""
    length_s = length_of_run_s(compared, inline=True)
    for number in range(count):
        kill_inline(compared, 1000 * seed + number, length_s=length_s)


def kill_inline(compared: Compared, number: int, *, length_s: float) -> None:
    """Kill one run without worker processes at a random moment."""
    store = compared.base / f"random-{number}"
    child = begun(night_in(compared.folder, store, **compared.options))
    time.sleep(random.Random(number).uniform(0.0, length_s))
    os.kill(child, signal.SIGKILL)
    ended(child)
    compared.judge(store, "inline")


def kill_one(compared: Compared, number: int, *, length_s: float) -> str:
    """Kill parent, worker or group of one run with worker processes; return which."""
    target = ("parent", "worker", "group")[number % 3]
    store = compared.base / f"workers-{number}"
    options = compared.options | {"workers": 2}
    child = begun(night_in(compared.folder, store, **options), workers=True)
    time.sleep(random.Random(number).uniform(0.0, length_s))
    _kill(child, target)
    ended(child)
    until = time.monotonic() + 4
    while (left := _session(child)) and time.monotonic() < until:
        time.sleep(0.05)  # a worker notices within two seconds at most
    if left:
        compared.wrong.append(f"{target} {number}: {len(left)} processes outlived the run")
    compared.judge(store, target)
    return target


def pair(compared: Compared, number: int) -> str:
    """Start two runs at once on one store: one works, the other too, or says who holds it.

    Every second pair takes so long that the other cannot wait for its turn.
    """
    store = compared.base / f"pair-{number}"
    told = [compared.base / f"told-{number}-{side}" for side in "ab"]
    wait_s = 0.8 * (number % 2)
    runs = [begun(_one_of_two(compared, store, file, wait_s)) for file in told]
    for run in runs:
        ended(run)
    said = sorted(file.read_text("utf-8") for file in told)
    if said[0] != "" or not (said[1] == "" or "in use by process" in said[1]):
        compared.wrong.append(f"pair {number}: {said}")
    compared.judge(store, "pair")
    if said[1] == "":
        return "second worked after the first"
    return "second said who holds the store" + (" after 5 s" if "(late" in said[1] else "")


def shuffled(compared: Compared, number: int, *, workers: int) -> None:
    """Run over the recordings in an order of its own with so many worker processes; compare."""
    store = compared.base / f"order-{number}"

    def run() -> None:
        paths = sorted(compared.folder.iterdir())
        random.Random(number).shuffle(paths)
        run_night(paths, store, **compared.options | {"workers": workers})
        assert canonical(store) == compared.expected, "the export differs"
        assert not check(open_store(str(store))), "faults"

    if (code := ended(begun(run, workers=True))) != 0:
        compared.wrong.append(f"order {number}, {workers} workers: ended with {code}")
    shutil.rmtree(store, ignore_errors=True)


def length_of_run_s(compared: Compared, *, inline: bool = False) -> float:
    """Return how long a run takes that nobody kills, and a little more."""
    store = compared.base / "timing"
    options = compared.options | ({} if inline else {"workers": 2})
    before = time.monotonic()
    ended(begun(night_in(compared.folder, store, **options), workers=not inline))
    shutil.rmtree(store)
    return (time.monotonic() - before) * 1.1


def _one_of_two(compared: Compared, store: Path, told: Path, wait_s: float) -> Callable[[], object]:
    def run() -> None:
        local.Workers = partial(Inline, wait_s=wait_s)  # type: ignore[misc,assignment]
        before = time.monotonic() - starved_s("self")
        try:
            run_night([compared.folder], store, **compared.options)
            told.write_text("")
        except StoreError as error:
            took_s = time.monotonic() - starved_s("self") - before
            told.write_text(error.message + f" (late: {took_s:.1f} s)" * (took_s > 5))

    return run


def _kill(leader: int, target: str) -> None:
    with contextlib.suppress(ProcessLookupError):
        if target == "group":
            os.killpg(leader, signal.SIGKILL)
        elif target == "parent":
            os.kill(leader, signal.SIGKILL)
        else:
            for pid in _children(leader)[:1]:
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
            if os.getsid(pid) == leader and state != "Z":
                found.append(pid)
    return found
