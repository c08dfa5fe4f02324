"""A night in a forked process without worker processes: everything durable, little else.

A forked process starts at once, since everything is imported already; the calls are processed in
it by the very function that a worker runs. What is tortured here is what the parent writes.
"""

from __future__ import annotations

import contextlib
import importlib
import math
import os
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from speechqa.batch import local, run
from speechqa.batch.workers import Died, Done, Workers
from tests.nights import run_night


@dataclass
class Inline:
    """Stands in for `speechqa.batch.workers.Workers`: does each task at once, here."""

    make: Callable[..., Any]
    arguments: tuple[Any, ...]
    count: int
    patience: Callable[[Any], float]
    memory_bytes: int | None = None
    environment: Callable[[], Any] | None = None
    wait_s: float = 0.0
    tasks: list[Any] = field(default_factory=list)
    _work: Any = None

    @property
    def idle(self) -> int:
        return self.count - len(self.tasks)

    @property
    def busy(self) -> int:
        return len(self.tasks)

    def start(self, task: Any) -> None:
        self._work = self._work or self.make(*self.arguments)
        self.tasks.append(task)

    def results(self) -> Iterator[Any]:
        task = self.tasks.pop(0)
        time.sleep(self.wait_s)
        try:
            yield Done(task, self._work(task, lambda _: None))
        except ValueError as error:
            yield Died(task, "error", type(error).__name__)

    def stop(self) -> None:
        self.tasks.clear()


def warm(names: Iterable[str]) -> None:
    """Import what a run imports once, here, so that no forked run spends most of its time on it.

    Nothing may be started by that, since a forked process lacks its threads: Delta Lake starts one
    and is left to each run.
    """
    before = _threads()
    for name in names:
        if name not in sys.modules and name.partition(".")[0] != "deltalake":
            with contextlib.suppress(Exception):  # a module that another one makes up
                importlib.import_module(name)
    assert _threads() == before, "an import started threads, which a forked process lacks"


def _threads() -> int:
    return len(os.listdir("/proc/self/task"))


def forked(work: Callable[[], object], *, environment: dict[str, str] | None = None) -> int:
    """Do `work` in a forked process without worker processes; return its exit code or -signal."""
    return ended(begun(work, environment=environment))


def begun(
    work: Callable[[], object],
    *,
    environment: dict[str, str] | None = None,
    workers: bool = False,
) -> int:
    """Begin `work` in a forked process; return its id.

    Parameters
    ----------
    workers
        Whether it has worker processes, forked in their turn; it then leads its own session.
    """
    child = os.fork()
    if child == 0:
        code = 70
        try:
            os.environ.update(environment or {})
            run.COMMIT_SECONDS = math.inf  # what is written must not hang on a busy machine's clock
            silent = os.open(os.devnull, os.O_WRONLY)
            os.dup2(silent, 2)
            if workers:
                os.setsid()
                local.Workers = partial(Workers, start_method="fork")  # type: ignore[misc,assignment]
            else:
                local.Workers = Inline  # type: ignore[misc,assignment]
            work()
            code = 0
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", flush=True)
        finally:
            sys.stdout.flush()
            os._exit(code)
    return child


def ended(child: int) -> int:
    """Wait for a forked process; return its exit code or -signal."""
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def night_in(folder: Path, store: Path, **options: Any) -> Callable[[], object]:
    """Return a run over `folder` into `store`, to be done in a forked process."""
    return lambda: run_night([folder], store, **options)
