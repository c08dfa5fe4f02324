"""Limit rules: a figure of the call, of words, or of spans, within bounds and on a ramp.

Between target and limit points fall off in a straight line, so there is no cliff at 3.000 s. A
figure that cannot be made is `not_applicable` with the reason; it is never taken for zero.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from speechqa.phrases.normalise import join
from speechqa.rulebook import rules
from speechqa.rulebook.acoustic import turn_tokens
from speechqa.rulebook.call import Call
from speechqa.rulebook.conditions import column_text
from speechqa.rulebook.names import measure_unit, measure_value
from speechqa.rulebook.quantities import bound_for
from speechqa.rulebook.verdicts import DEFAULT_CONFIDENCE, in_scope, plain, sure_enough
from speechqa.rulebook.view import Found, Outcome, RuleResult, Span
from speechqa.rulebook.windows import BOUNDARY_MS, FindSpans

if TYPE_CHECKING:
    from speechqa.rulebook.compiled import Judge, LanguageBook

_OVERLAP_BACK_MS = 60_000


@dataclass(frozen=True, slots=True)
class Bounds:
    """Both bounds of a rule in one language and unit, as ``(target, limit)`` pairs."""

    at_least: tuple[float, float] | None
    at_most: tuple[float, float] | None

    def share(self, value: float) -> float:
        """Return the share of points that `value` earns.

        Examples
        --------
        >>> Bounds(None, (3000.0, 6000.0)).share(4500)
        0.5
        """
        share = 1.0
        if self.at_most is not None:
            share = min(share, _ramp(value, *self.at_most))
        if self.at_least is not None:
            share = min(share, _ramp(-value, -self.at_least[0], -self.at_least[1]))
        return share

    def holds(self, value: float) -> bool:
        """Say whether `value` is within the limits."""
        return (self.at_most is None or value <= self.at_most[1]) and (
            self.at_least is None or value >= self.at_least[1]
        )


def _ramp(value: float, target: float, limit: float) -> float:
    if value <= target:
        return 1.0
    return 0.0 if value >= limit else (limit - value) / (limit - target)


@dataclass(frozen=True, slots=True)
class Figure:
    """A value with its evidence, or the reason why there is none."""

    value: float | None
    reason: str = ""
    unknown: bool = False
    spans: tuple[Span, ...] = ()


def compile_limit(rule: rules.Limit, book: LanguageBook) -> Judge:
    """Return the function that judges calls by a limit rule."""
    if rule.each is not None:
        return _spans(rule, book)
    figure, unit = _figure(rule, book)
    bounds = bounds_of(rule, book.lang, unit)
    least, most = bounds.at_least, bounds.at_most
    counts_words = rule.count is not None or rule.distinct is not None

    def judged(call: Call) -> RuleResult:
        made = figure(call)
        if made.value is None:
            outcome: Outcome = "unknown" if made.unknown else "not_applicable"
            lacking = rule.measure is not None
            return plain(rule.id, outcome, made.reason, lacking)
        if least is None and most is None:
            return plain(rule.id, "not_applicable", f"no bound for language {book.lang}")
        value = made.value
        holds = bounds.holds(value)
        margin = {"ms": float(BOUNDARY_MS), "s": BOUNDARY_MS / 1000}.get(unit, 0.0)
        fragile = bool(margin) and (
            bounds.holds(value - margin) != holds or bounds.holds(value + margin) != holds
        )
        outcome = "met" if holds else "violated"
        reason = f"{_number(value, unit)}; {_bounds_text(bounds, unit)}"
        spans = made.spans if holds is False or len(made.spans) <= 3 else made.spans[:3]
        hits = tuple(call.hit(rule, outcome, span, fragile=fragile) for span in spans)
        if not holds and not hits:
            place = Span(call.clock.start, call.clock.end, rule.party, kind="call")
            hits = (call.hit(rule, outcome, place, fragile=fragile),)
        return RuleResult(
            rule.id,
            outcome,
            reason,
            int(holds),
            1,
            hits,
            fragile,
            value,
            bounds.share(value),
            by_absence=bool(counts_words and least is not None and value < least[0]),
        )

    return judged


def bounds_of(rule: rules.Limit, lang: str, unit: str) -> Bounds:
    """Return a rule's bounds in one language."""
    return Bounds(bound_for(rule.at_least, lang, unit), bound_for(rule.at_most, lang, unit))


def _number(value: float, unit: str) -> str:
    text = f"{value:.3f}".rstrip("0").rstrip(".")
    return f"{text} {unit}".strip()


def _bounds_text(bounds: Bounds, unit: str) -> str:
    parts = []
    for word, bound in (("at least", bounds.at_least), ("at most", bounds.at_most)):
        if bound is not None:
            ramp = "" if bound[0] == bound[1] else f" (target {_number(bound[0], unit)})"
            parts.append(f"{word} {_number(bound[1], unit)}{ramp}")
    return ", ".join(parts)


def _figure(rule: rules.Limit, book: LanguageBook) -> tuple[Callable[[Call], Figure], str]:
    if rule.measure is not None:
        name = rule.measure
        return lambda call: _measure(call, name), measure_unit(name)
    if rule.column is not None:
        column = rule.column
        return lambda call: _column(call, column), "s" if column.endswith("_s") else ""
    if rule.between is not None:
        first, last = (book.finders.compile(one, rule.party) for one in rule.between)
        return lambda call: _between(call, first, last), "s"
    compiled = [
        in_scope(rule, book, book.finders.compile(one, rule.party, drop_quoted=False))
        for one in rule.word_finders()
    ]
    least = rule.least_confidence or DEFAULT_CONFIDENCE
    if rule.distinct is not None:
        return lambda call: _distinct(call, compiled, least), ""
    if rule.variants is not None:
        return lambda call: _variants(call, compiled, least), ""
    of = None if rule.of is None else book.finders.compile(rule.of, rule.party)
    return lambda call: _count(call, rule, compiled, of, least), ""


def _measure(call: Call, name: str) -> Figure:
    value, reason = measure_value(call.view.measures, name)
    return Figure(value, reason)


def _column(call: Call, name: str) -> Figure:
    text = column_text(call, name)
    if text is None:
        return Figure(None, f"no metadata column {name!r}")
    try:
        return Figure(float(text))
    except ValueError:
        return Figure(None, f"metadata column {name!r} holds no number")


def _between(call: Call, first: FindSpans, last: FindSpans) -> Figure:
    a, b = first(call), last(call)
    for found in (a, b):
        if found.missing or found.unknown:
            return Figure(None, found.missing or found.unknown, bool(found.unknown))
        if not found.sure:
            return Figure(None, "one end of the stretch did not occur")
    start, end = a.sure[-1].end, b.sure[0].start
    later = [span for span in b.sure if span.start >= start]
    end = later[0].start if later else end
    return Figure((end - start) / 1000, spans=(Span(start, max(start, end), kind="between"),))


def _gathered(call: Call, parts: Sequence[FindSpans], least: float) -> Figure | list[list[Span]]:
    results = [part(call) for part in parts]
    if all(found.missing for found in results):
        return Figure(None, results[0].missing)
    unknown = next((found.unknown for found in results if found.unknown), "")
    if unknown:
        return Figure(None, unknown, True)
    return [[span for span in found.sure if sure_enough(span, least)] for found in results]


def _distinct(call: Call, parts: Sequence[FindSpans], least: float) -> Figure:
    found = _gathered(call, parts, least)
    if isinstance(found, Figure):
        return found
    spans = tuple(spans[0] for spans in found if spans)
    return Figure(float(len(spans)), spans=spans)


def _variants(call: Call, parts: Sequence[FindSpans], least: float) -> Figure:
    found = _gathered(call, parts, least)
    if isinstance(found, Figure):
        return found
    wordings: dict[str, Span] = {}
    for span in (span for spans in found for span in spans):
        stream = call.heard.stream(span.stream)
        wordings.setdefault(join(stream.tokens[span.first : span.last], stream.lang), span)
    return Figure(float(len(wordings)), spans=tuple(wordings.values()))


def _count(
    call: Call, rule: rules.Limit, parts: Sequence[FindSpans], of: FindSpans | None, least: float
) -> Figure:
    found = _gathered(call, parts, least)
    if isinstance(found, Figure):
        return found
    spans = tuple(sorted((s for some in found for s in some), key=lambda span: span.start))
    if rule.per == "call":
        return Figure(float(len(spans)), spans=spans)
    if of is not None:
        base = of(call)
        if base.missing or base.unknown:
            return Figure(None, base.missing or base.unknown, bool(base.unknown))
        number = float(len(base.sure))
    else:
        number = _amount(call, rule)
    if number < (rule.least_count if of is not None else 0) or number <= 0:
        return Figure(None, "too little to count from")
    return Figure(len(spans) / number, spans=spans)


def _amount(call: Call, rule: rules.Limit) -> float:
    if rule.per == "minute":
        return call.clock.live_ms / 60_000
    if rule.per == "100_words":
        return len(call.heard.stream(rule.party)) / 100
    speech = call.clock.speech.get(rule.party, ())
    return sum(end - start for start, end in speech) / 60_000


def _spans(rule: rules.Limit, book: LanguageBook) -> Judge:
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
        hits = tuple(
            call.hit(rule, "met" if ok else "violated", span, value=round(value, 3))
            for (span, value), ok in zip(known, good, strict=True)
        )
        share = sum(bounds.share(value) for _, value in known) / len(known)
        outcome: Outcome = "met" if all(good) else "violated"
        reason = f"{sum(good)} of {len(known)} within {_bounds_text(bounds, unit)}"
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
