"""Committing rows: each identity once, from one process or many, at the cost of what is new.

Rows that are new are appended, and only to the very version of the table in which they were
looked for; when another writer was faster the commit fails, and is tried again on what is there
now. So nothing is written twice, and no stored row has to be read for it. Rows that replace stored
ones are merged, which reads the table.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
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
class Identities:
    """The identities of one table's rows, kept from commit to commit.

    Parameters
    ----------
    columns
        What makes two rows the same.
    """

    columns: tuple[str, ...]
    _files: set[str] = field(default_factory=set)
    _held: set[tuple[str, ...]] = field(default_factory=set)

    def read(self, table: Any) -> set[tuple[str, ...]]:
        """Return the identities of all rows of a snapshot; only files not seen yet are read."""
        now = set(table.file_uris())
        if not self._files <= now:  # rewritten: rows may be gone
            self._files, self._held = set(), set()
        fresh = now - self._files
        if fresh:
            self._held.update(_of(_rows(table, fresh, self.columns)))
            self._files = now
        return self._held

    def add(self, table: Any, rows: pa.Table) -> None:
        """Take note of rows that were just appended, giving this snapshot."""
        self._held.update(_of(rows.select(list(self.columns))))
        self._files = set(table.file_uris())


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
    given = set(_of(rows.select(list(identities.columns))))
    for attempt in range(COMMIT_TRIES):
        table = open_table()
        try:
            if given & identities.read(table):
                _merge(table, rows, identities.columns)
            else:
                _append(table, rows)
                identities.add(table, rows)
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


def _of(rows: pa.Table) -> Iterable[tuple[str, ...]]:
    return zip(*(column.to_pylist() for column in rows.columns), strict=True)
