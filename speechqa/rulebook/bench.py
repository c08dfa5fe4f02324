"""The test bench's input: one written dialogue as a JSON object on one line.

``{"id", "lang", "turns": [{"party", "start_ms", "end_ms", "text"}]}``; times are optional, and so
are ``duration_ms``, ``metadata`` (columns by name), ``grade`` and ``holds`` (pairs of ms). Other
keys, such as labels, are left alone.
"""

from __future__ import annotations

import json
from typing import Any

from speechqa.rulebook.dialogue import TURN_GAP_MS, PlacedTurn, placed_call, spoken_ms
from speechqa.rulebook.view import CallView

_MAX_MS = 24 * 3_600_000


class BadDialogue(ValueError):
    """A line that is no dialogue, with the reason; never quotes what was said."""


def parse_dialogue(line: str, default_id: str) -> CallView:
    """Return the call of one line.

    Examples
    --------
    >>> call = parse_dialogue('{"id": "a", "lang": "en", "turns": [{"party": "agent", '
    ...                       '"text": "hello"}]}', "line-1")
    >>> call.call_id, call.words[0].text, call.duration_ms
    ('a', 'hello', 400)
    """
    try:
        data = json.loads(line)
    except (json.JSONDecodeError, RecursionError) as error:
        raise BadDialogue(
            f"not a JSON object: {getattr(error, 'msg', 'nested too deep')}"
        ) from None
    if not isinstance(data, dict):
        raise BadDialogue(f"not a JSON object but {type(data).__name__}")
    lang = data.get("lang")
    if not isinstance(lang, str) or not lang:
        raise BadDialogue("'lang' is missing, e.g. \"en\"")
    turns = data.get("turns")
    if not isinstance(turns, list):
        raise BadDialogue("'turns' must be a list of objects")
    placed: list[PlacedTurn] = []
    at = 0
    for number, turn in enumerate(turns, 1):
        placed.append(_turn(turn, number, at, lang))
        at = placed[-1][2] + TURN_GAP_MS
    grade = data.get("grade", "B")
    if grade not in {"A", "B", "C", "D"}:
        raise BadDialogue(f"'grade' is A, B, C or D, got {grade!r}")
    metadata = data.get("metadata") or {}
    if not isinstance(metadata, dict):
        raise BadDialogue("'metadata' must be an object of columns")
    return placed_call(
        placed,
        lang=lang,
        call_id=str(data.get("id", default_id)),
        duration_ms=_ms(data.get("duration_ms"), "duration_ms"),
        grade=grade,
        metadata={str(name): str(value) for name, value in metadata.items()},
        holds=_holds(data.get("holds") or []),
    )


def _turn(turn: Any, number: int, at: int, lang: str) -> PlacedTurn:
    if not isinstance(turn, dict):
        raise BadDialogue(f"turn {number} is not an object")
    party, text = turn.get("party"), turn.get("text")
    if party is None:
        raise BadDialogue(f"turn {number}: 'party' is missing; it is agent or customer")
    if party not in {"agent", "customer"}:
        raise BadDialogue(f"turn {number}: 'party' is agent or customer, got {party!r}")
    if not isinstance(text, str):
        raise BadDialogue(f"turn {number}: 'text' is missing")
    given = _ms(turn.get("start_ms"), f"turn {number}: start_ms")
    start = at if given is None else given
    end = _ms(turn.get("end_ms"), f"turn {number}: end_ms")
    if end is None:
        end = start + spoken_ms(text, lang)
    if end <= start:
        raise BadDialogue(f"turn {number}: end_ms {end} is not after start_ms {start}")
    return party, start, end, text


def _ms(value: Any, name: str) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _MAX_MS:
        raise BadDialogue(f"{name} must be milliseconds, got {value!r}")
    return round(value)


def _holds(given: Any) -> list[tuple[int, int]]:
    if not isinstance(given, list):
        raise BadDialogue("'holds' must be a list of [start_ms, end_ms]")
    holds = []
    for pair in given:
        if not isinstance(pair, list) or len(pair) != 2:
            raise BadDialogue("'holds' must be a list of [start_ms, end_ms]")
        start, end = _ms(pair[0], "holds"), _ms(pair[1], "holds")
        if start is None or end is None or end <= start:
            raise BadDialogue(f"hold {pair!r} does not end after it starts")
        holds.append((start, end))
    return holds
