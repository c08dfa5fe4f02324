"""The newest assessment of each call, read piece by piece so that little is in memory at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set

import pyarrow as pa
import pyarrow.compute as pc

from speechqa.store.lookup import rows_with, table_with
from speechqa.store.tables import Store

Shrink = Callable[[pa.Table], pa.Table]


def newest_assessments(
    store: Store, keys: Set[str], columns: Sequence[str], *, shrink: Shrink = lambda piece: piece
) -> pa.Table:
    """Return the newest ``assessments`` row of each call that has one, in no order.

    Parameters
    ----------
    keys
        Of the calls.
    columns
        Which, beside ``key`` and ``assessed_at``.
    shrink
        Applied to what was read of each row group, before the next is read; it keeps those two.
    """
    table = store.open_table("assessments")
    names = [*dict.fromkeys(("key", "assessed_at", *columns))]
    pieces = [shrink(piece) for piece in rows_with(table, keys, names)]
    rows = pa.concat_tables(pieces) if pieces else shrink(table_with(table, set(), names))
    newest: dict[str, tuple[str, int]] = {}
    stamps = rows["assessed_at"].to_pylist()
    for place, key in enumerate(rows["key"].to_pylist()):
        if key not in newest or newest[key][0] < stamps[place]:
            newest[key] = (stamps[place], place)
    return rows.take(pa.array([place for _, place in newest.values()], pa.int64()))


def with_results(names: Sequence[str], *, outcome: str | None = None) -> Shrink:
    """Return a `shrink` that keeps only some fields of ``results``, and of one outcome if given.

    A call has an answer for every rule with a dozen fields each: nearly all of a row.
    """

    def shrink(piece: pa.Table) -> pa.Table:
        whole = piece["results"].combine_chunks()
        if isinstance(whole, pa.ChunkedArray):
            whole = pa.concat_arrays(whole.chunks) if whole.num_chunks else whole.cast(whole.type)
        flat, parents = pc.list_flatten(whole), pc.list_parent_indices(whole)
        if outcome is not None:
            mask = pc.equal(pc.struct_field(flat, "outcome"), outcome)
            flat, parents = flat.filter(mask), parents.filter(mask)
        return piece.set_column(
            piece.schema.get_field_index("results"), "results", _lists(whole, flat, parents, names)
        )

    return shrink


def _lists(
    whole: pa.ListArray, flat: pa.StructArray, parents: pa.Array, names: Sequence[str]
) -> pa.ListArray:
    """Return the flat answers as lists again, null where there was none."""
    import numpy as np

    counts = np.bincount(parents.to_numpy(), minlength=len(whole))
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
    kept = pa.StructArray.from_arrays(
        [pc.struct_field(flat, name).cast(pa.string()) for name in names], names=list(names)
    )
    return pa.ListArray.from_arrays(pa.array(offsets), kept, mask=pc.is_null(whole))
