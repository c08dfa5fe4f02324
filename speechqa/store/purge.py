"""Forgetting calls for good: their rows, their history, every line of the store that names them.

The tables are rewritten without the forgotten rows and their history is dropped, since Delta's own
log keeps the smallest and largest text of every column: nothing less leaves no byte. Recordings are
rewritten last: by them a purge finds what to forget, so that one that was killed is completed by
the same command again. It knows nothing of the recordings' files, which stay where they are.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa

from speechqa.errors import UsageError
from speechqa.faults import durable
from speechqa.store.commits import CONFIGURATION
from speechqa.store.disk import disk_error, write_whole, writing
from speechqa.store.shared_lines import held
from speechqa.store.swaps import UNFINISHED, clear, swap
from speechqa.store.tables import TABLES, Store

ACCESS = "access.jsonl"
"""Where the pages note who saw what."""

LAST = "recordings"
"""The table that says what is to be forgotten."""

BESIDE = (".json", ".rttm", ".segments.json")
"""Endings of files beside a recording that carry its name."""

LEAST_CALLER = 5
"""A caller of fewer letters is looked for as a whole name only, never inside one."""


@dataclass(frozen=True)
class Purged:
    """How many rows were forgotten, per table."""

    recordings: int
    assessments: int
    reviews: int


@dataclass(frozen=True)
class Forgotten:
    """Everything by which forgotten calls are named.

    Parameters
    ----------
    rows
        Of ``recordings``.
    """

    rows: tuple[Mapping[str, Any], ...]

    @cached_property
    def keys(self) -> set[str]:
        """Their identities."""
        return {row["key"] for row in self.rows}

    @cached_property
    def ids(self) -> set[str]:
        """Their call ids."""
        return {row["call_id"] for row in self.rows}

    @cached_property
    def paths(self) -> set[str]:
        """Where their recordings are, or were."""
        return {path for row in self.rows for path in (row["path"], *(row["also_at"] or ()))}

    @cached_property
    def callers(self) -> set[str]:
        """Who called."""
        return {row["caller"] for row in self.rows if row["caller"]}

    @cached_property
    def _beside(self) -> set[str]:
        names = {os.path.basename(path) for path in self.paths}
        stems = {name.rsplit(".", 1)[0] for name in names}
        return {name + ending for name in names | stems for ending in BESIDE}

    def is_named_by(self, path: str) -> bool:
        """Whether a path is that of a forgotten recording or of a file beside it."""
        name = os.path.basename(path)
        told = any(len(caller) >= LEAST_CALLER and caller in name for caller in self.callers)
        return path in self.paths or name in self._beside or told


def purge(store: Store, *, before: str | None = None, callers: Iterable[str] = ()) -> Purged:
    """Forget calls: rows, history, and where accounts, logs and attempts name them.

    All rows of a forgotten call's audio go, those that another configuration made too. The caller
    of this function holds the store's lock.

    Parameters
    ----------
    before
        ISO 8601 day: calls that started (or, without a start, were processed) earlier.
    callers
        Callers whose calls are forgotten, however spaced; with `before`, only the older ones.

    Raises
    ------
    UsageError
        Nothing was asked for, or the store is not a folder.
    StoreError
        The disk did not take it; the same command again completes it.
    """
    given = set(map(plain_caller, callers))
    if before is None and not given:
        raise UsageError("nothing to purge", hint="give --older-than or --caller")
    folder = _folder(store)
    with writing(folder):
        clear(folder, TABLES)
    gone = _meant(store, before, given)
    if not gone.rows:
        return Purged(0, 0, 0)
    _forget_names(folder, gone)
    forget_views(folder / ACCESS, gone)
    durable("names forgotten")
    order = [*(name for name in TABLES if name != LAST), LAST]
    counts = {name: _rewrite(folder, name, store.read(name), gone.keys) for name in order}
    return Purged(**counts)


def plain_caller(caller: str) -> str:
    """Return a caller without what people put between digits.

    Examples
    --------
    >>> plain_caller("+44 (1632) 960-961")
    '+441632960961'
    """
    return "".join(letter for letter in caller if not letter.isspace() and letter not in "()-./")


def _meant(store: Store, before: str | None, callers: set[str]) -> Forgotten:
    names = ["key", "call_id", "path", "also_at", "caller", "started_at", "processed_at"]
    rows = store.read(LAST, [*names, "audio_sha256"]).to_pylist()
    meant = [row for row in rows if _is_meant(row, before, callers)]
    keys = {row["key"] for row in meant}
    contents = {row["audio_sha256"] for row in meant} - {None}
    return Forgotten(
        tuple(row for row in rows if row["key"] in keys or row["audio_sha256"] in contents)
    )


def _is_meant(row: Mapping[str, Any], before: str | None, callers: set[str]) -> bool:
    day = (row["started_at"] or row["processed_at"] or "")[:10]
    by_caller = not callers or (bool(row["caller"]) and plain_caller(row["caller"]) in callers)
    by_age = before is None or bool(day and day < before)
    return by_caller and by_age


def _rewrite(folder: Path, name: str, rows: pa.Table, keys: set[str]) -> int:
    from deltalake import write_deltalake
    from deltalake.exceptions import DeltaError

    keep = [key not in keys for key in rows["key"].to_pylist()]
    left = rows.filter(pa.array(keep, pa.bool_()))
    fresh = folder / (name + UNFINISHED)
    try:
        write_deltalake(str(fresh), left, configuration=CONFIGURATION)
        swap(folder, name)
    except (DeltaError, OSError) as error:
        shutil.rmtree(fresh, ignore_errors=True)
        raise disk_error(folder / name, error) from error
    return keep.count(False)


def _forget_names(folder: Path, gone: Forgotten) -> None:
    """Take the forgotten paths and call ids out of run accounts, logs and attempts."""
    for file in (folder / "runs").glob("*.json"):
        try:
            account = json.loads(file.read_text("utf-8"))
        except ValueError:  # no account of ours is half written; what this is may name a call
            file.unlink()
            continue
        for part in ("troubled", "passed_over", "unjudged"):
            account[part] = [row for row in account.get(part, ()) if not _names(row, gone)]
        account["pending"] = [p for p in account.get("pending", ()) if not gone.is_named_by(p)]
        account["unused_rows"] = []  # their keys may name a forgotten caller's recording
        write_whole(file, json.dumps(account, ensure_ascii=False, indent=1))
    for log in (folder / "attempts.jsonl", *(folder / "runs").glob("*.jsonl")):
        if log.exists():
            lines = [_without(line, gone) for line in log.read_text("utf-8").split("\n")]
            write_whole(log, "".join(line + "\n" for line in lines if line))


def _names(row: Mapping[str, Any], gone: Forgotten) -> bool:
    return gone.is_named_by(row["path"])


def forget_views(log: Path, gone: Forgotten) -> None:
    """Leave in the pages' log who looked at something and when, but not at which call."""
    if not log.exists():
        return
    with held(log):  # a line that the pages add meanwhile waits for the new file
        write_whole(log, "".join(_views_left(log, gone)))


def _views_left(log: Path, gone: Forgotten) -> Iterator[str]:
    names = gone.keys | gone.paths | gone.ids
    for line in log.read_text("utf-8").splitlines():
        try:
            event = json.loads(line)
        except ValueError:  # a line that a kill cut short
            continue
        what = str(event.get("what", ""))
        kind, _, name = what.partition(" ")
        if {what, name} & names or any(caller in what for caller in gone.callers):
            event["what"] = f"{kind} forgotten" if kind in ("call", "agent") else "forgotten"
        yield json.dumps(event, ensure_ascii=False) + "\n"


def _without(line: str, gone: Forgotten) -> str:
    """Return one event without the forgotten names; nothing when that leaves none."""
    try:
        event = json.loads(line)
    except ValueError:  # a line that a kill cut short names a recording, perhaps
        return ""
    if event.get("call") in gone.ids or gone.is_named_by(event.get("path") or ""):
        return ""
    if "paths" in event:
        event["paths"] = [path for path in event["paths"] if not gone.is_named_by(path)]
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
