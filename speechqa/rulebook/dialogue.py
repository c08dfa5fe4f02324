"""Written dialogues as calls: for examples inside a rulebook and for the test bench.

Turns without times are laid out one after another, half a second apart, at an ordinary speech
rate (English 150 words, Chinese 220 characters a minute). Each word gets its place; measures and
events are made from the laid-out speech and words by the same code as for recordings, so a silence
after "one moment please" is announced here too, and a hold may be inferred.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from speechqa.phrases.announcements import AnnouncementFinder
from speechqa.phrases.normalise import tokens, uses_spaces
from speechqa.rulebook.view import CallView
from speechqa.rulebook.written import Dialogue, GivenEvent
from speechqa.transcript import Word, count_units

TURN_GAP_MS = 500
_MS_PER_UNIT = {True: 400, False: 270}
_MIN_TURN_MS = 300

PlacedTurn = tuple[str, int, int, str]
"""Party, start (ms), end (ms), text."""


def call_of(
    turns: Sequence[tuple[str, str]], *, lang: str, call_id: str = "dialogue", **facts: Any
) -> CallView:
    """Return a call in which `turns` are said one after another.

    Examples
    --------
    >>> call = call_of([("agent", "hello there"), ("customer", "hi")], lang="en")
    >>> [(word.party, word.start_ms, word.end_ms, word.text) for word in call.words]
    [('agent', 0, 400, 'hello'), ('agent', 400, 800, 'there'), ('customer', 1300, 1700, 'hi')]
    """
    placed: list[PlacedTurn] = []
    at = 0
    for party, text in turns:
        end = at + spoken_ms(text, lang)
        placed.append((party, at, end, text))
        at = end + TURN_GAP_MS
    return placed_call(placed, lang=lang, call_id=call_id, **facts)


def spoken_ms(text: str, lang: str) -> int:
    """Return how long a text takes at an ordinary rate."""
    return max(_MIN_TURN_MS, count_units(text) * _MS_PER_UNIT[uses_spaces(lang)])


def placed_call(
    turns: Sequence[PlacedTurn],
    *,
    lang: str,
    call_id: str = "dialogue",
    duration_ms: int | None = None,
    grade: str = "B",
    metadata: Mapping[str, str] | None = None,
    holds: Sequence[tuple[int, int]] = (),
    measured: bool = True,
) -> CallView:
    """Return a call of turns with times; measures and events are made as for a recording."""
    words: list[Word] = []
    for party, start, end, text in turns:
        words.extend(_words(party, start, end, text, lang))
    words.sort(key=lambda word: (word.start_ms, word.end_ms))
    speech: dict[str, list[tuple[int, int]]] = {"agent": [], "customer": []}
    for party, start, end, _ in sorted(turns, key=lambda turn: turn[1]):
        spurts = speech.setdefault(party, [])
        if spurts and start < spurts[-1][1] + 200:
            spurts[-1] = (spurts[-1][0], max(spurts[-1][1], end))
        else:
            spurts.append((start, end))
    edges = [edge for spurts in speech.values() for spurt in spurts for edge in spurt]
    last = max(edges, default=0)
    view = CallView(
        call_id=call_id,
        lang=lang,
        grade=grade,
        duration_ms=duration_ms if duration_ms is not None else last,
        conversation=(min(edges, default=0), last),
        words=tuple(words),
        speech=speech,
        metadata=dict(metadata or {}),
        events=[_event("hold", None, a, b) for a, b in holds],
    )
    return _with_measures(view, holds) if measured else view


def _words(party: str, start: int, end: int, text: str, lang: str) -> list[Word]:
    spaced = uses_spaces(lang)
    parts = text.split() if spaced else list(tokens(text, lang))
    weights = [max(1, count_units(part)) for part in parts]
    total = sum(weights) or 1
    made = []
    at = 0
    for part, weight in zip(parts, weights, strict=True):
        begin = start + (end - start) * at // total
        at += weight
        stop = start + (end - start) * at // total
        made.append(Word(party, begin, stop, part, 0.95))  # type: ignore[arg-type]
    return made


def _event(
    kind: str, party: str | None, start: int, end: int, detail: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    return {
        "kind": kind,
        "party": party,
        "start_ms": start,
        "end_ms": end,
        "detail": dict(detail or {}),
    }


def _with_measures(view: CallView, holds: Sequence[tuple[int, int]]) -> CallView:
    from speechqa.settings import TimingSettings
    from speechqa.timing import Call, measure_calls

    if not any(view.speech.values()):
        return view
    said = _finder().find(view.words, view.lang)
    counted = [(w.party, w.start_ms, w.end_ms, count_units(w.text)) for w in view.words]
    mixed = view.speech.get("mixed")
    call = Call(
        duration_ms=view.duration_ms,
        agent=None if mixed else view.speech["agent"],
        customer=None if mixed else view.speech["customer"],
        mixed=mixed,
        holds=list(holds) or None,
        answered_ms=None,
        language=view.lang,
        words=counted,
        announcements=said.waits,
        returns=said.returns,
        grade=view.grade,
    )
    measured = measure_calls([call], TimingSettings())
    events: list[Mapping[str, Any]] = list(measured.events(0))
    if not any(event["kind"] == "hold" for event in events):
        events = [*events, *view.events]
    return replace(view, measures=measured.row(0), events=events)


@lru_cache(maxsize=1)
def _finder() -> AnnouncementFinder:
    return AnnouncementFinder()


def example_call(dialogue: Dialogue) -> CallView:
    """Return a rulebook's example dialogue as a call."""
    placed: list[PlacedTurn] = []
    holds: list[tuple[int, int]] = []
    at = 0
    for turn in dialogue.turns:
        if turn.at_s is not None:
            at = round(turn.at_s * 1000)
        if turn.pause is not None or turn.hold is not None:
            start = max(at - TURN_GAP_MS, 0) if turn.at_s is None else at
            length = round(((turn.pause or 0) + (turn.hold or 0)) * 1000)
            if turn.hold is not None:
                holds.append((start, start + length))
            at = start + length
            continue
        party, text = (
            ("agent", turn.agent) if turn.agent is not None else ("customer", turn.customer)
        )
        length = spoken_ms(text or "", dialogue.lang)
        if turn.for_s is not None:
            length = round(turn.for_s * 1000)
        placed.append((party, at, at + length, text or ""))
        at += length + TURN_GAP_MS
    last = max((end for _, _, end, _ in placed), default=0)
    ends_silent = bool(dialogue.turns) and dialogue.turns[-1].pause is not None
    view = placed_call(
        placed,
        lang=dialogue.lang,
        duration_ms=max(at, last) if ends_silent else last,
        grade=dialogue.grade,
        metadata=dialogue.metadata,
        holds=holds,
    )
    events = [*view.events, *(_given(event) for event in dialogue.events)]
    return replace(view, measures={**view.measures, **dialogue.measures}, events=events)


def _given(event: GivenEvent) -> dict[str, Any]:
    start, end = round(event.start_s * 1000), round(event.end_s * 1000)
    return _event(event.kind, event.party, start, end, event.detail)
