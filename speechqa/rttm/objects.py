"""Segments as a JSON object, times in milliseconds."""

from __future__ import annotations

import difflib
import json
import math
import re
from typing import Any

from speechqa.rttm.segments import LONGEST_MS, Segments, check_interval, refuse, tidy

_LANES = ("agent", "customer", "mixed")
_INSTANTS = ("announcements", "returns")
_KEYS = (
    *_LANES,
    "duration_ms",
    "holds",
    "words",
    "answered_ms",
    "language",
    *_INSTANTS,
    "call_id",
    "path",
)
_WANTED = 'wanted {"agent": [[start_ms, end_ms], ...], "customer": [...]}'


def parse_json(text: str, path: str) -> Segments:
    """Return the segments of one recording.

    The object has ``agent`` and ``customer``, or ``mixed``: lists of ``[start_ms, end_ms]``; a
    party that is left out has no channel. Optional: ``duration_ms``, ``holds`` (intervals),
    ``words`` (objects as in ``show --json``), ``answered_ms``, ``language``, and the instants
    where the agent's hold phrases end and return phrases start, ``announcements`` and
    ``returns``. What ``show --json`` prints is taken too.

    Examples
    --------
    >>> parse_json('{"agent": [[0, 900]], "duration_ms": 1000}', "call.json").parties
    ('agent',)
    """
    try:
        given = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        line = getattr(error, "lineno", 1)
        raise refuse(f"{path}:{line}", f"not JSON: {error}", _WANTED) from None
    if not isinstance(given, dict):
        raise refuse(path, f"not an object but {type(given).__name__}", _WANTED)
    reader = _Reader(text, path)
    if isinstance(given.get("speech"), dict):
        given = given["speech"] | {
            key: given[key]
            for key in ("duration_ms", "words", "language", "call_id", "path")
            if given.get(key) is not None
        }
    reader.check_keys(given)
    return reader.segments(given)


class _Reader:
    """Checks the values of one object; knows its text only to say on which line a value is."""

    def __init__(self, text: str, path: str) -> None:
        self.text, self.path = text, path

    def check_keys(self, given: dict[str, Any]) -> None:
        for key in given:
            if key not in _KEYS:
                near = difflib.get_close_matches(key, _KEYS, n=1)
                raise refuse(
                    self.place(key),
                    f"unknown key {key!r}",
                    f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(_KEYS)}",
                )
        if not any(lane in given for lane in _LANES):
            raise refuse(self.path, "no speech in it", _WANTED)

    def segments(self, given: dict[str, Any]) -> Segments:
        notes: list[str] = []
        lanes = {}
        for lane in _LANES:
            lanes[lane], said = tidy(self.spans(given, lane), lane)
            notes += said
        more: dict[str, Any] = {}
        if given.get("holds") is not None:
            more["holds"], said = tidy(self.spans(given, "holds"), "holds")
            notes += said
        for name in _INSTANTS:
            values = self.list_of(given, name)
            more[name] = [self.ms(v, name, row) for row, v in enumerate(values)]
        if given.get("words") is not None:
            words = self.list_of(given, "words")
            more["words"] = [self.word(word, row) for row, word in enumerate(words)]
        if given.get("answered_ms") is not None:
            more["answered_ms"] = self.ms(given["answered_ms"], "answered_ms")
        if given.get("language") is not None:
            more["language"] = str(given["language"])
        duration = given.get("duration_ms")
        return Segments(
            self.path,
            str(given.get("call_id") or ""),
            lanes["agent"],
            lanes["customer"],
            lanes["mixed"],
            tuple(lane for lane in _LANES if given.get(lane) is not None),
            None if duration is None else self.ms(duration, "duration_ms"),
            tuple(notes),
            more,
        )

    def spans(self, given: dict[str, Any], name: str) -> list[tuple[int, int]]:
        found = []
        for row, value in enumerate(self.list_of(given, name)):
            if not isinstance(value, list) or len(value) != 2:
                raise refuse(
                    self.place(name, row),
                    f"{name}[{row}] is {json.dumps(value)[:60]}",
                    "an interval is [start_ms, end_ms]",
                )
            span = (self.ms(value[0], name, row), self.ms(value[1], name, row))
            check_interval(*span, self.place(name, row))
            found.append(span)
        return found

    def list_of(self, given: dict[str, Any], name: str) -> list[Any]:
        value = given.get(name)
        if value is None:
            return []
        if not isinstance(value, list):
            raise refuse(self.place(name), f"{name} is no list", _WANTED)
        return value

    def word(self, word: Any, row: int) -> dict[str, Any]:
        try:
            start = self.ms(word["start_ms"], "words", row)
            end = self.ms(word["end_ms"], "words", row)
            party, text = str(word["party"]), str(word["text"])
        except (TypeError, KeyError):
            raise refuse(
                self.place("words", row),
                f"words[{row}] is {json.dumps(word)[:60]}",
                'a word is {"party", "start_ms", "end_ms", "text"}',
            ) from None
        check_interval(start, end, self.place("words", row))
        return {
            "party": party,
            "start_ms": start,
            "end_ms": end,
            "text": text,
            "flag": str(word.get("flag") or ""),
        }

    def ms(self, value: Any, name: str, row: int | None = None) -> int:
        where = name if row is None else f"{name}[{row}]"
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise refuse(
                self.place(name, row), f"{where} is {json.dumps(value)[:60]}", "a time is a number"
            )
        if not math.isfinite(value):
            raise refuse(self.place(name, row), f"{where} is {value}", "a time is a finite number")
        if value < 0 or value > LONGEST_MS:
            what = "negative" if value < 0 else "beyond 48 hours"
            raise refuse(
                self.place(name, row), f"{where} is {what}: {value} ms", "times are milliseconds"
            )
        if value != int(value):
            raise refuse(
                self.place(name, row),
                f"{where} is {value}: not whole milliseconds",
                "JSON times are integer milliseconds; RTTM times are seconds",
            )
        return int(value)

    def place(self, key: str, row: int | None = None) -> str:
        """Return file and line of a key, or of one entry of the list under it."""
        found = re.search(rf'"{re.escape(key)}"\s*:', self.text)
        if found is None:
            return self.path
        at = found.end()
        if row is not None:
            at = _entry(self.text, at, row)
        return f"{self.path}:{self.text.count(chr(10), 0, at) + 1}"


def _entry(text: str, start: int, row: int) -> int:
    """Return where entry `row` of the list that begins after `start` stands in `text`."""
    depth, seen, at = 0, 0, start
    for token in re.finditer(r'"(?:\\.|[^"\\])*"|[\[\]{},]|[^\s\[\]{},"]+', text[start:]):
        symbol = token.group()
        if depth == 1 and symbol != "," and seen == row:
            return start + token.start()
        if symbol in "[{":
            depth += 1
        elif symbol in "]}":
            depth -= 1
            if depth == 0:
                break
        elif symbol == "," and depth == 1:
            seen += 1
        at = start + token.start()
    return at
