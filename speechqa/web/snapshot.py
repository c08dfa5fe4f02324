"""The store as the pages see it: one consistent picture, made again when a run has written.

A page never waits for a new picture: the old one is shown until the new one is ready, at most a
few seconds later. What people wrote themselves is seen at once.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from speechqa.pipeline import Assessment, CallFacts
from speechqa.store import Store
from speechqa.store.assessments import assessment_of_row
from speechqa.store.schema import facts_of_row
from speechqa.web.files import TableFiles
from speechqa.web.rows import (
    ASSESSMENT_COLUMNS,
    RECORDING_COLUMNS,
    Judged,
    Listed,
    Recorded,
    judged_rows,
    recorded_rows,
)

LOOK_S = 2.0
"""How often the store is asked for a new version."""


@dataclass(frozen=True)
class Snapshot:
    """All current calls, newest first.

    Parameters
    ----------
    number
        Grows with every picture; figures made of one are kept under it.
    calls
        Newest per path and content, as the store defines current.
    reviews
        Call key to its reviews, in order of time.
    """

    number: int
    calls: tuple[Listed, ...]
    reviews: Mapping[str, tuple[Mapping[str, Any], ...]]
    cache: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)

    @cached_property
    def by_key(self) -> dict[str, Listed]:
        """Calls by key."""
        return {call.recorded.key: call for call in self.calls}

    @cached_property
    def by_name(self) -> dict[str, Listed]:
        """Calls by call id, where it is unique."""
        groups: dict[str, list[Listed]] = defaultdict(list)
        for call in self.calls:
            groups[call.recorded.call_id].append(call)
        return {name: found[0] for name, found in groups.items() if len(found) == 1}

    def find(self, name: str) -> Listed | None:
        """Return the call with this key or call id."""
        return self.by_key.get(name) or self.by_name.get(name)


class Library:
    """The store's pictures and whole calls.

    Parameters
    ----------
    store
        Where the calls are.
    look_s
        How often a new version is looked for.
    """

    def __init__(self, store: Store, *, look_s: float = LOOK_S) -> None:
        self.store = store
        self._look_s = look_s
        self._recordings = TableFiles(
            store, "recordings", columns=RECORDING_COLUMNS, extract=recorded_rows
        )
        self._assessments = TableFiles(
            store, "assessments", columns=ASSESSMENT_COLUMNS, extract=judged_rows
        )
        self._reviews = TableFiles(store, "reviews", columns=[], extract=lambda rows: rows.num_rows)
        self._made: Snapshot | None = None
        self._looked = 0.0
        self._busy = threading.Lock()

    def snapshot(self) -> Snapshot:
        """Return the newest picture that is ready."""
        if self._made is None:
            with self._busy:
                self._renew()
        elif time.monotonic() - self._looked > self._look_s and self._busy.acquire(blocking=False):
            threading.Thread(target=self._renew_and_release, daemon=True).start()
        assert self._made is not None
        return self._made

    def renew(self) -> Snapshot:
        """Return a picture that has everything written until now."""
        with self._busy:
            self._renew()
        assert self._made is not None
        return self._made

    def facts(self, call: Listed) -> CallFacts | None:
        """Return a call's facts; None when they were purged meanwhile."""
        row = self._recordings.row(call.recorded_in, call.recorded.place)
        return None if row is None or row["key"] != call.recorded.key else facts_of_row(row)

    def assessment(self, call: Listed) -> Assessment | None:
        """Return a call's newest assessment, if it has one."""
        if call.judged is None:
            return None
        row = self._assessments.row(call.judged_in, call.judged.place)
        return None if row is None else assessment_of_row(row)

    def columns(
        self, calls: Iterable[Listed], table: str, names: list[str]
    ) -> dict[str, dict[str, Any]]:
        """Return some columns of many calls: key to name to value."""
        files = self._recordings if table == "recordings" else self._assessments
        wanted: dict[str, list[tuple[int, str]]] = defaultdict(list)
        for call in calls:
            if table == "recordings":
                wanted[call.recorded_in].append((call.recorded.place, call.recorded.key))
            elif call.judged is not None:
                wanted[call.judged_in].append((call.judged.place, call.recorded.key))
        found: dict[str, dict[str, Any]] = {}
        for path, places in wanted.items():
            rows = files.rows(path, tuple(names))
            if rows is None:
                continue
            taken = rows.take([place for place, _ in places]).to_pylist()
            found |= {key: row for (_, key), row in zip(places, taken, strict=True)}
        return found

    def _renew_and_release(self) -> None:
        try:
            self._renew()
        finally:
            self._busy.release()

    def _renew(self) -> None:
        changed = [
            files.refresh() for files in (self._recordings, self._assessments, self._reviews)
        ]
        if self._made is None or any(changed):
            number = self._made.number + 1 if self._made else 0
            self._made = Snapshot(number, self._current(), self._reviews_by_key())
        self._looked = time.monotonic()

    def _current(self) -> tuple[Listed, ...]:
        judged: dict[str, tuple[Judged, str]] = {}
        for path, rows in self._assessments.pieces():
            for row in rows:
                if row.key not in judged or judged[row.key][0].assessed_at < row.assessed_at:
                    judged[row.key] = (row, path)
        recorded = [(row, path) for path, rows in self._recordings.pieces() for row in rows]
        recorded.sort(key=lambda one: one[0].key)
        recorded.sort(key=lambda one: one[0].processed_at, reverse=True)
        calls = [
            Listed(row, path, *judged.get(row.key, (None, ""))) for row, path in _fresh(recorded)
        ]
        calls.sort(key=lambda call: call.recorded.started_at or "", reverse=True)
        return tuple(calls)

    def _reviews_by_key(self) -> dict[str, tuple[Mapping[str, Any], ...]]:
        groups: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
        for path, _ in self._reviews.pieces():
            rows = self._reviews.rows(path)
            for row in rows.to_pylist() if rows is not None else ():
                groups[row["key"]].append(row)
        return {
            key: tuple(sorted(rows, key=lambda row: (row["reviewed_at"], row["review_id"])))
            for key, rows in groups.items()
        }


def _fresh(rows: list[tuple[Recorded, str]]) -> Iterable[tuple[Recorded, str]]:
    """Yield the newest per path and per content of rows that are sorted newest first."""
    paths: set[str] = set()
    contents: set[str] = set()
    for row, file in rows:
        if row.path not in paths and (row.audio_sha256 is None or row.audio_sha256 not in contents):
            yield row, file
        paths.add(row.path)
        if row.audio_sha256 is not None:
            contents.add(row.audio_sha256)
