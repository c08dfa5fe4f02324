"""A folder of a report: written beside its place and renamed, and never over anything else."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from speechqa.discovery import shown
from speechqa.errors import InputMissing, UsageError
from speechqa.export.place import tidy_end
from speechqa.store.disk import writing

MARK = "speechqa-report.json"
"""Lies in the folder and says what it is: only such a folder is ever replaced."""


@contextmanager
def beside(target: Path, *, force: bool) -> Iterator[Path]:
    """Yield an empty folder that takes the name `target` when the block ends without an error."""
    name = shown(str(target))
    if target.exists() and not (target / MARK).is_file() and not _is_empty(target):
        raise UsageError(
            f"{name}: there is something that is no report", hint="choose another --out"
        )
    if target.exists() and not force and not _is_empty(target):
        raise UsageError(f"{name}: there is a report already", hint="replace it with --force")
    if not target.absolute().parent.is_dir():
        raise InputMissing(f"{shown(str(target.parent))}: no such folder", hint="make it first")
    with tidy_end(), writing(target):
        part = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.absolute().parent))
        try:
            yield part
            old = part.with_name(part.name + ".old")
            if target.exists():
                os.rename(target, old)
            os.rename(part, target)
            shutil.rmtree(old, ignore_errors=True)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)
            raise


def _is_empty(folder: Path) -> bool:
    return folder.is_dir() and not any(folder.iterdir())


def private(path: str, flags: int) -> int:
    """Open a file for its owner only, as an opener for `open`."""
    return os.open(path, flags, 0o600)
