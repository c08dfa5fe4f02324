"""Every word list of a rulebook in one language, searched together.

All patterns share one literal prefilter: one pass over what a party said tells which of a few
hundred patterns can match at all, and only those are run. What a list finds is token ranges with
how they were found; what they mean is the rulebook's business.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

import re2

from speechqa.phrases.normalise import join, negations, tokens
from speechqa.phrases.patterns import (
    Pattern,
    Slots,
    _options,
    alternation,
    phrase_source,
    regex_source,
)
from speechqa.phrases.similar import SimilarHit, SimilarIndex, SimilarPhrase, default_threshold
from speechqa.phrases.sounds import SoundIndex, SoundPhrase, code, sound_of

_HOMOPHONES = 3
"""A fuzzy Chinese phrase of so many characters is also found by its sound."""


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


@dataclass
class Compiled:
    """One word list, ready: numbers of its patterns in the lexicon's tables."""

    patterns: list[int] = field(default_factory=list)
    unless: list[Pattern] = field(default_factory=list)
    unless_said: list[Pattern] = field(default_factory=list)
    has_similar: bool = False
    drop_negated: bool = False


class Lexicon:
    """All word lists of one language: add them, then search streams.

    Examples
    --------
    >>> lexicon = Lexicon("en", {})
    >>> key = lexicon.add(WordList(phrases=("hang up",), unless=("don't hang up",)))
    >>> lexicon.potential(b"i will hang up"), lexicon.potential(b"one moment")
    ([0], [])
    """

    def __init__(self, lang: str, slots: Slots) -> None:
        self.lang = lang
        self.slots = slots
        self.lists: list[Compiled] = []
        self.patterns: list[Pattern] = []
        self._similar: list[SimilarPhrase] = []
        self._allowed: list[SimilarPhrase] = []
        self._filter: Any = None
        self._sounds: list[SoundPhrase] = []
        self._sound_index: SoundIndex | None = None
        self.list_of: list[int] = []
        self._index: SimilarIndex | None = None
        self._allow_index: SimilarIndex | None = None
        self._opening: tuple[frozenset[str], frozenset[str]] | None = None

    def add(self, words: WordList) -> int:
        """Compile a list and return its key.

        Raises
        ------
        PatternError
            A phrase or regex cannot be used.
        """
        made = Compiled(drop_negated=words.drop_negated)
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
        self._add_sounds(key, words)
        self.lists.append(made)
        self.list_of.extend([key] * (len(self.patterns) - len(self.list_of)))
        self._filter = self._opening = None
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

    def _add_sounds(self, key: int, words: WordList) -> None:
        """Register phrases to be found by sound; fuzzy Chinese also hears homophones."""
        texts = list(words.sounds_like)
        if self.lang == "zh":
            texts += [text for text in words.similar if len(tokens(text, "zh")) >= _HOMOPHONES]
        for parts in (parts for text in texts for parts in self._expand(text)):
            coded = sound_of(parts)
            if coded is not None:
                self._sounds.append(SoundPhrase(key, coded, negations(parts)))
        self._sound_index = None

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

    def matches(self, lists: Collection[int], passages: bytes, utterances: bytes) -> bool:
        """Say whether a pattern of `lists` matches, or cannot be tried to its end.

        Parameters
        ----------
        passages, utterances
            Both texts of a stream.
        """
        for number in self.potential(passages):
            if self.list_of[number] in lists:
                pattern = self.patterns[number]
                found = pattern.spans(utterances if pattern.anchored else passages)
                if found is None or found:
                    return True
        return False

    @property
    def has_openings(self) -> bool:
        """Whether some list finds more than its patterns do: by likeness or by sound."""
        return bool(self._similar or self._sounds)

    def may_open(self, token: str) -> bool:
        """Say whether anything found by likeness or by sound must hold this token.

        Nothing is found that way in text without such a token.

        Examples
        --------
        >>> lexicon = Lexicon("en", {})
        >>> key = lexicon.add(WordList(similar=("your telephone is too noisy",)))
        >>> lexicon.may_open("telephone"), lexicon.may_open("is")
        (True, False)
        """
        if self._opening is None:
            sounds = SoundIndex(self._sounds).postings
            self._opening = (
                SimilarIndex(self._similar, self.lang).openings,
                frozenset(codes[0] for codes in sounds),
            )
        letters, sounds_ = self._opening
        return token in letters or (bool(sounds_) and code(token) in sounds_)

    def similar_in(self, parts: Sequence[str]) -> dict[int, list[SimilarHit]]:
        """Return the fuzzy hits in a stream's tokens, by key."""
        if self._index is None or len(self._index.phrases) != len(self._similar):
            self._index = SimilarIndex(self._similar, self.lang)
        return _by_key(self._index.find(parts))

    def sounds_in(self, parts: Sequence[str]) -> dict[int, list[tuple[int, int]]]:
        """Return the token ranges found by sound in a stream's tokens, by key."""
        if self._sound_index is None:
            self._sound_index = SoundIndex(self._sounds)
        return self._sound_index.find(parts)

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
