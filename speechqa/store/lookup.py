"""Rows found by key without reading the others.

Files and row groups whose smallest and largest key leave the wanted ones out are passed over; of
the rest the keys are read first, and whole rows only where a wanted key is. In a compacted store,
which is sorted by key, that is one row group per key.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence, Set
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from speechqa.store.disk import reading


def rows_with(
    table: Any, keys: Set[str], columns: Sequence[str] | None = None
) -> Iterator[pa.Table]:
    """Yield the rows of a Delta table with these keys, one piece per row group that has some.

    Parameters
    ----------
    table
        A `deltalake.DeltaTable` with a column ``key``.
    columns
        Which; all when None.
    """
    if not keys:
        return
    with reading(str(table.table_uri).removeprefix("file://").rstrip("/")):
        yield from _pieces(table, keys, columns)


def _pieces(table: Any, keys: Set[str], columns: Sequence[str] | None) -> Iterator[pa.Table]:
    dataset = table.to_pyarrow_dataset()
    ordered = sorted(keys)
    wanted = pa.array(ordered, pa.string())
    names = list(columns) if columns is not None else None
    key = pc.field("key")
    near = (key >= ordered[0]) & (key <= ordered[-1])
    for fragment in dataset.get_fragments(filter=near):
        for group in _groups(fragment.metadata, ordered):
            piece = fragment.subset(row_group_ids=[group])
            held = piece.to_table(schema=dataset.schema, columns=["key"])["key"]
            among = pc.is_in(held, wanted)
            if pc.any(among).as_py():
                yield piece.to_table(schema=dataset.schema, columns=names).filter(among)


def table_with(table: Any, keys: Set[str], columns: Sequence[str] | None = None) -> pa.Table:
    """Return the rows of a Delta table with these keys."""
    found = list(rows_with(table, keys, columns))
    if found:
        return pa.concat_tables(found)
    schema = table.to_pyarrow_dataset().schema
    names = list(columns) if columns is not None else schema.names
    return pa.schema([schema.field(name) for name in names]).empty_table()


def _groups(footer: Any, ordered: Sequence[str]) -> Iterator[int]:
    """Yield the row groups that may hold one of the keys.

    Read from the footer here: Arrow does not compare text with the text views that merges write.
    """
    for number in range(footer.num_row_groups):
        group = footer.row_group(number)
        column = next(
            c
            for c in (group.column(n) for n in range(group.num_columns))
            if c.path_in_schema == "key"
        )
        known = column.statistics
        if known is None or not known.has_min_max:
            yield number
            continue
        place = bisect_left(ordered, known.min)
        if place < len(ordered) and ordered[place] <= known.max:
            yield number
