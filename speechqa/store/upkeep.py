"""Upkeep of a store: compacting small files, forgetting calls, copying it while it is used.

Forgetting rewrites the tables without the forgotten rows and drops their history, since Delta's
own log keeps the smallest and largest text of every column: nothing less leaves no byte.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from speechqa.errors import InputMissing, StoreError, UsageError
from speechqa.store.commits import CONFIGURATION
from speechqa.store.disk import disk_error, write_whole
from speechqa.store.shared_lines import held
from speechqa.store.swaps import UNFINISHED, clear, swap
from speechqa.store.tables import TABLES, Store

FILE_BYTES = 16 * 1024**2
ROW_GROUP_CALLS = 128
"""Layout of a compacted table: to read one call costs at most this many."""

RULEBOOKS = "rulebooks"
"""Table of the rulebooks that calls were judged by; see `speechqa.store.rulebooks`."""

ACCESS = "access.jsonl"
"""Where the pages note who saw what."""

SMALL_FILES = 48
"""A run that leaves so many of them joins them."""


@dataclass(frozen=True)
class Purged:
    """How many rows were forgotten, per table."""

    recordings: int
    assessments: int
    reviews: int


def compact(store: Store) -> dict[str, int]:
    """Join the files of each table, sorted by key; return how many each has now. History stays.

    Small files and row groups with few keys between their smallest and largest are what lets one
    call be read without the others.
    """
    from deltalake import WriterProperties

    files = {}
    layout = WriterProperties(max_row_group_size=ROW_GROUP_CALLS)
    for name in TABLES:
        table = store.open_table(name)
        table.optimize.z_order(["key"], target_size=FILE_BYTES, writer_properties=layout)
        files[name] = len(store.open_table(name).file_uris())
    return files


def tidy(store: Store) -> None:
    """Join the small files that commits left in each table, once there are many; rows stay.

    Files that are joined already are left alone, so that this costs what a night wrote.

    Raises
    ------
    StoreError
        The disk did not take it; the table is as it was.
    """
    from deltalake import WriterProperties
    from deltalake.exceptions import DeltaError

    layout = WriterProperties(max_row_group_size=ROW_GROUP_CALLS)
    for name in TABLES:
        table = store.open_table(name)
        sizes = pa.table(table.get_add_actions())["size_bytes"].to_pylist()
        if sum(size < FILE_BYTES // 4 for size in sizes) < SMALL_FILES:
            continue
        try:
            table.optimize.compact(target_size=FILE_BYTES, writer_properties=layout)
        except (DeltaError, OSError) as error:
            raise disk_error(f"{store.uri}/{name}", error) from error


def purge(store: Store, *, before: str | None = None, callers: Iterable[str] = ()) -> Purged:
    """Forget calls for good: rows, history, and where accounts, logs and attempts name them.

    The caller holds the store's lock.

    Parameters
    ----------
    before
        ISO 8601 day: calls that started (or, without a start, were processed) earlier.
    callers
        Callers whose calls are forgotten; with `before`, only those that are also older.

    Raises
    ------
    UsageError
        Nothing was asked for, or the store is not a folder.
    """
    given = set(callers)
    if before is None and not given:
        raise UsageError("nothing to purge", hint="give --older-than or --caller")
    folder = _folder(store)
    clear(folder, TABLES)
    names = ["key", "call_id", "path", "also_at", "caller", "started_at", "processed_at"]
    rows = store.read("recordings", names).to_pylist()
    gone = [row for row in rows if _is_meant(row, before, given)]
    keys = {row["key"] for row in gone}
    counts = {
        name: _rewrite(folder, name, store.read(name), keys) if keys else 0 for name in TABLES
    }
    if keys:
        paths = {path for row in gone for path in (row["path"], *(row["also_at"] or ()))}
        _forget_names(folder, paths, {row["call_id"] for row in gone})
        callers_gone = {row["caller"] for row in gone if row["caller"]}
        _forget_views(folder / ACCESS, keys | paths | {r["call_id"] for r in gone}, callers_gone)
    return Purged(**counts)


def backup(store: Store, target: Path) -> dict[str, int]:
    """Copy one snapshot of each table while runs go on; return its rows.

    Raises
    ------
    StoreError
        The target exists already.
    """
    from deltalake import write_deltalake

    if target.exists():
        raise StoreError(f"{target}: exists already", hint="name a new folder")
    rows = {}
    # Assessments first: each then finds its recording in the copy, whatever was added meanwhile.
    for name in ("reviews", "assessments", "recordings"):
        table = store.read(name)
        write_deltalake(f"{target}/{name}", table, configuration=CONFIGURATION)
        rows[name] = table.num_rows
    with suppress(InputMissing):  # a store from before rulebooks were kept
        table = store.read(RULEBOOKS)
        write_deltalake(f"{target}/{RULEBOOKS}", table)
        rows[RULEBOOKS] = table.num_rows
    return rows


def _is_meant(row: dict[str, Any], before: str | None, callers: set[str]) -> bool:
    day = (row["started_at"] or row["processed_at"] or "")[:10]
    by_caller = not callers or row["caller"] in callers
    by_age = before is None or bool(day and day < before)
    return by_caller and by_age


def _rewrite(folder: Path, name: str, rows: pa.Table, keys: set[str]) -> int:
    from deltalake import write_deltalake

    keep = [key not in keys for key in rows["key"].to_pylist()]
    left = rows.filter(pa.array(keep, pa.bool_()))
    write_deltalake(str(folder / (name + UNFINISHED)), left, configuration=CONFIGURATION)
    swap(folder, name)
    return keep.count(False)


def _forget_names(folder: Path, paths: set[str], ids: set[str]) -> None:
    """Take the forgotten paths and call ids out of run accounts, logs and attempts."""
    for file in (folder / "runs").glob("*.json"):
        account = json.loads(file.read_text("utf-8"))
        for part in ("troubled", "passed_over", "unjudged"):
            account[part] = [row for row in account.get(part, ()) if row["path"] not in paths]
        account["pending"] = [path for path in account.get("pending", ()) if path not in paths]
        account["unused_rows"] = []  # their keys may name a forgotten caller's recording
        write_whole(file, json.dumps(account, ensure_ascii=False, indent=1))
    for log in (folder / "attempts.jsonl", *(folder / "runs").glob("*.jsonl")):
        if log.exists():
            lines = [_without(line, paths, ids) for line in log.read_text("utf-8").split("\n")]
            write_whole(log, "".join(line + "\n" for line in lines if line))


def _forget_views(log: Path, names: set[str], callers: set[str]) -> None:
    """Leave in the pages' log who looked at something and when, but not at which call."""
    if not log.exists():
        return
    with held(log):  # a line that the pages add meanwhile waits for the new file
        write_whole(log, "".join(_views_left(log, names, callers)))


def _views_left(log: Path, names: set[str], callers: set[str]) -> Iterator[str]:
    for line in log.read_text("utf-8").splitlines():
        try:
            event = json.loads(line)
        except ValueError:  # a line that a kill cut short
            continue
        what = str(event.get("what", ""))
        kind, _, name = what.partition(" ")
        if {what, name} & names or any(caller in what for caller in callers):
            event["what"] = f"{kind} forgotten" if kind in ("call", "agent") else "forgotten"
        yield json.dumps(event, ensure_ascii=False) + "\n"


def _without(line: str, paths: set[str], ids: set[str]) -> str:
    """Return one event without the forgotten names; nothing when that leaves none."""
    try:
        event = json.loads(line)
    except ValueError:  # a line that a kill cut short names a recording, perhaps
        return ""
    if event.get("call") in ids or event.get("path") in paths:
        return ""
    if "paths" in event:
        event["paths"] = [path for path in event["paths"] if path not in paths]
        if not event["paths"]:
            return ""
    return json.dumps(event, ensure_ascii=False)


def _folder(store: Store) -> Path:
    if store.local is None:
        raise UsageError(
            f"{store.uri}: purging works on a folder",
            hint="copy the store to a folder, purge it, and put it back",
        )
    return store.local
