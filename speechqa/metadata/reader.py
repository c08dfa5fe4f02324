"""Puts a call's metadata together: CSV first, then the JSON beside it, then the name.

Each field is taken from the first source that has it, and `CallMetadata.sources` says which. What
a source holds but cannot mean (a date that is none, a number that is none) is an error of that
call; it is never skipped in favour of the next source, and never replaced by a default.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from datetime import datetime, tzinfo
from difflib import get_close_matches
from pathlib import Path
from typing import Any, cast
from zoneinfo import ZoneInfo

from speechqa.errors import CallError, UsageError
from speechqa.metadata.call import ALIASES, FIELDS, CallMetadata, Origin, field_name, storable
from speechqa.metadata.dates import parse_started_at
from speechqa.metadata.table import MetadataTable

MAX_JSON_BYTES = 4 * 1024**2

_NEXT = r"(?=_(?:GUID|AGENT|DT|CUST|QUEUE)_|\.[A-Za-z0-9]{1,5}$|$)"
_DEFAULT_PATTERNS = tuple(
    re.compile(rf"(?:^|_){label}_(?P<{name}>[^/]+?){_NEXT}")
    for label, name in (
        ("GUID", "call_id"),
        ("AGENT", "agent_id"),
        ("DT", "started_at"),
        ("QUEUE", "queue"),
        ("CUST", "caller"),
    )
)


class MetadataReader:
    """Finds the metadata of recordings.

    Parameters
    ----------
    csv_path
        A table with a column ``file`` or ``call_id``; see `speechqa.metadata.table`.
    name_pattern
        A regular expression with named groups, searched in the file name. The default
        understands ``..._GUID_001_AGENT_AndrewK_DT_2025-02-20T07-55-51.wav``.
    zone
        Name of the zone of times without an offset, e.g. ``Asia/Shanghai``; None keeps them naive.

    Raises
    ------
    UsageError
        The pattern, the zone or the table cannot be used; the message names the place.
    InputMissing
        There is no such table.

    Examples
    --------
    >>> reader = MetadataReader()
    >>> call = reader.for_path("Auto_GUID_001_AGENT_AndrewK_DT_2025-02-20T07-55-51.wav")
    >>> call.call_id, call.agent_id, call.sources["agent_id"]
    ('001', 'AndrewK', 'name')
    """

    def __init__(
        self,
        csv_path: str | os.PathLike[str] | None = None,
        name_pattern: str | None = None,
        *,
        zone: str | None = None,
    ) -> None:
        self._search = _searcher(name_pattern)
        self._zone = _zone(zone)
        self.table = MetadataTable(csv_path) if csv_path is not None else None

    def for_path(self, path: str | os.PathLike[str]) -> CallMetadata:
        """Return what is known of one recording.

        Raises
        ------
        CallError
            ``bad-metadata-date``, ``bad-metadata-number``, ``bad-metadata-json`` or
            ``duplicate-metadata``; the message names the line, the key or the part of the name.
        """
        stem = Path(os.fspath(path)).stem
        name = {key: (text, f"the name, {key}") for key, text in self._from_name(path).items()}
        beside = _from_json(path)
        call_id = (beside.get("call_id") or name.get("call_id") or (stem, ""))[0]
        row = self.table.find(path, str(call_id)) if self.table else None
        table: dict[str, tuple[Any, str]] = {}
        if row is not None and self.table is not None:
            where = f"{self.table.name}, line {row.line}"
            table = {
                key: (text, f"{where}, {key}") for key, text in row.cells.items() if key != "file"
            }
        found: dict[str, tuple[Any, str]] = {"call_id": (stem, "the path")}
        sources: dict[str, Origin] = {"call_id": "path"}
        for origin, values in (("name", name), ("json", beside), ("csv", table)):
            found.update(values)
            sources.update(dict.fromkeys(values, cast(Origin, origin)))
        return self._build(found, sources)

    def _from_name(self, path: str | os.PathLike[str]) -> dict[str, str]:
        groups = self._search(os.path.basename(os.fspath(path)))
        return {field_name(key): text for key, text in groups.items() if text}

    def _build(
        self, found: Mapping[str, tuple[Any, str]], sources: Mapping[str, Origin]
    ) -> CallMetadata:
        def text(key: str) -> str | None:
            return storable(str(found[key][0])) if key in found else None

        started: datetime | None = None
        if "started_at" in found:
            value, where = found["started_at"]
            started = parse_started_at(str(value), where=where, zone=self._zone)
        return CallMetadata(
            call_id=storable(str(found["call_id"][0])),
            agent_id=text("agent_id"),
            started_at=started,
            queue=text("queue"),
            direction=text("direction"),
            caller=text("caller"),
            answered_ms=_whole(*found["answered_ms"]) if "answered_ms" in found else None,
            holds=_spans(*found["holds"]) if "holds" in found else (),
            columns={
                storable(key): storable(str(value))
                for key, (value, _) in found.items()
                if key not in FIELDS
            },
            sources={storable(key): origin for key, origin in sources.items()},
        )


def _searcher(pattern: str | None) -> Callable[[str], dict[str, str | None]]:
    if pattern is None:
        return lambda name: {
            key: value
            for each in _DEFAULT_PATTERNS
            if (match := each.search(name))
            for key, value in match.groupdict().items()
        }
    try:
        names = re.compile(pattern).groupindex
    except re.error as error:
        place = "" if error.pos is None else f" at character {error.pos + 1}"
        raise UsageError(
            f"--name-pattern{place}: {error.msg}: {pattern!r}",
            hint="example: (?P<agent_id>[A-Za-z]+)_(?P<started_at>[0-9T-]+)",
        ) from None
    if not names:
        raise UsageError(
            f"--name-pattern: no named group in {pattern!r}",
            hint=f"name what it finds: (?P<agent_id>...); fields are {', '.join(FIELDS)}",
        )
    for name in names:
        near = get_close_matches(field_name(name), (*FIELDS, *ALIASES), n=1, cutoff=0.8)
        if field_name(name) not in FIELDS and near:
            raise UsageError(
                f"--name-pattern: group {name!r} is no field, but {near[0]!r} is",
                hint=f"name it {near[0]}; any name unlike a field becomes a column of its own",
            )
    # A backtracking engine can take for ever on a hostile file name; re2 is linear.
    import re2

    try:
        linear = re2.compile(pattern)
    except re2.error as error:
        raise UsageError(
            f"--name-pattern: {error}: {pattern!r}",
            hint="look-around and back-references are not supported",
        ) from None

    def search(name: str) -> dict[str, str | None]:
        match = linear.search(name.encode("utf-8", "replace").decode("utf-8"))
        return dict(match.groupdict()) if match else {}

    return search


def _zone(name: str | None) -> tzinfo | None:
    if name is None:
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise UsageError(
            f"time zone {name!r} is not known",
            hint="use a name of the IANA list, e.g. Asia/Shanghai or Europe/London",
        ) from None


def _from_json(path: str | os.PathLike[str]) -> dict[str, tuple[Any, str]]:
    whole = Path(os.fspath(path))
    for beside in (whole.with_name(whole.name + ".json"), whole.with_suffix(".json")):
        try:
            if beside == whole or not beside.is_file():
                continue
            if beside.stat().st_size > MAX_JSON_BYTES:
                raise ValueError(f"more than {MAX_JSON_BYTES} bytes")
            data = json.loads(beside.read_text(encoding="utf-8-sig"))
            if not isinstance(data, dict):
                raise ValueError(f"an object is needed, got a {type(data).__name__}")
        except OSError as error:
            if error.strerror == "File name too long":
                continue  # a name of 255 bytes leaves no room for .json
            raise _bad_json(beside, error.strerror or "cannot be read") from None
        except (ValueError, RecursionError) as error:
            raise _bad_json(beside, str(error)) from None
        return {
            field_name(str(key)): (value, f"the JSON beside it, {key}")
            for key, value in data.items()
            if isinstance(value, str | int | float) or field_name(str(key)) == "holds"
            if value not in ("", None)
        }
    return {}


def _bad_json(path: Path, why: str) -> CallError:
    return CallError(
        "bad-metadata-json",
        f"the JSON beside the recording ({path.suffixes[-1]}) cannot be used: {why[:200]}",
        hint="repair or remove it",
    )


def _whole(value: Any, where: str) -> int:
    try:
        number = float(str(value))
        if not 0 <= number < 1e12 or number != int(number):
            raise ValueError
        return int(number)
    except (ValueError, OverflowError):
        raise CallError(
            "bad-metadata-number",
            f"{where}: {str(value)[:40]!r} is not a whole number of milliseconds",
        ) from None


def _spans(value: Any, where: str) -> tuple[tuple[int, int], ...]:
    """Read holds: ``"1000-5000; 9000-12000"``, or a list of pairs in JSON."""
    pairs = value
    if isinstance(value, str):
        pairs = [part.split("-") for part in value.replace(",", ";").split(";") if part.strip()]
    try:
        spans = sorted((_whole(start, where), _whole(end, where)) for start, end in pairs)
        if any(start >= end for start, end in spans):
            raise ValueError
    except (TypeError, ValueError):
        raise CallError(
            "bad-metadata-number",
            f"{where}: holds must be pairs of start-end in ms, e.g. 1000-5000; 9000-12000",
        ) from None
    return tuple(spans)
