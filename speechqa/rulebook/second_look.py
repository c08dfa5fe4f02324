"""Mistakes that a rule's first mistake hides: looked for again as if that one were mended."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError

from speechqa.rulebook.book import RulebookForm
from speechqa.rulebook.rules import KINDS

_TELLING = {
    "steps": "sequence",
    "table": "team",
    "then": "each",
    "with": "each",
    "measure": "limit",
    "count": "limit",
    "find": "required",
}
"""Keys that tell a rule's kind where it is not given, the surest first."""


def under_meant_kinds(data: dict[str, Any]) -> list[Any]:
    """Return the mistakes in rules of a misspelt kind, or of none, read as the kind that is meant.

    Without a kind nothing else in a rule can be told to be wrong.
    """
    rows = data.get("rules")
    if not isinstance(rows, list):
        return []
    meant = {}
    for at, row in enumerate(rows):
        kind = row.get("kind") if isinstance(row, dict) else None
        if kind in KINDS or not isinstance(row, dict):
            continue
        near = get_close_matches(str(kind), list(KINDS), n=1, cutoff=0.5)
        by_keys = [told for key, told in _TELLING.items() if key in row]
        if kinds := by_keys if kind is None else near:
            meant[at] = row | {"kind": kinds[0]}
    if not meant:
        return []
    changed = [meant.get(at, row) for at, row in enumerate(rows)]
    try:
        RulebookForm.model_validate(data | {"rules": changed})
    except ValidationError as error:
        return [one for one in error.errors() if one["loc"][:2] in {("rules", at) for at in meant}]
    return []


_STAND_INS = {"id": "stand-in", "section": "stand-in"}
_EXTRAS = frozenset(
    "title better note source examples languages when where weight party needs_grade "
    "least_confidence report_only".split()
) | frozenset(_STAND_INS)
"""Keys of a rule on which nothing else in it depends."""


def beside_broken_extras(data: dict[str, Any], items: Sequence[Any]) -> list[Any]:
    """Return what is wrong with rules as a whole, where only such keys hid it that can be left out.

    How a rule's keys agree is looked at only once each is well formed.
    """
    broken: dict[int, set[Any]] = {}
    for item in items:
        if len(item["loc"]) > 2 and item["loc"][0] == "rules":
            broken.setdefault(item["loc"][1], set()).update(item["loc"][3:4] or [None])
    rows = {at: data["rules"][at] for at, keys in broken.items() if keys <= _EXTRAS}
    if not rows:
        return []
    changed = [
        {key: value for key, value in row.items() if key not in broken[at]}
        | {key: text for key, text in _STAND_INS.items() if key in broken[at]}
        if at in rows
        else row
        for at, row in enumerate(data["rules"])
    ]
    try:
        RulebookForm.model_validate(data | {"rules": changed})
    except ValidationError as error:
        return [
            one for one in error.errors() if one["loc"][:1] == ("rules",) and one["loc"][1] in rows
        ]
    return []
