"""A disk that fills up: run again with a little more space each time, until a run is clean.

Needs the right to mount a small tmpfs.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from speechqa.errors import StoreError
from speechqa.store import TABLES, open_store
from speechqa.store.check import UNJUDGED, check
from tests.nights import canonical, run_night
from tests.torture.crashes import Compared
from tests.torture.inline import forked


class CannotHere(Exception):
    """This machine lacks what a row needs; a refusal met by the product itself is never this."""


@contextmanager
def small_disk(place: Path, *, kb: int) -> Iterator[Path]:
    """Mount a file system of `kb` kB; raise CannotHere where that is not allowed."""
    place.mkdir()
    options = ["mount", "-t", "tmpfs", "-o", f"size={kb}k", "tmpfs", str(place)]
    done = subprocess.run(options, capture_output=True, text=True, check=False)
    if done.returncode:
        raise CannotHere(f"no tmpfs can be mounted here: {done.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=False)


def remount(place: Path, options: str) -> None:
    """Change the size or the rights of a mounted file system."""
    subprocess.run(["mount", "-o", f"remount,{options}", str(place)], check=True)


def run_on(
    compared: Compared,
    store: Path,
    *,
    before: Callable[[], object] = lambda: None,
    after: Callable[[], object] = lambda: None,
) -> tuple[str, str]:
    """Run on a disk in trouble; return message and hint of what stopped it, empty when clean."""
    told = compared.base / "told"

    def attempt() -> None:
        before()
        try:
            run_night([compared.folder], store, **compared.options)
            told.write_text("\n")
        except StoreError as error:
            told.write_text(f"{error.message}\n{error.hint}")
        after()

    told.unlink(missing_ok=True)
    code = forked(attempt)
    assert code == 0, f"not a clear message, but exit {code}"
    message, hint = told.read_text("utf-8").split("\n", 1)
    return message, hint


def halves(store: Path) -> list[str]:
    """Return what is wrong with what is stored, once all tables of the store have been made."""
    if not all(any((store / name / "_delta_log").glob("*.json")) for name in TABLES):
        return []
    faults = [f for f in check(open_store(str(store))) if f.kind != UNJUDGED]  # the next run does
    return [f"{f.table} {f.key}: {f.kind} {f.detail}" for f in faults]


ROOMY_KB = 1 << 15


def fill_up(compared: Compared, disk: Path, *, step_kb: int) -> Iterator[tuple[str, str]]:
    """Give runs more and more space until one is clean; yield what each said that was not.

    Each begins with an empty store, so that each fails at a later write; then there is space, and
    one more run must make the store whole. The clean one's store stays.
    """
    found = compared.base / "faults"
    store = disk / "store"

    def look() -> None:
        found.write_text("\n".join(halves(store)))

    for size_kb in range(step_kb, ROOMY_KB, step_kb):
        shutil.rmtree(store, ignore_errors=True)
        remount(disk, f"size={size_kb}k")
        told = run_on(compared, store)
        if not told[0]:
            return
        assert forked(look) == 0
        if faults := found.read_text():
            compared.wrong.append(f"after {size_kb} kB: {faults}")
        remount(disk, f"size={ROOMY_KB}k")
        again = run_on(compared, store)
        if again[0] or not same(compared, store):
            compared.wrong.append(f"after {size_kb} kB, then space: not identical {again[0][:200]}")
        yield told
    raise AssertionError("never clean")


def same(compared: Compared, store: Path) -> bool:
    """Say whether the store is that of an undisturbed run, byte for byte."""
    out = compared.base / "export"
    code = forked(lambda: out.write_text(canonical(store), "utf-8"))
    return code == 0 and out.read_text("utf-8") == compared.expected
