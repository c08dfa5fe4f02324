"""Team rules on a store: figures over many calls and over a file of cases.

Rows come from the metadata of stored calls and from a case CSV; what a rule's columns do not give
is "not applicable" with the reason, never a fault.
"""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

from speechqa.errors import InputMissing, UsageError
from speechqa.rulebook import Rulebook
from speechqa.rulebook.kpi import TeamResult, evaluate_team
from speechqa.store import Store

_OWN = ("call_id", "agent_id", "queue", "direction", "caller", "started_at", "duration_ms")


def team_results(store: Store, book: Rulebook, *, cases: str | None = None) -> list[TeamResult]:
    """Return what the rulebook's team rules answer over the calls of a store.

    Parameters
    ----------
    cases
        CSV with one row per case; None without one.

    Raises
    ------
    InputMissing, UsageError
        The case file is not there, or is no CSV with a header.
    """
    return evaluate_team(
        book, calls=call_rows(store), cases=None if cases is None else read_cases(cases)
    )


def call_rows(store: Store) -> list[dict[str, str]]:
    """Return one row of text per current call: its metadata columns and its own fields."""
    rows = []
    for row in store.current([*_OWN, "answered_ms", "metadata"]).to_pylist():
        given: dict[str, str] = json.loads(row["metadata"])
        own = {name: str(row[name]) for name in (*_OWN, "answered_ms") if row[name] is not None}
        rows.append(given | own)
    return rows


def read_cases(path: str) -> list[dict[str, str]]:
    """Return the rows of a case CSV (UTF-8), one mapping of column to text each.

    A text in quotes may hold commas and line breaks; lines without any value are passed over.

    Raises
    ------
    InputMissing
        There is no such file.
    UsageError
        It is not UTF-8, no CSV, or its header leaves a column without a name or names one twice.
    """
    try:
        text = Path(path).read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise InputMissing(f"{path}: {error.strerror}", hint="check the path") from None
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{path}: not UTF-8 (byte {error.start})", hint="save the file as CSV UTF-8"
        ) from None
    return _rows(path, csv.reader(io.StringIO(text, newline=""), strict=True))


def _rows(path: str, reader: Any) -> list[dict[str, str]]:
    try:
        columns = _header(path, next(reader, []))
        made = []
        for row in reader:
            if len(row) != len(columns) and any(row):
                raise UsageError(
                    f"{path}, line {reader.line_num}: {len(columns)} columns expected, "
                    f"got {len(row)}",
                    hint="quote texts that hold a comma",
                )
            if any(row):
                values = (value.strip() for value in row)
                made.append(dict(zip(columns, values, strict=True)))
    except csv.Error as error:
        raise UsageError(
            f"{path}, line {reader.line_num}: {error}", hint="correct the quotes of that line"
        ) from None
    return made


def _header(path: str, names: list[str]) -> list[str]:
    columns = [name.strip() for name in names]
    if not all(columns) or not columns:
        raise UsageError(f"{path}, line 1: every column needs a name", hint="add a header line")
    twice = sorted({name for name in columns if columns.count(name) > 1})
    if twice:
        raise UsageError(
            f"{path}, line 1: column {twice[0]!r} stands there twice",
            hint="rename or delete one: figures would be made from the last alone",
        )
    return columns
