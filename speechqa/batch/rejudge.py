"""Stored calls judged by a rulebook that has not judged them yet; the verdicts are stored.

No audio and no model is touched. Of a call that another rulebook judged, only the rules that
changed are judged, as for `speechqa.batch.replay`; the others keep their stored answers, words are
charged once and the score is made again. What is stored is what judging every rule would have
stored; a test compares the bytes. A call without text keeps what was said of it by unchanged rules.

Calls are read and judged in blocks, so that memory stays flat. A call whose judging fails stays
without an assessment and is named; the others go on.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass

import pyarrow as pa

from speechqa.batch.blame import alone_on_error
from speechqa.batch.garbage import collected_after
from speechqa.batch.groups import WHOLE, Group, grouped, verdicts_now
from speechqa.batch.replay import Hands, by_group, judged_anew
from speechqa.pipeline.assess import assess, assessment_digest, judged_assessment
from speechqa.pipeline.replay import settle, stored_answers
from speechqa.rulebook import Rulebook
from speechqa.settings import TimingSettings
from speechqa.store import BLOCK_CALLS, Store
from speechqa.store.assessments import assessment_of_row, assessments_table
from speechqa.store.columns import facts_of_table, paired_blocks
from speechqa.store.rulebooks import keep_rulebook


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
    if not missing:
        return Tally(0)
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
    store: Store, book: Rulebook, settings: TimingSettings, keys: Set[str], *, workers: int = 1
) -> Iterator[JudgedBlock]:
    """Yield assessments of stored calls, block by block, storing none.

    Parameters
    ----------
    workers
        Processes; a store that fits in one block is judged in this one.
    """
    known = {key: row for key, row in verdicts_now(store).items() if key in keys}
    group_of, groups = grouped(store, book, settings, list(known.values()))
    again = {key: known[key]["assessed_at"] for key, name in group_of.items() if name != WHOLE}
    tasks = _tasks(store, keys - again.keys(), again, group_of)
    with Hands(_make, (groups, settings), workers if len(keys) > BLOCK_CALLS else 1) as hands:
        yield from hands.do(tasks)


def _tasks(
    store: Store, whole: Set[str], again: Mapping[str, str], group_of: Mapping[str, str]
) -> Iterator[tuple[str, pa.Table, pa.Table | None]]:
    """Yield group, recordings and, where they are built upon, their stored verdicts."""
    for block in store.stream(whole):
        yield WHOLE, block, None
    if again:
        for facts, table in paired_blocks(store, again, None):
            for name, places in by_group(table, group_of):
                yield name, facts.take(places), table.take(places)


def _make(
    groups: Mapping[str, Group], settings: TimingSettings
) -> Callable[[tuple[str, pa.Table, pa.Table | None], object], JudgedBlock]:
    def work(task: tuple[str, pa.Table, pa.Table | None], _: object) -> JudgedBlock:
        name, facts, table = task
        if table is None:
            return _by_every_rule(facts, groups[WHOLE].book, settings)
        return _by_what_changed(facts, table, groups[name], settings)

    return collected_after(work)


def _by_every_rule(facts: pa.Table, book: Rulebook, settings: TimingSettings) -> JudgedBlock:
    made, failed = alone_on_error(
        facts_of_table(facts), lambda calls: assess(calls, book, settings)
    )
    return JudgedBlock(assessments_table(made), failed)


def _by_what_changed(
    facts: pa.Table, table: pa.Table, group: Group, settings: TimingSettings
) -> JudgedBlock:
    """Judge the rules that changed, and take the other answers as they are stored."""
    fresh, failed = judged_anew(facts, table, group, settings)
    name = assessment_digest(group.book, settings)
    made = []
    for place, row in enumerate(table.to_pylist()):
        if place in failed:
            continue
        known = stored_answers(row["results"], json.loads(row["hits"]))
        known |= {one.rule: one for one in fresh.get(place, ())}
        results, scored = settle(group.book, known)
        stored = assessment_of_row(row)
        made.append(judged_assessment(stored, group.book, name, results, scored))
    return JudgedBlock(assessments_table(made), tuple(failed.values()))
