"""Judging: what a rule answers on a call, with the evidence. One function per kind.

Every answer is worked out from spans. Where near misses or edge cases were found, it is worked
out again with the near ones counted and with the edge ones dropped; if the outcome differs, the
verdict is fragile.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from speechqa.phrases.heard import apart
from speechqa.rulebook import limits, rules, sequences
from speechqa.rulebook.call import Call
from speechqa.rulebook.each import compile_each
from speechqa.rulebook.search import place_of
from speechqa.rulebook.verdicts import (
    CONFIDENCE_MARGIN,
    DEFAULT_CONFIDENCE,
    anchors_of,
    in_scope,
    is_edge,
    plain,
    sure_enough,
)
from speechqa.rulebook.view import RuleResult, Span
from speechqa.rulebook.windows import FindSpans

if TYPE_CHECKING:
    from speechqa.rulebook.compiled import Judge, LanguageBook, Masks


def compile_rule(rule: Any, book: LanguageBook) -> Judge:
    """Return the function that judges calls by one rule."""
    match rule:
        case rules.Forbidden():
            inner = _forbidden(rule, book)
        case rules.Required():
            inner = _required(rule, book)
        case rules.Each():
            inner = compile_each(rule, book)
        case rules.Limit():
            inner = limits.compile_limit(rule, book)
        case rules.Sequence():
            inner = sequences.compile_sequence(rule, book)
        case _:
            raise TypeError(f"no call rule: {rule.id}")
    conditions = [book.finders.compile(one, rule.party) for one in rule.when or ()]
    anchors = [book.finders.compile(one, rule.party) for one in anchors_of(rule)]
    return _guarded(rule, conditions, anchors, inner) if conditions or anchors else inner


def _guarded(
    rule: Any, conditions: Sequence[FindSpans], anchors: Sequence[FindSpans], inner: Judge
) -> Judge:
    """Return `inner` for calls in which all conditions hold.

    A violation that hangs on a condition or an anchor which itself counts only just is fragile:
    without it nothing would have been due.
    """
    least = rule.least_confidence or DEFAULT_CONFIDENCE

    def judged(call: Call) -> RuleResult:
        for condition in conditions:
            found = condition(call)
            if found.sure:
                continue
            if found.unknown:
                return plain(rule.id, "unknown", found.unknown)
            reason = found.missing or "its precondition does not hold"
            return plain(rule.id, "not_applicable", reason)
        result = inner(call)
        if result.outcome != "violated" or result.fragile:
            return result
        shaky = any(
            all(is_edge(span, least) for span in find(call).sure)
            for find in (*conditions, *anchors)
        )
        return replace(result, fragile=True) if shaky else result

    return judged


def _forbidden(rule: rules.Forbidden, book: LanguageBook) -> Judge:
    parts = [
        in_scope(rule, book, book.finders.compile(one, rule.party, drop_quoted=True))
        for one in rule.find
    ]
    masks = book.masks(rule.id)
    least = rule.least_confidence or DEFAULT_CONFIDENCE
    clean = RuleResult(rule.id, "met", "", 1, 1)

    def judged(call: Call) -> RuleResult:
        results = [part(call) for part in parts]
        spans = [span for found in results for span in found.spans]
        if not spans:
            if all(found.missing for found in results):
                return plain(rule.id, "not_applicable", results[0].missing)
            unknown = next((found.unknown for found in results if found.unknown), "")
            return plain(rule.id, "unknown", unknown) if unknown else clean
        spans = unmasked(call, longest(spans), masks)
        counted = [span for span in spans if not span.near and sure_enough(span, least)]
        generous = [span for span in spans if sure_enough(span, least - CONFIDENCE_MARGIN)]
        strict = [span for span in counted if not is_edge(span, least)]
        violated = len(counted) > rule.allow
        fragile = (len(generous) > rule.allow) != violated or (len(strict) > rule.allow) != violated
        if not violated:
            if any(not span.near and not sure_enough(span, least) for span in spans):
                return RuleResult(rule.id, "unknown", "the words are too unsure", fragile=fragile)
            return replace(clean, fragile=fragile) if fragile else clean
        hits = tuple(
            call.hit(rule, "violated", span, fragile=is_edge(span, least)) for span in counted
        )
        reason = f"found {len(counted)} time{'s' if len(counted) > 1 else ''}"
        return RuleResult(rule.id, "violated", reason, 0, 1, hits, fragile)

    return judged


def longest(spans: Sequence[Span]) -> list[Span]:
    """Keep the longest of overlapping spans, in order of start."""
    if len(spans) == 1:
        return list(spans)
    order = sorted(spans, key=lambda one: (one.near, one.start - one.end, one.start))
    return apart(order, lambda one: (one.start, one.end))


def unmasked(call: Call, spans: list[Span], masks: Masks) -> list[Span]:
    """Drop spans that lie in prescribed wording."""
    entries = masks(call) if spans else None
    if not entries:
        return spans
    kept = []
    for span in spans:
        spared = call.heard.allowed(span.stream, entries) if span.first >= 0 else []
        if not any(first <= span.first and span.last <= last for first, last in spared):
            kept.append(span)
    return kept


def _required(rule: rules.Required, book: LanguageBook) -> Judge:
    parts = [in_scope(rule, book, book.finders.compile(one, rule.party)) for one in rule.find]
    due = len(parts)
    needed = rule.at_least or due
    least = rule.least_confidence or DEFAULT_CONFIDENCE

    def elements(call: Call, chosen: list[list[Span]]) -> int:
        if rule.together is None:
            return sum(bool(spans) for spans in chosen)
        places: dict[Any, set[int]] = {}
        for number, spans in enumerate(chosen):
            for span in spans:
                places.setdefault(place_of(call, span, rule.together), set()).add(number)
        return max((len(numbers) for numbers in places.values()), default=0)

    def judged(call: Call) -> RuleResult:
        results = [part(call) for part in parts]
        usable = [found for found in results if not found.missing]
        if not usable:
            return plain(rule.id, "not_applicable", results[0].missing)
        unknown = next((found.unknown for found in results if found.unknown), "")
        if unknown:
            return plain(rule.id, "unknown", unknown)
        counted = [[s for s in found.sure if sure_enough(s, least)] for found in results]
        met = elements(call, counted)
        outcome = met >= needed
        all_spans = [span for found in results for span in found.spans]
        fragile = False
        if any(span.near or is_edge(span, least) for span in all_spans):
            low = least - CONFIDENCE_MARGIN
            generous = [[s for s in found.spans if sure_enough(s, low)] for found in results]
            strict = [[s for s in spans if not is_edge(s, least)] for spans in counted]
            fragile = (elements(call, generous) >= needed) != outcome
            fragile = fragile or (elements(call, strict) >= needed) != outcome
        if outcome:
            hits = tuple(
                call.hit(rule, "met", spans[0], fragile=is_edge(spans[0], least))
                for spans in counted
                if spans
            )
            return RuleResult(rule.id, "met", f"{met} of {due} found", met, due, hits, fragile)
        unsure = [list(found.sure) for found in results]
        if elements(call, unsure) >= needed:
            return RuleResult(rule.id, "unknown", "the words are too unsure", met, due)
        reason = f"{met} of {due} found"
        return RuleResult(rule.id, "violated", reason, met, due, (), fragile, by_absence=True)

    return judged
