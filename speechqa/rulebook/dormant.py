"""Rules that cannot say anything new on a call, told without judging them.

Most rules are about words that were not said: their answer is the same on every such call. From
the form it follows which word lists must be *active* (their literals occur in what a party said)
before a rule can answer otherwise; `Dormant` holds that and the ready answer. This is only a short
cut: the answer is the one that judging gives.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from speechqa.rulebook import finders, rules
from speechqa.rulebook.verdicts import plain
from speechqa.rulebook.view import RuleResult

if TYPE_CHECKING:
    from speechqa.rulebook.compiled import LanguageBook

Need = frozenset[tuple[str, int]]
"""Word lists by party and key, one of which must be active."""

_ANCHORS = ("after", "before", "around", "during", "same_turn")


@dataclass(frozen=True, slots=True)
class Dormant:
    """While no list of `lists` is active, by party, the answer is `answer`."""

    lists: tuple[tuple[str, frozenset[int]], ...]
    answer: RuleResult

    def holds(self, active: Mapping[str, frozenset[int]]) -> bool:
        """Say whether none of the lists is active."""
        return all(keys.isdisjoint(active[party]) for party, keys in self.lists)


def dormant_of(rule: Any, book: LanguageBook) -> Dormant | None:
    """Return when a rule's answer is known without judging, or None."""
    if rule.when is not None:
        need = needed(rule.when[0], rule.party, book)
        return _made(need, plain(rule.id, "not_applicable", "its precondition does not hold"))
    if rule.where is not None and any(getattr(rule.where, name) for name in _ANCHORS):
        return None
    match rule:
        case rules.Forbidden():
            need = _all_needed(rule.find, rule.party, book)
            return _made(need, RuleResult(rule.id, "met", "", 1, 1))
        case rules.Required():
            need = _all_needed(rule.find, rule.party, book)
            due = len(rule.find)
            reason = f"0 of {due} found"
            return _made(need, RuleResult(rule.id, "violated", reason, 0, due, by_absence=True))
        case rules.Each():
            need = needed(rule.each, rule.party, book)
        case rules.Sequence() if rule.start is not None:
            need = needed(rule.start, rule.party, book)
            return _made(need, plain(rule.id, "not_applicable", "what starts it did not occur"))
        case _:
            return None
    return _made(need, plain(rule.id, "not_applicable", "what it follows on did not occur"))


def _made(need: Need | None, answer: RuleResult) -> Dormant | None:
    if need is None:
        return None
    parties = sorted({party for party, _ in need})
    lists = [(one, frozenset(key for party, key in need if party == one)) for one in parties]
    return Dormant(tuple(lists), answer)


def _all_needed(items: Sequence[Any], party: str, book: LanguageBook) -> Need | None:
    """Return the lists of which one must be active before any of `items` can be found."""
    parts = [needed(item, party, book) for item in items]
    if any(part is None for part in parts):
        return None
    return frozenset().union(*(part for part in parts if part is not None))


def needed(finder: Any, party: str, book: LanguageBook) -> Need | None:
    """Return the lists of which one must be active before a finder can find anything.

    None where the finder does not hang on words alone.
    """
    return _of_party(finder, finder.party or party, book)


def _of_party(finder: Any, party: str, book: LanguageBook) -> Need | None:
    match finder:
        case finders.Named(use=use):
            named = book.form.words[use]
            # A party of the user's overrides the named finder's own.
            whose = named.party if finder.party is None else finder.party
            return _of_party(named, whose or party, book)
        case finders.Words():
            key = book.word_key(finder)
            return None if key is None or party == "any" else frozenset({(party, key)})
        case finders.Digits():
            return None if party == "any" else frozenset({(party, book.digit_key())})
        case finders.AnyOf(any=items) | finders.AtLeast(of=items):
            return _all_needed(items, party, book)
        case finders.AllOf(all=items):
            parts = [needed(item, party, book) for item in items]
            known = [part for part in parts if part is not None]
            return min(known, key=len) if known and len(known) == len(parts) else None
    return None
