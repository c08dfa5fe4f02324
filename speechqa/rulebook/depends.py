"""What a rule's answer hangs on, so that after a change only what can answer otherwise is judged.

A rule is judged by its own text, the named finders it uses (and those use), the slots and options
it speaks of, the allow-list entries that spare it, and the rulebook's languages; by nothing else:
two rulebooks in which all of that is equal give the same answer to the same call. Its weight,
section and title shape the score, not the answer.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from speechqa.rulebook.book import Rulebook, RulebookForm

_NOT_JUDGED = (
    "title",
    "section",
    "fails",
    "weight",
    "report_only",
    "examples",
    "note",
    "source",
)
_SLOT = re.compile(r"\{([a-z_][a-z0-9_]*)\}")


@dataclass(frozen=True)
class Change:
    """What differs between two rulebooks, for calls that one of them has judged.

    Parameters
    ----------
    judged
        Call rules of the new one that may answer otherwise, new rules among them.
    scored
        Whether points, sections or the list of rules differ, so that every score is made again.
    """

    judged: frozenset[str]
    scored: bool

    def __bool__(self) -> bool:
        return bool(self.judged) or self.scored


def change_between(old: Rulebook, new: Rulebook) -> Change:
    """Return what calls judged by `old` need before they are judged by `new`.

    Examples
    --------
    >>> from speechqa.rulebook.reading import load
    >>> book = load("starter")
    >>> change_between(book, book)
    Change(judged=frozenset(), scored=False)
    >>> bool(change_between(book, book))
    False
    """
    before, after = rule_digests(old.form), rule_digests(new.form)
    judged = {rule for rule, digest in after.items() if before.get(rule) != digest}
    return Change(frozenset(judged), _scoring(old) != _scoring(new))


@lru_cache(maxsize=16)
def _digests(text: str) -> dict[str, str]:
    form = json.loads(text)
    return {
        rule["id"]: _sha(
            [
                {name: value for name, value in rule.items() if name not in _NOT_JUDGED},
                {name: form["words"][name] for name in sorted(_words_of(rule, form))},
                _named(rule, form, "slots", _SLOT.findall),
                _named(rule, form, "options", None),
                _spared(rule["id"], form),
                form["languages"],
            ]
        )
        for rule in form["rules"]
        if rule["kind"] != "team"
    }


def rule_digests(form: RulebookForm) -> Mapping[str, str]:
    """Return a digest of everything each call rule's answer hangs on."""
    return _digests(form.model_dump_json(by_alias=True, exclude_none=True))


def part_of(book: Rulebook, rules: Collection[str]) -> Rulebook:
    """Return a rulebook of only these rules and what they use; they answer as in the whole one."""
    form = book.form
    data = json.loads(form.model_dump_json(by_alias=True, exclude_none=True))
    wanted = [rule for rule in data["rules"] if rule["id"] in rules]
    used = set().union(*(_words_of(rule, data) for rule in wanted))
    return Rulebook(
        form.model_copy(
            update={
                "rules": tuple(rule for rule in form.rules if rule.id in rules),
                "words": {name: one for name, one in form.words.items() if name in used},
                "allow_list": tuple(
                    entry
                    for entry in form.allow_list
                    if {"all", *rules} & set(_masked(entry.masks))
                ),
            }
        )
    )


def _scoring(book: Rulebook) -> str:
    sections = [[section.id, section.weight] for section in book.form.form.sections]
    rules = [
        [r.id, r.kind, r.section, r.severity, r.fails, r.points, r.report_only]
        for r in book.call_rules
    ]
    return _sha([sections, rules])


def _masked(masks: Any) -> tuple[str, ...]:
    return (masks,) if isinstance(masks, str) else tuple(masks)


def _words_of(value: Any, form: Mapping[str, Any]) -> set[str]:
    """Return the named finders that something uses, and those that they use."""
    found: set[str] = set()
    todo = [value]
    while todo:
        for name in _values(todo.pop(), "use"):
            if name not in found and name in form["words"]:
                found.add(name)
                todo.append(form["words"][name])
    for entry in form.get("allow_list", ()) if isinstance(value, dict) and "id" in value else ():
        if entry.get("when") and _spares(entry, value["id"]):
            found |= _words_of(entry["when"], form)
    return found


def _named(rule: Mapping[str, Any], form: Mapping[str, Any], part: str, find: Any) -> Any:
    """Return the slots or options that a rule, its named finders or its allow-list speak of."""
    used = [rule, _spared(rule["id"], form)]
    used += [form["words"][name] for name in sorted(_words_of(rule, form))]
    if find is None:
        names = {name for one in used for name in _values(one, "option")}
        return {name: form[part][name]["value"] for name in sorted(names) if name in form[part]}
    names = set(find(json.dumps(used, ensure_ascii=False)))
    return {name: form[part][name] for name in sorted(names) if name in form[part]}


def _spares(entry: Mapping[str, Any], rule: str) -> bool:
    return bool({rule, "all"} & set(_masked(entry["masks"])))


def _spared(rule: str, form: Mapping[str, Any]) -> list[Any]:
    return [entry for entry in form.get("allow_list", ()) if _spares(entry, rule)]


def _values(value: Any, key: str) -> Iterator[str]:
    """Yield every text under `key`, anywhere inside a value."""
    if isinstance(value, dict):
        for name, inner in value.items():
            if name == key and isinstance(inner, str):
                yield inner
            else:
                yield from _values(inner, key)
    elif isinstance(value, list):
        for inner in value:
            yield from _values(inner, key)


def _sha(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:32]
