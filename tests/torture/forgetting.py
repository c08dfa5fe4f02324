"""Kill -9 at every durable step of a purge; then the same purge again, and search every byte."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

from speechqa.faults import CRASH_AT
from speechqa.store import open_store
from speechqa.store.check import check
from speechqa.store.purge import purge
from tests.small_store import CANARY, has_canary, with_canary
from tests.torture.inline import forked


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
