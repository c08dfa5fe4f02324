"""Limit rules: a figure of the call, of words, or of spans, within bounds and on a ramp.

A figure that cannot be made is `not_applicable` with the reason; it is never taken for zero.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from speechqa.phrases.normalise import join
from speechqa.rulebook import rules
from speechqa.rulebook.bounds import bounds_of, bounds_text, number_text
from speechqa.rulebook.call import Call
from speechqa.rulebook.conditions import column_text
from speechqa.rulebook.names import measure_unit, measure_value
from speechqa.rulebook.span_limits import compile_span_limit
from speechqa.rulebook.verdicts import (
    CONFIDENCE_MARGIN,
    DEFAULT_CONFIDENCE,
    in_scope,
    is_edge,
    plain,
    sure_enough,
)
from speechqa.rulebook.view import Outcome, RuleResult, Span
from speechqa.rulebook.windows import BOUNDARY_MS, FindSpans

if TYPE_CHECKING:
    from speechqa.rulebook.compiled import Judge, LanguageBook


Mode = Literal["plain", "firm", "wide"]


class FigureOf(Protocol):
    """Makes a rule's figure of a call."""

    def __call__(self, call: Call, mode: Mode = "plain") -> Figure:
        """Return the figure, of what counts plainly or otherwise."""


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
        return compile_span_limit(rule, book)
    figure, unit = _figure(rule, book)
    bounds = bounds_of(rule, book.lang, unit)
    least, most = bounds.at_least, bounds.at_most
    counts_words = rule.count is not None or rule.distinct is not None
    counts_found = counts_words or rule.variants is not None

    margin = {"ms": float(BOUNDARY_MS), "s": BOUNDARY_MS / 1000}.get(unit, 0.0)

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
        fragile = any(
            bounds.holds(other) != holds
            for other in _nearby(call, figure, value, margin, counts_found)
        )
        outcome = "met" if holds else "violated"
        reason = f"{number_text(value, unit)}; {bounds_text(bounds, unit)}"
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


def _nearby(
    call: Call, figure: FigureOf, value: float, margin: float, counts_found: bool
) -> Iterator[float]:
    """Yield what a figure would be with other boundaries, limits or confidence."""
    if margin:
        yield from (value - margin, value + margin)
    modes: tuple[Mode, ...] = ("firm", "wide") if counts_found else ()
    for mode in modes:
        other = figure(call, mode).value
        if other is not None:
            yield other


def _figure(rule: rules.Limit, book: LanguageBook) -> tuple[FigureOf, str]:
    if rule.measure is not None:
        name = rule.measure
        return lambda call, mode="plain": _measure(call, name), measure_unit(name)
    if rule.column is not None:
        column = rule.column
        unit = "s" if column.endswith("_s") else ""
        return lambda call, mode="plain": _column(call, column), unit
    if rule.between is not None:
        first, last = (book.finders.compile(one, rule.party) for one in rule.between)
        return lambda call, mode="plain": _between(call, first, last), "s"
    compiled = [
        in_scope(rule, book, book.finders.compile(one, rule.party, drop_quoted=False))
        for one in rule.word_finders()
    ]
    least = rule.least_confidence or DEFAULT_CONFIDENCE
    if rule.distinct is not None:
        return lambda call, mode="plain": _distinct(_gathered(call, compiled, least, mode)), ""
    if rule.variants is not None:
        return lambda call, mode="plain": _variants(
            call, _gathered(call, compiled, least, mode)
        ), ""
    of = None if rule.of is None else book.finders.compile(rule.of, rule.party)
    return lambda call, mode="plain": _count(
        call, rule, _gathered(call, compiled, least, mode), of
    ), ""


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


def _gathered(
    call: Call, parts: Sequence[FindSpans], least: float, mode: Mode
) -> Figure | list[list[Span]]:
    """Return what each part found, or why there is nothing to count.

    ``firm`` leaves out what counts only just, ``wide`` counts in what just misses.
    """
    results = [part(call) for part in parts]
    if all(found.missing for found in results):
        return Figure(None, results[0].missing)
    unknown = next((found.unknown for found in results if found.unknown), "")
    if unknown:
        return Figure(None, unknown, True)
    if mode == "wide":
        low = least - CONFIDENCE_MARGIN
        return [[span for span in found.spans if sure_enough(span, low)] for found in results]
    counted = [[span for span in found.sure if sure_enough(span, least)] for found in results]
    if mode == "firm":
        return [[span for span in spans if not is_edge(span, least)] for spans in counted]
    return counted


def _distinct(found: Figure | list[list[Span]]) -> Figure:
    if isinstance(found, Figure):
        return found
    spans = tuple(spans[0] for spans in found if spans)
    return Figure(float(len(spans)), spans=spans)


def _variants(call: Call, found: Figure | list[list[Span]]) -> Figure:
    if isinstance(found, Figure):
        return found
    wordings: dict[str, Span] = {}
    for span in (span for spans in found for span in spans):
        stream = call.heard.stream(span.stream)
        wordings.setdefault(join(stream.tokens[span.first : span.last], stream.lang), span)
    return Figure(float(len(wordings)), spans=tuple(wordings.values()))


def _count(
    call: Call, rule: rules.Limit, found: Figure | list[list[Span]], of: FindSpans | None
) -> Figure:
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
