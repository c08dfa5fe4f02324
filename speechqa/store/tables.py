"""The store: opening it, committing calls and assessments, finding what is there.

The store is a folder or any URI that deltalake takes. It knows nothing of audio or models. A
call processed again with another configuration gets a new row; the older one stays as history,
and the *current* rows are the newest per path and per content.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from speechqa.errors import InputMissing, StoreError, UsageError
from speechqa.faults import durable
from speechqa.pipeline import Assessment, CallFacts
from speechqa.store.assessments import ASSESSMENTS, assessment_of_row
from speechqa.store.commits import CONFIGURATION, Identities, Newest, commit
from speechqa.store.disk import disk_error, reading, writing
from speechqa.store.known import KnownInput
from speechqa.store.lookup import rows_with, table_with
from speechqa.store.plain import readable, text_of_path
from speechqa.store.reviews import REVIEWS
from speechqa.store.schema import RECORDINGS, facts_of_row, recordings_table
from speechqa.store.swaps import complete

TABLES: Mapping[str, pa.Schema] = {
    "recordings": RECORDINGS,
    "assessments": ASSESSMENTS,
    "reviews": REVIEWS,
}
IDENTITY: Mapping[str, tuple[str, ...]] = {
    "recordings": ("key",),
    "assessments": ("key", "assessment"),
    "reviews": ("review_id",),
}
"""What makes two rows of a table the same."""

STAMP: Mapping[str, str] = {
    "recordings": "processed_at",
    "assessments": "assessed_at",
    "reviews": "reviewed_at",
}
"""The column of a table that says which of two rows is the newer one."""

BLOCK_CALLS = 500


class Store:
    """An open store.

    Parameters
    ----------
    uri
        Folder or URI.
    storage_options
        Passed to deltalake for object storage.
    """

    def __init__(self, uri: str, storage_options: Mapping[str, str] | None = None) -> None:
        self.uri = uri
        self._options = dict(storage_options or {})
        newest = Newest()
        self._identities = {
            name: Identities(columns, STAMP[name], newest) for name, columns in IDENTITY.items()
        }

    @property
    def storage_options(self) -> dict[str, str] | None:
        """What deltalake needs to reach object storage; None for a folder."""
        return self._options or None

    @property
    def local(self) -> Path | None:
        """The store's folder, or None for object storage."""
        return None if "://" in self.uri else Path(self.uri)

    def exists(self) -> bool:
        """Whether this is a store already."""
        return self._is_there("recordings")

    def _is_there(self, name: str) -> bool:
        from deltalake import DeltaTable

        with reading(self._table_uri(name)):
            return bool(DeltaTable.is_deltatable(self._table_uri(name), self._options or None))

    def create(self) -> None:
        """Make the tables that are missing; folders are for their owner only."""
        from deltalake import DeltaTable
        from deltalake.exceptions import DeltaError

        if self.local is not None:
            with writing(self.local):
                self.local.mkdir(parents=True, exist_ok=True)
                os.chmod(self.local, 0o700)
        for name, schema in TABLES.items():
            if not self._is_there(name):
                try:
                    DeltaTable.create(
                        self._table_uri(name),
                        schema=schema,
                        mode="ignore",
                        configuration=CONFIGURATION,
                        storage_options=self._options or None,
                    )
                except (DeltaError, OSError) as error:
                    raise disk_error(self._table_uri(name), error) from error
                durable(name)

    def commit_calls(self, calls: Sequence[CallFacts]) -> None:
        """Write whole calls in one commit; a call that is there already is replaced by itself."""
        rows = recordings_table(calls, processed_at=datetime.now(UTC))
        self._commit("recordings", rows)

    def commit_assessments(self, rows: pa.Table) -> None:
        """Write assessment rows in one commit."""
        self._commit("assessments", rows)

    def append_reviews(self, rows: pa.Table) -> None:
        """Add people's verdicts; each has an id of its own, so a repeated write adds nothing."""
        self._commit("reviews", rows)

    def read(self, table: str, columns: Sequence[str] | None = None) -> pa.Table:
        """Return a table's newest snapshot, all rows, the named columns.

        Raises
        ------
        StoreError
            Files of the table are missing or broken.
        """
        newest = self.open_table(table)
        with reading(self._table_uri(table)):
            return newest.to_pyarrow_table(columns=list(columns) if columns else None)

    def current(self, columns: Sequence[str] | None = None) -> pa.Table:
        """Return the current rows of ``recordings``: the newest per path and per content."""
        wanted = list(columns) if columns else None
        needed = ["key", "path", "audio_sha256", "processed_at"]
        table = self.read("recordings", sorted(set(wanted) | set(needed)) if wanted else None)
        table = table.sort_by([("processed_at", "descending"), ("key", "ascending")])
        keep: list[bool] = []
        paths: set[str] = set()
        contents: set[str] = set()
        for path, content in zip(
            table["path"].to_pylist(), table["audio_sha256"].to_pylist(), strict=True
        ):
            fresh = path not in paths and (content is None or content not in contents)
            keep.append(fresh)
            paths.add(path)
            if content is not None:
                contents.add(content)
        table = table.filter(pa.array(keep, pa.bool_())).sort_by(
            [("path", "ascending"), ("key", "ascending")]
        )
        return table.select(wanted) if wanted else table

    def known(self) -> list[KnownInput]:
        """Return what is stored of every recording, all configurations."""
        names = list(KnownInput.__dataclass_fields__)
        rows = self.read("recordings", names).to_pylist()
        return [KnownInput(**row | {"also_at": tuple(row["also_at"] or ())}) for row in rows]

    def calls(self, keys: Iterable[str] | None = None) -> list[CallFacts]:
        """Return the facts of current calls; or of the calls with the given keys, read alone."""
        if keys is None:
            return [facts_of_row(row) for row in self.current().to_pylist()]
        rows = table_with(self.open_table("recordings"), set(keys)).to_pylist()
        return [facts_of_row(r) for r in sorted(rows, key=lambda r: (r["path"], r["key"]))]

    def stream(self, keys: Set[str], *, block: int = BLOCK_CALLS) -> Iterator[pa.Table]:
        """Yield the rows of ``recordings`` with these keys, in blocks; memory stays flat."""
        held: list[pa.Table] = []
        rows = 0
        for piece in rows_with(self.open_table("recordings"), keys):
            held.append(piece)
            rows += piece.num_rows
            if rows >= block:
                yield pa.concat_tables(held)
                held, rows = [], 0
        if rows:
            yield pa.concat_tables(held)

    def find(self, name: str) -> CallFacts:
        """Return the current call named by its id, its path or the start of its key.

        Raises
        ------
        UsageError
            No call or several calls have that name; the message lists the nearest.
        """
        import difflib

        table = self.current(["key", "call_id", "path", "also_at"])
        rows = table.to_pylist()
        wanted = readable(name)
        names = {wanted, text_of_path(name)}
        found = [r for r in rows if names & {r["call_id"], r["path"], *(r["also_at"] or ())}]
        if not found:
            found = [r for r in rows if wanted in _file_names(r["path"])]
        if not found and len(wanted) >= 6:
            found = [r for r in rows if r["key"].startswith(wanted)]
        if not found:
            near = difflib.get_close_matches(wanted, [r["call_id"] for r in rows], n=3, cutoff=0.4)
            raise UsageError(
                f"{name!r}: no such call in {self.uri} ({len(rows)} calls)",
                hint="nearest: " + ", ".join(near)
                if near
                else "list them with: speechqa status --calls",
            )
        if len(found) > 1:
            listed = "; ".join(f"{r['key'][:8]} = {r['path']}" for r in found[:5])
            raise UsageError(
                f"{name!r} names {len(found)} calls in {self.uri}",
                hint=f"use the path or the key: {listed}",
            )
        return self.calls([found[0]["key"]])[0]

    def assessments(
        self, keys: Iterable[str] | None = None, columns: Sequence[str] | None = None
    ) -> pa.Table:
        """Return each call's newest assessment row."""
        needed = {"key", "assessed_at"}
        names = sorted(set(columns) | needed) if columns else None
        if keys is None:
            table = self.read("assessments", names)
        else:
            table = table_with(self.open_table("assessments"), set(keys), names)
        newest = pc.sort_indices(table, sort_keys=[("assessed_at", "descending")])
        seen: set[str] = set()
        keep = []
        for place, key in zip(
            newest.to_pylist(), table["key"].take(newest).to_pylist(), strict=True
        ):
            if key not in seen:
                keep.append(place)
            seen.add(key)
        return table.take(pa.array(keep, pa.int64()))

    def assessment_of(self, key: str) -> Assessment | None:
        """Return a call's newest assessment, if it has one."""
        rows = self.assessments([key]).to_pylist()
        return assessment_of_row(rows[0]) if rows else None

    def _commit(self, name: str, rows: pa.Table) -> None:
        uri = self._table_uri(name)
        commit(lambda: self.open_table(name), uri, rows, self._identities[name])

    def open_table(self, name: str) -> Any:
        """Return the newest snapshot of a table as a `deltalake.DeltaTable`."""
        from deltalake import DeltaTable
        from deltalake.exceptions import TableNotFoundError

        try:
            with reading(self._table_uri(name)):
                return DeltaTable(self._table_uri(name), storage_options=self._options or None)
        except StoreError as error:
            if not isinstance(error.__cause__, TableNotFoundError):
                raise
            raise InputMissing(
                f"{self.uri}: no speechqa store here (table {name!r} is missing)",
                hint="make one with: speechqa run FOLDER --store " + self.uri,
            ) from None

    def _table_uri(self, name: str) -> str:
        return f"{self.uri.rstrip('/')}/{name}"


def open_store(
    uri: str, *, create: bool = False, storage_options: Mapping[str, str] | None = None
) -> Store:
    """Open the store at `uri`; make it if `create`.

    Raises
    ------
    InputMissing
        There is no store and `create` is false.
    StoreError
        The folder cannot be made or read.
    """
    store = Store(uri, storage_options)
    if store.local is not None:
        with reading(store.local):
            if store.local.is_dir():
                complete(store.local, TABLES)
    if create:
        store.create()
    elif not store.exists():
        raise InputMissing(
            f"{uri}: no speechqa store here",
            hint="make one with: speechqa run FOLDER --store " + uri,
        )
    return store


def _file_names(path: str) -> tuple[str, str]:
    """Return the file's name, with and without its ending."""
    name = path.rsplit("/", 1)[-1]
    return name, name.rsplit(".", 1)[0]
