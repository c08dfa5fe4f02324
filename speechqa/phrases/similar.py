"""Fuzzy matching of whole-word windows, for wording that a recogniser or a speaker bent a little.

A window of words is compared with each phrase by normalised edit similarity (rapidfuzz ``ratio``,
0 to 100). Only whole tokens are compared ("art" is not in "start now"), short phrases are matched
exactly, and the number of negations must be equal on both sides ("I know" is never "I don't know").
A phrase is only looked at where one of its rarest words (Chinese: character pairs) occurs: that
index makes the search about proportional to the text instead of text times phrases, and costs the
slips that hit both rare words at once.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from rapidfuzz.fuzz import ratio

from speechqa.phrases.normalise import is_negation, join, negations, uses_spaces

NEAR_POINTS = 3.0
"""A verdict that flips when the limit moves by this many points is fragile."""

_COMMON = frozenset(
    """
    i you the a to it is and of that we for your on in have can be this what so me my are do not
    with will as at if or our us no yes please was there ok okay just
    """.split()
)
_ANCHORS = {True: 2, False: 3}


def default_threshold(letters: int, lang: str) -> float | None:
    """Return the least similarity for a phrase of so many letters; None: match it exactly.

    Examples
    --------
    >>> default_threshold(8, "en"), default_threshold(14, "en"), default_threshold(30, "en")
    (None, 88.0, 84.0)
    >>> default_threshold(4, "zh"), default_threshold(6, "zh"), default_threshold(12, "zh")
    (None, 83.0, 80.0)
    """
    if uses_spaces(lang):
        return None if letters < 12 else 88.0 if letters < 20 else 84.0
    return None if letters < 5 else 83.0 if letters < 8 else 80.0


@dataclass(frozen=True, slots=True)
class SimilarPhrase:
    """One phrase to find: who asked (`key`), its tokens, and the least similarity in percent."""

    key: int
    tokens: tuple[str, ...]
    threshold: float


@dataclass(frozen=True, slots=True)
class SimilarHit:
    """Tokens ``[first, last)`` are like the phrase of `key`.

    A `near` hit misses the limit by at most 3 points, an `edge` hit passes it by less than 3.
    """

    key: int
    first: int
    last: int
    similarity: float
    near: bool
    edge: bool


class SimilarIndex:
    """Many phrases of one language, found in one pass over a stream's tokens.

    Examples
    --------
    >>> wanted = SimilarPhrase(7, ("please", "call", "the", "branch", "again"), 84)
    >>> index = SimilarIndex([wanted], "en")
    >>> said = "so please call the brunch again tomorrow".split()
    >>> [(hit.key, hit.first, hit.last, round(hit.similarity)) for hit in index.find(said)]
    [(7, 1, 6, 96)]
    """

    def __init__(self, phrases: Iterable[SimilarPhrase], lang: str) -> None:
        self.lang = lang
        self.spaced = uses_spaces(lang)
        self.phrases = list(phrases)
        self.texts = [join(phrase.tokens, lang) for phrase in self.phrases]
        self.negations = [negations(phrase.tokens) for phrase in self.phrases]
        counts = Counter(gram for phrase in self.phrases for gram in self._grams(phrase.tokens))
        self.postings: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for number, phrase in enumerate(self.phrases):
            grams = self._grams(phrase.tokens)
            ranked = sorted(
                range(len(grams)),
                key=lambda at, grams=grams: (grams[at] in _COMMON, counts[grams[at]], at),  # type: ignore[misc]
            )
            for at in ranked[: _ANCHORS[self.spaced]]:
                self.postings[grams[at]].append((number, at))

    def _grams(self, parts: Sequence[str]) -> list[str]:
        if self.spaced:
            return list(parts)
        return [a + b for a, b in pairwise(parts)]

    def find(self, parts: Sequence[str], keys: frozenset[int] | None = None) -> list[SimilarHit]:
        """Return the best window for each place where a phrase (of `keys`) is found.

        Parameters
        ----------
        parts
            Normalised tokens of one stream.
        keys
            Only phrases asked for by these; None for all.
        """
        seen: set[tuple[int, int]] = set()
        postings = self.postings
        if not postings:
            return []
        for at, gram in enumerate(self._grams(parts)):
            for number, position in postings.get(gram, ()):
                seen.add((number, at - position))
        hits: list[SimilarHit] = []
        for number, start in sorted(seen):
            if keys is not None and self.phrases[number].key not in keys:
                continue
            hit = self._best(number, start, parts)
            if hit is None:
                continue
            last = hits[-1] if hits else None
            if last and last.key == hit.key and hit.first < last.last:
                if hit.similarity > last.similarity:
                    hits[-1] = hit
                continue
            hits.append(hit)
        return hits

    def _best(self, number: int, start: int, parts: Sequence[str]) -> SimilarHit | None:
        phrase = self.phrases[number]
        text, size = self.texts[number], len(phrase.tokens)
        cutoff = phrase.threshold - NEAR_POINTS
        best: SimilarHit | None = None
        for first in (start, start - 1, start + 1):
            if first < 0:
                continue
            for length in (size, size - 1, size + 1):
                window = parts[first : first + length]
                if len(window) < length or not window:
                    continue
                score = ratio(join(window, self.lang), text, score_cutoff=cutoff)
                if score <= (best.similarity if best else 0.0):
                    continue
                if negations(window) != self.negations[number]:
                    continue
                if score < 100 and first and is_negation(parts[first - 1]):
                    continue  # a window must not dodge "don't" by starting after it
                near = score < phrase.threshold
                edge = not near and score < min(phrase.threshold + NEAR_POINTS, 100)
                best = SimilarHit(phrase.key, first, first + length, score, near, edge)
        return best
