"""Rows of a table and the tests on them: columns, times between, repeats, matches elsewhere.

A row maps column to text, as a CSV gives it. A test answers None where its value is empty or
cannot be read: such a row is neither good nor bad.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from speechqa.rulebook import team
from speechqa.rulebook.conditions import passes
from speechqa.rulebook.quantities import in_unit

Row = Mapping[str, str]


class Tables:
    """The tables of a team rule, with indexes of rows by columns made on first use."""

    def __init__(self, tables: Mapping[str, Sequence[Row]]) -> None:
        self.tables = tables
        self._owner = {id(row): name for name, rows in tables.items() for row in rows}
        self._indexes: dict[tuple[str, tuple[str, ...]], dict[tuple[str, ...], list[Row]]] = {}

    def table_of(self, row: Row) -> str:
        """Return the name of the table a row belongs to."""
        return self._owner[id(row)]

    def rows_with(self, table: str, columns: tuple[str, ...], values: tuple[str, ...]) -> list[Row]:
        """Return the rows whose columns have these values."""
        key = (table, columns)
        if key not in self._indexes:
            index: dict[tuple[str, ...], list[Row]] = {}
            for row in self.tables.get(table, ()):
                index.setdefault(_texts(row, columns), []).append(row)
            self._indexes[key] = index
        return self._indexes[key].get(values, [])


def _texts(row: Row, columns: Iterable[str]) -> tuple[str, ...]:
    return tuple((row.get(name) or "").strip().casefold() for name in columns)


def passes_all(tests: Sequence[Any], row: Row, work: Tables) -> bool | None:
    """Whether all tests hold; None where that cannot be known."""
    answers = [_test(test, row, work) for test in tests]
    if False in answers:
        return False
    return None if None in answers else True


def _test(test: Any, row: Row, work: Tables) -> bool | None:
    match test:
        case team.ColumnTest():
            text = (row.get(test.column) or "").strip()
            if test.present is not None:
                return bool(text) == test.present
            return passes(text, test) if text else None
        case team.Span():
            return _within(test, row)
        case team.Filled():
            return all((row.get(name) or "").strip() for name in test.filled)
        case team.RepeatOf():
            return _repeats(test, row, work)
        case team.MatchedIn():
            return _matched(test, row, work)
        case team.AllTests(all=tests):
            return passes_all(tests, row, work)
        case team.AnyTests(any=tests):
            answers = [_test(one, row, work) for one in tests]
            return True if True in answers else None if None in answers else False
        case team.NotTest(not_=inner):
            answer = _test(inner, row, work)
            return None if answer is None else not answer
    raise TypeError(f"no test: {type(test).__name__}")


def _within(test: team.Span, row: Row) -> bool | None:
    start, end = date_of(row.get(test.from_)), date_of(row.get(test.to))
    if start is None:
        return None
    if end is None:
        return False  # it was accepted and never answered
    seconds = (end - start).total_seconds()
    high = None if test.at_most is None else in_unit(test.at_most, "s")
    if test.limit_column is not None:
        hours = number_of(row.get(test.limit_column) or "")
        if hours is None:
            return None
        high = hours * 3600 if high is None else min(high, hours * 3600)
    low = 0.0 if test.at_least is None else in_unit(test.at_least, "s")
    return seconds >= low and (high is None or seconds <= high)


def _repeats(test: team.RepeatOf, row: Row, work: Tables) -> bool | None:
    values, at = _texts(row, test.repeat_of), date_of(row.get(test.time))
    if at is None or not all(values):
        return None
    reach = in_unit(test.within, "s")
    for other in work.rows_with(work.table_of(row), test.repeat_of, values):
        before = date_of(other.get(test.time))
        if before is not None and 0 < (at - before).total_seconds() <= reach:
            return True
    return False


def _matched(test: team.MatchedIn, row: Row, work: Tables) -> bool | None:
    values = _texts(row, test.on)
    if not all(values):
        return None
    after = date_of(row.get(test.after)) if test.after else None
    if test.after and after is None:
        return None
    reach = None if test.within is None else in_unit(test.within, "s")
    for other in work.rows_with(test.matched_in, tuple(test.on.values()), values):
        if other is row or not passes_all(test.where or (), other, work):
            continue
        if after is None:
            return True
        at = date_of(other.get(test.time))
        gap = None if at is None else (at - after).total_seconds()
        if gap is not None and gap >= 0 and (reach is None or gap <= reach):
            return True
    return False


def date_of(text: str | None) -> datetime | None:
    """Return a date and time as written in ISO 8601 (UTC without a zone), or None."""
    try:
        made = datetime.fromisoformat((text or "").strip())
    except ValueError:
        return None
    return made if made.tzinfo else made.replace(tzinfo=UTC)


def number_of(text: str) -> float | None:
    """Return a finite number, also with a percent sign; None when it is none.

    Examples
    --------
    >>> number_of("12.5 %".replace(" ", "")), number_of("nan"), number_of("")
    (12.5, None, None)
    """
    try:
        value = float(text.strip().rstrip("%"))
    except ValueError:
        return None
    return value if math.isfinite(value) else None
