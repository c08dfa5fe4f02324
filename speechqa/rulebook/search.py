"""Finders at work: from what a rulebook says to look for, to spans of one call.

Each finder is turned once into a function of a `Call`; a function remembers its answer within the
call, so that a trigger shared by many rules is looked for once. A finder never guesses: what
cannot be known comes back as `missing` or `unknown` with the reason.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from speechqa.rulebook import conditions, finders
from speechqa.rulebook.acoustic import find_event, find_repeats, find_turns
from speechqa.rulebook.call import Call
from speechqa.rulebook.view import NONE_FOUND, Found, Span
from speechqa.rulebook.windows import FindSpans, compile_where

if TYPE_CHECKING:
    from speechqa.rulebook.compiled import LanguageBook


class FinderCompiler:
    """Makes finder functions for one rulebook in one language.

    Parameters
    ----------
    book
        Named finders, options, lexicon.
    """

    def __init__(self, book: LanguageBook) -> None:
        self.book = book
        self._numbers = itertools.count()
        self._named: dict[tuple[str, str, bool], FindSpans] = {}

    def compile(self, finder: Any, party: str = "agent", drop_quoted: bool = False) -> FindSpans:
        """Return the function of one finder; `party` is whose words it means by default."""
        party = finder.party or party
        raw = self._raw(finder, party, drop_quoted)
        if finder.where is None:
            return self._remember(raw)
        keep = compile_where(finder.where, party, self._anchor(party))
        return self._remember(lambda call: keep(call, raw(call)))

    def _anchor(self, party: str) -> Callable[[Any], FindSpans]:
        return lambda finder: self.compile(finder, party)

    def _remember(self, find: FindSpans) -> FindSpans:
        number = next(self._numbers)

        def remembered(call: Call) -> Found:
            found = call.memo.get(number)
            if found is None:
                found = call.memo[number] = find(call)
            return found

        return remembered

    def _raw(self, finder: Any, party: str, drop_quoted: bool) -> FindSpans:
        match finder:
            case finders.Named():
                return self._by_name(finder.use, party, drop_quoted, finder.party is not None)
            case finders.Words():
                return self._words(finder, party, drop_quoted)
            case finders.AnyOf():
                return self._any([self.compile(one, party, drop_quoted) for one in finder.any])
            case finders.AllOf():
                return self._several(finder, finder.all, len(finder.all), party, drop_quoted)
            case finders.AtLeast():
                return self._several(finder, finder.of, finder.at_least, party, drop_quoted)
            case finders.NoneOf():
                return _none([self.compile(one, party) for one in finder.none])
            case finders.Event():
                owner = finder.party
                return lambda call: find_event(call, finder, owner)
            case finders.TurnFinder():
                inner = [
                    None if one is None else self.compile(one, finder.turn)
                    for one in (finder.contains, finder.lacks)
                ]
                return lambda call: find_turns(call, finder, inner[0], inner[1])
            case finders.Repeats():
                return lambda call: find_repeats(call, finder)
            case finders.Digits():
                return self._digits(finder, party)
        return conditions.compile_condition(finder, self.book)

    def _by_name(self, name: str, party: str, drop_quoted: bool, own_party: bool) -> FindSpans:
        finder = self.book.form.words[name]
        if own_party and hasattr(finder, "party"):
            finder = finder.model_copy(update={"party": party})
            self.book.alias(finder, self.book.form.words[name])
            return self.compile(finder, party, drop_quoted)
        key = (name, finder.party or party, drop_quoted)
        if key not in self._named:
            self._named[key] = self.compile(finder, party, drop_quoted)
        return self._named[key]

    def _words(self, finder: finders.Words, party: str, drop_quoted: bool) -> FindSpans:
        key = self.book.word_key(finder)
        if key is None:
            missing = Found(missing=f"no words for language {self.book.lang}")
            return lambda call: missing
        drop_quoted = drop_quoted if finder.quoted is None else finder.quoted == "drop"

        def find(call: Call) -> Found:
            quick = call.listened.get(party) or call.listen(party)
            if quick.reason:
                return Found(unknown=quick.reason)
            if key not in quick.active:
                return NONE_FOUND
            found = call.heard.find(key, party, drop_quoted=drop_quoted)
            if found.stopped:
                return Found(unknown="not evaluated: a pattern ran out of time")
            if not found.hits:
                return NONE_FOUND
            stream = call.heard.stream(party)
            spans = []
            for hit in found.hits:
                start, end = stream.span(hit.first, hit.last)
                who = stream.words[stream.word_of[hit.first]].party
                confidence = stream.confidence(hit.first, hit.last)
                spans.append(
                    Span(
                        start,
                        end,
                        who,
                        hit.first,
                        hit.last,
                        hit.similarity,
                        confidence,
                        hit.near,
                        hit.edge,
                        stream=party,
                    )
                )
            return Found(tuple(spans))

        return find

    def _digits(self, finder: finders.Digits, party: str) -> FindSpans:
        key = self.book.digit_key()
        most = finder.max or 10_000

        def find(call: Call) -> Found:
            if reason := call.unheard(party):
                return Found(unknown=reason)
            stream = call.heard.stream(party)
            spans = []
            for hit in call.heard.find(key, party).hits:
                if finder.digits <= hit.last - hit.first <= most:
                    start, end = stream.span(hit.first, hit.last)
                    confidence = stream.confidence(hit.first, hit.last)
                    who = stream.words[stream.word_of[hit.first]].party
                    spans.append(
                        Span(
                            start,
                            end,
                            who,
                            hit.first,
                            hit.last,
                            confidence=confidence,
                            kind="digits",
                            stream=party,
                        )
                    )
            return Found(tuple(spans))

        return find

    @staticmethod
    def _any(parts: Sequence[FindSpans]) -> FindSpans:
        def find(call: Call) -> Found:
            results = [part(call) for part in parts]
            spans = [span for found in results for span in found.spans]
            if spans:
                return Found(tuple(sorted(spans, key=lambda span: span.start)))
            return next(
                (found for found in results if found.unknown),
                NONE_FOUND if any(not found.missing for found in results) else results[0],
            )

        return find

    def _several(
        self, finder: Any, items: Sequence[Any], needed: int, party: str, drop_quoted: bool
    ) -> FindSpans:
        negative = [one for one in items if isinstance(one, finders.NoneOf)]
        parts = [self.compile(one, party, drop_quoted) for one in items if one not in negative]
        lacking = [self.compile(one, party) for item in negative for one in item.none]
        if finder is not None and isinstance(finder, finders.AllOf):
            needed = len(parts)
        within = finder.within
        within_ms = None if finder.within_s is None else round(finder.within_s * 1000)

        def find(call: Call) -> Found:
            results = [part(call) for part in parts]
            for found in results:
                if found.missing or found.unknown:
                    return Found((), found.missing, found.unknown)
            groups = gather(call, [found.sure for found in results], needed, within, within_ms)
            barred = [span for part in lacking for span in part(call).sure]
            if within_ms is None:
                places = {place_of(call, other, within) for other in barred}
                groups = [s for s in groups if place_of(call, s, within) not in places]
            else:
                groups = [
                    span
                    for span in groups
                    if not any(
                        span.start - within_ms <= other.start <= span.end + within_ms
                        for other in barred
                    )
                ]
            return Found(tuple(groups))

        return find


def _none(parts: Sequence[FindSpans]) -> FindSpans:
    def find(call: Call) -> Found:
        results = [part(call) for part in parts]
        if any(found.sure for found in results):
            return NONE_FOUND
        bad = next((found for found in results if found.unknown or found.missing), None)
        if bad is not None:
            return Found((), bad.missing, bad.unknown)
        start, end = call.clock.start, call.clock.end
        return Found((Span(start, end, kind="call"),))

    return find


def gather(
    call: Call, found: list[list[Span]], needed: int, within: str, within_ms: int | None
) -> list[Span]:
    """Return one span for each place where enough different things come together.

    A place is an utterance, a turn, the whole call, or a stretch of `within_ms`.
    """
    tagged = sorted(
        ((span, number) for number, spans in enumerate(found) for span in spans),
        key=lambda pair: pair[0].start,
    )
    if not tagged:
        return []
    groups: dict[Any, list[tuple[Span, int]]] = {}
    if within_ms is not None:
        for index, (span, _) in enumerate(tagged):
            groups[index] = [
                pair for pair in tagged[index:] if pair[0].start - span.end <= within_ms
            ]
    else:
        for span, number in tagged:
            groups.setdefault(place_of(call, span, within), []).append((span, number))
    made: list[Span] = []
    for members in groups.values():
        if len({number for _, number in members}) < needed:
            continue
        first, last = members[0][0], max((span for span, _ in members), key=lambda s: s.end)
        if made and made[-1].end >= last.end:
            continue
        same = first.stream == last.stream and first.first >= 0 and last.first >= 0
        confidences = [span.confidence for span, _ in members if span.confidence is not None]
        made.append(
            Span(
                first.start,
                last.end,
                first.party,
                first.first if same else -1,
                max(last.last, first.last) if same else -1,
                min(span.similarity for span, _ in members),
                min(confidences) if confidences else None,
                False,
                any(span.edge for span, _ in members),
                first.kind,
                first.stream,
            )
        )
    return made


def place_of(call: Call, span: Span, within: str) -> Any:
    """Return what identifies the utterance or turn that a span lies in."""
    if within == "call":
        return 0
    if within == "utterance" and span.first >= 0:
        return span.party, call.heard.stream(span.stream).utterance(span.first)
    turn = call.clock.turn_at(span.party or "any", span.start)
    return (turn.party, turn.start) if turn else (span.party, span.start)
