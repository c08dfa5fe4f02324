"""What was said in one call, searched by the word lists of a lexicon.

A list finds token ranges with how they were found; the guards (exceptions, negation, reported
speech) are applied here. What is searched once in a call is remembered.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter, itemgetter
from time import thread_time_ns
from typing import NamedTuple, TypeVar

from speechqa.phrases.guards import is_negated, is_quoted
from speechqa.phrases.lexicon import Compiled, Lexicon
from speechqa.phrases.patterns import BUDGET_MS, SHORT_TEXT, Pattern
from speechqa.phrases.similar import SimilarHit
from speechqa.phrases.stream import Stream, Text
from speechqa.transcript import Word

T = TypeVar("T")
SOUND_SIMILARITY = 90.0
_OTHER = {"agent": "customer", "customer": "agent"}
_START = attrgetter("start_ms")


class TokenHit(NamedTuple):
    """Tokens ``[first, last)`` of a stream; `near` and `edge` as in `SimilarHit`."""

    first: int
    last: int
    similarity: float = 100.0
    near: bool = False
    edge: bool = False


class Found(NamedTuple):
    """What a list found in one stream; `stopped` when a pattern ran out of time."""

    hits: tuple[TokenHit, ...] = ()
    stopped: bool = False


NOTHING = Found()


class Side:
    """One party's stream and what has been searched in it so far."""

    def __init__(self, stream: Stream, lexicon: Lexicon) -> None:
        self.stream = stream
        self.lexicon = lexicon
        self._potential: frozenset[int] | None = None
        self._active: frozenset[int] | None = None
        self._similar: dict[int, list[SimilarHit]] | None = None
        self._sounds: dict[int, list[tuple[int, int]]] | None = None
        self._allowed: dict[int, list[SimilarHit]] | None = None

    @property
    def potential(self) -> frozenset[int]:
        """Numbers of the patterns that may match."""
        if self._potential is None:
            self._potential = frozenset(self.lexicon.potential(self.stream.passages.data))
        return self._potential

    @property
    def active(self) -> frozenset[int]:
        """Keys of the lists that may find something; all others find nothing."""
        if self._active is None:
            keys = set(map(self.lexicon.list_of.__getitem__, self.potential))
            keys.update(self.similar, self.sounds)
            self._active = frozenset(keys)
        return self._active

    @property
    def similar(self) -> dict[int, list[SimilarHit]]:
        """Fuzzy hits by list."""
        if self._similar is None:
            self._similar = self.lexicon.similar_in(self.stream.tokens)
        return self._similar

    @property
    def allowed(self) -> dict[int, list[SimilarHit]]:
        """Prescribed wording by allow-list entry."""
        if self._allowed is None:
            self._allowed = self.lexicon.allowed_in(self.stream.tokens)
        return self._allowed

    @property
    def sounds(self) -> dict[int, list[tuple[int, int]]]:
        """Token ranges found by sound, by list; none reaches across a long pause."""
        if self._sounds is None:
            stream = self.stream
            self._sounds = {
                key: kept
                for key, ranges in self.lexicon.sounds_in(stream.tokens).items()
                if (kept := [one for one in ranges if not stream.is_broken(*one)])
            }
        return self._sounds

    def text_for(self, pattern: Pattern) -> Text:
        """Return the text a pattern runs on."""
        return self.stream.utterances if pattern.anchored else self.stream.passages

    def run(self, pattern: Pattern, budget_ms: float = BUDGET_MS) -> list[TokenHit] | None:
        """Return the token ranges a pattern matches, or None when it ran out of time."""
        text = self.text_for(pattern)
        spans = pattern.spans(text.data, budget_ms)
        return None if spans is None else [TokenHit(*text.tokens_at(*span)) for span in spans]


class Heard:
    """What was said in one call, searchable by the lists of a lexicon.

    Parameters
    ----------
    words
        In any order.
    lang
        Of the call; must be the lexicon's.

    Examples
    --------
    >>> from speechqa.phrases.lexicon import WordList
    >>> lexicon = Lexicon("en", {})
    >>> key = lexicon.add(WordList(phrases=("hang up",), unless=("don't hang up",)))
    >>> heard = Heard([Word("agent", 0, 900, "I will hang up", 0.9)], "en", lexicon)
    >>> heard.find(key, "agent").hits
    (TokenHit(first=2, last=4, similarity=100.0, near=False, edge=False),)
    """

    def __init__(self, words: Sequence[Word], lang: str, lexicon: Lexicon) -> None:
        self.words = words
        self.lang = lang
        self.lexicon = lexicon
        self.left_ms: float = BUDGET_MS
        """Processor time left for patterns on long texts; whoever judges sets it for each rule."""
        self._sides: dict[str, Side] = {}
        self._by_party: dict[str, list[Word]] | None = None

    def side(self, party: str) -> Side:
        """Return the party's side, made on first use."""
        if party not in self._sides:
            if self._by_party is None:
                self._by_party = {}
                for word in self.words:
                    self._by_party.setdefault(word.party, []).append(word)
            said = self.words if party == "any" else self._by_party.get(party, ())
            words = sorted(said, key=_START)
            self._sides[party] = Side(Stream(words, party, self.lang), self.lexicon)
        return self._sides[party]

    def stream(self, party: str) -> Stream:
        """Return the normalised stream of a party."""
        return (self._sides.get(party) or self.side(party)).stream

    def allowed(self, party: str, keys: frozenset[int]) -> list[tuple[int, int]]:
        """Return the token ranges of prescribed wording under `keys`."""
        found = self.side(party).allowed
        return [(hit.first, hit.last) for key in keys for hit in found.get(key, ())]

    def find(self, key: int, party: str, *, drop_quoted: bool = False) -> Found:
        """Return where list `key` matches in what `party` said, guards applied, in order.

        Exact hits come before fuzzy ones on the same place; a fuzzy hit that overlaps an exact
        one is dropped.
        """
        side = self._sides.get(party) or self.side(party)
        if key not in side.active:
            return NOTHING
        made = self.lexicon.lists[key]
        hits: list[TokenHit] = []
        for number in made.patterns:
            if number in side.potential:
                found = self._run(side, self.lexicon.patterns[number])
                if found is None:
                    return Found(stopped=True)
                hits.extend(found)
        if made.has_similar:
            fuzzy = side.similar.get(key, ())
            hits.extend(
                TokenHit(hit.first, hit.last, hit.similarity, hit.near, hit.edge) for hit in fuzzy
            )
        hits.extend(
            TokenHit(first, last, SOUND_SIMILARITY) for first, last in side.sounds.get(key, ())
        )
        if not hits:
            return NOTHING
        guarded = self._guard(_distinct(hits), made, side, drop_quoted)
        return Found(tuple(guarded)) if guarded is not None else Found(stopped=True)

    def _run(self, side: Side, pattern: Pattern) -> list[TokenHit] | None:
        """Return the token ranges a pattern matches, or None when the rule's time ran out."""
        if len(side.text_for(pattern).data) <= SHORT_TEXT:  # nothing stalls here
            return side.run(pattern)
        return self._timed(lambda left_ms: side.run(pattern, left_ms))

    def _timed(self, work: Callable[[float], T | None]) -> T | None:
        if self.left_ms <= 0:
            return None
        before = thread_time_ns()
        made = work(self.left_ms)
        self.left_ms -= (thread_time_ns() - before) / 1e6
        return made

    def _said_beside(self, pattern: Pattern, stream: Stream, hit: TokenHit) -> bool:
        said = stream.utterance_bytes(hit.first)
        if len(said) <= SHORT_TEXT:
            return bool(pattern.spans(said))
        return bool(self._timed(lambda left_ms: pattern.spans(said, left_ms)))

    def _guard(
        self, hits: list[TokenHit], made: Compiled, side: Side, drop_quoted: bool
    ) -> list[TokenHit] | None:
        stream = side.stream
        for pattern in made.unless:
            spared = self._run(side, pattern)
            if spared is None:
                return None
            hits = [
                hit
                for hit in hits
                if not any(hit.first < other.last and other.first < hit.last for other in spared)
            ]
        for pattern in made.unless_said:
            hits = [hit for hit in hits if not self._said_beside(pattern, stream, hit)]
        if made.drop_negated:
            hits = [hit for hit in hits if not is_negated(stream, hit.first)]
        if drop_quoted and hits:
            name = _OTHER.get(stream.party)
            other = self.stream(name) if name else None
            hits = [hit for hit in hits if not is_quoted(stream, hit.first, hit.last, other)]
        return hits


def _distinct(hits: list[TokenHit]) -> list[TokenHit]:
    """Keep one hit per place: the surest, then the longest; in order of place."""
    if len(hits) == 1:
        return hits
    order = sorted(hits, key=lambda h: (h.near, -h.similarity, h.first - h.last, h.first))
    return apart(order, lambda hit: (hit.first, hit.last))


def apart(items: Iterable[T], span: Callable[[T], tuple[int, int]]) -> list[T]:
    """Keep each item that overlaps none kept before it; in order of place.

    Examples
    --------
    >>> apart([(2, 5), (4, 6), (5, 7), (0, 2)], lambda pair: pair)
    [(0, 2), (2, 5), (5, 7)]
    """
    kept: list[tuple[int, int, T]] = []
    for item in items:
        first, last = span(item)
        at = bisect_left(kept, first, key=itemgetter(0))
        if (at and kept[at - 1][1] > first) or (at < len(kept) and kept[at][0] < last):
            continue
        kept.insert(at, (first, last, item))
    return [item for _, _, item in kept]
