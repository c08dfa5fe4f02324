"""One run at a time on a local store: the second is told who holds it.

The lock is the operating system's own, so it ends with its process, however that ends; no file
has to be removed by a person. Stores on object storage need none: their commits merge on the
call's key, so two runs there do some work twice and write it once.
"""

from __future__ import annotations

import fcntl
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from speechqa.errors import StoreError

LOCK = ".lock"
WAIT_S = 2.0
"""A killed process may take this long to be gone, and its lock with it."""


@contextmanager
def hold(folder: Path | None) -> Iterator[None]:
    """Hold the store's lock while the block runs.

    Parameters
    ----------
    folder
        The store's folder; None (object storage) locks nothing.

    Raises
    ------
    StoreError
        Another run holds it; the message says which process, where and since when. Or the file
        system has no locks.
    """
    if folder is None:
        yield
        return
    from speechqa.store.disk import writing

    file = folder / LOCK
    with writing(file):
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if not _locked(descriptor):
            raise _in_use(folder, descriptor)
        stamp = datetime.now(UTC).isoformat(timespec="seconds")
        text = f"process {os.getpid()} on {socket.gethostname()} since {stamp}"
        with suppress(OSError):  # a full disk: the lock itself needs no space
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, text.encode(), 0)
        yield
    finally:
        os.close(descriptor)


def refuse_if_held(folder: Path) -> None:
    """Say at once who holds a store, before anything is loaded that takes its time.

    Only a look: whoever goes on has to `hold` the store himself.

    Raises
    ------
    StoreError
        Another run holds it.
    """
    try:
        descriptor = os.open(folder / LOCK, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:  # no store yet, or none that can be read: others say that better
        return
    try:
        if not _locked(descriptor):
            raise _in_use(folder, descriptor)
    finally:
        os.close(descriptor)


def _in_use(folder: Path, descriptor: int) -> StoreError:
    holder = os.read(descriptor, 200).decode("utf-8", "replace").strip() or "another run"
    return StoreError(
        f"{folder}: in use by {holder}", hint="wait for it to end, or use another --store"
    )


def _locked(descriptor: int) -> bool:
    """Take the lock; say whether that worked within the wait."""
    until = time.monotonic() + WAIT_S
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                return False
            time.sleep(0.1)
        except OSError as error:  # some network shares
            raise StoreError(
                f"a store cannot be locked there: {error.strerror}",
                hint="put the store on a local disk or on object storage, with --store",
            ) from None
        else:
            return True
