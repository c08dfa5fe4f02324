"""One table of an export as one file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, BinaryIO

from speechqa.export.choice import Choice
from speechqa.export.flat import Csv, JsonLines, Parquet, Sink
from speechqa.export.rows import Advance, What, blocks
from speechqa.export.workbook import write_workbook
from speechqa.rulebook import Rulebook
from speechqa.store import Store

_SINKS: Mapping[str, Callable[[BinaryIO, Any], Sink]] = {
    "csv": Csv,
    "jsonl": JsonLines,
    "parquet": Parquet,
}
TABLE_FORMATS = (*_SINKS, "xlsx")


def write_table(
    file: BinaryIO,
    store: Store,
    what: What,
    choice: Choice,
    form: str,
    *,
    book: Callable[[], Rulebook],
    text: bool = True,
    advance: Advance = lambda calls: None,
) -> int:
    """Write a table into an open file and return its number of rows.

    Parameters
    ----------
    form
        One of `TABLE_FORMATS`.
    book
        Asked for the rules' titles when a workbook shows them.
    text
        False leaves out what was said.

    Raises
    ------
    UsageError
        No call fits, or the format cannot hold the table.
    """
    if form == "xlsx":
        return write_workbook(file, store, what, choice, book(), text=text, advance=advance)
    sink: Sink | None = None
    rows = 0
    for block in blocks(store, what, choice, text=text, advance=advance):
        if sink is None:
            sink = _SINKS[form](file, block.schema)
        sink.write(block)
        rows += block.num_rows
    if sink is not None:
        sink.close()
    return rows
