"""Kill -9 in the upkeep of a store.

A purge is killed at every durable step; then the same purge again, and every byte is searched.
Compacting and backups are killed at random: the store holds what it held, and a copy is whole or
is not there.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from pathlib import Path

from speechqa.faults import CRASH_AT
from speechqa.store import open_store
from speechqa.store.check import check
from speechqa.store.purge import purge
from speechqa.store.upkeep import backup, compact
from tests.nights import canonical
from tests.small_store import CANARY, facts, has_canary, judged, with_canary
from tests.torture.inline import begun, ended, forked


def template(base: Path) -> Path:
    """Make a store that names and quotes one caller wherever it can."""
    folder = base / "template"
    code = forked(lambda: with_canary(folder))
    assert code == 0, f"the store could not be made: {code}"
    return folder


def killed_at(folder: Path, store: Path, step: int) -> tuple[bool, tuple[str, ...]]:
    """Kill a purge at a durable step and give it again.

    Returns
    -------
    Whether it has so many steps, and what is wrong afterwards.
    """
    shutil.copytree(folder, store)

    def once() -> None:
        purge(open_store(str(store)), callers=[CANARY])

    def again() -> None:
        once()
        assert not has_canary(store), "the canary is still there"
        assert not check(open_store(str(store))), "the store has faults"
        assert open_store(str(store)).read("recordings").num_rows == 5, "others are gone"

    met = forked(once, environment={CRASH_AT: str(step)}) == -signal.SIGKILL
    code = forked(again)
    shutil.rmtree(store)
    return met, (f"purge killed at step {step}: ended with {code}",) if code else ()


def scattered(base: Path) -> Path:
    """Make a store of 40 small commits."""
    folder = base / "scattered"

    def make() -> None:
        store = with_canary(folder)
        for number in range(100, 120):
            store.commit_calls([facts(number)])
            store.commit_assessments(judged(facts(number)))
        (base / "expected").write_text(canonical(folder), "utf-8")

    code = forked(make)
    assert code == 0, f"the store could not be made: {code}"
    return folder


def upkeep_killed(folder: Path, base: Path, number: int) -> tuple[str, tuple[str, ...]]:
    """Kill compacting or a backup at a random moment; return which, and what is wrong then."""
    store, copy = base / "store", base / "copy"
    shutil.copytree(folder, store)
    what = ("compacting", "a backup")[number % 2]

    def work() -> None:
        if number % 2:
            backup(open_store(str(store)), copy)
        else:
            compact(open_store(str(store)))

    def look() -> None:
        expected = (base / "expected").read_text("utf-8")
        for place in (store, copy) if copy.exists() else (store,):
            assert not check(open_store(str(place))), f"{place.name} has faults"
            assert canonical(place) == expected, f"{place.name} differs"
        shutil.rmtree(copy, ignore_errors=True)
        work()

    child = begun(work)
    time.sleep(random.Random(number).uniform(0.0, 1.0))
    os.kill(child, signal.SIGKILL)
    ended(child)
    code = forked(look)
    shutil.rmtree(store)
    shutil.rmtree(copy, ignore_errors=True)
    return what, (f"{what} {number}: ended with {code}",) if code else ()
