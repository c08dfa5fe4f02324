"""What all kinds of rule share: scope, confidence, and the answers that cost nothing."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

from speechqa.rulebook.call import Call
from speechqa.rulebook.view import Found, Outcome, RuleResult, Span
from speechqa.rulebook.windows import FindSpans, compile_where

if TYPE_CHECKING:
    from speechqa.rulebook.compiled import LanguageBook

DEFAULT_CONFIDENCE = 0.3
"""Mean word probability below which a hit proves nothing."""

CONFIDENCE_MARGIN = 0.1
"""A verdict that flips when the least confidence moves by this much is fragile."""


@lru_cache(maxsize=65_536)
def plain(rule_id: str, outcome: Outcome, reason: str, lacking: bool = False) -> RuleResult:
    """Return a result without evidence; most results of a night are one of a few thousand."""
    return RuleResult(rule_id, outcome, reason, lacking=lacking)


ANCHORS = ("after", "before", "around", "during", "same_turn")


def anchors_of(rule: Any) -> tuple[Any, ...]:
    """Return the finders without which a rule has nothing to judge: anchors, a sequence's start."""
    start = getattr(rule, "start", None)
    found = () if start is None else (start,)
    if rule.where is None:
        return found
    return (*found, *(one for name in ANCHORS if (one := getattr(rule.where, name)) is not None))


def in_scope(rule: Any, book: LanguageBook, find: FindSpans) -> FindSpans:
    """Return `find` limited to the rule's own `where`.

    A relation whose anchor never occurs makes the rule not applicable.
    """
    if rule.where is None:
        return find
    keep = compile_where(
        rule.where, rule.party, lambda finder: book.finders.compile(finder, rule.party)
    )
    anchors = [book.finders.compile(anchor, rule.party) for anchor in anchors_of(rule)]

    def scoped(call: Call) -> Found:
        for anchor in anchors:
            found = anchor(call)
            if not found.sure:
                reason = found.missing or found.unknown or "what it follows on did not occur"
                return Found(missing=reason)
        return keep(call, find(call))

    return scoped


def without_answer(rule: Any, found: Found) -> RuleResult | None:
    """Return the answer when nothing can be known, else None."""
    if found.missing:
        return plain(rule.id, "not_applicable", found.missing)
    if found.unknown:
        return plain(rule.id, "unknown", found.unknown)
    return None


def sure_enough(span: Span, least: float) -> bool:
    """Say whether the words of a span were recognised with enough confidence."""
    return span.confidence is None or span.confidence >= least


def is_edge(span: Span, least: float) -> bool:
    """Say whether a span counts only just."""
    return span.edge or (
        span.confidence is not None and span.confidence < least + CONFIDENCE_MARGIN
    )
