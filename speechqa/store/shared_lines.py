"""Lines that one process appends to a file while another rewrites it: none is lost.

Both hold the operating system's lock on the file while they do. Who rewrites puts a new file in
the old one's place; who has waited for the old one meanwhile notices, and takes the new one.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def held(file: Path, flags: int = os.O_RDONLY) -> Iterator[int]:
    """Open a file and hold its lock while the block runs; yield the descriptor.

    Parameters
    ----------
    file
        Created, for its owner only, where `flags` say so.
    flags
        As `os.open` takes them.
    """
    while True:
        descriptor = os.open(file, flags | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if _is_in_place(descriptor, file):
                yield descriptor
                return
        finally:
            os.close(descriptor)


def append_line(file: Path, line: str) -> None:
    """Add one line, in one write."""
    with held(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT) as descriptor:
        os.write(descriptor, (line + "\n").encode("utf-8", "backslashreplace"))


def _is_in_place(descriptor: int, file: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(file))
    except FileNotFoundError:
        return False
