"""Committing rows: each identity once, from one process or many, at the cost of what is new.

Rows that are new are appended, and only to the very version of the table in which they were
looked for; when another writer was faster the commit fails, and is tried again on what is there
now. So nothing is written twice, and no stored row has to be read for it. Rows that replace stored
ones are merged, which reads the table.

Which of two rows is the newer one is told by their stamps, so a row never gets an older stamp than
those it is added to: a clock that was set back would bring old results back to light.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from speechqa.errors import StoreError
from speechqa.faults import durable
from speechqa.store.disk import disk_error

COMMIT_TRIES = 12
"""Commits that lose a race are tried again this often, with growing random pauses."""

CONFIGURATION: Mapping[str, str | None] = {
    "delta.checkpointInterval": "25",
    "delta.dataSkippingStatsColumns": "key",
}
"""Of every table: the log stays short to read, and says of no column but the key what is in it."""


@dataclass
class Newest:
    """The latest stamp seen in a store, over all its tables.

    Parameters
    ----------
    stamp
        ISO 8601 in UTC; empty before any was seen.
    """

    stamp: str = ""

    def see(self, stamps: Iterable[str | None]) -> None:
        """Take note of stored stamps."""
        self.stamp = max(self.stamp, max((stamp or "" for stamp in stamps), default=""))

    def after(self, rows: pa.Table, column: str) -> pa.Table:
        """Return rows whose stamps lie after all that were seen.

        Examples
        --------
        >>> rows = pa.table({"at": ["2026-01-01T00:00:00+00:00"]})
        >>> Newest("2026-01-02T00:00:00+00:00").after(rows, "at")["at"].to_pylist()
        ['2026-01-02T00:00:00.000001+00:00']
        >>> Newest("2025-12-31T00:00:00+00:00").after(rows, "at") is rows
        True
        """
        if min(rows[column].to_pylist()) > self.stamp:
            return rows
        later = datetime.fromisoformat(self.stamp) + timedelta(microseconds=1)
        fresh = pa.array([later.isoformat()] * rows.num_rows, pa.string())
        return rows.set_column(rows.schema.get_field_index(column), column, fresh)


@dataclass
class Identities:
    """The identities of one table's rows, kept from commit to commit.

    Parameters
    ----------
    columns
        What makes two rows the same.
    stamp
        Column that says when a row was made.
    newest
        Shared by the tables of a store.
    """

    columns: tuple[str, ...]
    stamp: str
    newest: Newest = field(default_factory=Newest)
    _files: set[str] = field(default_factory=set)
    _held: set[tuple[str, ...]] = field(default_factory=set)

    def read(self, table: Any) -> set[tuple[str, ...]]:
        """Return the identities of all rows of a snapshot; only files not seen yet are read."""
        now = set(table.file_uris())
        if not self._files <= now:  # rewritten: rows may be gone
            self._files, self._held = set(), set()
        fresh = now - self._files
        if fresh:
            rows = _rows(table, fresh, (*self.columns, self.stamp))
            self._held.update(self.of(rows))
            self.newest.see(rows[self.stamp].to_pylist())
            self._files = now
        return self._held

    def add(self, table: Any, rows: pa.Table) -> None:
        """Take note of rows that were just appended, giving this snapshot."""
        self._held.update(self.of(rows))
        self.newest.see(rows[self.stamp].to_pylist())
        self._files = set(table.file_uris())

    def of(self, rows: pa.Table) -> Iterable[tuple[str, ...]]:
        """Return the identity of each row."""
        return zip(*(rows[name].to_pylist() for name in self.columns), strict=True)


def commit(open_table: Callable[[], Any], uri: str, rows: pa.Table, identities: Identities) -> None:
    """Insert new rows and replace rows of the same identity, all or nothing.

    Parameters
    ----------
    open_table
        Returns the newest snapshot.
    uri
        The table's, for messages.

    Raises
    ------
    StoreError
        The disk did not take it, or other writers were always faster.
    """
    from deltalake.exceptions import CommitFailedError, DeltaError

    if rows.num_rows == 0:
        return
    given = set(identities.of(rows))
    for attempt in range(COMMIT_TRIES):
        table = open_table()
        try:
            known = identities.read(table)
            stamped = identities.newest.after(rows, identities.stamp)
            if given & known:
                _merge(table, stamped, identities.columns)
            else:
                _append(table, stamped)
                identities.add(table, stamped)
        except CommitFailedError:
            time.sleep(random.uniform(0, 0.05 * 2 ** min(attempt, 6)))
        except (DeltaError, OSError) as error:
            raise disk_error(uri, error) from error
        else:
            durable(uri.rsplit("/", 1)[-1])
            return
    raise others_won(uri)


def others_won(uri: str) -> StoreError:
    """Return the error for a commit that other writers always overtook."""
    return StoreError(
        f"{uri}: other writers won {COMMIT_TRIES} times in a row",
        hint="run again: what is stored is whole, and the rest is redone",
    )


def _append(table: Any, rows: pa.Table) -> None:
    from deltalake import CommitProperties, write_deltalake

    # No retries: on a later version the rows might be there already. A table of an earlier
    # version of speechqa gains the columns that are new.
    write_deltalake(
        table,
        rows,
        mode="append",
        schema_mode="merge",
        commit_properties=CommitProperties(max_commit_retries=0),
    )


def _merge(table: Any, rows: pa.Table, columns: Sequence[str]) -> None:
    from deltalake import CommitProperties

    (
        table.merge(
            rows,
            predicate=" AND ".join(f"stored.{name} = fresh.{name}" for name in columns),
            source_alias="fresh",
            target_alias="stored",
            merge_schema=True,
            commit_properties=CommitProperties(max_commit_retries=0),
        )
        .when_matched_update_all()
        .when_not_matched_insert_all()
        .execute()
    )


def _rows(table: Any, uris: set[str], columns: Sequence[str]) -> pa.Table:
    """Return columns of some of a table's files."""
    names = {uri.rsplit("/", 1)[-1] for uri in uris}
    dataset = table.to_pyarrow_dataset()
    found = [
        piece.to_table(schema=dataset.schema, columns=list(columns))
        for piece in dataset.get_fragments()
        if piece.path.rsplit("/", 1)[-1] in names
    ]
    return pa.concat_tables(found)
