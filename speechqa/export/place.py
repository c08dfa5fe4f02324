"""A file that appears whole or not at all, for its owner only.

It is written beside its place and renamed; what was there before stays until then. Whatever ends
the writing, SIGTERM too, takes the unfinished file with it.
"""

from __future__ import annotations

import os
import re
import signal
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from speechqa.discovery import shown
from speechqa.errors import InputMissing, UsageError
from speechqa.store.disk import writing

LONGEST_NAME = 80
_UNSAFE = re.compile(r"[^\w.-]+")


def check_place(target: Path, *, force: bool) -> None:
    """Refuse a place where nothing can or should be written.

    Raises
    ------
    UsageError
        It is a folder, or it exists and `force` is false.
    InputMissing
        Its folder does not exist.
    """
    name = shown(str(target))
    if target.is_dir():
        raise UsageError(f"{name}: this is a folder", hint="name a file with --out")
    if target.exists() and not force:
        raise UsageError(
            f"{name}: there is such a file already",
            hint="replace it with --force, or name another with --out",
        )
    if not target.parent.is_dir():
        raise InputMissing(
            f"{shown(str(target.parent))}: no such folder", hint="make it, or choose another --out"
        )


@contextmanager
def placed(target: Path, *, force: bool) -> Iterator[BinaryIO]:
    """Yield a file that takes the name `target` when the block ends without an error.

    Raises
    ------
    UsageError, InputMissing
        As `check_place`.
    StoreError
        The disk did not take it; `target` is as it was before.
    """
    check_place(target, force=force)
    with tidy_end(), writing(target):
        descriptor, part = tempfile.mkstemp(
            prefix=f".{target.name[:LONGEST_NAME]}.", suffix=".part", dir=target.parent
        )
        try:
            with os.fdopen(descriptor, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.replace(part, target)
        except BaseException:
            os.unlink(part)
            raise


@contextmanager
def tidy_end() -> Iterator[None]:
    """Let SIGTERM end the block as Ctrl-C does, so that what was begun is removed.

    Handlers belong to the main thread: elsewhere the block just runs.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def file_name(name: str, ending: str, *, taken: set[str]) -> str:
    """Return a name for a file that is safe on every system and not yet in `taken`.

    A name that had to be changed carries a part of its digest; where the very same name comes
    again, a number.

    Examples
    --------
    >>> file_name("call-17", ".vtt", taken=set()), file_name("Call-17", ".vtt", taken={"call-17"})
    ('call-17.vtt', 'Call-17-240bbd60.vtt')
    >>> seen = set()
    >>> [file_name("001", ".vtt", taken=seen) for _ in range(3)]
    ['001.vtt', '001-7a3e6b16.vtt', '001-7a3e6b16-2.vtt']
    >>> file_name("../etc/passwd", ".vtt", taken=set())
    'etc_passwd-7fef78f5.vtt'
    """
    plain = _UNSAFE.sub("_", name).strip("._-")[:LONGEST_NAME] or "call"
    if plain != name or plain.casefold() in taken:
        digest = sha256(name.encode("utf-8", "surrogateescape")).hexdigest()
        plain = f"{plain}-{digest[:8]}"
    free, number = plain, 1
    while free.casefold() in taken:
        number += 1
        free = f"{plain}-{number}"
    taken.add(free.casefold())
    return free + ending
