"""Judging stored calls: those that have no assessment under a rulebook get one.

No audio and no model is touched, so a changed rulebook is replayed over stored calls quickly;
calls are read and judged in blocks, so that memory stays flat. A call whose judging fails stays
without an assessment and is named; the others go on.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from speechqa.batch.workers import Done, Workers
from speechqa.pipeline import Assessment, CallFacts
from speechqa.pipeline.assess import assess, assessment_digest
from speechqa.pipeline.textless import assessment_without_text, without_text
from speechqa.rulebook import Rulebook
from speechqa.settings import Settings, TimingSettings
from speechqa.store import BLOCK_CALLS, Store
from speechqa.store.assessments import assessments_table
from speechqa.store.rulebooks import keep_rulebook
from speechqa.store.schema import facts_of_row

PATIENCE_S = 600.0
"""How long a worker may take for one block of calls."""


@dataclass(frozen=True)
class Judged:
    """Assessments made, and calls that could not be judged: path and where it failed."""

    made: tuple[Assessment, ...]
    failed: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class JudgedBlock:
    """Rows of the ``assessments`` table, and calls that could not be judged."""

    table: pa.Table
    failed: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Tally:
    """How many calls were judged and stored, and those that could not be: path and where."""

    count: int
    failed: tuple[tuple[str, str], ...] = ()


def judge(calls: Sequence[CallFacts], book: Rulebook, settings: TimingSettings) -> Judged:
    """Judge calls together; when that fails, alone, so that one call costs only itself."""
    try:
        return Judged(tuple(assess(calls, book, settings)))
    except Exception as error:  # an unforeseen error in one call must not cost the others
        if len(calls) == 1:
            return Judged((), ((calls[0].path, where(error)),))
    alone = [judge([call], book, settings) for call in calls]
    return Judged(
        tuple(made for one in alone for made in one.made),
        tuple(failure for one in alone for failure in one.failed),
    )


def store_and_judge(
    store: Store, calls: Sequence[CallFacts], book: Rulebook, settings: Settings
) -> Judged:
    """Judge calls that were just made, and store both, so that a kill in between costs nothing.

    Calls that keep their text are stored first: what is not judged yet is judged by the next run.
    Without text that would be too late, so their assessments are stored first, and a call whose
    row is missing then is made again.
    """
    judged = judge(calls, book, settings.timing)
    keep_rulebook(store, book)
    if settings.privacy.keep_text:
        store.commit_calls(calls)
        store.commit_assessments(assessments_table(judged.made))
    else:
        made = [assessment_without_text(one) for one in judged.made]
        store.commit_assessments(assessments_table(made))
        store.commit_calls([without_text(call) for call in calls])
    return judged


def judge_missing(
    store: Store,
    book: Rulebook,
    settings: TimingSettings,
    *,
    workers: int = 1,
    stopping: Callable[[], bool] = lambda: False,
) -> Tally:
    """Judge every current call that this rulebook has not judged yet, and store that.

    Parameters
    ----------
    stopping
        Asked after each block; true leaves the rest for the next run.
    """
    missing = unjudged(store, assessment_digest(book, settings))
    if missing:
        keep_rulebook(store, book)
    count = 0
    failed: list[tuple[str, str]] = []
    for judged in judged_blocks(store, book, settings, missing, workers=workers):
        store.commit_assessments(judged.table)
        count += judged.table.num_rows
        failed.extend(judged.failed)
        if stopping():
            break
    return Tally(count, tuple(failed))


def unjudged(store: Store, assessment: str) -> set[str]:
    """Return the keys of current calls without an assessment of that digest."""
    table = store.read("assessments", ["key", "assessment"])
    pairs = zip(table["key"].to_pylist(), table["assessment"].to_pylist(), strict=True)
    judged = {key for key, name in pairs if name == assessment}
    current = store.current(["key", "status"])
    rows = zip(current["key"].to_pylist(), current["status"].to_pylist(), strict=True)
    return {key for key, status in rows if status in ("scored", "damaged")} - judged


def judged_blocks(
    store: Store, book: Rulebook, settings: TimingSettings, keys: set[str], *, workers: int = 1
) -> Iterator[JudgedBlock]:
    """Yield assessments of stored calls, block by block, storing none.

    Parameters
    ----------
    workers
        Processes; a store that fits in one block is judged in this one.
    """
    blocks = store.stream(keys)
    if workers == 1 or len(keys) <= BLOCK_CALLS:
        yield from (_judge_table(block, book, settings) for block in blocks)
        return
    with Workers(_make_judge, (book, settings), workers, lambda _: PATIENCE_S) as pool:
        more = True
        while more or pool.busy:
            while more and pool.idle:
                block = next(blocks, None)
                more = block is not None
                if block is not None:
                    pool.start(block)
            for ended in pool.results():
                if isinstance(ended, Done):
                    yield ended.answer
                else:  # the worker died: one call at a time, in this process
                    yield _judge_table(ended.task, book, settings)


def _make_judge(book: Rulebook, settings: TimingSettings) -> Callable[..., JudgedBlock]:
    return lambda block, _: _judge_table(block, book, settings)


def _judge_table(block: pa.Table, book: Rulebook, settings: TimingSettings) -> JudgedBlock:
    judged = judge([facts_of_row(row) for row in block.to_pylist()], book, settings)
    return JudgedBlock(assessments_table(judged.made), judged.failed)


def where(error: BaseException) -> str:
    """Return class and place of an error: its message might quote a transcript."""
    trace, place = error.__traceback__, "?"
    while trace is not None:
        place = f"{os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}"
        trace = trace.tb_next
    return f"{type(error).__name__} at {place}"
