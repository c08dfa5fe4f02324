"""Inside a worker process: load what is needed once, then do one task after another.

Answers go through the worker's own pipe as (kind, value): ``ready``, ``progress``, ``answer``,
``died`` (cause and detail: the process ends), or ``unusable`` (no task can succeed). It leaves
when its parent does. Knows nothing of calls.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

from speechqa.batch.deaths import place_of
from speechqa.errors import ModelError, SpeechqaError

PR_SET_PDEATHSIG = 1


Work = Callable[[Any, Callable[[Any], None]], Any]


def serve(
    pipe: Connection,
    make: Callable[..., Work],
    arguments: tuple[Any, ...],
    memory_bytes: int | None,
    environment: dict[str, str],
    parent: int,
) -> None:
    """Make the work and do it on every task that comes, until one ends badly or the parent goes.

    Parameters
    ----------
    pipe
        Tasks come in, answers go out.
    make, arguments
        What returns the function that does a task.
    memory_bytes
        What may be allocated; None for no limit.
    environment
        Set before anything is loaded.
    parent
        Its process.
    """
    os.environ.update(environment)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interrupt means
    _die_with_parent()
    if memory_bytes is not None:
        # Of the data, not the address space: libraries reserve much that they never use.
        resource.setrlimit(resource.RLIMIT_DATA, (memory_bytes, resource.RLIM_INFINITY))
    try:
        work = make(*arguments)
    except Exception as error:  # of the set-up: no task can succeed without it
        pipe.send(("unusable", _set_up_error(error)))
        return
    pipe.send(("ready", None))
    kind = "answer"
    while kind == "answer":
        if not pipe.poll(2.0):
            if os.getppid() != parent:  # the parent was killed: leave no orphan
                return
            continue
        try:
            task = pipe.recv()
        except (EOFError, OSError):
            return
        kind = _answer(pipe, work, task)


def _answer(pipe: Connection, work: Work, task: Any) -> str:
    """Do one task and send what became of it; return the kind of that answer."""
    kind, value = _done(pipe, work, task)
    try:
        pipe.send((kind, value))
    except Exception as error:  # an answer that cannot be pickled
        kind = "died"
        pipe.send((kind, ("error", f"{type(error).__name__}: unsendable answer")))
    return kind


def _done(pipe: Connection, work: Work, task: Any) -> tuple[str, Any]:
    try:
        return "answer", work(task, lambda value: pipe.send(("progress", value)))
    except ModelError as error:  # what every task needs is gone
        return "unusable", error
    except MemoryError:
        return "died", ("memory", "MemoryError")
    except Exception as error:  # an unforeseen error costs its task, never the night
        return "died", ("error", f"{type(error).__name__}: {place_of(error)}")


def _set_up_error(error: Exception) -> SpeechqaError:
    if isinstance(error, SpeechqaError):
        return error
    return SpeechqaError(
        f"a worker could not be set up: {type(error).__name__} at {place_of(error)}",
        hint="look at free memory, at run.worker_memory_mb, and at speechqa doctor",
    )


def _die_with_parent() -> None:
    """Ask Linux to kill this process when its parent goes: a long C call polls no pipe."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
