"""Verdicts of many calls from what each rule answered: words charged once, scores, what changed.

Answers lie in matrices (`speechqa.score.many.Grid`); only calls in which a rule that charges was
broken need their evidence. The result is what charging and scoring call by call gives.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa

from speechqa.pipeline.replay import OF_CHARGING
from speechqa.rulebook import Rulebook, RuleResult
from speechqa.rulebook.charge import charge_once, is_charged
from speechqa.rulebook.rules import Forbidden
from speechqa.score.call import is_confirmed
from speechqa.score.many import OUTCOMES, VIOLATED, Grid, score_many
from speechqa.store.columns import grid_of

ABSENT = "not in the rulebook"
SCORE = ("percent", "points", "potential")
"""Columns of a stored verdict's score."""


@dataclass(frozen=True)
class Verdict:
    """What a rulebook says of a call that the stored verdict does not say.

    Parameters
    ----------
    rules
        Rules that answer otherwise: the answer before and the answer now. A rule that came or went
        is named where it accuses.
    graded
        Rules that answer the same and earn another share of their points.
    """

    rules: Mapping[str, tuple[str, str]]
    points: float
    potential: float
    percent: float | None
    graded: tuple[str, ...] = ()


class Before:
    """Stored answers of a block of calls, as matrices, and their evidence.

    Parameters
    ----------
    table
        As `speechqa.store.columns.answer_blocks` yields them, with hits and the score.
    book
        The rulebook that judges now.
    """

    def __init__(self, table: pa.Table, book: Rulebook) -> None:
        self.table = table
        self.book = book
        self.grid, self.gone = grid_of(table, [rule.id for rule in book.call_rules])

    @cached_property
    def scores(self) -> list[tuple[float | None, ...]]:
        """Percentage, points and potential points of each call, as stored."""
        return list(zip(*(self.table[name].to_pylist() for name in SCORE), strict=True))

    def hits(self, row: int) -> dict[str, list[dict[str, object]]]:
        """Return a call's stored evidence by rule, as it was before words were charged once."""
        found: dict[str, list[dict[str, object]]] = {}
        for hit in json.loads(self.table["hits"][row].as_py()):
            bare = {name: value for name, value in hit.items() if name not in OF_CHARGING}
            found.setdefault(hit["rule"], []).append(bare)
        return found


def overlaid(before: Before, fresh: Mapping[int, Sequence[RuleResult]]) -> Grid:
    """Return the answers now: those stored, and over them the new ones of some rows."""
    now = before.grid.copy()
    columns = {rule.id: column for column, rule in enumerate(before.book.call_rules)}
    shared: dict[int, tuple[Sequence[RuleResult], list[int]]] = {}
    for row, results in fresh.items():  # answers known without judging are the same objects
        shared.setdefault(id(results), (results, []))[1].append(row)
    for results, rows in shared.values():
        at = np.ix_(rows, [columns[one.rule] for one in results])
        now.outcome[at] = [OUTCOMES.index(one.outcome) for one in results]
        now.earned[at] = [one.earned for one in results]
        now.lacking[at] = [one.lacking for one in results]
        now.fragile[at] = [one.fragile for one in results]
    return now


def verdicts(
    before: Before, now: Grid, rows: Sequence[int], fresh: Mapping[int, Sequence[RuleResult]]
) -> Iterator[tuple[int, Verdict]]:
    """Yield the row and the verdict of every call of `rows` that differs from what is stored.

    Parameters
    ----------
    now
        As `overlaid` makes it.
    fresh
        New answers by row, with their evidence.
    """
    at = np.asarray(rows, np.int64)
    grid = now.rows(at)
    spared, failed = _on_evidence(before, grid, at.tolist(), fresh)
    scores = score_many(before.book, grid, spared=spared, failed=failed)
    changed, graded = _changed(before, grid, at), _graded(before, grid, at)
    sums = zip(scores.percent, scores.points.tolist(), scores.potential.tolist(), strict=True)
    for place, (row, told, made) in enumerate(zip(at.tolist(), changed, sums, strict=True)):
        if told or made != before.scores[row]:
            percent, points, potential = made
            yield row, Verdict(told, points, potential, percent, graded.get(place, ()))


def charging(book: Rulebook) -> np.ndarray:
    """Return which call rules may charge or fail somebody on what was found where."""
    return np.array(
        [isinstance(rule, Forbidden) or rule.severity == "critical" for rule in book.call_rules],
        np.bool_,
    )


def _on_evidence(
    before: Before, grid: Grid, rows: Sequence[int], fresh: Mapping[int, Sequence[RuleResult]]
) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Return (place, rule) of broken rules that others charge, and of critical ones that fail."""
    rules = before.book.call_rules
    broken = grid.outcome == VIOLATED
    spared, failed = [], []
    for place in np.flatnonzero((broken & charging(before.book)).any(axis=1)).tolist():
        results = _with_evidence(before, rows[place], broken[place], fresh)
        charged = {one.rule: one for one in charge_once(before.book, results)}
        for column in np.flatnonzero(broken[place]).tolist():
            rule = rules[column]
            result = charged.get(rule.id)
            if result is not None and not is_charged(result):
                spared.append((place, column))
            if rule.severity == "critical" and not grid.fragile[place, column]:
                one = result or RuleResult(rule.id, "violated")
                if is_confirmed(before.book, one):
                    failed.append((place, column))
    return spared, failed


def _with_evidence(
    before: Before, row: int, broken: np.ndarray, fresh: Mapping[int, Sequence[RuleResult]]
) -> list[RuleResult]:
    """Return the answers of a call that have evidence, as far as charging looks at them."""
    new = {one.rule: one.hits for one in fresh.get(row, ())}
    stored = before.hits(row) if len(new) < len(before.book.call_rules) else {}
    made = []
    for column, rule in enumerate(before.book.call_rules):
        hits = new[rule.id] if rule.id in new else tuple(stored.get(rule.id, ()))
        if hits:
            made.append(RuleResult(rule.id, "violated" if broken[column] else "met", hits=hits))
    return made


def _graded(before: Before, grid: Grid, rows: np.ndarray) -> dict[int, tuple[str, ...]]:
    """Return, by place, the rules that answer the same and earn another share."""
    same = (before.grid.outcome[rows] == grid.outcome) & (grid.outcome != 0)
    differs = same & (before.grid.earned[rows] != grid.earned)
    found: dict[int, tuple[str, ...]] = {}
    for place, column in np.argwhere(differs).tolist():
        found[place] = (*found.get(place, ()), before.book.call_rules[column].id)
    return found


def _changed(before: Before, grid: Grid, rows: np.ndarray) -> list[dict[str, tuple[str, str]]]:
    """Return, for each call, the rules that answer otherwise, by name."""
    old = before.grid.outcome[rows]
    accuses = (old == VIOLATED) | (grid.outcome == VIOLATED)
    there = (old != 0) & (grid.outcome != 0)
    differs = (old != grid.outcome) & (there | accuses)
    found: list[dict[str, tuple[str, str]]] = [{} for _ in range(len(rows))]
    for place, column in np.argwhere(differs).tolist():
        answers = (OUTCOMES[code[place, column]] or ABSENT for code in (old, grid.outcome))
        found[place][before.book.call_rules[column].id] = tuple(answers)  # type: ignore[assignment]
    place_of = {row: place for place, row in enumerate(rows.tolist())}
    for rule, among in before.gone.items():
        for row in among:
            if row in place_of:
                found[place_of[row]][rule] = ("violated", ABSENT)
    return [dict(sorted(one.items())) for one in found]
