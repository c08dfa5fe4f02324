"""`where`: from scope and relations to windows of time, with their fragile borders.

Every key of a `Where` yields windows, half-open, in which a thing must *start*; several keys must
all hold. A thing that starts less than 100 ms from a border is marked: inside it is an edge case,
outside it is a near miss. Negative keys (`not_after` ...) drop what starts in their windows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from speechqa.rulebook.clock import FAR, Window
from speechqa.rulebook.finders import Where
from speechqa.rulebook.view import Found, Span

if TYPE_CHECKING:
    from speechqa.rulebook.call import Call

BOUNDARY_MS = 100
"""How far a boundary of speech may be off: verdicts that flip within it are fragile."""

FIRM, EDGE, NEAR = range(3)
"""A window of an anchor that surely counts, that counts only just, or that just fails to."""

Marked = tuple[int, int, int]
"""A window, and how sure it is that there is one."""

FindSpans = Callable[["Call"], Found]
MakeWindows = Callable[["Call"], list[Marked] | Found]
Filter = Callable[["Call", Found], Found]


def compile_where(where: Where, party: str, compile_finder: Callable[..., FindSpans]) -> Filter:
    """Return a function that keeps the spans of a `Found` that lie in `where`.

    Parameters
    ----------
    where
        The scope as written.
    party
        Whose turns ``first_turns`` and ``within_turns`` count.
    compile_finder
        Makes a finder function of an anchor.
    """
    inside: list[MakeWindows] = []
    outside: list[MakeWindows] = []
    _add_scopes(where, party, inside)
    for name in ("after", "before", "around", "during", "same_turn"):
        anchor = getattr(where, name)
        if anchor is not None:
            inside.append(_relation(name, where, party, compile_finder(anchor)))
    for name in ("not_after", "not_before", "not_during"):
        anchor = getattr(where, name)
        if anchor is not None:
            outside.append(
                _relation(name.removeprefix("not_"), where, party, compile_finder(anchor))
            )

    def keep(call: Call, found: Found) -> Found:
        if not found.spans:
            return found
        spans: Iterable[Span] = found.spans
        for make in inside:
            windows = make(call)
            if isinstance(windows, Found):
                return windows
            spans = [kept for span in spans if (kept := _inside(span, windows))]
        for make in outside:
            windows = make(call)
            if isinstance(windows, Found):
                continue
            spans = [kept for span in spans if (kept := _outside(span, windows))]
        return Found(tuple(spans), found.missing, found.unknown)

    return keep


def _add_scopes(where: Where, party: str, inside: list[MakeWindows]) -> None:
    def add(value: float | None, make: Callable[[Call, float], Window]) -> None:
        if value is not None:
            inside.append(lambda call, value=value: [(*make(call, value), FIRM)])  # type: ignore[misc]

    add(where.first_s, lambda call, s: (-FAR, call.clock.live_after(s * 1000)))
    add(where.last_s, lambda call, s: (call.clock.live_before_end(s * 1000), FAR))
    add(
        where.first_percent,
        lambda call, p: (-FAR, call.clock.live_after(call.clock.live_ms * p / 100)),
    )
    add(
        where.last_percent,
        lambda call, p: (call.clock.live_before_end(call.clock.live_ms * p / 100), FAR),
    )
    add(where.first_turns, lambda call, n: (-FAR, _nth_turn_end(call, party, int(n))))
    add(where.last_turns, lambda call, n: (_nth_last_turn_start(call, party, int(n)), FAR))


def _nth_turn_end(call: Call, party: str, count: int) -> int:
    turns = call.clock.turns_of(party)
    return turns[min(count, len(turns)) - 1].end if turns else FAR


def _nth_last_turn_start(call: Call, party: str, count: int) -> int:
    turns = call.clock.turns_of(party)
    return turns[-min(count, len(turns))].start if turns else -FAR


def _relation(name: str, where: Where, party: str, find: FindSpans) -> MakeWindows:
    def windows(call: Call) -> list[Marked] | Found:
        found = find(call)
        if found.missing or found.unknown:
            return Found((), found.missing, found.unknown)
        anchors = list(found.spans) if where.nth == "each" else found.sure
        if where.nth == "first":
            anchors = anchors[:1]
        elif where.nth == "last":
            anchors = anchors[-1:]
        elif isinstance(where.nth, int):
            anchors = anchors[where.nth - 1 : where.nth]
        return [
            (
                *window_of(call, name, anchor, party, where),
                NEAR if anchor.near else EDGE if anchor.edge else FIRM,
            )
            for anchor in anchors
        ]

    return windows


def window_of(call: Call, name: str, anchor: Span, party: str, where: Where) -> Window:
    """Return the window that stands in a relation to one anchor."""
    within = None if where.within_s is None else round(where.within_s * 1000)
    if name == "after":
        return after_window(call, anchor, party, within, where.within_turns)
    if name == "before":
        return before_window(call, anchor, party, within, where.within_turns)
    if name == "around":
        return anchor.start - (within or 0), anchor.end + (within or 0)
    if name == "during":
        return anchor.start, anchor.end
    turn = call.clock.turn_at(anchor.party or party, anchor.start)
    return (turn.start - 300, turn.end) if turn else (anchor.start, anchor.end)


def after_window(
    call: Call, anchor: Span, party: str, within_ms: int | None, turns: int | None
) -> Window:
    """Return where an answer of `party` to `anchor` may start.

    The other party may begin while the anchor is still being said; the same party not.
    """
    same = anchor.party in {party, None} or party == "any"
    start = anchor.end if same else anchor.start
    end = FAR
    if within_ms is not None:
        end = anchor.end + within_ms
    if turns is not None:
        last = call.clock.next_turns(party, anchor.end, turns)
        end = min(end, last if last is not None else anchor.end)
    return start, end


def before_window(
    call: Call, anchor: Span, party: str, within_ms: int | None, turns: int | None
) -> Window:
    """Return where something said before `anchor` must start."""
    start = -FAR if within_ms is None else anchor.start - within_ms
    if turns is not None:
        earlier = [turn for turn in call.clock.turns_of(party) if turn.start < anchor.start]
        start = max(start, earlier[-min(turns, len(earlier))].start if earlier else -FAR)
    return start, anchor.start


def _inside(span: Span, windows: list[Marked]) -> Span | None:
    """Keep a span that lies in a window, marked by its surest one; None where it lies in none."""
    best: Span | None = None
    for a, b, kind in windows:
        if kind != NEAR and a <= span.start < b:
            at_start = span.start - a < BOUNDARY_MS and a > -FAR and span.start != a
            if kind == FIRM and not at_start and b - span.start > BOUNDARY_MS:
                return span
            best = _mark(span, edge=True)
        elif best is None and a - BOUNDARY_MS <= span.start < b + BOUNDARY_MS:
            best = _mark(span, near=True)
    return best


def _outside(span: Span, windows: list[Marked]) -> Span | None:
    """Keep a span that lies in no window; in an unsure one it counts, or misses, only just."""
    kept: Span | None = span
    for a, b, kind in windows:
        if a <= span.start < b:
            if kind == FIRM:
                return None
            if kind == EDGE:
                kept = _mark(span, near=True)
            elif kept is span:
                kept = _mark(span, edge=True)
    return kept


def _mark(span: Span, *, near: bool = False, edge: bool = False) -> Span:
    return replace(span, near=span.near or near, edge=span.edge or edge)
