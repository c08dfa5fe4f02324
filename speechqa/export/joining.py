"""Chosen calls with what a table of the store has of them, a block at a time, in their order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa

from speechqa.store import BLOCK_CALLS, Store
from speechqa.store.lookup import table_with
from speechqa.store.newest import newest_assessments, with_results

AT_ONCE = 4000
"""Calls for which the store is read once: what is exported of them is in memory together."""
_RESULTS = ("rule", "section", "outcome")
"""What is exported of a rule's answer."""


def joined(store: Store, table: str, columns: Sequence[str], calls: pa.Table) -> Iterator[pa.Table]:
    """Yield the chosen calls, in their order, with columns of `table`; null where it has none.

    The store is read once per `AT_ONCE` calls, row group by row group.
    """
    for first in range(0, calls.num_rows, AT_ONCE):
        wanted = calls.slice(first, AT_ONCE)
        keys = set(wanted["key"].to_pylist())
        if table == "recordings":
            found = table_with(store.open_table(table), keys, ["key", *columns])
        else:
            shrink = with_results(_RESULTS) if "results" in columns else _as_read
            found = newest_assessments(store, keys, columns, shrink=shrink)
        place = {key: at for at, key in enumerate(found["key"].to_pylist())}
        for start in range(0, wanted.num_rows, BLOCK_CALLS):
            block = wanted.slice(start, BLOCK_CALLS)
            at = pa.array([place.get(key) for key in block["key"].to_pylist()], pa.int64())
            for name in columns:
                block = block.append_column(name, found[name].take(at))
            yield block


def _as_read(piece: pa.Table) -> pa.Table:
    return piece
