"""Each rules: every time something happens, another thing must follow, precede or go along.

How often it was due and how often it was kept is counted three times: plainly, strictly (what
counts only just left out) and generously (what just misses counted in). Where the verdicts
differ, the answer is fragile.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from speechqa.rulebook import rules
from speechqa.rulebook.call import Call
from speechqa.rulebook.verdicts import (
    DEFAULT_CONFIDENCE,
    in_scope,
    is_edge,
    plain,
    sure_enough,
    without_answer,
)
from speechqa.rulebook.view import Found, Hit, RuleResult, Span
from speechqa.rulebook.windows import BOUNDARY_MS, after_window, before_window

if TYPE_CHECKING:
    from speechqa.rulebook.compiled import Judge, LanguageBook

_Answer = tuple[bool, bool, bool, Span | None]
_Counts = tuple[int, int, int, int]


def compile_each(rule: rules.Each, book: LanguageBook) -> Judge:
    """Return the function that judges calls by an each rule."""
    trigger = in_scope(rule, book, book.finders.compile(rule.each, rule.party))
    place = "then" if rule.then else "first" if rule.first else "with"
    wanted = rule.then or rule.first or rule.with_ or ()
    parts = [book.finders.compile(one, rule.party) for one in wanted]
    needed = rule.at_least or len(parts)
    least = rule.least_confidence or DEFAULT_CONFIDENCE
    windows = _each_window(rule, place)

    def judged(call: Call) -> RuleResult:
        triggers = trigger(call)
        if answer := without_answer(rule, triggers):
            return answer
        due = [s for s in triggers.sure if sure_enough(s, least)]
        if not due:
            return plain(rule.id, "not_applicable", "what it follows on did not occur")
        results = [part(call) for part in parts]
        if all(found.missing for found in results):
            return plain(rule.id, "not_applicable", results[0].missing)
        if any(found.unknown for found in results):
            reason = next(found.unknown for found in results if found.unknown)
            return plain(rule.id, "unknown", reason)

        def counted(anchors: Sequence[Span]) -> tuple[_Counts, tuple[Hit, ...]]:
            return _counted(
                call,
                rule,
                anchors,
                lambda anchor: windows(call, anchor),
                lambda window: _answered(results, window, needed, least),
            )

        result = _each_result(rule, *counted(due))
        if result.fragile:
            return result
        kept = result.outcome != "violated"
        turned = any(
            _is_kept(rule, counted(others)[0]) != kept
            for others in _other_triggers(triggers, due, least)
        )
        return replace(result, fragile=True) if turned else result

    return judged


def _other_triggers(found: Found, due: Sequence[Span], least: float) -> list[list[Span]]:
    """Return the triggers without those that count only just, and with those that just miss."""
    firm = [span for span in due if not is_edge(span, least)]
    wide = [span for span in found.spans if sure_enough(span, least)]
    return [others for others in (firm, wide) if len(others) != len(due)]


def _is_kept(rule: rules.Each, counts: _Counts) -> bool:
    total, met, _, _ = counts
    return met >= rule.at_least_share * total


def _counted(
    call: Call,
    rule: rules.Each,
    due: Sequence[Span],
    window_of: Callable[[Span], tuple[int, int] | None],
    answer: Callable[[tuple[int, int]], _Answer],
) -> tuple[_Counts, tuple[Hit, ...]]:
    """Return how often it was due and answered (plainly, strictly, generously), with evidence."""
    hits: list[Hit] = []
    total = met = strict = generous = 0
    for anchor in due:
        window = window_of(anchor)
        if window is None:
            continue
        total += 1
        ok, sure, nearly, span = answer(window)
        met += ok
        strict += sure
        generous += nearly
        outcome = "met" if ok else "violated"
        hits.append(call.hit(rule, outcome, span if ok else anchor, fragile=sure != nearly))
    return (total, met, strict, generous), tuple(hits)


def _each_result(rule: rules.Each, counts: _Counts, hits: tuple[Hit, ...]) -> RuleResult:
    total, met, strict, generous = counts
    if not total:
        return plain(rule.id, "not_applicable", "the call ended before it was due")
    need = rule.at_least_share * total
    verdict = met >= need
    return RuleResult(
        rule.id,
        "met" if verdict else "violated",
        f"{met} of {total} times",
        met,
        total,
        hits,
        (generous >= need) != verdict or (strict >= need) != verdict,
        by_absence=not verdict,
    )


def _answered(
    results: Sequence[Found], window: tuple[int, int], needed: int, least: float
) -> tuple[bool, bool, bool, Span | None]:
    """Say whether enough was found in a window: plainly, strictly, generously; and the evidence."""
    start, end = window
    plain: set[int] = set()
    strict: set[int] = set()
    generous: set[int] = set()
    evidence: Span | None = None
    for number, found in enumerate(results):
        for span in found.spans:
            if not start - BOUNDARY_MS <= span.start < end + BOUNDARY_MS:
                continue
            generous.add(number)
            if span.near or not start <= span.start < end or not sure_enough(span, least):
                continue
            plain.add(number)
            if evidence is None or span.start < evidence.start:
                evidence = span
            if end - span.start > BOUNDARY_MS and not is_edge(span, least):
                strict.add(number)
    return len(plain) >= needed, len(strict) >= needed, len(generous) >= needed, evidence


def _each_window(rule: rules.Each, place: str) -> Callable[[Call, Span], tuple[int, int] | None]:
    within = None if rule.within_s is None else round(rule.within_s * 1000)
    turns = rule.within_turns if rule.within_turns or within is not None else 1

    def then(call: Call, anchor: Span) -> tuple[int, int] | None:
        later = [turn for turn in call.clock.turns_of(rule.party) if turn.end > anchor.end]
        if not later and call.clock.end <= anchor.end + (within or 3000):
            return None
        return after_window(call, anchor, rule.party, within, turns)

    def first(call: Call, anchor: Span) -> tuple[int, int] | None:
        return before_window(call, anchor, rule.party, within, turns)

    def along(call: Call, anchor: Span) -> tuple[int, int] | None:
        if within is not None:
            return anchor.start - within, anchor.end + within
        turn = call.clock.turn_at(rule.party, anchor.start)
        if turn is None:
            return anchor.start, anchor.end
        return turn.start - 300, turn.end + 100

    return {"then": then, "first": first, "with": along}[place]
