"""One sheet of a workbook: typed cells, a frozen header with a filter, colours by meaning.

Text is always written as text, so no cell is a formula, and a text that begins like one is marked
to stay text when somebody edits it.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from speechqa.errors import UsageError
from speechqa.export.cells import guarded
from speechqa.export.flat import plain_column

if TYPE_CHECKING:
    from xlsxwriter.format import Format
    from xlsxwriter.workbook import Workbook

MOST_ROWS = 1_048_575
"""Rows under the header that a sheet of the format can hold."""

LONGEST_TEXT = 32_767
CUT = " … (cut)"
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_LOW, _MIDDLE, _HIGH = "#F4A698", "#FFF2B3", "#A8D5A2"
WIDTHS = {"quote": 60, "better": 60, "detail": 40, "text": 24, "definition": 90, "sentence": 90}
WIDTHS |= {"path": 40, "started_at": 17, "violated": 50, "unmeasured": 30, "reason": 40}


class Sheet:
    """A sheet that is filled from the top, block by block.

    Parameters
    ----------
    book
        Of xlsxwriter, in constant memory: rows are written in order.
    name
        Of the sheet.
    schema
        Of the blocks.
    """

    def __init__(self, book: Workbook, name: str, schema: pa.Schema) -> None:
        self.name = name
        self.schema = schema
        self.rows = 0
        self.sheet: Any = book.add_worksheet(name)
        self._text = book.add_format({"valign": "top"})
        self._kept = book.add_format({"valign": "top", "quote_prefix": True})
        self._formats = {one.name: book.add_format(_look(one)) for one in schema}
        head = book.add_format(
            {"bold": True, "bg_color": "#2F4B66", "font_color": "#FFFFFF", "text_wrap": True}
            | {"valign": "top", "border": 1, "border_color": "#FFFFFF"}
        )
        for column, one in enumerate(schema):
            self.sheet.set_column(column, column, _width(one))
            self.sheet.write_string(0, column, one.name, head)
        self.sheet.freeze_panes(1, 1)

    def write(self, block: pa.Table) -> None:
        """Add rows.

        Raises
        ------
        UsageError
            The sheet is full.
        """
        if self.rows + block.num_rows > MOST_ROWS:
            raise UsageError(
                f"more than {MOST_ROWS:,} rows: a sheet cannot hold them",
                hint="use --format parquet or csv, or narrow with --since, --until, --agent",
            )
        columns = [plain_column(column).to_pylist() for column in block.columns]
        for cells in zip(*columns, strict=True):
            self.rows += 1
            for column, (one, value) in enumerate(zip(self.schema, cells, strict=True)):
                self._cell(column, one.name, value)

    def close(self) -> None:
        """Set the filter and the colours over the rows written."""
        last = max(1, self.rows)
        self.sheet.autofilter(0, 0, last, len(self.schema) - 1)

    def shade(self, book: Workbook) -> None:
        """Colour scores, failures and severities; the figure or the word stays beside it."""
        last = max(1, self.rows)
        scale: dict[str, Any] = {"type": "3_color_scale"}
        scale |= {f"{end}_type": "num" for end in ("min", "mid", "max")}
        scale |= {"min_value": 40, "mid_value": 75, "max_value": 95}
        scale |= {"min_color": _LOW, "mid_color": _MIDDLE, "max_color": _HIGH}
        red, amber = (book.add_format({"bg_color": colour}) for colour in (_LOW, _MIDDLE))
        for column, one in enumerate(self.schema):
            place = (1, column, last, column)
            if one.name == "score_percent" or one.name.startswith("section_"):
                self.sheet.conditional_format(*place, scale)
            elif one.name == "failed":
                rule = {"type": "cell", "criteria": ">", "value": 0, "format": red}
                self.sheet.conditional_format(*place, rule)
            elif one.name == "failed_by":
                self.sheet.conditional_format(*place, {"type": "no_blanks", "format": red})
            elif one.name in ("severity", "status"):
                for word, look in _marks(red, amber):
                    rule = {"type": "text", "criteria": "containing", "value": word}
                    self.sheet.conditional_format(*place, rule | {"format": look})

    def _cell(self, column: int, name: str, value: Any) -> None:
        row, look = self.rows, self._formats[name]
        if value is None:
            return
        if isinstance(value, bool):
            self.sheet.write_boolean(row, column, value, look)
        elif isinstance(value, int | float):
            self.sheet.write_number(row, column, value, look)
        elif name == "started_at" and (moment := _moment(value)):
            self.sheet.write_datetime(row, column, moment, look)
        elif value:
            text = readable(str(value))
            risky = guarded(text) != text
            self.sheet.write_string(row, column, text, self._kept if risky else look)


def readable(text: str) -> str:
    r"""Return text that a cell can hold: no control characters, cut with a note if too long.

    Examples
    --------
    >>> readable("a\x00b"), len(readable("x" * 40_000))
    ('a\ufffdb', 32767)
    """
    text = _CONTROL.sub("\ufffd", text)
    return text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - len(CUT)] + CUT


def _marks(red: Format, amber: Format) -> tuple[tuple[str, Format], ...]:
    """Return the words of severity and status that have a colour."""
    grave = ("critical", "refused", "quarantined")
    return *((word, red) for word in grave), *((w, amber) for w in ("major", "damaged", "deferred"))


def _look(one: pa.Field) -> dict[str, Any]:
    look: dict[str, Any] = {"valign": "top"}
    if one.name in WIDTHS and WIDTHS[one.name] >= 60:
        look["text_wrap"] = True
    return look | ({"num_format": form} if (form := _number_format(one)) else {})


def _number_format(one: pa.Field) -> str:
    if one.name == "started_at":
        return "yyyy-mm-dd hh:mm:ss"
    if one.name.endswith(("_share", "coverage", "probability", "confidence")):
        return "0.0%"
    if one.name.startswith(("score_", "section_")):
        return "0.0"
    if pa.types.is_integer(one.type):
        return "#,##0"
    return "#,##0.0" if pa.types.is_floating(one.type) else ""


def _width(one: pa.Field) -> int:
    if one.name in WIDTHS:
        return WIDTHS[one.name]
    if not (pa.types.is_string(one.type) or pa.types.is_list(one.type)):
        return max(9, min(14, len(one.name)))
    return max(12, min(24, len(one.name) + 4))


def _moment(text: str) -> datetime | None:
    """Return a time without its zone, as the clock on the wall showed it."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=None)
    except ValueError:
        return None
