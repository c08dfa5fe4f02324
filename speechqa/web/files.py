"""A store's tables in memory, file by file.

A file of a Delta table never changes, so what was read from one stays true; a new version of a
table costs reading its new files only. Whole rows are read a row group at a time, kept up to a
budget, and read again when they have been let go.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate
from typing import Any, Generic, TypeVar

import pyarrow as pa

from speechqa.store import Store
from speechqa.web.kept import Kept

KEPT_BYTES = 1 << 30
Piece = TypeVar("Piece")
Where = tuple[str, int]
"""A row: its file, and its place in that file."""


class TableFiles(Generic[Piece]):
    """The files of one table, each with what `extract` makes of it.

    Parameters
    ----------
    store, name
        Which table.
    columns
        What `extract` needs.
    extract
        From a file's rows, a row group at a time, to what lists and sums are made from; kept as
        long as the file is part of the table.
    kept_bytes
        Memory for whole rows.
    """

    def __init__(
        self,
        store: Store,
        name: str,
        *,
        columns: list[str],
        extract: Callable[[Iterator[pa.Table]], Piece],
        kept_bytes: int = KEPT_BYTES,
    ) -> None:
        self._store = store
        self._name = name
        self._columns = columns
        self._extract = extract
        self._files: dict[str, tuple[Any, pa.Schema, list[int]]] = {}
        self._pieces: dict[str, Piece] = {}
        self._read: Kept[pa.Table] = Kept(kept_bytes, lambda rows: float(rows.nbytes))
        self._held: dict[Where, pa.Table] = {}
        self._looked = False

    def refresh(self) -> bool:
        """Look for a new version; return whether the files changed."""
        dataset = self._store.open_table(self._name).to_pyarrow_dataset()
        fragments = {fragment.path: fragment for fragment in dataset.get_fragments()}
        if self._looked and fragments.keys() == self._files.keys():
            return False
        columns = [name for name in self._columns if name in dataset.schema.names]
        pieces, files = {}, {}
        for path, fragment in fragments.items():
            if path in self._pieces:
                pieces[path], files[path] = self._pieces[path], self._files[path]
                continue
            pieces[path] = self._extract(_parts(fragment, dataset.schema, columns))
            starts = accumulate((group.num_rows for group in fragment.row_groups), initial=0)
            files[path] = (fragment, dataset.schema, list(starts))
        self._pieces, self._files, self._looked = pieces, files, True
        self._read.drop(lambda key: isinstance(key, tuple) and key[0] not in files)
        return True

    def pieces(self) -> Iterator[tuple[str, Piece]]:
        """Yield each file's path and what was made of it."""
        yield from self._pieces.items()

    def row(self, where: Where) -> dict[str, Any] | None:
        """Return one whole row; None when its file has left the table meanwhile."""
        if where in self._held:
            return dict(self._held[where].to_pylist()[0])
        for rows, places in self.groups([where]):
            return dict(rows.slice(places[0], 1).to_pylist()[0])
        return None

    def hold(self, wanted: Iterable[Where]) -> None:
        """Read whole rows in one sweep, and let go of those that were held before.

        Only these rows stay in memory: their row groups are read one at a time and not kept.
        """
        self._held = {}
        for (path, group), places in self._places(wanted).items():
            first, rows = self._files[path][2][group], self._read_group(path, group, ())
            for place in places:
                # A slice alone would hold the whole group.
                self._held[path, first + place] = rows.take([place])

    def groups(
        self, wanted: Iterable[Where], columns: tuple[str, ...] = ()
    ) -> Iterator[tuple[pa.Table, list[int]]]:
        """Yield the row groups that hold some rows, with these rows' places in them.

        Rows whose file has left the table meanwhile are left out; the order is by file and place
        of first use, so a caller who needs to know which is which asks for one at a time or puts
        the key among the columns.
        """
        for (path, group), places in self._places(wanted).items():
            rows = self._group(path, group, columns)
            if rows is not None:
                yield rows, places

    def _places(self, wanted: Iterable[Where]) -> dict[tuple[str, int], list[int]]:
        """Return file and row group to the wanted rows' places in the group."""
        found: dict[tuple[str, int], list[int]] = defaultdict(list)
        for path, place in wanted:
            file = self._files.get(path)
            if file is not None:
                group = bisect_right(file[2], place) - 1
                found[path, group].append(place - file[2][group])
        return found

    def _group(self, path: str, group: int, columns: tuple[str, ...]) -> pa.Table | None:
        if path not in self._files:
            return None
        return self._read.get(
            (path, group, columns), lambda: self._read_group(path, group, columns)
        )

    def _read_group(self, path: str, group: int, columns: tuple[str, ...]) -> pa.Table:
        fragment, schema, _ = self._files[path]
        part = fragment.subset(row_group_ids=[group])
        return part.to_table(schema=schema, columns=list(columns) or None).combine_chunks()


def _parts(fragment: Any, schema: pa.Schema, columns: list[str]) -> Iterator[pa.Table]:
    """Yield a file's rows, a row group at a time."""
    for group in range(len(fragment.row_groups)):
        part = fragment.subset(row_group_ids=[group])
        yield part.to_table(schema=schema, columns=columns)
