"""A CSV of calls: one row per recording, columns matched by name.

A fault of the whole file (no key column, not UTF-8, no header) stops the run before the first
call. A fault of one row (two rows that disagree, a date that is none) is an error of that call.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath

from speechqa.errors import CallError, InputMissing, UsageError
from speechqa.metadata.call import field_name

MAX_CSV_BYTES = 512 * 1024**2


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its line in the file, and its filled cells by field or column name."""

    line: int
    cells: Mapping[str, str]


class MetadataTable:
    """The rows of one CSV, found by file or by call id."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.name = os.path.basename(os.fspath(path))
        text = _read_text(Path(path))
        header, rows = _parse(text, self.name)
        self._by_file: dict[str, list[Row]] = {}
        self._by_id: dict[str, list[Row]] = {}
        if "file" not in header and "call_id" not in header:
            raise UsageError(
                f"{self.name}, line 1: no column names the recording; got {', '.join(header)}",
                hint='name one column "file" (name or path of the recording) or "call_id"',
            )
        for row in rows:
            if key := row.cells.get("file"):
                self._by_file.setdefault(_normal(key), []).append(row)
            elif key := row.cells.get("call_id"):
                self._by_id.setdefault(key, []).append(row)

    def find(self, path: str | os.PathLike[str], call_id: str) -> Row | None:
        """Return the row of a recording: by its path, its name, its stem, then by call id.

        Raises
        ------
        CallError
            ``duplicate-metadata``: several rows are for it and do not agree.
        """
        for key in _keys(path):
            if key in self._by_file:
                return self._only(self._by_file[key], key)
        if call_id in self._by_id:
            return self._only(self._by_id[call_id], call_id)
        return None

    def unused(self, found: list[tuple[str, str]]) -> list[tuple[int, str]]:
        """Return (line, key) of rows that are for none of the (path, call id) `found`."""
        files = {key for path, _ in found for key in _keys(path)}
        ids = {call_id for _, call_id in found}
        rest = [
            (key, row) for key, rows in self._by_file.items() for row in rows if key not in files
        ]
        rest += [(key, row) for key, rows in self._by_id.items() for row in rows if key not in ids]
        return sorted((row.line, key) for key, row in rest)

    def _only(self, rows: list[Row], key: str) -> Row:
        if any(row.cells != rows[0].cells for row in rows[1:]):
            lines = ", ".join(str(row.line) for row in rows)
            raise CallError(
                "duplicate-metadata",
                f"{self.name}, lines {lines}: rows for the same recording do not agree",
                hint="keep the right one",
            )
        return rows[0]


def _keys(path: str | os.PathLike[str]) -> list[str]:
    """Return the names a row may use for a file, the most exact first."""
    parts = PurePath(os.path.abspath(os.fspath(path))).parts
    names = ["/".join(parts[start:]) for start in range(1, len(parts))]
    return [_normal(os.path.abspath(os.fspath(path))), *names, PurePath(parts[-1]).stem]


def _normal(text: str) -> str:
    plain = text.strip().replace("\\", "/")
    absolute = plain.startswith("/")
    parts = [part for part in plain.split("/") if part not in ("", ".")]
    return ("/" if absolute else "") + "/".join(parts)


def _read_text(path: Path) -> str:
    try:
        size = path.stat().st_size
        raw = path.read_bytes() if size <= MAX_CSV_BYTES else b""
    except OSError as error:
        raise InputMissing(
            f"{path.name}: the metadata cannot be read: {error.strerror}",
            hint="check the path given to --metadata",
        ) from None
    if size > MAX_CSV_BYTES:
        raise UsageError(f"{path.name}: {size} bytes is too large for a table of calls")
    encoding = "utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise UsageError(
            f"{path.name}, line {line}: not UTF-8 (byte 0x{raw[error.start]:02x})",
            hint="save the table as UTF-8; in Excel: CSV UTF-8",
        ) from None
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise UsageError(
            f"{path.name}, line {line}: a zero byte: no table of text has one, unless it is UTF-16 "
            "without a mark",
            hint="save the table as UTF-8; in Excel: CSV UTF-8",
        )
    return text


def _parse(text: str, name: str) -> tuple[list[str], list[Row]]:
    first = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=first.count)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows: list[Row] = []
    header: list[str] = []
    try:
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if not header:
                header = _header(cells, name, reader.line_num)
                continue
            if len(cells) > len(header):
                raise UsageError(
                    f"{name}, line {reader.line_num}: {len(cells)} cells under "
                    f"{len(header)} columns",
                    hint=f"put a cell that holds {delimiter!r} in double quotes",
                )
            filled = {
                column: cell.strip()
                for column, cell in zip(header, cells, strict=False)
                if cell.strip()
            }
            rows.append(Row(reader.line_num, filled))
    except csv.Error as error:
        raise UsageError(f"{name}, line {reader.line_num}: {error}") from None
    if not header:
        raise UsageError(
            f"{name}: no header line",
            hint='the first line names the columns, e.g. "file,agent_id,started_at"',
        )
    return header, rows


def _header(cells: list[str], name: str, line: int) -> list[str]:
    header = [field_name(cell) for cell in cells]
    for column in header:
        if column and header.count(column) > 1:
            raise UsageError(
                f"{name}, line {line}: two columns mean {column!r}", hint="rename one of them"
            )
    return header
