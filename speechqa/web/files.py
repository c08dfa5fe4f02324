"""A store's tables in memory, file by file.

A file of a Delta table never changes, so what was read from one stays true; a new version of a
table costs reading its new files only. Whole rows are kept up to a budget and read again when
they have been let go.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

import pyarrow as pa

from speechqa.store import Store

KEPT_BYTES = 4 << 30
Piece = TypeVar("Piece")


class TableFiles(Generic[Piece]):
    """The files of one table, each with what `extract` makes of it.

    Parameters
    ----------
    store, name
        Which table.
    columns
        What `extract` needs.
    extract
        From a file's rows to what lists and sums are made from; kept as long as the file is
        part of the table.
    kept_bytes
        Memory for whole rows.
    """

    def __init__(
        self,
        store: Store,
        name: str,
        *,
        columns: list[str],
        extract: Callable[[pa.Table], Piece],
        kept_bytes: int = KEPT_BYTES,
    ) -> None:
        self._store = store
        self._name = name
        self._columns = columns
        self._extract = extract
        self._kept_bytes = kept_bytes
        self._fragments: dict[str, Any] = {}
        self._schema: pa.Schema | None = None
        self._pieces: dict[str, Piece] = {}
        self._whole: OrderedDict[tuple[str, tuple[str, ...]], pa.Table] = OrderedDict()
        self._reading = threading.Lock()

    def refresh(self) -> bool:
        """Look for a new version; return whether the files changed."""
        dataset = self._store.open_table(self._name).to_pyarrow_dataset()
        fragments = {fragment.path: fragment for fragment in dataset.get_fragments()}
        if self._schema is not None and fragments.keys() == self._fragments.keys():
            return False
        self._schema = dataset.schema
        columns = [name for name in self._columns if name in dataset.schema.names]
        pieces = {}
        for path, fragment in fragments.items():
            if path not in self._pieces:
                rows = fragment.to_table(schema=dataset.schema, columns=columns)
                pieces[path] = self._extract(rows)
            else:
                pieces[path] = self._pieces[path]
        with self._reading:
            self._fragments, self._pieces = fragments, pieces
            for key in [key for key in self._whole if key[0] not in fragments]:
                del self._whole[key]
        return True

    def pieces(self) -> Iterator[tuple[str, Piece]]:
        """Yield each file's path and what was made of it."""
        yield from list(self._pieces.items())

    def row(self, path: str, place: int) -> dict[str, Any] | None:
        """Return one whole row; None when its file has left the table meanwhile."""
        rows = self.rows(path)
        return None if rows is None else dict(rows.slice(place, 1).to_pylist()[0])

    def rows(self, path: str, columns: tuple[str, ...] = ()) -> pa.Table | None:
        """Return one file's rows, all columns or some; None when it has left the table meanwhile.

        One reader reads at a time: the others then find what it has read.
        """
        key = (path, columns)
        with self._reading:
            if key in self._whole:
                self._whole.move_to_end(key)
                return self._whole[key]
            fragment, schema = self._fragments.get(path), self._schema
            if fragment is None:
                return None
            wanted = list(columns) or None
            table = fragment.to_table(schema=schema, columns=wanted)
            self._whole[key] = table
            while len(self._whole) > 1 and self._held() > self._kept_bytes:
                self._whole.popitem(last=False)
            return table

    def _held(self) -> int:
        return sum(int(table.nbytes) for table in self._whole.values())
