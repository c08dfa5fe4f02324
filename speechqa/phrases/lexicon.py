"""Every word list of a rulebook in one language, searched together.

All patterns share one literal prefilter: one pass over what a party said tells which of a few
hundred patterns can match at all, and only those are run. What a list finds is token ranges with
how they were found; what they mean is the rulebook's business.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import re2

from speechqa.phrases.guards import is_negated, is_quoted
from speechqa.phrases.normalise import join, tokens
from speechqa.phrases.patterns import (
    Pattern,
    Slots,
    _options,
    alternation,
    phrase_source,
    regex_source,
)
from speechqa.phrases.similar import SimilarHit, SimilarIndex, SimilarPhrase, default_threshold
from speechqa.phrases.sounds import codes, sound_source
from speechqa.phrases.stream import Stream, Text
from speechqa.transcript import Word

_OTHER = {"agent": "customer", "customer": "agent"}
SOUND_SIMILARITY = 90.0


@dataclass(frozen=True)
class WordList:
    """What one word finder looks for in one language; see the rulebook's language reference."""

    phrases: tuple[str, ...] = ()
    similar: tuple[str, ...] = ()
    sounds_like: tuple[str, ...] = ()
    regex: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    unless_said: tuple[str, ...] = ()
    threshold: float | None = None
    drop_negated: bool = False


@dataclass(frozen=True, slots=True)
class TokenHit:
    """Tokens ``[first, last)`` of a stream; `near` and `edge` as in `SimilarHit`."""

    first: int
    last: int
    similarity: float = 100.0
    near: bool = False
    edge: bool = False


@dataclass(frozen=True)
class Found:
    """What a list found in one stream; `stopped` when a pattern ran out of time."""

    hits: tuple[TokenHit, ...] = ()
    stopped: bool = False


NOTHING = Found()


@dataclass
class _Compiled:
    """One word list, ready: numbers of its patterns in the lexicon's tables."""

    patterns: list[int] = field(default_factory=list)
    unless: list[Pattern] = field(default_factory=list)
    unless_said: list[Pattern] = field(default_factory=list)
    sounds: list[Pattern] = field(default_factory=list)
    has_similar: bool = False
    drop_negated: bool = False


class Lexicon:
    """All word lists of one language: add them, then search streams.

    Examples
    --------
    >>> lexicon = Lexicon("en", {})
    >>> key = lexicon.add(WordList(phrases=("hang up",), unless=("don't hang up",)))
    >>> heard = Heard([Word("agent", 0, 900, "I will hang up", 0.9)], "en", lexicon)
    >>> heard.find(key, "agent").hits
    (TokenHit(first=2, last=4, similarity=100.0, near=False, edge=False),)
    """

    def __init__(self, lang: str, slots: Slots) -> None:
        self.lang = lang
        self.slots = slots
        self.lists: list[_Compiled] = []
        self.patterns: list[Pattern] = []
        self._similar: list[SimilarPhrase] = []
        self._allowed: list[SimilarPhrase] = []
        self._filter: Any = None
        self._sounds: list[int] = []
        self._list_of: list[int] = []
        self._index: SimilarIndex | None = None
        self._allow_index: SimilarIndex | None = None

    def add(self, words: WordList) -> int:
        """Compile a list and return its key.

        Raises
        ------
        PatternError
            A phrase or regex cannot be used.
        """
        made = _Compiled(drop_negated=words.drop_negated)
        sources = [phrase_source(phrase, self.lang, self.slots) for phrase in words.phrases]
        key = len(self.lists)
        for phrase in words.similar:
            sources.extend(self._add_similar(key, phrase, words.threshold))
        made.has_similar = any(entry.key == key for entry in self._similar)
        sources.extend(self._regexes(words.regex))
        for pattern in alternation(sources):
            made.patterns.append(len(self.patterns))
            self.patterns.append(pattern)
        made.unless = alternation(self._regexes(words.unless))
        made.unless_said = alternation(self._regexes(words.unless_said))
        coded = [sound_source(parts) for text in words.sounds_like for parts in self._expand(text)]
        made.sounds = alternation([source for source in coded if source])
        self.lists.append(made)
        self._list_of.extend([key] * (len(self.patterns) - len(self._list_of)))
        if made.sounds:
            self._sounds.append(key)
        self._filter = None
        return key

    def _regexes(self, sources: Sequence[str]) -> list[str]:
        return [regex_source(source, self.lang, self.slots) for source in sources]

    def _add_similar(self, key: int, phrase: str, threshold: float | None) -> list[str]:
        """Register a fuzzy phrase; return the sources of those too short for it."""
        exact = []
        for parts in self._expand(phrase):
            limit = default_threshold(len(join(parts, "zh")), self.lang)
            if limit is None:
                exact.append(phrase_source(join(parts, self.lang), self.lang, {}))
            else:
                self._similar.append(SimilarPhrase(key, parts, threshold or limit))
        return exact

    def _expand(self, phrase: str) -> list[tuple[str, ...]]:
        """Fill the slots of a phrase with each of their values."""
        phrase_source(phrase, self.lang, self.slots)  # names unknown slots
        texts = [phrase]
        for name, values in self.slots.items():
            mark = f"{{{name}}}"
            texts = [
                text.replace(mark, value)
                for text in texts
                for value in (values if mark in text else ("",))
            ]
        return [tokens(text, self.lang) for text in texts]

    def allow(self, phrase: str, key: int, threshold: float = 90.0) -> None:
        """Add prescribed wording; `Heard.allowed` finds it under `key`."""
        self._allowed.extend(SimilarPhrase(key, parts, threshold) for parts in self._expand(phrase))
        self._allow_index = None

    def potential(self, data: bytes) -> list[int]:
        """Return the numbers of the patterns that may match somewhere in `data`.

        Parameters
        ----------
        data
            The passages of a stream. Anchored patterns run on utterances, but the literals they
            need stand in the passages all the same.
        """
        if self._filter is None and self.patterns:
            self._filter = re2._re2.Filter()
            for pattern in self.patterns:
                self._filter.Add(pattern.filter_source, _options())
            self._filter.Compile()
        if self._filter is None or not data:
            return []
        found: list[int] = self._filter.Match(data, True)
        return found

    def similar_in(self, parts: Sequence[str]) -> dict[int, list[SimilarHit]]:
        """Return the fuzzy hits in a stream's tokens, by key."""
        if self._index is None or len(self._index.phrases) != len(self._similar):
            self._index = SimilarIndex(self._similar, self.lang)
        return _by_key(self._index.find(parts))

    def allowed_in(self, parts: Sequence[str]) -> dict[int, list[SimilarHit]]:
        """Return where prescribed wording was said, by key."""
        if self._allow_index is None:
            self._allow_index = SimilarIndex(self._allowed, self.lang)
        return _by_key([hit for hit in self._allow_index.find(parts) if not hit.near])


def _by_key(hits: Sequence[SimilarHit]) -> dict[int, list[SimilarHit]]:
    grouped: dict[int, list[SimilarHit]] = defaultdict(list)
    for hit in hits:
        grouped[hit.key].append(hit)
    return dict(grouped)


class Side:
    """One party's stream and what has been searched in it so far."""

    def __init__(self, stream: Stream, lexicon: Lexicon) -> None:
        self.stream = stream
        self.lexicon = lexicon
        self._potential: frozenset[int] | None = None
        self._active: frozenset[int] | None = None
        self._similar: dict[int, list[SimilarHit]] | None = None
        self._coded: Text | None = None
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
            keys = {self.lexicon._list_of[number] for number in self.potential}
            keys.update(self.similar, self.lexicon._sounds)
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
    def coded(self) -> Text:
        """The stream as codes of sound."""
        if self._coded is None:
            self._coded = self.stream.coded(codes(self.stream.tokens))
        return self._coded

    def run(self, pattern: Pattern, text: Text | None = None) -> list[TokenHit] | None:
        """Return the token ranges a pattern matches, or None when it ran out of time."""
        text = text or (self.stream.utterances if pattern.anchored else self.stream.passages)
        spans = pattern.spans(text.data)
        if spans is None:
            return None
        return [TokenHit(*text.tokens_at(*span)) for span in spans]


class Heard:
    """What was said in one call, searchable by the lists of a lexicon.

    Parameters
    ----------
    words
        In order of start.
    lang
        Of the call; must be the lexicon's.
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
            words = self.words if party == "any" else self._by_party.get(party, ())
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
        for pattern in made.sounds:
            heard = side.run(pattern, side.coded)
            if heard is None:
                return Found(stopped=True)
            hits.extend(TokenHit(hit.first, hit.last, SOUND_SIMILARITY) for hit in heard)
        if not hits:
            return NOTHING
        guarded = self._guard(_distinct(hits), made, side, drop_quoted)
        return Found(tuple(guarded)) if guarded is not None else Found(stopped=True)

    def _guard(
        self, hits: list[TokenHit], made: _Compiled, side: Side, drop_quoted: bool
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
