"""Stored verdicts under another rulebook, without judging again what cannot have changed.

Recordings and stored answers are read side by side, block by block. Of a block, the rules that
changed are judged, most calls at once (`speechqa.batch.sieve`), on the measures and events that
are stored; answers of unchanged rules are taken as they are, words are charged once, and a call
whose answers or points differ is scored again (`speechqa.batch.settle`). A call whose verdict
cannot be built upon (its rulebook or its thresholds are not known any more, or the recording was
processed again since) is judged by every rule. Nothing is stored; memory holds a few blocks of
calls, and the verdicts that differ.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from speechqa.batch.blame import where
from speechqa.batch.garbage import collected_after
from speechqa.batch.groups import Group
from speechqa.batch.settle import SCORE, Before, Verdict, charging, overlaid, verdicts
from speechqa.batch.workers import Done, Workers
from speechqa.pipeline.replay import (
    Sound,
    answers,
    hangs_on_sound,
    hangs_on_words,
    measures_of,
    uncharged,
)
from speechqa.rulebook import RuleResult
from speechqa.score.many import MET, NOT_APPLICABLE, Grid
from speechqa.settings import TimingSettings
from speechqa.store import BLOCK_CALLS, Store
from speechqa.store.columns import answer_blocks, facts_of_table, paired_blocks

PATIENCE_S = 600.0
"""How long a worker may take for one block of calls."""

SILENT = (MET, NOT_APPLICABLE)
"""Answers that charge nobody."""

Fresh = dict[int, Sequence[RuleResult]]
"""What the changed rules answer, by the row of a call in its block."""


@dataclass
class Replayed:
    """What came of a replay: verdicts that differ, by key, and calls that could not be judged."""

    verdicts: dict[str, Verdict] = field(default_factory=dict)
    failed: list[tuple[str, str]] = field(default_factory=list)


def replay(
    store: Store,
    settings: TimingSettings,
    assessed_at: Mapping[str, str],
    group_of: Mapping[str, str],
    groups: Mapping[str, Group],
    *,
    workers: int = 1,
) -> Replayed:
    """Judge stored calls anew and return every call whose verdict differs.

    Parameters
    ----------
    assessed_at, group_of
        By key: when the stored verdict of each call was given, and the name of its group.
    groups
        As `grouped` makes them.
    """
    found = Replayed()
    todo = {key: assessed_at[key] for key, name in group_of.items() if groups[name].matters}
    if not todo:
        return found
    with Hands(_make, (groups, settings), workers if len(todo) > BLOCK_CALLS else 1) as hands:
        for made in hands.do(_tasks(store, todo, group_of, groups)):
            found.verdicts.update(made.verdicts)
            found.failed.extend(made.failed)
    return found


def _tasks(
    store: Store, todo: Mapping[str, str], group_of: Mapping[str, str], groups: Mapping[str, Group]
) -> Iterator[tuple[str, pa.Table | None, pa.Table]]:
    """Yield group, recordings (None where nothing is judged) and stored answers, block by block."""
    own = [groups[name] for name in {group_of[key] for key in todo}]
    judging = [group for group in own if group.judges]
    columns = sorted(
        {"hits", *SCORE, *(name for group in judging for name in sound_columns(group))}
    )
    if not judging:
        for table in answer_blocks(store, todo, columns):
            for name, places in by_group(table, group_of):
                yield name, None, table.take(places)
        return
    words = any(hangs_on_words(group.part) for group in judging)
    for facts, table in paired_blocks(store, todo, columns, words=words):
        for name, places in by_group(table, group_of):
            is_all = len(places) == len(table)
            yield (
                name,
                facts if is_all else facts.take(places),
                table if is_all else table.take(places),
            )


def by_group(block: pa.Table, group_of: Mapping[str, str]) -> Iterator[tuple[str, list[int]]]:
    """Yield each group's name and the rows of its calls in a block."""
    places: dict[str, list[int]] = {}
    for place, key in enumerate(block["key"].to_pylist()):
        places.setdefault(group_of[key], []).append(place)
    yield from places.items()


def sound_columns(group: Group) -> list[str]:
    """Return the columns of stored verdicts that the rules of a group look at."""
    if group.is_whole or not hangs_on_sound(group.part):
        return []
    return ["events", "unmeasured", *(_column(name) for name in measures_of(group.part))]


def _column(measure: str) -> str:
    return measure.replace(".", "_")


def sounds(group: Group, table: pa.Table, rows: Sequence[int]) -> list[Sound] | None:
    """Return measures and events of some calls as they were stored; None where they are not."""
    names = sound_columns(group)
    if not names:
        return None
    measured = {_column(name): name for name in measures_of(group.part)}
    return [
        Sound(
            {measured[name]: row[name] for name in measured}
            | {"unmeasured": json.loads(row["unmeasured"])},
            json.loads(row["events"]),
        )
        for row in table.select(names).take(rows).to_pylist()
    ]


def judged_anew(
    facts: pa.Table, table: pa.Table, group: Group, settings: TimingSettings
) -> tuple[Fresh, dict[int, tuple[str, str]]]:
    """Return what the changed rules answer on the calls of a block, and where judging failed.

    Parameters
    ----------
    facts, table
        Recordings and stored answers, row by row the same calls.
    """
    known: list[Sequence[RuleResult] | None] = [None] * len(facts)
    if not group.is_whole:
        known = list(group.sieve.answers(facts))
    fresh: Fresh = {row: one for row, one in enumerate(known) if one is not None}
    rest = [row for row, one in enumerate(known) if one is None]
    calls = facts_of_table(facts.take(rest)) if rest else []
    heard = sounds(group, table, rest) if rest else None
    failed: dict[int, tuple[str, str]] = {}

    def judge(places: Sequence[int]) -> None:
        some = [calls[place] for place in places]
        sound = None if heard is None else [heard[place] for place in places]
        try:
            made = answers(some, group.part, settings, sound)
        except Exception as error:  # an unforeseen error in one call must not cost the others
            if len(places) == 1:
                failed[rest[places[0]]] = calls[places[0]].path, where(error)
                return
            for place in places:
                judge([place])
            return
        fresh.update((rest[at], uncharged(one)) for at, one in zip(places, made, strict=True))

    judge(range(len(calls)))
    return fresh, failed


def settle_block(
    facts: pa.Table | None, table: pa.Table, group: Group, settings: TimingSettings
) -> Replayed:
    """Judge the calls of a block by what changed, and return the verdicts that differ."""
    fresh, failed = ({}, {}) if facts is None else judged_anew(facts, table, group, settings)
    before = Before(table, group.book)
    now = overlaid(before, fresh)
    rows = _to_score(before, now, group)
    keys = table["key"].to_pylist()
    return Replayed(
        {
            keys[row]: verdict
            for row, verdict in verdicts(before, now, rows, fresh)
            if row not in failed
        },
        list(failed.values()),
    )


def _to_score(before: Before, now: Grid, group: Group) -> list[int]:
    """Return the calls whose score may differ; not those without an answer of each rule."""
    whole = (now.outcome != 0).all(axis=1)
    if group.change is None or group.change.scored:
        return np.flatnonzero(whole).tolist()
    judged = np.array([rule.id in group.change.judged for rule in group.book.call_rules], np.bool_)
    differs = before.grid.differs(now).any(axis=1)
    loud = ~np.isin(now.outcome, SILENT) & judged & charging(group.book)
    return np.flatnonzero(whole & (differs | loud.any(axis=1))).tolist()


class Hands:
    """Does tasks in this process, or in a few that are started once.

    Parameters
    ----------
    make, arguments
        As `speechqa.batch.workers.Workers` takes them; picklable.
    """

    def __init__(self, make: Callable[..., Any], arguments: tuple[Any, ...], workers: int) -> None:
        self.work = make(*arguments)
        self.pool: Workers[Any, Any] | None = None
        if workers > 1:
            self.pool = Workers(make, arguments, workers, lambda _: PATIENCE_S)

    def __enter__(self) -> Hands:
        return self

    def __exit__(self, *_: object) -> None:
        if self.pool is not None:
            self.pool.stop()

    def do(self, tasks: Iterator[Any]) -> Iterator[Any]:
        """Yield the answers of tasks, in any order."""
        if self.pool is None:
            yield from (self.work(task, None) for task in tasks)
            return
        more = True
        while more or self.pool.busy:
            while more and self.pool.idle:
                task = next(tasks, None)
                more = task is not None
                if task is not None:
                    self.pool.start(task)
            for ended in self.pool.results():
                if isinstance(ended, Done):
                    yield ended.answer
                else:  # the worker died: in this process, where calls are judged alone
                    yield self.work(ended.task, None)


def _make(groups: Mapping[str, Group], settings: TimingSettings) -> Callable[[Any, Any], Any]:
    def work(task: tuple[str, pa.Table | None, pa.Table], _: object) -> Replayed:
        name, facts, table = task
        return settle_block(facts, table, groups[name], settings)

    return collected_after(work)
