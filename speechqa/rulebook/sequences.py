"""Sequence rules: steps in order, with times between them.

The steps found are the longest chain in which each step starts after the one before it ended and
keeps its times; a missing step does not stop the later ones unless ``first_breaks`` says so. The
chain is found by trying, for every step, each place where it was found (few), keeping the best
chain that ends there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from speechqa.rulebook import rules
from speechqa.rulebook.call import Call
from speechqa.rulebook.search import gather
from speechqa.rulebook.verdicts import DEFAULT_CONFIDENCE, is_edge, plain, sure_enough
from speechqa.rulebook.view import Found, RuleResult, Span
from speechqa.rulebook.windows import BOUNDARY_MS, FindSpans, compile_where

if TYPE_CHECKING:
    from speechqa.rulebook.compiled import Judge, LanguageBook

_MAX_PLACES = 200
_OVERLAP_MS = 150


@dataclass(frozen=True, slots=True)
class _Link:
    """A found step at the end of a chain of `length` steps."""

    step: int
    span: Span
    length: int
    optional: int
    back: _Link | None


def compile_sequence(rule: rules.Sequence, book: LanguageBook) -> Judge:
    """Return the function that judges calls by a sequence rule."""
    compiler = book.finders
    start = None if rule.start is None else compiler.compile(rule.start, rule.party)
    abort = None if rule.abort is None else compiler.compile(rule.abort, rule.party)
    steps = [_step(step, rule, book) for step in rule.steps]
    keep = None
    if rule.where is not None:
        keep = compile_where(
            rule.where, rule.party, lambda finder: compiler.compile(finder, rule.party)
        )
    needed = rule.at_least or sum(not step.optional for step in rule.steps)
    least = rule.least_confidence or DEFAULT_CONFIDENCE

    def judged(call: Call) -> RuleResult:
        begin = call.clock.start
        if start is not None:
            found = start(call)
            if not found.sure:
                if found.unknown:
                    return plain(rule.id, "unknown", found.unknown)
                reason = found.missing or "what starts it did not occur"
                return plain(rule.id, "not_applicable", reason)
            begin = found.sure[0].end
        if abort is not None and any(span.start >= begin for span in abort(call).sure):
            return plain(rule.id, "not_applicable", "what ends it occurred")
        places = []
        for find in steps:
            found = find(call)
            if found.missing or found.unknown:
                outcome = "unknown" if found.unknown else "not_applicable"
                return plain(rule.id, outcome, found.missing or found.unknown)
            kept = keep(call, found) if keep else found
            if kept.missing:
                return plain(rule.id, "not_applicable", kept.missing)
            places.append([s for s in kept.spans if sure_enough(s, least)])
        return _answer(rule, call, places, begin, needed, least)

    return judged


def _answer(
    rule: rules.Sequence,
    call: Call,
    places: list[list[Span]],
    begin: int,
    needed: int,
    least: float,
) -> RuleResult:
    sure = [[span for span in spans if not span.near] for spans in places]
    chain = best_chain(rule, sure, begin, 0)
    count = _needed_steps(rule, chain)
    met = count >= needed
    loose = _needed_steps(rule, best_chain(rule, places, begin, BOUNDARY_MS)) >= needed
    firm = [[span for span in spans if not is_edge(span, least)] for spans in sure]
    tight = _needed_steps(rule, best_chain(rule, firm, begin, -BOUNDARY_MS)) >= needed
    fragile = loose != met or tight != met
    done = {link.step: link.span for link in chain}
    hits = []
    here = begin
    for number, step in enumerate(rule.steps):
        name = step.name or f"step {number + 1}"
        if number in done:
            hits.append(call.hit(rule, "met", done[number], step=name))
            here = done[number].end
        elif not step.optional and not met:
            missing_here = Span(here, here, rule.party, kind="call")
            hits.append(call.hit(rule, "violated", missing_here, step=name))
    due = sum(not step.optional for step in rule.steps)
    missing = [
        step.name or f"step {number + 1}"
        for number, step in enumerate(rule.steps)
        if number not in done and not step.optional
    ]
    reason = f"{min(count, due)} of {due} steps" + (
        f"; missing: {', '.join(missing)}" if missing else ""
    )
    return RuleResult(
        rule.id,
        "met" if met else "violated",
        reason,
        min(count, due),
        due,
        tuple(hits),
        fragile,
        by_absence=not met,
    )


def _needed_steps(rule: rules.Sequence, chain: list[_Link]) -> int:
    if rule.at_least is not None:
        return len(chain)
    return sum(not rule.steps[link.step].optional for link in chain)


def best_chain(
    rule: rules.Sequence, places: list[list[Span]], begin: int, slack_ms: int
) -> list[_Link]:
    """Return the chain with the most needed steps; ties: the one that ends first."""
    tolerance = round(rule.tolerance_s * 1000) + slack_ms
    links: list[_Link] = []
    for number, spans in enumerate(places):
        step = rule.steps[number]
        made: list[_Link] = []
        for span in spans[:_MAX_PLACES]:
            best: _Link | None = None
            for link in [None, *links]:
                if rule.first_breaks and not _follows(rule, link, number):
                    continue
                if not _in_time(step, link, span, begin, tolerance):
                    continue
                length = link.length if link else 0
                if best is None or length + (not step.optional) > best.length:
                    gained = length + (not step.optional)
                    extra = (link.optional if link else 0) + step.optional
                    best = _Link(number, span, gained, extra, link)
            if best is not None:
                made.append(best)
        links.extend(made)
    if not links:
        return []
    last = max(links, key=lambda link: (link.length, link.optional, -link.span.end))
    chain: list[_Link] = []
    here: _Link | None = last
    while here is not None:
        chain.append(here)
        here = here.back
    return chain[::-1]


def _follows(rule: rules.Sequence, link: _Link | None, number: int) -> bool:
    """Whether no needed step lies between the link's step and this one."""
    since = link.step + 1 if link else 0
    return all(step.optional for step in rule.steps[since:number])


def _in_time(step: rules.Step, link: _Link | None, span: Span, begin: int, tolerance: int) -> bool:
    ready = link.span.end if link else begin
    if span.kind in {"silence", "pause"}:
        # A pause may have begun while the previous step's last word still rang.
        after = span.end > ready and span.start >= ready - max(tolerance, 0) - _OVERLAP_MS * 4
    else:
        after = span.start >= ready - _OVERLAP_MS
    gap = span.start - ready
    if step.within_s is not None and gap > step.within_s * 1000 + tolerance:
        return False
    if step.after_s is not None and gap < step.after_s * 1000 - tolerance:
        return False
    return after


def _step(step: rules.Step, rule: rules.Sequence, book: LanguageBook) -> FindSpans:
    if step.pause_s is not None:
        return _pause(round(step.pause_s * 1000), round(rule.tolerance_s * 1000))
    parts = [book.finders.compile(one, rule.party) for one in step.find or ()]
    return parts[0] if len(parts) == 1 else _together(parts)


def _together(parts: list[FindSpans]) -> FindSpans:
    def find(call: Call) -> Found:
        results = [part(call) for part in parts]
        for found in results:
            if found.missing or found.unknown:
                return Found((), found.missing, found.unknown)
        spans = gather(call, [found.sure for found in results], len(parts), "turn", None)
        return Found(tuple(spans))

    return find


def _pause(low_ms: int, tolerance_ms: int) -> Callable[[Call], Found]:
    def find(call: Call) -> Found:
        spans = []
        for start, end in call.clock.both_silent:
            length = end - start + tolerance_ms
            if length >= low_ms - BOUNDARY_MS:
                near = length < low_ms
                edge = not near and length < low_ms + BOUNDARY_MS
                spans.append(Span(start, end, near=near, edge=edge, kind="pause"))
        return Found(tuple(spans))

    return find
