"""Limit rules on spans: a figure of each place found (its length, gap or pace) within bounds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from speechqa.rulebook import rules
from speechqa.rulebook.acoustic import turn_tokens
from speechqa.rulebook.bounds import bounds_of, bounds_text
from speechqa.rulebook.call import Call
from speechqa.rulebook.verdicts import in_scope, plain
from speechqa.rulebook.view import Found, Outcome, RuleResult, Span
from speechqa.rulebook.windows import BOUNDARY_MS

if TYPE_CHECKING:
    from speechqa.rulebook.compiled import Judge, LanguageBook

_OVERLAP_BACK_MS = 60_000


def compile_span_limit(rule: rules.Limit, book: LanguageBook) -> Judge:
    """Return the function that judges calls by a figure of each span."""
    assert rule.each is not None
    find = in_scope(rule, book, book.finders.compile(rule.each, rule.party))
    figure = rule.span or ""
    unit = "s" if figure.endswith("_s") and figure != "digits_per_s" else ""
    bounds = bounds_of(rule, book.lang, unit)

    def judged(call: Call) -> RuleResult:
        found: Found = find(call)
        if found.missing:
            return plain(rule.id, "not_applicable", found.missing)
        if found.unknown:
            return plain(rule.id, "unknown", found.unknown)
        values = [(span, span_figure(call, span, figure)) for span in found.sure]
        known = [(span, value) for span, value in values if value is not None]
        if not known:
            return plain(rule.id, "not_applicable", "what it measures did not occur")
        good = [bounds.holds(value) for _, value in known]
        margin = BOUNDARY_MS / 1000 if unit == "s" else 0.0
        fragile = any(
            bounds.holds(value - margin) != ok or bounds.holds(value + margin) != ok
            for (_, value), ok in zip(known, good, strict=True)
        )
        # A violation on places that themselves count only just may be none at all.
        bad = [span for (span, _), ok in zip(known, good, strict=True) if not ok]
        fragile = fragile or (bool(bad) and all(span.edge for span in bad))
        hits = tuple(
            call.hit(rule, "met" if ok else "violated", span, value=round(value, 3))
            for (span, value), ok in zip(known, good, strict=True)
        )
        share = sum(bounds.share(value) for _, value in known) / len(known)
        outcome: Outcome = "met" if all(good) else "violated"
        reason = f"{sum(good)} of {len(known)} within {bounds_text(bounds, unit)}"
        return RuleResult(
            rule.id,
            outcome,
            reason,
            sum(good),
            len(known),
            hits,
            fragile,
            share=share,
        )

    return judged


def span_figure(call: Call, span: Span, name: str) -> float | None:
    """Return one figure of one span; None when it cannot be made."""
    length_s = (span.end - span.start) / 1000
    if name == "length_s":
        return length_s
    if name in {"gap_before_s", "gap_after_s"}:
        return _gap_s(call, span, before=name == "gap_before_s")
    if length_s <= 0:
        return None
    count = span.last - span.first if span.first >= 0 else len(turn_tokens(call, span))
    if name == "words":
        return float(count)
    if name == "units_per_min":
        return count / length_s * 60
    if name == "digits_per_s":
        return count / length_s
    return _overlap_words(call, span)


def _gap_s(call: Call, span: Span, *, before: bool) -> float | None:
    edges = [
        end if before else start for spurts in call.clock.speech.values() for start, end in spurts
    ]
    if before:
        earlier = [edge for edge in edges if edge <= span.start]
        return (span.start - max(earlier)) / 1000 if earlier else None
    later = [edge for edge in edges if edge >= span.end]
    return (min(later or [call.view.duration_ms]) - span.end) / 1000


def _overlap_words(call: Call, span: Span) -> float | None:
    """Share of the span's content words that the other party said in the minute before."""
    other = {"agent": "customer", "customer": "agent"}.get(span.party or "")
    if other is None:
        return None
    said = {t for t in turn_tokens(call, span) if len(t) > 3 or not t.isascii()}
    before = Span(span.start - _OVERLAP_BACK_MS, span.start, other)
    heard = set(turn_tokens(call, before))
    return len(said & heard) / len(said) if said else None
