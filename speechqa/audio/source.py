"""One file on disk, opened by us and by nobody else.

Decoders get a file object, never a path, so that nothing but the named file is ever opened. Only
regular files are read: a pipe or a device can block for ever. The size and the time of change are
taken from the open file, before and after, so that a recording still being written is noticed.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import stat
from dataclasses import dataclass
from typing import Self

from speechqa.errors import CallError
from speechqa.settings import AudioSettings

PathLike = str | os.PathLike[str]


@dataclass(frozen=True, slots=True)
class Identity:
    """What tells one file's bytes from another's."""

    sha256: str
    size_bytes: int
    mtime_ns: int


class Source:
    """An open recording: bytes, size and identity. A context manager."""

    def __init__(self, path: PathLike) -> None:
        self.path = os.fspath(path)
        try:
            # O_NONBLOCK: opening a pipe nobody writes to would wait for ever
            flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
            descriptor = os.open(self.path, flags)
        except (OSError, ValueError) as error:
            raise cannot_open(error) from None
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            os.close(descriptor)
            kind = "a folder" if stat.S_ISDIR(status.st_mode) else "not a regular file"
            raise CallError("not-a-file", f"not a recording: it is {kind}")
        self.file: io.BufferedReader = os.fdopen(descriptor, "rb")
        self.size_bytes = status.st_size
        self.mtime_ns = mtime_ns_of(status)

    def __enter__(self) -> Self:
        """Return the source itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self.file.close()

    def read_at(self, offset: int, length: int) -> bytes:
        """Return up to `length` bytes from `offset`; fewer at the end of the file."""
        if not 0 <= offset < self.size_bytes:
            return b""  # a place that a broken header names
        try:
            self.file.seek(offset)
            return self.file.read(length)
        except OSError as error:
            raise CallError(
                "read-error",
                f"the disk did not give the bytes from {offset}: {error.strerror}",
                status="deferred",
                hint="check the disk or the network share; the next run tries again",
            ) from None

    def identity(self) -> Identity:
        """Hash the whole file.

        Raises
        ------
        CallError
            ``changed-while-reading`` (deferred): the file is being written or was replaced.
        """
        digest = hashlib.sha256()
        total = 0
        while piece := self.read_at(total, 1 << 20):
            digest.update(piece)
            total += len(piece)
        if total < self.size_bytes:
            raise changed(f"{self.size_bytes} bytes at first, then {total}")
        self.check_unchanged()
        return Identity(digest.hexdigest(), self.size_bytes, self.mtime_ns)

    def check_unchanged(self) -> None:
        """Raise when the file changed since it was opened."""
        now = os.fstat(self.file.fileno())
        if (now.st_size, mtime_ns_of(now)) != (self.size_bytes, self.mtime_ns):
            raise changed(f"{self.size_bytes} bytes at first, now {now.st_size}")


class Window(io.RawIOBase):
    """A read-only file object over the bytes [start, stop) of a source."""

    def __init__(self, source: Source, start: int, stop: int) -> None:
        self._source, self._start, self._stop = source, start, max(start, stop)
        self._at = start

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move inside the window."""
        base = {os.SEEK_SET: self._start, os.SEEK_CUR: self._at, os.SEEK_END: self._stop}[whence]
        self._at = max(self._start, base + offset)
        return self._at - self._start

    def tell(self) -> int:
        """Return the place inside the window."""
        return self._at - self._start

    def read(self, size: int = -1) -> bytes:
        """Return up to `size` bytes."""
        left = max(0, self._stop - self._at)
        piece = self._source.read_at(self._at, left if size < 0 else min(size, left))
        self._at += len(piece)
        return piece

    def readinto(self, buffer: object) -> int:
        """Fill `buffer`; return how many bytes were there."""
        view = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        piece = self.read(len(view))
        view[: len(piece)] = piece
        return len(piece)


def changed(what: str) -> CallError:
    """Return the error for a file that is not at rest."""
    return CallError(
        "changed-while-reading",
        f"the file changed while it was read ({what}): it is still being written or was replaced",
        status="deferred",
        hint="the next run picks it up when it is at rest",
    )


def identify(path: PathLike) -> Identity:
    """Return the identity of a file without decoding it."""
    with Source(path) as source:
        return source.identity()


def mtime_ns_of(status: os.stat_result) -> int:
    """Return when a file was changed (ns), as 64 bits hold it: they end in the year 2262."""
    return max(-(1 << 63), min(status.st_mtime_ns, (1 << 63) - 1))


def refuse_too_large(size_bytes: int, limits: AudioSettings) -> None:
    """Refuse a file by its size, before a byte of it is read.

    Raises
    ------
    CallError
        ``too-large``.
    """
    if size_bytes > limits.max_bytes:
        raise CallError(
            "too-large",
            f"{size_bytes} bytes; at most {limits.max_bytes} are accepted",
            hint="if recordings are that large here, raise audio.max_bytes",
        )


def cannot_open(error: OSError | ValueError) -> CallError:
    """Return the error of a recording that the system does not open or show."""
    if isinstance(error, ValueError):
        return CallError("not-a-file", "the name holds a zero byte: no file can have it")
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return CallError("missing-file", "no such file: it was moved or deleted")
    if error.errno in (errno.EACCES, errno.EPERM):
        return CallError(
            "no-permission",
            "the file may not be read by this user",
            hint="give the user who runs speechqa the right to read it",
        )
    if error.errno in (errno.EISDIR, errno.ENXIO, errno.ENODEV, errno.ELOOP):
        return CallError("not-a-file", f"not a regular file: {error.strerror}")
    return CallError("read-error", f"cannot be opened: {error.strerror}", status="deferred")
