"""Team rules at work: figures over many calls or cases, from columns.

Rows are mappings of column to text, as a CSV gives them. Missing columns make a rule not
applicable, by name. A row whose tested value is empty or cannot be read is left out of the figure
and counted in the reason: it is neither good nor bad.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from speechqa.rulebook import team
from speechqa.rulebook.book import Rulebook
from speechqa.rulebook.quantities import in_unit
from speechqa.rulebook.rows import Row, Tables, date_of, number_of, passes_all
from speechqa.rulebook.rules import Team
from speechqa.rulebook.view import Outcome

_PARTS = ("hour", "date", "month")


@dataclass(frozen=True)
class TeamResult:
    """What a team rule answers on one group of rows.

    Parameters
    ----------
    rule
        Its id.
    group, period
        The group (``by``) and the period; empty for all rows together.
    outcome
        ``met``, ``violated``, or ``not_applicable`` with the reason.
    value
        The figure; None where there is none.
    good, rows
        Rows that passed, of how many, for a share; else the rows the figure is made of.
    """

    rule: str
    outcome: Outcome
    reason: str
    value: float | None = None
    good: int = 0
    rows: int = 0
    group: str = ""
    period: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the result as plain values."""
        return asdict(self)


def evaluate_team(
    book: Rulebook, *, calls: Sequence[Row] = (), cases: Sequence[Row] | None = None
) -> list[TeamResult]:
    """Return what each team rule answers.

    Parameters
    ----------
    book
        The rulebook.
    calls
        One row per call: its metadata columns and ``call_id``, ``agent_id``, ``started_at`` ...
    cases
        Rows of the case file; None without one.

    Examples
    --------
    >>> rule = Team.model_validate({"id": "answered", "kind": "team", "table": "calls",
    ...     "figure": "share", "test": {"column": "answered", "is": "yes"}, "at_least": 0.6})
    >>> rows = [{"answered": "yes"}, {"answered": "no"}, {"answered": ""}]
    >>> result = team_rule(rule, {"calls": rows})[0]
    >>> result.outcome, result.value, result.reason
    ('violated', 0.5, '1 of 2; at least 0.6; 1 row without a value left out')
    """
    tables: dict[str, Sequence[Row]] = {"calls": calls}
    if cases is not None:
        tables["cases"] = cases
    return [result for rule in book.team_rules for result in team_rule(rule, tables)]


def team_rule(rule: Team, tables: Mapping[str, Sequence[Row]]) -> list[TeamResult]:
    """Return what one team rule answers: one result, or one per group and period."""
    if reason := _lacking(rule, tables):
        return [TeamResult(rule.id, "not_applicable", reason)]
    work = Tables(tables)
    rows = [row for row in tables[rule.table] if passes_all(rule.rows or (), row, work)]
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((_group(row, rule.by), _period(row, rule)), []).append(row)
    if not groups:
        return [TeamResult(rule.id, "not_applicable", "no row to count")]
    return [_answer(rule, groups[key], work, *key) for key in sorted(groups)]


def _lacking(rule: Team, tables: Mapping[str, Sequence[Row]]) -> str:
    """Return which table or columns are missing, or nothing."""
    used: dict[str, set[str]] = {rule.table: set(rule.needs)}
    for test in (*(rule.rows or ()), *(rule.test or ())):
        _columns(test, rule.table, used)
    own = used[rule.table]
    own |= {rule.by} if rule.by else set()
    own |= {rule.time} if rule.period else set()
    own |= {_column_of(rule.value)[0]} if rule.value else set()
    for table, columns in used.items():
        if not tables.get(table):
            return f"no {table} file" if table == "cases" else "no calls"
        present = {name for row in tables[table][:1000] for name in row}
        if missing := sorted(columns - present):
            return f"no column {', '.join(missing)} in {table}"
    return ""


def _columns(test: Any, table: str, used: dict[str, set[str]]) -> None:
    own = used.setdefault(table, set())
    match test:
        case team.ColumnTest():
            own.add(test.column)
        case team.Span():
            own |= {test.from_, test.to}
            own |= {test.limit_column} if test.limit_column else set()
        case team.Filled():
            own |= set(test.filled)
        case team.RepeatOf():
            own |= {*test.repeat_of, test.time}
        case team.MatchedIn():
            own |= set(test.on) | ({test.after} if test.after else set())
            other = used.setdefault(test.matched_in, set())
            other |= set(test.on.values()) | ({test.time} if test.after or test.within else set())
            for inner in test.where or ():
                _columns(inner, test.matched_in, used)
        case team.AllTests(all=inner_tests) | team.AnyTests(any=inner_tests):
            for inner in inner_tests:
                _columns(inner, table, used)
        case team.NotTest(not_=inner):
            _columns(inner, table, used)


def _answer(rule: Team, rows: list[Row], work: Tables, group: str, period: str) -> TeamResult:
    good, used, value = _figure(rule, rows, work)
    left_out = len(rows) - used
    if value is None:
        reason = f"no value in {len(rows)} rows"
        return TeamResult(rule.id, "not_applicable", reason, None, 0, 0, group, period)
    low = None if rule.at_least is None else in_unit(rule.at_least, "s")
    high = None if rule.at_most is None else in_unit(rule.at_most, "s")
    if rule.figure == "all_values":
        low = float(len(rule.among or ()))
    holds = (low is None or value >= low - 1e-9) and (high is None or value <= high + 1e-9)
    parts = [f"{good} of {used}" if rule.figure == "share" else f"{value:g} from {used} rows"]
    parts += [f"at least {low:g}"] if low is not None else []
    parts += [f"at most {high:g}"] if high is not None else []
    if left_out:
        parts.append(f"{left_out} row{'s' if left_out > 1 else ''} without a value left out")
    outcome: Outcome = "met" if holds else "violated"
    reason = "; ".join(parts)
    return TeamResult(rule.id, outcome, reason, value, good, used, group, period)


def _figure(rule: Team, rows: list[Row], work: Tables) -> tuple[int, int, float | None]:
    """Return passing rows, rows used and the figure."""
    if rule.figure == "share":
        answers = [passes_all(rule.test or (), row, work) for row in rows]
        known = [answer for answer in answers if answer is not None]
        good = sum(known)
        return good, len(known), good / len(known) if known else None
    if rule.test is not None:
        rows = [row for row in rows if passes_all(rule.test, row, work)]
    if rule.figure == "count":
        return len(rows), len(rows), float(len(rows))
    texts = [text for row in rows if (text := _value(row, rule.value or ""))]
    if rule.figure in {"distinct", "all_values"}:
        seen = {text.casefold() for text in texts}
        if rule.among is not None:
            seen &= {str(one).casefold() for one in rule.among}
        return len(seen), len(texts), float(len(seen)) if texts else None
    numbers = [number for text in texts if (number := number_of(text)) is not None]
    if not numbers:
        return 0, 0, None
    if rule.figure == "p90":
        return 0, len(numbers), _percentile(numbers, 0.9)
    makers: dict[str, Callable[[list[float]], float]] = {
        "mean": statistics.fmean,
        "sum": math.fsum,
        "min": min,
        "max": max,
        "median": statistics.median,
    }
    return 0, len(numbers), float(makers[rule.figure](numbers))


def _column_of(value: str) -> tuple[str, str]:
    name, _, part = value.rpartition(".")
    return (name, part) if name and part in _PARTS else (value, "")


def _value(row: Row, value: str) -> str:
    column, part = _column_of(value)
    text = (row.get(column) or "").strip()
    if not part:
        return text
    date = date_of(text)
    if date is None:
        return ""
    return {"hour": f"{date.hour:02d}", "date": f"{date:%Y-%m-%d}", "month": f"{date:%Y-%m}"}[part]


def _group(row: Row, by: str | None) -> str:
    return (row.get(by) or "(unknown)").strip() if by else ""


def _period(row: Row, rule: Team) -> str:
    if rule.period is None:
        return ""
    date = date_of(row.get(rule.time))
    if date is None:
        return "(unknown)"
    return f"{date:%Y-%m}" if rule.period == "month" else f"{date:%Y-%m-%d}"


def _percentile(numbers: Sequence[float], share: float) -> float:
    ordered = sorted(numbers)
    at = share * (len(ordered) - 1)
    low = math.floor(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (at - low)
