"""Stored verdicts under another rulebook, without judging again what cannot have changed.

Two passes. The first goes over the recordings: of every call, the rules that changed are judged,
most calls at once (`speechqa.batch.sieve`). The second goes over the stored answers: those of
unchanged rules are taken as they are, words are charged once, and a call whose answers or points
differ is scored again. A call whose verdict cannot be built upon (its rulebook or its thresholds
are not known any more, or the recording was processed again since) is judged by every rule.
Nothing is stored. Memory holds one block of calls and, for every call, its new answers.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from speechqa.batch.groups import Group
from speechqa.batch.judge import where
from speechqa.batch.workers import Done, Workers
from speechqa.pipeline import CallFacts
from speechqa.pipeline.replay import answers, settle, stored_answers, uncharged
from speechqa.rulebook import Rulebook, RuleResult
from speechqa.rulebook.rules import Forbidden
from speechqa.settings import TimingSettings
from speechqa.store import BLOCK_CALLS, Store
from speechqa.store.columns import (
    StoredAnswers,
    answer_blocks,
    facts_of_table,
    recording_blocks,
)

PATIENCE_S = 600.0
"""How long a worker may take for one block of calls."""

SILENT = frozenset({"met", "not_applicable"})
"""Answers that charge nobody."""

Answers = tuple[RuleResult, ...]


@dataclass(frozen=True)
class Verdict:
    """What a rulebook says of one call, in short."""

    outcomes: Mapping[str, str]
    points: float
    potential: float
    percent: float | None


@dataclass(frozen=True)
class Old:
    """A call's newest stored verdict."""

    assessed_at: str
    percent: float | None
    points: float | None
    potential: float | None


@dataclass
class Replayed:
    """What came of a replay: verdicts that differ, by key, and calls that could not be judged."""

    verdicts: dict[str, tuple[Mapping[str, str], Verdict]] = field(default_factory=dict)
    failed: list[tuple[str, str]] = field(default_factory=list)


def replay(
    store: Store,
    book: Rulebook,
    settings: TimingSettings,
    old: Mapping[str, Old],
    group_of: Mapping[str, str],
    groups: Mapping[str, Group],
    *,
    workers: int = 1,
) -> Replayed:
    """Judge stored calls by `book` and return every call whose verdict differs.

    Parameters
    ----------
    old, group_of
        By key: the calls to judge, and the name of the group each is in.
    groups
        As `grouped` makes them.
    """
    found = Replayed()
    todo = {key for key, name in group_of.items() if _judges(groups[name])}
    with _Hands(groups, settings, workers if len(todo) > BLOCK_CALLS else 1) as hands:
        fresh: dict[str, Any] = {}
        tasks = (
            ("judge", name, block.take(places))
            for block in recording_blocks(store, todo)
            for name, places in _by_group(block, group_of)
        )
        for judged in hands.do(tasks):
            fresh.update(judged.calls)
            found.failed.extend(judged.failed)
        second = _second_pass(store, old, group_of, groups, fresh)
        for verdicts in hands.do(second):
            found.verdicts.update(verdicts)
    return found


def _judges(group: Group) -> bool:
    return group.is_whole or group.part is not None


def _by_group(block: pa.Table, group_of: Mapping[str, str]) -> Iterator[tuple[str, list[int]]]:
    places: dict[str, list[int]] = {}
    for place, key in enumerate(block["key"].to_pylist()):
        places.setdefault(group_of[key], []).append(place)
    yield from places.items()


@dataclass
class Block:
    """What the changed rules say of the calls of a block; whole calls as `Verdict`."""

    calls: dict[str, Answers | Verdict] = field(default_factory=dict)
    failed: list[tuple[str, str]] = field(default_factory=list)


def judge_block(block: pa.Table, group: Group, settings: TimingSettings) -> Block:
    """Judge the calls of a block by the rules that changed, or by all."""
    made = Block()
    keys = block["key"].to_pylist()
    known: list[Answers | None] = [None] * len(keys)
    if not group.is_whole:
        known = group.sieve.answers(block)
    made.calls.update({k: one for k, one in zip(keys, known, strict=True) if one is not None})
    rest = [place for place, one in enumerate(known) if one is None]
    calls = facts_of_table(block.take(rest)) if rest else []
    for call, results in _judged(calls, group.part or group.book, settings, made):
        if group.is_whole:
            made.calls[call.key] = _verdict(group.book, {one.rule: one for one in results})
        else:
            made.calls[call.key] = tuple(results)
    return made


def _judged(
    calls: Sequence[CallFacts], part: Rulebook, settings: TimingSettings, made: Block
) -> list[tuple[CallFacts, list[RuleResult]]]:
    """Judge calls together; when that fails, alone, so that one call costs only itself."""
    if not calls:
        return []
    try:
        found = answers(calls, part, settings)
        return [(call, uncharged(one)) for call, one in zip(calls, found, strict=True)]
    except Exception as error:  # an unforeseen error in one call must not cost the others
        if len(calls) == 1:
            made.failed.append((calls[0].path, where(error)))
            return []
    return [pair for call in calls for pair in _judged([call], part, settings, made)]


def _verdict(book: Rulebook, known: Mapping[str, RuleResult]) -> Verdict:
    results, scored = settle(book, known)
    return Verdict(
        {one.rule: one.outcome for one in results},
        scored.points,
        scored.potential,
        scored.percent,
    )


def _second_pass(
    store: Store,
    old: Mapping[str, Old],
    group_of: Mapping[str, str],
    groups: Mapping[str, Group],
    fresh: Mapping[str, Any],
) -> Iterator[tuple[str, str, tuple[pa.Table, dict[str, Any]]]]:
    """Yield the stored answers of calls whose verdict may differ, with their new answers."""
    todo = {
        key: old[key].assessed_at
        for key, name in group_of.items()
        if key in fresh or (groups[name].change is not None and groups[name].change)
    }
    needs_hits = any(not group.is_whole for group in groups.values())
    for table in answer_blocks(store, todo, hits=needs_hits):
        for name, places in _by_group(table, group_of):
            group = groups[name]
            part = table.take(places)
            if group.change is not None and not group.change.scored:
                part = part.take(pa.array(_changed(part, group, fresh), pa.int64()))
            if len(part):
                keys = part["key"].to_pylist()
                yield "settle", name, (part, {key: fresh[key] for key in keys if key in fresh})


def _changed(table: pa.Table, group: Group, fresh: Mapping[str, Answers]) -> list[int]:
    """Return the rows in which a changed rule's answer differs or may charge somebody."""
    assert group.part is not None
    ids = [rule.id for rule in group.part.call_rules]
    charging = {
        rule.id
        for rule in group.part.call_rules
        if isinstance(rule, Forbidden) or rule.severity == "critical"
    }
    answers_ = StoredAnswers(table)
    changed = []
    for row, key in enumerate(table["key"].to_pylist()):
        if key not in fresh:
            continue  # it could not be judged
        for rule, one in zip(ids, fresh[key], strict=True):
            was = answers_.of(row, rule)
            now = (one.outcome, one.earned, one.lacking, one.fragile)
            if was != now or (rule in charging and one.outcome not in SILENT):
                changed.append(row)
                break
    return changed


def settle_block(
    table: pa.Table, fresh: Mapping[str, Any], group: Group
) -> dict[str, tuple[Mapping[str, str], Verdict]]:
    """Return outcomes before and the verdict now, of the calls of a block of stored answers."""
    made: dict[str, tuple[Mapping[str, str], Verdict]] = {}
    for row in table.to_pylist():
        key = row["key"]
        before = {one["rule"]: one["outcome"] for one in row["results"] or ()}
        if group.is_whole:
            made[key] = before, fresh[key]
            continue
        known = stored_answers(row["results"], json.loads(row["hits"]))
        known |= {one.rule: one for one in fresh.get(key, ())}
        if all(rule.id in known for rule in group.book.call_rules):  # else it could not be judged
            made[key] = before, _verdict(group.book, known)
    return made


class _Hands:
    """Does tasks in this process, or in a few that are started once for both passes."""

    def __init__(self, groups: Mapping[str, Group], settings: TimingSettings, workers: int) -> None:
        self.work = _make(groups, settings)
        self.pool: Workers[Any, Any] | None = None
        if workers > 1:
            self.pool = Workers(_make, (groups, settings), workers, lambda _: PATIENCE_S)

    def __enter__(self) -> _Hands:
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
    def work(task: tuple[str, str, Any], _: object) -> Any:
        kind, name, given = task
        if kind == "judge":
            return judge_block(given, groups[name], settings)
        table, fresh = given
        return settle_block(table, fresh, groups[name])

    return work
