"""What was said in one call, searched by the word lists of a lexicon.

A list finds token ranges with how they were found; the guards (exceptions, negation, reported
speech) are applied here. What is searched once in a call is remembered.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import attrgetter
from typing import NamedTuple

from speechqa.phrases.guards import is_negated, is_quoted
from speechqa.phrases.lexicon import Compiled, Lexicon
from speechqa.phrases.patterns import Pattern
from speechqa.phrases.similar import SimilarHit
from speechqa.phrases.stream import Stream
from speechqa.transcript import Word

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

    def run(self, pattern: Pattern) -> list[TokenHit] | None:
        """Return the token ranges a pattern matches, or None when it ran out of time."""
        text = self.stream.utterances if pattern.anchored else self.stream.passages
        spans = pattern.spans(text.data)
        if spans is None:
            return None
        return [TokenHit(*text.tokens_at(*span)) for span in spans]


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
                found = side.run(self.lexicon.patterns[number])
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

    def _guard(
        self, hits: list[TokenHit], made: Compiled, side: Side, drop_quoted: bool
    ) -> list[TokenHit] | None:
        stream = side.stream
        for pattern in made.unless:
            spared = side.run(pattern)
            if spared is None:
                return None
            hits = [
                hit
                for hit in hits
                if not any(hit.first < other.last and other.first < hit.last for other in spared)
            ]
        for pattern in made.unless_said:
            hits = [hit for hit in hits if not pattern.spans(stream.utterance_bytes(hit.first))]
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
    kept: list[TokenHit] = []
    for hit in sorted(hits, key=lambda h: (h.near, -h.similarity, h.first - h.last, h.first)):
        if not any(hit.first < other.last and other.first < hit.last for other in kept):
            kept.append(hit)
    return sorted(kept, key=lambda hit: hit.first)
