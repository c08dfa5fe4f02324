"""The store as the pages see it: one consistent picture, made again when a run has written.

A page never waits for a new picture: the old one is shown until the new one is ready, at most a
few seconds later. What people wrote themselves is seen at once.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pyarrow as pa

from speechqa.pipeline import Assessment, CallFacts
from speechqa.store import Store
from speechqa.store.assessments import assessment_of_row
from speechqa.store.reviews import REVIEWS
from speechqa.store.schema import facts_of_row
from speechqa.web.columns import Columns, Numbers, Vocabulary, numbers_of
from speechqa.web.files import KEPT_BYTES, TableFiles
from speechqa.web.kept import Kept
from speechqa.web.rows import (
    ASSESSMENT_COLUMNS,
    RECORDING_COLUMNS,
    Judged,
    Listed,
    Recorded,
    judged_rows,
    recorded_rows,
)

LOG = logging.getLogger(__name__)
LOOK_S = 5.0
"""How often the store is asked for a new version."""
KEPT_FIGURES = 400
HITS = ("key", "hits")


@dataclass(frozen=True)
class Snapshot:
    """All current calls, newest first.

    Parameters
    ----------
    calls
        Newest per path and content, as the store defines current.
    reviews
        Call key to its reviews, in order of time.
    columns
        The calls' figures side by side.
    kept
        Figures and pages made of this picture.
    """

    calls: tuple[Listed, ...]
    reviews: Mapping[str, tuple[Mapping[str, Any], ...]]
    columns: Columns
    kept: Kept[Any] = field(default_factory=lambda: Kept(KEPT_FIGURES), compare=False, repr=False)

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


Prepare = Callable[[Snapshot, Snapshot | None], None]


class Archive:
    """The store's pictures and whole calls.

    Parameters
    ----------
    store
        Where the calls are.
    look_s
        How often a new version is looked for.
    kept_bytes
        Memory for rows of each table.
    """

    def __init__(
        self, store: Store, *, look_s: float = LOOK_S, kept_bytes: int = KEPT_BYTES
    ) -> None:
        self.store = store
        self._look_s = look_s
        self._sections, self._rules = Vocabulary(), Vocabulary()
        self._recordings = TableFiles(
            store,
            "recordings",
            columns=RECORDING_COLUMNS,
            extract=recorded_rows,
            kept_bytes=kept_bytes,
        )
        self._assessments = TableFiles(
            store,
            "assessments",
            columns=ASSESSMENT_COLUMNS,
            extract=self._judged,
            kept_bytes=kept_bytes,
        )
        self._reviews = TableFiles(
            store,
            "reviews",
            columns=REVIEWS.names,
            extract=lambda parts: [row for part in parts for row in part.to_pylist()],
        )
        self._made: Snapshot | None = None
        self._looked = 0.0
        self._busy = threading.Lock()
        self.prepare: list[Prepare] = []
        """Called with a new picture and the one before it, ahead of the first who sees it."""

    def snapshot(self) -> Snapshot:
        """Return the newest picture that is ready."""
        if self._made is None:
            with self._busy:
                if self._made is None:
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
        row = self._recordings.row((call.recorded_in, call.recorded.place))
        return None if row is None or row["key"] != call.recorded.key else facts_of_row(row)

    def assessment(self, call: Listed) -> Assessment | None:
        """Return a call's newest assessment, if it has one."""
        if call.judged is None:
            return None
        row = self._assessments.row((call.judged_in, call.judged.place))
        return None if row is None else assessment_of_row(row)

    def hold(self, calls: Iterable[Listed]) -> None:
        """Read whole calls ahead in one sweep over the store; those held before are let go."""
        held = list(calls)
        self._recordings.hold((call.recorded_in, call.recorded.place) for call in held)
        self._assessments.hold(
            (call.judged_in, call.judged.place) for call in held if call.judged is not None
        )

    def hits(self, calls: Iterable[Listed]) -> dict[str, str]:
        """Return the hits of many calls as stored: key to JSON text."""
        wanted = [(call.judged_in, call.judged.place) for call in calls if call.judged is not None]
        found: dict[str, str] = {}
        for rows, places in self._assessments.groups(wanted, HITS):
            taken = rows.take(places)
            found |= zip(taken["key"].to_pylist(), taken["hits"].to_pylist(), strict=True)
        return found

    def read_hits(self, calls: Iterable[Listed]) -> None:
        """Read the hits of many calls ahead, so that nobody waits for them."""
        wanted = [(call.judged_in, call.judged.place) for call in calls if call.judged is not None]
        for _ in self._assessments.groups(wanted, HITS):
            pass

    def words(self, calls: Iterable[Listed]) -> Iterator[tuple[str, pa.StructArray]]:
        """Yield the words of many calls: key, and one entry per word."""
        wanted = [(call.recorded_in, call.recorded.place) for call in calls]
        for rows, places in self._recordings.groups(wanted, ("key", "words")):
            taken = rows.take(places).combine_chunks()
            if not taken.num_rows:
                continue
            lists = taken["words"].chunk(0)
            offsets = lists.offsets.to_pylist()
            for at, key in enumerate(taken["key"].to_pylist()):
                yield key, lists.values.slice(offsets[at], offsets[at + 1] - offsets[at])

    def _judged(self, parts: Iterator[pa.Table]) -> tuple[list[Judged], Numbers]:
        rows = judged_rows(parts)
        return rows, numbers_of(rows, self._sections, self._rules)

    def _renew_and_release(self) -> None:
        try:
            self._renew(prepared=True)
        except Exception:  # e.g. a table that is just being replaced: the next look finds it
            LOG.exception("the store could not be read anew; what was read before is shown")
        finally:
            self._looked = time.monotonic()
            self._busy.release()

    def _renew(self, *, prepared: bool = False) -> None:
        """Make a new picture where the store has changed; one that is prepared is worth a wait."""
        old = self._made
        called = [files.refresh() for files in (self._recordings, self._assessments)]
        if self._reviews.refresh() or any(called) or old is None:
            columns = self._columns() if any(called) or old is None else old.columns
            new = Snapshot(columns.calls, self._reviews_by_key(), columns)
            if prepared:
                for prepare in self.prepare:
                    self._ahead(prepare, new, old)
            self._made = new
        self._looked = time.monotonic()

    def _ahead(self, prepare: Prepare, new: Snapshot, old: Snapshot | None) -> None:
        """Prepare a picture; one that cannot be prepared is shown all the same, only later."""
        try:
            prepare(new, old)
        except Exception:
            LOG.exception("a page could not be made ahead")

    def _columns(self) -> Columns:
        judged: dict[str, tuple[Judged, str]] = {}
        numbers = {}
        for path, (own, figures) in self._assessments.pieces():
            numbers[path] = figures
            for row in own:
                if row.key not in judged or judged[row.key][0].assessed_at < row.assessed_at:
                    judged[row.key] = (row, path)
        recorded = [(row, path) for path, rows in self._recordings.pieces() for row in rows]
        recorded.sort(key=lambda one: one[0].key)
        recorded.sort(key=lambda one: one[0].processed_at, reverse=True)
        calls = [
            Listed(row, path, *judged.get(row.key, (None, ""))) for row, path in _fresh(recorded)
        ]
        calls.sort(key=lambda call: call.recorded.started_at or "", reverse=True)
        return Columns(tuple(calls), numbers, self._sections.names, self._rules.names)

    def _reviews_by_key(self) -> dict[str, tuple[Mapping[str, Any], ...]]:
        groups: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
        for _, rows in self._reviews.pieces():
            for row in rows:
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
