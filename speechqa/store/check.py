"""Checking a store: every fault that a reader could stumble over, found before the reader does."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from speechqa.errors import SpeechqaError
from speechqa.store.disk import reading
from speechqa.store.schema import PARTIES, spans_array
from speechqa.store.swaps import FINISHED, OLD, UNFINISHED
from speechqa.store.tables import BLOCK_CALLS, IDENTITY, TABLES, Store

STATUSES = frozenset({"scored", "damaged", "refused", "quarantined", "deferred"})

UNJUDGED = "not-judged"
"""Kind of fault that the next run or ``speechqa assess`` mends."""

UNFINISHED_PURGE = "unfinished-purge"
"""Kind of fault that the next run or purge mends; until then forgotten calls may be in there."""


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong.

    Parameters
    ----------
    table
        Where.
    kind
        Stable kebab-case name.
    key
        The row, or the file; empty for the whole table.
    detail
        What was found.
    """

    table: str
    kind: str
    key: str
    detail: str


def check(store: Store) -> list[Fault]:
    """Return every fault of a store; an empty list means that all rows read and agree.

    Rows are looked at in blocks, so that memory stays flat.
    """
    found: list[Fault] = []
    keys: dict[str, set[str]] = {}
    for table in TABLES:
        try:
            keys[table] = _look_at(store, table, found)
        except (SpeechqaError, RuntimeError) as error:
            first = (str(error).splitlines() or [type(error).__name__])[0]
            found.append(Fault(table, "unreadable", "", first[:300]))
    if "recordings" in keys:
        for table in ("assessments", "reviews"):
            orphans = sorted(keys.get(table, set()) - keys["recordings"])
            found += [Fault(table, "orphan", key, "no recording has this key") for key in orphans]
        if "assessments" in keys:
            found.extend(_unjudged(store, keys["assessments"]))
    if store.local is not None:
        found.extend(_files(store.local))
    return found


def _look_at(store: Store, table: str, found: list[Fault]) -> set[str]:
    """Add the faults of a table's rows to `found`; return the keys of its calls."""
    look = {"recordings": _facts, "assessments": _assessment}.get(table, lambda row: iter(()))
    identities: Counter[tuple[Any, ...]] = Counter()
    keys = set()
    for row in _rows(store, table):
        key = str(row["key"])
        keys.add(key)
        identities[tuple(row[name] for name in IDENTITY[table])] += 1
        found.extend(Fault(table, kind, key, detail) for kind, detail in _each(look, row))
    for identity, count in identities.items():
        if count > 1:
            told = f"{count} rows of one identity"
            found.append(Fault(table, "duplicate", str(identity[0]), told))
    return keys


def _rows(store: Store, table: str) -> Iterator[dict[str, Any]]:
    newest = store.open_table(table)
    with reading(f"{store.uri}/{table}"):
        blocks = newest.to_pyarrow_dataset().to_batches(
            batch_size=BLOCK_CALLS, batch_readahead=1, fragment_readahead=1
        )
        for block in blocks:
            yield from block.to_pylist()


def _each(
    look: Callable[[Mapping[str, Any]], Iterator[tuple[str, str]]], row: Mapping[str, Any]
) -> list[tuple[str, str]]:
    """Return the faults of a row; one in which nothing can be looked up is a fault itself."""
    try:
        return list(look(row))
    except (TypeError, ValueError, KeyError) as error:
        return [("bad-values", f"{type(error).__name__}: values of other kinds than there must be")]


def _files(folder: Path) -> Iterator[Fault]:
    """Yield faults of the files beside the tables: accounts, and what a killed purge left."""
    for file in sorted((folder / "runs").glob("*.json")):
        try:
            account = json.loads(file.read_text("utf-8"))
            told = sum(account["counts"].values())
        except (OSError, ValueError, TypeError, KeyError, AttributeError):
            yield Fault("runs", "bad-account", file.name, "it cannot be read as an account")
            continue
        if told != account.get("found"):
            detail = f"{account.get('found')} found, {told} accounted for"
            yield Fault("runs", "bad-account", file.name, detail)
    for name in TABLES:
        for ending in (UNFINISHED, FINISHED, OLD):
            if (folder / (name + ending)).exists():
                detail = "a purge was killed: give its command again, or run"
                yield Fault(name, UNFINISHED_PURGE, name + ending, detail)


def _facts(row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if row["status"] not in STATUSES:
        yield "unknown-status", repr(row["status"])
        return
    if row["status"] not in ("scored", "damaged"):
        if not row["reason_code"]:
            yield "no-reason", f"{row['status']} without a reason"
        return
    for party in PARTIES:
        spans = spans_array(row[f"speech_{party}"])
        ordered = (spans[:, 0] < spans[:, 1]).all() and (spans[1:, 0] > spans[:-1, 1]).all()
        if not ordered:
            yield "bad-intervals", f"{party}: not sorted and disjoint"
        elif len(spans) and not 0 <= spans[0, 0] <= spans[-1, 1] <= row["duration_ms"]:
            yield "bad-intervals", f"{party}: outside the recording"
    edges = np.array([(w["start_ms"], w["end_ms"]) for w in row["words"] or ()]).reshape(-1, 2)
    if (edges[:, 0] > edges[:, 1]).any() or (edges < 0).any():
        yield "bad-words", "a word ends before it starts"
    for name in ("metadata", "metadata_sources", "levels", "checks", "damage", "provenance"):
        if not _is_json(row[name]):
            yield "bad-json", name


def _assessment(row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name in ("unmeasured", "events", "hits", "lines", "parts"):
        if not _is_json(row[name]):
            yield "bad-json", name
    bad = [n for n, v in row.items() if isinstance(v, float) and not np.isfinite(v)]
    if bad:
        yield "not-a-number", ", ".join(bad)
    percent, potential = row["percent"], row["potential"]
    if percent is None:
        return
    if not potential or abs(100 * row["points"] / potential - percent) > 0.01:
        yield "score-disagrees", f"{row['points']} of {potential} is not {percent} %"


def _unjudged(store: Store, judged: Set[str]) -> Iterator[Fault]:
    for row in store.current(["key", "status"]).to_pylist():
        if row["status"] in ("scored", "damaged") and row["key"] not in judged:
            yield Fault("recordings", UNJUDGED, row["key"], f"{row['status']}, but never judged")


def _is_json(text: Any) -> bool:
    try:
        json.loads(text)
    except (TypeError, ValueError):
        return False
    return True
