"""Upkeep of a store: compacting small files, copying it while it is used.

Forgetting calls is in `speechqa.store.purge`.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pyarrow as pa

from speechqa.errors import InputMissing, StoreError
from speechqa.store.commits import CONFIGURATION
from speechqa.store.disk import disk_error, writing
from speechqa.store.swaps import UNFINISHED
from speechqa.store.tables import TABLES, Store

FILE_BYTES = 16 * 1024**2
ROW_GROUP_CALLS = 128
"""Layout of a compacted table: to read one call costs at most this many."""

RULEBOOKS = "rulebooks"
"""Table of the rulebooks that calls were judged by; see `speechqa.store.rulebooks`."""

SMALL_FILES = 48
"""A run that leaves so many of them joins them."""


def compact(store: Store) -> dict[str, int]:
    """Join the files of each table, sorted by key; return how many each has now. History stays.

    Small files and row groups with few keys between their smallest and largest are what lets one
    call be read without the others.

    Raises
    ------
    StoreError
        The disk did not take it; the table is as it was.
    """
    files = {}
    for name in TABLES:
        with _on_disk(f"{store.uri}/{name}"):
            store.open_table(name).optimize.z_order(
                ["key"], target_size=FILE_BYTES, writer_properties=_layout()
            )
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
    for name in TABLES:
        table = store.open_table(name)
        sizes = pa.table(table.get_add_actions())["size_bytes"].to_pylist()
        if sum(size < FILE_BYTES // 4 for size in sizes) < SMALL_FILES:
            continue
        with _on_disk(f"{store.uri}/{name}"):
            table.optimize.compact(target_size=FILE_BYTES, writer_properties=_layout())


def backup(store: Store, target: Path) -> dict[str, int]:
    """Copy one snapshot of each table while runs go on; return its rows.

    The copy is made beside its place and then put there: a folder of that name is whole.

    Raises
    ------
    StoreError
        The target exists already, or the disk did not take it.
    """
    if os.path.lexists(target):
        raise StoreError(f"{target}: exists already", hint="name a new folder")
    part = target.with_name(target.name + UNFINISHED)
    with writing(target):
        if part.exists():  # of a backup that was killed
            shutil.rmtree(part)
        part.mkdir(parents=True, mode=0o700)
    try:
        rows = _copied(store, part)
        with writing(target):
            part.rename(target)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    return rows


def _copied(store: Store, part: Path) -> dict[str, int]:
    from deltalake import write_deltalake

    rows = {}

    def copy(name: str, **options: Any) -> None:
        table = store.read(name)
        with _on_disk(f"{part}/{name}"):
            write_deltalake(f"{part}/{name}", table, **options)
        rows[name] = table.num_rows

    # Assessments first: each then finds its recording in the copy, whatever was added meanwhile.
    for name in ("reviews", "assessments", "recordings"):
        copy(name, configuration=CONFIGURATION)
    with suppress(InputMissing):  # a store from before rulebooks were kept
        copy(RULEBOOKS)
    return rows


def _layout() -> Any:
    from deltalake import WriterProperties

    return WriterProperties(max_row_group_size=ROW_GROUP_CALLS)


@contextmanager
def _on_disk(place: str) -> Iterator[None]:
    """Let Delta Lake write; an error names the place and what is needed."""
    from deltalake.exceptions import DeltaError

    try:
        yield
    except (DeltaError, OSError) as error:
        raise disk_error(place, error) from error
