"""Team rules on a store: figures over many calls and over a file of cases.

Rows come from the metadata of stored calls and from a case CSV; what a rule's columns do not give
is "not applicable" with the reason, never a fault.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path

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
    """Return the rows of a case CSV (UTF-8), one mapping of column to text each."""
    try:
        text = Path(path).read_text("utf-8-sig")
    except OSError as error:
        raise InputMissing(f"{path}: {error.strerror}", hint="check the path") from None
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{path}: not UTF-8 (byte {error.start})", hint="save the file as CSV UTF-8"
        ) from None
    reader = csv.DictReader(text.splitlines(), strict=True)
    if not reader.fieldnames or not all(name.strip() for name in reader.fieldnames):
        raise UsageError(f"{path}, line 1: every column needs a name", hint="add a header line")
    try:
        rows = list(reader)
    except csv.Error as error:
        raise UsageError(
            f"{path}, line {reader.line_num}: {error}", hint="correct the quotes of that line"
        ) from None
    for number, row in enumerate(rows, 2):
        if None in row or None in row.values():
            raise UsageError(
                f"{path}, line {number}: {len(reader.fieldnames)} columns expected",
                hint="quote texts that hold a comma",
            )
    return [{name.strip(): value.strip() for name, value in row.items()} for row in rows]
