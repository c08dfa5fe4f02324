"""Writing to a disk that may be full, read-only or broken: whole or not at all, said clearly."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from speechqa.errors import StoreError

_NEEDS = {
    errno.ENOSPC: "free some space there",
    errno.EDQUOT: "free some space there, or raise the quota",
    errno.EROFS: "make it writable, or choose another folder with --store",
    errno.EACCES: "give this user the right to write there, or choose another --store",
    errno.EPERM: "give this user the right to write there, or choose another --store",
    errno.EFBIG: "raise the limit on the size of files (ulimit -f, or the file system's own)",
    errno.EIO: "the disk itself fails: look at the system's log",
}
_IN_THE_WAY = dict.fromkeys(
    (errno.EEXIST, errno.ENOTDIR), "a file is in the way: choose another folder with --store"
)
_UNKNOWN_NEED = "check free space, the rights there, and the tables: speechqa store check"
NEARLY_FULL_BYTES = 1_000_000
GO_ON = "then run again: what is stored is whole, and the rest is done"


def disk_error(path: Path | str, error: BaseException) -> StoreError:
    """Return what to tell the user of a write that failed: the place, the reason, the need."""
    number = error.errno if isinstance(error, OSError) else None
    number = number or _number_in(str(error)) or _looks_like(Path(path))
    reason = os.strerror(number) if number else _first_line(error)
    left = _left(Path(path)) if number in (errno.ENOSPC, errno.EDQUOT) else ""
    need = (_NEEDS | _IN_THE_WAY).get(number or 0, _UNKNOWN_NEED)
    return StoreError(f"{path}: not written: {reason}{left}", hint=f"{need}, {GO_ON}")


@contextmanager
def writing(path: Path | str) -> Iterator[None]:
    """Turn an error of the disk into one that names `path` and what is needed.

    Raises
    ------
    StoreError
        The block raised OSError.
    """
    try:
        yield
    except OSError as error:
        raise disk_error(path, error) from None


@contextmanager
def reading(table: Path | str) -> Iterator[None]:
    """Turn an error of Parquet or Delta Lake into one that names the table and what to do.

    Raises
    ------
    StoreError
        Files of the table are missing or broken, or may not be read.
    """
    from deltalake.exceptions import DeltaError

    try:
        yield
    except (DeltaError, OSError, ValueError) as error:
        number = _number_in(str(error))
        reason = os.strerror(number) if number else _first_line(error)
        hint = "speechqa store check names all faults; restore a backup"
        if "://" in str(table):
            hint = "check the address, the network and store.options; " + hint
        elif number in (errno.EACCES, errno.EPERM):
            hint = "give this user the right to read it"
        raise StoreError(f"{table}: cannot be read: {reason}", hint=hint) from error


def write_whole(file: Path, text: str) -> None:
    """Write a file for its owner only, beside its place, and then put it there.

    Raises
    ------
    StoreError
        The disk did not take it; the file is as it was before.
    """
    part = file.with_name(file.name + ".part")
    with writing(file):
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            write_all(descriptor, text.encode("utf-8", "backslashreplace"))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        part.replace(file)


def write_all(descriptor: int, data: bytes) -> None:
    """Write every byte: a nearly full disk takes a part and says so only when asked again."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _left(path: Path) -> str:
    try:
        return f" ({shutil.disk_usage(_nearest(path)).free / 1e6:.1f} MB left)"
    except OSError:
        return ""


def _number_in(text: str) -> int | None:
    """Return the system's error number that a library wrote into its message."""
    for number in _NEEDS:
        if f"os error {number})" in text or os.strerror(number) in text:
            return number
    return None


def _looks_like(path: Path) -> int | None:
    """Guess the reason from the state of the disk, where a library keeps it to itself."""
    if "://" in str(path):
        return None
    try:
        state = os.statvfs(_nearest(path))
    except OSError:
        return None
    if state.f_flag & os.ST_RDONLY:
        return errno.EROFS
    nearly_full = state.f_bavail * state.f_frsize < NEARLY_FULL_BYTES or state.f_favail == 0
    return errno.ENOSPC if nearly_full else None


def _nearest(path: Path) -> Path:
    return next((p for p in (path, *path.absolute().parents) if p.exists()), Path("/"))


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:300]
