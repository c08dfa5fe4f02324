"""Faults on purpose, for the reliability tests: nothing happens unless the environment asks for it.

``SPEECHQA_TEST_CRASH_AT=7`` kills the process, as ``kill -9`` does, at its seventh durable step.
``SPEECHQA_TEST_POISON=1`` makes a recording whose name holds ``POISON-segfault`` (or another of
`POISONS`) do just that to the worker that prepares it; ``POISON-transcribe-segfault`` waits for
the recogniser's stage. It knows nothing of calls or stores.
"""

from __future__ import annotations

import ctypes
import os
import re
import signal
from collections.abc import Callable
from typing import Any, NoReturn

CRASH_AT = "SPEECHQA_TEST_CRASH_AT"
POISON = "SPEECHQA_TEST_POISON"
_TAG = re.compile(r"POISON-(transcribe-)?([a-z]+)")


class _Steps:
    """Durable steps of this process so far."""

    count = 0


def durable(name: str) -> None:
    """Mark a place where something has just become durable; a test may end the process here."""
    at = os.environ.get(CRASH_AT)
    if at is None:
        return
    _Steps.count += 1
    if _Steps.count == int(at):
        os.write(2, f"killed after step {at}: {name}\n".encode())
        os.kill(os.getpid(), signal.SIGKILL)


def poison(path: str, stage: str) -> None:
    """Do to this process what the name of the recording asks for, if a test allows it."""
    if not os.environ.get(POISON):
        return
    tag = _TAG.search(os.path.basename(path))
    if tag is not None and (stage == "transcribe") == bool(tag[1]):
        POISONS[tag[2]]()


def _segfault() -> None:
    ctypes.string_at(0)


def _hang_in_c() -> None:
    ctypes.PyDLL(None).pause()  # holds the interpreter's lock: no Python code runs any more


def _out_of_memory() -> None:
    held = []
    while True:
        held.append(bytearray(256 * 1024**2))


def _error() -> NoReturn:
    raise ValueError("the customer said a secret")


def _unpicklable() -> NoReturn:
    class Unpicklable(Exception):
        def __reduce__(self) -> Any:
            raise TypeError("not for sending")

    raise Unpicklable(lambda: None)


def _killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


POISONS: dict[str, Callable[[], Any]] = {
    "segfault": _segfault,
    "abort": os.abort,
    "memory": _out_of_memory,
    "hang": _hang_in_c,
    "exit": lambda: os._exit(7),
    "unpicklable": _unpicklable,
    "error": _error,
    "killed": _killed,
}
"""What a recording can do to its worker."""
