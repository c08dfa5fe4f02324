"""A disk that fails under the tables' own writer: every write of a run ends with EIO once.

The C library's writes are taken over by a small library (`eio.c`, built here with ``cc``), so
that Delta Lake's Rust code meets the error as well as ours. Each write fails once alone; every
fourth also for good, with all after it.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.torture.crashes import Compared
from tests.torture.disks import CannotHere, halves, run_on, same
from tests.torture.inline import forked

SOURCE = Path(__file__).with_name("eio.c")


def built(folder: Path) -> Path:
    """Build the library that fails; raise CannotHere where there is no C compiler."""
    library = folder / "eio.so"
    command = ["cc", "-shared", "-fPIC", "-O1", "-o", str(library), str(SOURCE), "-ldl"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise CannotHere(f"no C compiler here: {error}") from None
    assert done.returncode == 0, f"eio.c cannot be built: {done.stderr[:600]}"
    return library


def every_write(
    compared: Compared, *, stride: int = 1, first: int = 1
) -> Iterator[tuple[int, str]]:
    """Fail each write in turn; yield its number and what was said, until a run meets none."""
    number = first
    while True:
        for stays in (False, True) if number % 4 == 0 else (False,):
            store = compared.base / "eio"
            said, met = _run_with(compared, store, number, stays=stays)
            if not met:
                return
            faults = _faults(compared, store)
            again, _ = _run_with(compared, store, 0, stays=False)
            where = f"write {number}{' and all after' if stays else ''}"
            if faults:
                compared.wrong.append(f"{where}: half results: {faults}")
            if said and not ("eio" in said and "Input/output error" in said):
                compared.wrong.append(f"{where}: unclear: {said[:200]}")
            if again or not same(compared, store):
                compared.wrong.append(f"{where}: not identical afterwards {again[:200]}")
            subprocess.run(["rm", "-rf", str(store)], check=True)
            yield number, said
        number += stride


def _run_with(compared: Compared, store: Path, number: int, *, stays: bool) -> tuple[str, bool]:
    """Run on a disk whose `number`th write fails; return what was said, and whether it was met."""
    count = compared.base / "count"

    def before() -> None:
        library = ctypes.CDLL(None)
        library.eio_arm(os.fsencode(store), ctypes.c_long(number or 1 << 40), int(stays))

    def after() -> None:
        count.write_text(str(ctypes.CDLL(None).eio_seen()))

    message, _ = run_on(compared, store, before=before, after=after)
    return message, 0 < number <= int(count.read_text())


def _faults(compared: Compared, store: Path) -> str:
    found = compared.base / "faults"
    code = forked(lambda: found.write_text("\n".join(halves(store))))
    return found.read_text() if code == 0 else f"check ended with {code}"
