"""What can still be checked of a rulebook whose form has mistakes, so that all come at once.

Where an entry is broken, the finders inside it that are whole stand in for it: their names and
patterns are checked, and what is found is said of the place where they are written. Top-level keys
that are missing or broken get a stand-in that complains of nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from speechqa.rulebook.finders import Finder
from speechqa.rulebook.names import MEASURES
from speechqa.rulebook.quantities import LANGUAGES, Bound
from speechqa.rulebook.written import Examples, Texts
from speechqa.rulebook.yaml_text import Path_

_NAMES_FINDERS = frozenset(
    "find when each then first with count distinct variants of start abort contains lacks any all "
    "none after before around during same_turn not_after not_before not_during between".split()
)
_ANCHORS = frozenset("after before around during same_turn not_after not_before not_during".split())
_NO_FINDERS = frozenset(("better", "examples", "at_most", "at_least", "metadata", "slots"))
_NEUTRAL = {"turn": "agent"}
_TEXTS = {"better": Texts, "examples": Examples}


@dataclass
class Salvaged:
    """Data that is well formed, and where its parts are written.

    Parameters
    ----------
    data
        For the form.
    pieces
        Path of each list of finders that stands for an entry, to where each is written.
    kept
        Old numbers of the allow-list entries that are left.
    """

    data: dict[str, Any]
    pieces: dict[Path_, list[Path_]] = field(default_factory=dict)
    kept: list[int] = field(default_factory=list)

    def written_at(self, path: Path_) -> Path_:
        """Return where the thing at a path of `data` is written in the file."""
        if path[:1] == ("allow_list",) and len(path) > 1:
            return ("allow_list", self.kept[int(path[1])], *path[2:])
        for stem, places in self.pieces.items():
            if path[: len(stem)] == stem and len(path) > len(stem):
                return (*places[int(path[len(stem)])], *path[len(stem) + 1 :])
        return path


def salvage(data: Mapping[str, Any], places: Iterable[Path_]) -> Salvaged:
    """Return what is left of a rulebook's data.

    Parameters
    ----------
    places
        Where mistakes of form are.

    Examples
    --------
    >>> made = salvage({"rules": [{"id": "a", "findd": {"en": ["hello"]}}]}, [("rules", 0)])
    >>> made.data["rules"][0]["find"], made.written_at(("rules", 0, "find", 0, "en"))
    ([{'en': ['hello']}], ('rules', 0, 'findd', 'en'))
    """
    broken = {tuple(place)[:2] for place in places}
    made = Salvaged(dict(data))
    _rules(made, data, broken)
    _words(made, data, broken)
    _top(made, data, broken)
    return made


def _rules(made: Salvaged, data: Mapping[str, Any], broken: set[Path_]) -> None:
    rows = data.get("rules")
    if not isinstance(rows, list) or not rows:
        rows = [None]
    rules = []
    for at, row in enumerate(rows):
        if isinstance(row, dict) and ("rules", at) not in broken:
            rules.append(row | _section(row, data))
            continue
        given = row if isinstance(row, dict) else {}
        found = [*_pieces(given, ("rules", at)), *_measures(given, ("rules", at))]
        name, section = given.get("id"), given.get("section")
        bounds = {
            one: given[one] for one in ("at_most", "at_least") if _fits(Bound, given.get(one))
        }
        measure = given.get("measure")
        # A column of seconds takes any bound that is well formed.
        of = {"measure": measure} if measure in MEASURES else {"column": "any_s"}
        kind, figure = ("limit", "when") if bounds else ("required", "find")
        rules.append(
            {
                "id": name if _is_id(name) else f"broken-{at}",
                "kind": kind,
                "section": section if isinstance(section, str) else _any_section(data),
                figure: [piece for _, piece in found] or [_NEUTRAL],
            }
            | _section(given, data)
            | (bounds | of if kind == "limit" else {})
            | _texts(given)
        )
        made.pieces["rules", at, figure] = [path for path, _ in found] or [("rules", at)]
    made.data["rules"] = rules


def _words(made: Salvaged, data: Mapping[str, Any], broken: set[Path_]) -> None:
    words: dict[str, Any] = {}
    given = data.get("words")
    for name, finder in given.items() if isinstance(given, dict) else ():
        if ("words", name) not in broken:
            words[name] = finder
            continue
        found = list(_pieces(finder, ("words", name)))
        words[name] = {"any": [piece for _, piece in found] or [_NEUTRAL]}
        made.pieces["words", name, "any"] = [path for path, _ in found] or [("words", name)]
    made.data["words"] = words


def _top(made: Salvaged, data: Mapping[str, Any], broken: set[Path_]) -> None:
    whole = {place[0] for place in broken if len(place) == 1}
    rebuilt = ("rules", "words")  # also where all of them are broken
    for name in [name for name in made.data if (name,) in broken and name not in rebuilt]:
        del made.data[name]
    for name in ("options", "slots"):
        given = data.get(name)
        if isinstance(given, dict):
            made.data[name] = {n: one for n, one in given.items() if (name, n) not in broken}
    entries = data.get("allow_list")
    entries = entries if isinstance(entries, list) else []
    made.kept = [at for at in range(len(entries)) if ("allow_list", at) not in broken]
    made.data["allow_list"] = [entries[at] for at in made.kept]
    if not isinstance(made.data.get("rulebook"), str) or "rulebook" in whole:
        made.data["rulebook"] = "broken"
    if not isinstance(made.data.get("version"), str):
        made.data["version"] = "0"
    if "form" not in made.data or any(place[0] == "form" for place in broken):
        made.data["form"] = {"sections": [{"id": one} for one in _sections(data)]}
    if "languages" not in made.data or any(place[0] == "languages" for place in broken):
        given = data.get("languages")
        known = [lang for lang in given if lang in LANGUAGES] if isinstance(given, list) else []
        made.data["languages"] = known or list(LANGUAGES)


def _texts(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a broken rule's texts; of broken examples the sentences that are well formed."""
    made = {name: given[name] for name, form in _TEXTS.items() if _fits(form, given.get(name))}
    examples = given.get("examples")
    if "examples" not in made and isinstance(examples, dict):
        sides = {side: examples.get(side) for side in ("hit", "miss")}
        made["examples"] = {side: texts for side, texts in sides.items() if _fits(Texts, texts)}
    return made


def _section(rule: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, str]:
    """Return another section for a rule of one whose own id is broken: it is not unknown."""
    form = data.get("form")
    rows = form.get("sections") if isinstance(form, dict) else None
    ids = [row.get("id") for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    section = rule.get("section")
    is_broken = section in ids and not _is_id(section)
    return {"section": _any_section(data)} if is_broken else {}


def _sections(data: Mapping[str, Any]) -> list[str]:
    """Return the sections that a broken form names, or else all that rules name."""
    form = data.get("form")
    lists = (
        [one for one in form.values() if isinstance(one, list)] if isinstance(form, dict) else []
    )
    rows = [row for some in lists for row in some if isinstance(row, dict)]
    named = [row["id"] for row in rows if _is_id(row.get("id"))]
    if len(named) < len(rows) or not named:
        rules = data.get("rules")
        rules = [r for r in rules if isinstance(r, dict)] if isinstance(rules, list) else []
        named += [r["section"] for r in rules if _is_id(r.get("section"))]
    return list(dict.fromkeys(named)) or ["broken"]


def _any_section(data: Mapping[str, Any]) -> str:
    return _sections(data)[0]


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[a-z0-9][a-z0-9-]*", value) is not None


def _pieces(value: Any, path: Path_, under: str = "") -> Iterator[tuple[Path_, Any]]:
    """Yield the whole finders inside a broken entry, with where they are written."""
    if isinstance(value, str):
        in_where = path[-2:-1] == ("where",)
        if under in _NAMES_FINDERS and (under in _ANCHORS or not in_where):
            yield path, value
    elif isinstance(value, dict):
        if _fits(Finder, value):
            yield path, value
            return
        for name, inner in value.items():
            if name not in _NO_FINDERS:
                yield from _pieces(inner, (*path, name), name)
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            yield from _pieces(inner, (*path, at), under)


def _measures(rule: Mapping[str, Any], path: Path_) -> Iterator[tuple[Path_, Any]]:
    name = rule.get("measure")
    if isinstance(name, str):
        yield path, {"measure": name, "above": 0}


def _fits(kind: Any, value: Any) -> bool:
    """Say whether a value is well formed."""
    try:
        _adapter(kind).validate_python(value)
    except ValidationError:
        return False
    return True


@lru_cache(maxsize=8)
def _adapter(kind: Any) -> TypeAdapter[Any]:
    return TypeAdapter(kind)
