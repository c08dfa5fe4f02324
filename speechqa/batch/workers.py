"""Worker processes that may die without taking anything else with them.

Each worker holds one task at a time and answers through its own pipe; a crash, a hang or an
exhausted memory is seen by the parent, named, and costs that one task. A pool that shares a
queue between workers cannot say which task was in flight when one of them died.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, TypeVar

from speechqa.batch.deaths import cause_of_death, oom_kills
from speechqa.batch.serving import serve
from speechqa.errors import SpeechqaError

Task = TypeVar("Task")
Answer = TypeVar("Answer")

GRACE_S = 5.0
"""How long a worker that was asked to stop may take before it is killed."""

SET_UP_S = 300.0
"""How long a worker may take to load what it needs."""

SET_UP_TRIES = 3
"""Workers in a row that may die while they are set up; then the fault is not in a task."""


@dataclass(frozen=True)
class Done(Generic[Task, Answer]):
    """A task that came back."""

    task: Task
    answer: Answer


@dataclass(frozen=True)
class Died(Generic[Task]):
    """A task whose worker did not survive it.

    Parameters
    ----------
    cause
        ``"crash"``, ``"hang"``, ``"memory"``, ``"killed"`` or ``"error"``.
    detail
        Signal, exit code or exception class, for the record.
    progress
        The last thing the task reported before the end; None if nothing.
    """

    task: Task
    cause: str
    detail: str
    progress: Any = None


@dataclass
class _Worker:
    process: Any
    pipe: Connection
    task: Any = None
    busy: bool = False
    deadline: float = 0.0
    progress: Any = None
    ready: bool = False
    oom_kills: int | None = None
    place: int = 0


@dataclass
class Workers(Generic[Task, Answer]):
    """A few processes, each running `make()` once and then its result on every task.

    Parameters
    ----------
    make
        Called once in each worker with `arguments`; returns the function that does a task. The
        function takes the task and a ``report`` callable for progress.
    arguments
        Picklable.
    count
        Processes.
    patience
        Seconds that a worker may stay silent after it reported this progress (None: the start).
    memory_bytes
        What a worker may allocate; None for no limit.
    environment
        Returns what is set in the environment of the worker in a place, 0 to `count` - 1, before
        it loads anything: which GPU is its own.
    """

    make: Callable[..., Callable[[Task, Callable[[Any], None]], Answer]]
    arguments: tuple[Any, ...]
    count: int
    patience: Callable[[Any], float]
    memory_bytes: int | None = None
    start_method: str = "spawn"
    environment: Callable[[int], Mapping[str, str]] = lambda place: {}
    _workers: list[_Worker] = field(default_factory=list)
    _lost: int = 0

    def __enter__(self) -> Workers[Task, Answer]:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def idle(self) -> int:
        """How many more tasks could be started now."""
        return self.count - sum(worker.busy for worker in self._workers)

    @property
    def busy(self) -> int:
        """How many tasks are in flight."""
        return sum(worker.busy for worker in self._workers)

    @property
    def tasks(self) -> list[Task]:
        """The tasks in flight."""
        return [worker.task for worker in self._workers if worker.busy]

    def start(self, task: Task) -> None:
        """Give `task` to an idle worker; it is killed when it outlasts its patience."""
        worker = next((w for w in self._workers if not w.busy), None)
        if worker is None:
            worker = self._spawn()
        worker.task, worker.busy, worker.progress = task, True, None
        worker.oom_kills = oom_kills()
        worker.deadline = time.monotonic() + (self.patience(None) if worker.ready else SET_UP_S)
        try:
            worker.pipe.send(task)
        except OSError:  # it died while idle: a fresh one takes the task
            self._discard(worker)
            self.start(task)

    def results(self, *, timeout_s: float = 0.5) -> Iterator[Done[Task, Answer] | Died[Task]]:
        """Yield what has ended, waiting at most `timeout_s` for the first."""
        busy = {worker.pipe: worker for worker in self._workers if worker.busy}
        for pipe in wait(list(busy), timeout=timeout_s) if busy else ():
            worker = busy[pipe]  # type: ignore[index]
            ended = self._receive(worker)
            if ended is not None:
                yield ended
        now = time.monotonic()
        for worker in [w for w in self._workers if w.busy and now > w.deadline]:
            task, progress, ready = worker.task, worker.progress, worker.ready
            self._discard(worker)
            if ready:
                yield Died(task, "hang", "no answer before its deadline", progress)
            else:
                self._again(task, "it was not set up before its deadline")

    def stop(self) -> None:
        """End all workers; those that do not go within the grace are killed."""
        for worker in self._workers:
            worker.process.terminate()
        until = time.monotonic() + GRACE_S
        for worker in self._workers:
            worker.process.join(max(0.0, until - time.monotonic()))
            self._kill(worker)
        self._workers.clear()

    def _spawn(self) -> _Worker:
        # Inherited before numpy loads there: the BLAS threads of several workers would spin against
        # each other, which cost 30 % of two workers' time on two cores.
        os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
        context: Any = multiprocessing.get_context(self.start_method)
        here, there = context.Pipe()
        taken = {worker.place for worker in self._workers}
        place = next(number for number in range(len(taken) + 1) if number not in taken)
        given = (self.make, self.arguments, self.memory_bytes, dict(self.environment(place)))
        process = context.Process(target=serve, args=(there, *given, os.getpid()), daemon=True)
        process.start()
        there.close()
        worker = _Worker(process, here, place=place)
        self._workers.append(worker)
        return worker

    def _receive(self, worker: _Worker) -> Done[Task, Answer] | Died[Task] | None:
        try:
            kind, value = worker.pipe.recv()
        except (EOFError, OSError):
            worker.process.join(GRACE_S)
            task, progress, before = worker.task, worker.progress, worker.oom_kills
            code = worker.process.exitcode
            self._discard(worker)
            cause, detail = cause_of_death(code, memory=oom_kills() != before)
            if not worker.ready:
                self._again(task, detail)
                return None
            return Died(task, cause, detail, progress)
        if kind == "ready":
            worker.ready = True
            worker.deadline = time.monotonic() + self.patience(None)
            self._lost = 0
            return None
        if kind == "progress":
            worker.progress = value
            worker.deadline = time.monotonic() + self.patience(value)
            return None
        if kind == "unusable":  # what every task needs is missing: no task can succeed
            raise value
        worker.busy = False
        task, worker.task = worker.task, None
        if kind == "answer":
            return Done(task, value)
        cause, detail = value
        progress = worker.progress
        self._discard(worker)
        return Died(task, cause, detail, progress)

    def _again(self, task: Task, detail: str) -> None:
        """Give the task to a fresh worker: none is to blame for a process that never began."""
        self._lost += 1
        if self._lost >= SET_UP_TRIES:
            raise SpeechqaError(
                f"{self._lost} worker processes in a row could not be set up ({detail})",
                hint="look at the lines above, at free memory, and at speechqa doctor",
            )
        self.start(task)

    def _discard(self, worker: _Worker) -> None:
        self._workers.remove(worker)
        self._kill(worker)

    @staticmethod
    def _kill(worker: _Worker) -> None:
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join(GRACE_S)
        worker.pipe.close()
