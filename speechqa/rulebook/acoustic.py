"""Finders about sound and shape: events, turns, repeats."""

from __future__ import annotations

from bisect import bisect_left
from typing import Any

from rapidfuzz.fuzz import token_set_ratio
from rapidfuzz.process import cdist

from speechqa.phrases.normalise import join
from speechqa.rulebook.call import Call
from speechqa.rulebook.clock import FAR, TurnSpan, Window
from speechqa.rulebook.finders import Event, Repeats, TurnFinder
from speechqa.rulebook.view import NONE_FOUND, Found, Span
from speechqa.rulebook.windows import BOUNDARY_MS, FindSpans

_GRADE_B = {"A", "B"}
_MEASURED_SILENCE_MS = 3000
_QUESTION = {
    "en": frozenset(
        "what when where which who why how can could may would do does did is are was were have "
        "has will shall any".split()
    ),
    "zh": frozenset("吗 呢 么 哪 谁 几 怎 啥".split()),
}
_QUESTION_ZH = ("什么", "多少", "是不是", "有没有", "能不能", "可不可以", "为何", "好不好")


def find_event(call: Call, finder: Event, party: str | None) -> Found:
    """Return the events of one kind; durations within 100 ms of a limit are near or edge."""
    kind = finder.event
    if kind == "start":
        return Found((Span(call.clock.start, call.clock.start, kind="start"),))
    if kind == "end":
        end = call.view.duration_ms or call.clock.end
        return Found((Span(end, end, kind="end"),))
    if kind in {"interruption", "overtalk", "backchannel"} and call.view.grade not in _GRADE_B:
        return Found(missing=f"{kind} needs evidence grade B, the call has {call.view.grade}")
    if kind == "pause":
        windows = call.clock.silent(party or "customer")
        return _timed([(w, party) for w in windows], finder)
    if kind == "monologue":
        turns = call.clock.turns_of(party or "any")
        return _timed([((turn.start, turn.end), turn.party) for turn in turns], finder)
    if kind == "silence" and _own_gaps(finder):
        return _timed([(w, None) for w in call.clock.both_silent], finder)
    events = [event for event in call.view.events if event["kind"] == kind]
    chosen = [event for event in events if _fits(event, finder, party)]
    return _timed(
        [((int(e["start_ms"]), int(e["end_ms"])), e.get("party")) for e in chosen], finder
    )


def _own_gaps(finder: Event) -> bool:
    """Whether silence is taken from the speech itself: shorter than what events list."""
    plain = finder.owner is None and finder.before is None and finder.announced is None
    return plain and (finder.min_s or 0) * 1000 < _MEASURED_SILENCE_MS and finder.min_s is not None


def _fits(event: Any, finder: Event, party: str | None) -> bool:
    detail = event.get("detail") or {}
    if party not in {None, "any"} and event.get("party") not in {party, None}:
        return False
    wanted = {
        "owner": finder.owner,
        "before": finder.before,
        "announced": finder.announced,
        "successful": finder.successful,
    }
    return all(value is None or detail.get(name) == value for name, value in wanted.items())


def _timed(found: list[tuple[Window, str | None]], finder: Event) -> Found:
    low = round((finder.min_s or 0) * 1000)
    high = round(finder.max_s * 1000) if finder.max_s is not None else None
    spans = []
    for (start, end), party in found:
        length = end - start
        if length < low - BOUNDARY_MS or (high is not None and length > high + BOUNDARY_MS):
            continue
        near = length < low or (high is not None and length > high)
        close = bool(low and length < low + BOUNDARY_MS)
        close = close or (high is not None and length > high - BOUNDARY_MS)
        spans.append(Span(start, end, party, near=near, edge=close and not near, kind=finder.event))
    return Found(tuple(spans)) if spans else NONE_FOUND


def find_turns(
    call: Call, finder: TurnFinder, contains: FindSpans | None, lacks: FindSpans | None
) -> Found:
    """Return the turns of a party that fit."""
    worded = finder.min_words is not None or finder.question is not None
    if (worded or contains or lacks) and (reason := call.unheard(finder.turn)):
        return Found(unknown=reason)
    low = (finder.min_s or 0) * 1000
    high = FAR if finder.max_s is None else finder.max_s * 1000
    kept = []
    for turn in call.clock.turns_of(finder.turn):
        if not low <= turn.end - turn.start <= high:
            continue
        if finder.min_words is not None and len(turn_tokens(call, turn)) < finder.min_words:
            continue
        if finder.question is not None and asks(call, turn) != finder.question:
            continue
        kept.append(Span(turn.start, turn.end, turn.party, kind="turn"))
    for inner, wanted in ((contains, True), (lacks, False)):
        if inner is None or not kept:
            continue
        found = inner(call)
        if found.missing or found.unknown:
            return Found((), found.missing, found.unknown)
        starts = sorted(one.start for one in found.sure)
        kept = [
            span
            for span in kept
            if (bisect_left(starts, span.start - 300) < bisect_left(starts, span.end + 300))
            == wanted
        ]
    return Found(tuple(kept))


def turn_range(call: Call, span: Span | TurnSpan) -> tuple[int, int]:
    """Return the token range of what a party said in a span of time."""
    stream = call.heard.stream(span.party or "any")
    return stream.tokens_between(span.start - 300, span.end + 100)


def turn_tokens(call: Call, span: Span | TurnSpan) -> list[str]:
    """Return the normalised tokens that the span's party said in it."""
    first, last = turn_range(call, span)
    return call.heard.stream(span.party or "any").tokens[first:last]


def asks(call: Call, turn: TurnSpan) -> bool:
    """Say whether a turn asks something; remembered within the call."""
    key = (turn.party, turn.start)
    if key not in call.questions:
        call.questions[key] = is_question(turn_tokens(call, turn), call.view.lang)
    return call.questions[key]


def is_question(words: list[str], lang: str) -> bool:
    """Say whether a turn asks something: by question words, since marks are rarely recognised.

    English looks at the first words of the turn and at tags; a question in the middle of a long
    turn is missed.

    Examples
    --------
    >>> is_question("and what is your number".split(), "en"), is_question(["好", "吗"], "zh")
    (True, True)
    """
    if lang == "zh":
        text = join(words, "zh")
        return any(word in _QUESTION["zh"] for word in words) or any(
            part in text for part in _QUESTION_ZH
        )
    opening = [word for word in words if word not in {"and", "so", "ok", "okay", "well", "please"}]
    return bool(opening and opening[0] in _QUESTION["en"]) or any(
        word in {"what", "when", "where", "which", "how", "why"} for word in opening[:4]
    )


def find_repeats(call: Call, finder: Repeats) -> Found:
    """Return the turns that say again what an earlier turn of the party said."""
    if reason := call.unheard(finder.repeats):
        return Found(unknown=reason)
    turns = [
        turn
        for turn in call.clock.turns_of(finder.repeats)
        if len(turn_tokens(call, turn)) >= finder.min_words
    ]
    if len(turns) < 2:
        return NONE_FOUND
    texts = [" ".join(turn_tokens(call, turn)) for turn in turns]
    likeness = cdist(texts, texts, scorer=token_set_ratio, score_cutoff=finder.similarity)
    return Found(
        tuple(
            Span(turn.start, turn.end, turn.party, kind="turn")
            for at, turn in enumerate(turns)
            if likeness[at, :at].any()
        )
    )
