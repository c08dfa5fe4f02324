"""Tables as CSV, JSON lines and Parquet, written block by block.

CSV is UTF-8 with a byte order mark, so that spreadsheets show Chinese; text is quoted, null is
empty and unquoted, lists are joined with "; ", and no cell is a formula (`speechqa.export.cells`).
"""

from __future__ import annotations

import json
from typing import Any, BinaryIO, Protocol

import pyarrow as pa

from speechqa.export.cells import guard_column

BOM = b"\xef\xbb\xbf"
BETWEEN = "; "


class Sink(Protocol):
    """Takes the blocks of one table."""

    def write(self, block: pa.Table) -> None:
        """Add rows."""

    def close(self) -> None:
        """Write what is left; the file itself stays open."""


class Csv:
    """A table as CSV."""

    def __init__(self, file: BinaryIO, schema: pa.Schema) -> None:
        import pyarrow.csv as csv

        self._schema = pa.schema(
            [(one.name, pa.string() if _is_list(one.type) else one.type) for one in schema]
        )
        file.write(BOM)
        self._out = csv.CSVWriter(file, self._schema)

    def write(self, block: pa.Table) -> None:
        """Add rows."""
        columns = [plain_column(column) for column in block.columns]
        self._out.write_table(
            pa.table(
                [
                    guard_column(column) if column.type == pa.string() else column
                    for column in columns
                ],
                schema=self._schema,
            )
        )

    def close(self) -> None:
        """Write what is left."""
        self._out.close()


class JsonLines:
    """A table as one JSON object per line; lists stay lists."""

    def __init__(self, file: BinaryIO, schema: pa.Schema) -> None:
        del schema
        self._file = file

    def write(self, block: pa.Table) -> None:
        """Add rows."""
        for row in block.to_pylist():
            line = json.dumps(row, ensure_ascii=False, allow_nan=False)
            self._file.write(line.encode("utf-8", "backslashreplace") + b"\n")

    def close(self) -> None:
        """Nothing is left."""


class Parquet:
    """A table as Parquet, a row group per block; lists stay lists."""

    def __init__(self, file: BinaryIO, schema: pa.Schema) -> None:
        import pyarrow.parquet as parquet

        self._out = parquet.ParquetWriter(file, schema, compression="zstd")

    def write(self, block: pa.Table) -> None:
        """Add rows."""
        self._out.write_table(block)

    def close(self) -> None:
        """Write the footer."""
        self._out.close()


def plain_column(column: Any) -> Any:
    """Return a column of lists as one text each; any other column as it is."""
    if not _is_list(column.type):
        return column
    return pa.array(
        [
            None if row is None else BETWEEN.join("" if one is None else one for one in row)
            for row in column.to_pylist()
        ],
        pa.string(),
    )


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind))
