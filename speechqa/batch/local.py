"""The local executor: groups of calls to isolated workers, results to the store.

The parent finds, plans, writes attempts down, hands out groups, and commits; it never decodes
nor recognises, so that nothing in a recording can end it. A worker that dies takes down only its
group; the calls of the group are tried again alone, and one that kills its worker twice is
quarantined.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import repeat

from speechqa.asr.device import worker_environment
from speechqa.batch.journal import STRIKES, Journal
from speechqa.batch.log import log
from speechqa.batch.work import CallTask, GroupTask, failure, make_worker
from speechqa.batch.workers import Died, Done, Workers
from speechqa.errors import CallError, CallStatus
from speechqa.pipeline import CallFacts
from speechqa.settings import Settings
from speechqa.store.plain import text_of_path

GROUP_CALLS = 16
GROUP_BYTES = 64 * 1024**2
"""A group is at most this many calls and, one call apart, this many bytes of files."""


@dataclass
class LocalExecutor:
    """Processes calls on this machine.

    Parameters
    ----------
    settings, config, run_id
        As everywhere in a run.
    workers
        Processes.
    journal
        Where attempts are written down.
    stopping
        Asked often; true ends the run after what is in flight.
    small_first
        Whether the first groups are small, so that a run that ends early has finished some.
    """

    settings: Settings
    config: str
    run_id: str
    workers: int
    journal: Journal
    stopping: Callable[[], bool] = lambda: False
    small_first: bool = False
    _queue: deque[GroupTask] = field(default_factory=deque)
    _pool: Workers[GroupTask, list[CallFacts]] = field(init=False)

    def __post_init__(self) -> None:
        arguments = (self.settings, self.config, self.run_id)
        run = self.settings.run
        self._pool = Workers(
            make_worker,
            arguments,
            self.workers,
            lambda told: run.deadline_s + run.deadline_per_audio * (told[2] if told else 0) / 1000,
            memory_bytes=run.worker_memory_bytes,
            environment=partial(worker_environment, self.settings.asr),
        )

    def __enter__(self) -> LocalExecutor:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.stop()

    def process(self, calls: Iterable[CallTask], *, total: int) -> Iterator[list[CallFacts]]:
        """Yield finished calls as they come, until all are done or a stop is asked for.

        Nothing is yielded now and then, too: time for the caller to commit what it holds.

        Parameters
        ----------
        calls
            What to process; taken one group at a time.
        total
            How many they are at most: a small night is shared out evenly.
        """
        most = group_size(total, self.workers)
        sizes = growing(most, self.workers) if self.small_first else repeat(most)
        incoming = group(calls, self.journal, sizes=sizes)
        more = True
        stop_at: float | None = None
        while True:
            while self._pool.idle and not self.stopping():
                task = self._queue.popleft() if self._queue else next(incoming, None)
                if task is None:
                    more = False
                    break
                self.journal.started([c.source.path for c in task.calls], self.run_id)
                self._pool.start(task)
            if not self._pool.busy and (self.stopping() or (not more and not self._queue)):
                return
            if self.stopping():
                stop_at = stop_at or time.monotonic() + self.settings.run.stop_s
                if time.monotonic() > stop_at:  # what is still in flight stays pending
                    self._release()
                    return
            for ended in self._pool.results():
                if isinstance(ended, Done):
                    yield ended.answer
                else:
                    yield from self._after_death(ended)
            yield []

    def _release(self) -> None:
        """Give up what is in flight: it was interrupted, so it is under no suspicion."""
        tasks = self._pool.tasks
        self._pool.stop()
        self.journal.released([c.source.path for task in tasks for c in task.calls])

    def _after_death(self, ended: Died[GroupTask]) -> Iterator[list[CallFacts]]:
        """Strike those who may have killed the worker; try them alone, or quarantine them."""
        if self.stopping():  # whoever ends a whole group of processes meant no recording
            self.journal.released([call.source.path for call in ended.task.calls])
            return
        stage, culprit, _ = ended.progress or (None, None, 0)
        log(
            self.run_id,
            "worker died",
            level=logging.WARNING,
            cause=ended.cause,
            detail=ended.detail,
            stage=stage,
            paths=[text_of_path(call.source.path) for call in ended.task.calls],
        )
        for call in ended.task.calls:
            path = call.source.path
            guilty = stage != "prepare" or path == culprit or len(ended.task.calls) == 1
            strikes = self.journal.died(path, ended.cause, ended.detail) if guilty else 0
            if strikes >= STRIKES:
                yield [failure(call, _death(ended, strikes), config=self.config)]
            else:
                self._queue.append(GroupTask((call,), attempt=ended.task.attempt + 1))


def group_size(total: int, workers: int) -> int:
    """Return how many calls go together: many share batches, but each worker gets its part.

    Examples
    --------
    >>> group_size(15, 2), group_size(10_000, 2), group_size(1, 2)
    (4, 16, 1)
    """
    return max(1, min(GROUP_CALLS, -(-total // (2 * workers))))


def growing(most: int, workers: int) -> Iterator[int]:
    """Yield sizes of groups: from 1 to `most`, doubled when each worker has had one.

    Examples
    --------
    >>> from itertools import islice
    >>> list(islice(growing(16, 2), 12))
    [1, 1, 2, 2, 4, 4, 8, 8, 16, 16, 16, 16]
    """
    size = 1
    while size < most:
        yield from repeat(size, workers)
        size = min(most, 2 * size)
    yield from repeat(most)


def group(
    calls: Iterable[CallTask], journal: Journal, *, sizes: Iterator[int]
) -> Iterator[GroupTask]:
    """Yield groups of at most these sizes; a suspect is alone in its group."""
    held: list[CallTask] = []
    held_bytes = 0
    most = next(sizes)
    for call in calls:
        if journal.is_suspect(call.source.path) or journal.strikes[call.source.path]:
            yield GroupTask((call,))
            continue
        if held and (len(held) >= most or held_bytes + call.source.size_bytes > GROUP_BYTES):
            yield GroupTask(tuple(held))
            held, held_bytes = [], 0
            most = next(sizes)
        held.append(call)
        held_bytes += call.source.size_bytes
    if held:
        yield GroupTask(tuple(held))


def statuses(calls: Sequence[CallFacts]) -> dict[CallStatus, int]:
    """Count calls by status."""
    counts: dict[CallStatus, int] = {}
    for call in calls:
        counts[call.status] = counts.get(call.status, 0) + 1
    return counts


def _death(ended: Died[GroupTask], strikes: int) -> CallError:
    words = {
        "crash": "the worker crashed",
        "hang": "the worker did not answer in time",
        "memory": "the worker ran out of memory",
        "killed": "the worker was killed",
        "error": "an unforeseen error",
    }
    return CallError(
        f"worker-{ended.cause}",
        f"{words[ended.cause]} ({ended.detail}), {strikes} times",
        status="quarantined",
        hint="listen to the file; speechqa status --retry tries it again",
    )
