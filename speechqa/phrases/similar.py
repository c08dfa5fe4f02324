"""Fuzzy matching of whole-word windows, for wording that a recogniser or a speaker bent a little.

A window of words is compared with each phrase by normalised edit similarity (rapidfuzz ``ratio``,
0 to 100). Only whole tokens are compared ("art" is not in "start now"), short phrases are matched
exactly, and the number of negations must be equal on both sides ("I know" is never "I don't know").
A phrase is only looked at where one of its two least everyday words (Chinese: three character
pairs) occurs: that index makes the search about proportional to the text instead of text times
phrases, and costs the slips that hit all of them at once. Which words those are follows from the
phrase alone, so that what is found never hangs on which other phrases a rulebook holds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from rapidfuzz.fuzz import ratio

from speechqa.phrases.normalise import is_negation, join, negations, uses_spaces

NEAR_POINTS = 3.0
"""A verdict that flips when the limit moves by this many points is fragile."""

_COMMON = frozenset(
    """
    i you the a to it is and of that we for your on in have can be this what so me my are do not
    with will as at if or our us no yes please was there ok okay just
    thank thanks call calling phone number help sorry know want need time good what's i'm i'll it's
    you're don't can't would could should about from up out back here now again right well get got
    give tell say said see let like think make take go going been has had did does one some any all
    more when what how who where why which then than them they he she his her their were an by not
    """.split()
)
_COMMON_ZH = frozenset(
    "的一是不了我您你们在有这那个请好吗呢啊就要会可以能说没到么什电话给人上为很也都还再来去对把让"
    "和跟他她它自己现时后前里面得着过下没别"
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
        self.postings: dict[str, list[tuple[int, int]]] = defaultdict(list)
        openings: set[str] = set()
        for number, phrase in enumerate(self.phrases):
            grams = self._grams(phrase.tokens)
            for at in self._anchors(grams):
                self.postings[grams[at]].append((number, at))
                openings.add(phrase.tokens[at])
        self.openings = frozenset(openings)
        """Tokens of which one stands in everything that is found."""

    def _anchors(self, grams: Sequence[str]) -> list[int]:
        """Return the places of a phrase of which one must be heard exactly."""
        wanted = _ANCHORS[self.spaced]
        if self.spaced:
            by_length = sorted(
                range(len(grams)), key=lambda at: (grams[at] in _COMMON, -len(grams[at]), at)
            )
            return by_length[:wanted]
        by_use = sorted(
            range(len(grams)), key=lambda at: (sum(c in _COMMON_ZH for c in grams[at]), -at % 3, at)
        )
        return by_use[:wanted]

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
        windows = _Windows(parts, self.lang) if seen else None
        for number, start in sorted(seen):
            if keys is not None and self.phrases[number].key not in keys:
                continue
            assert windows is not None
            hit = self._best(number, start, windows)
            if hit is None:
                continue
            last = hits[-1] if hits else None
            if last and last.key == hit.key and hit.first < last.last:
                if hit.similarity > last.similarity:
                    hits[-1] = hit
                continue
            hits.append(hit)
        return hits

    def _best(self, number: int, start: int, windows: _Windows) -> SimilarHit | None:
        phrase = self.phrases[number]
        text, size = self.texts[number], len(phrase.tokens)
        cutoff = phrase.threshold - NEAR_POINTS
        best: SimilarHit | None = None
        for first in (start, start - 1, start + 1):
            if first < 0:
                continue
            for length in (size, size - 1, size + 1):
                last = first + length
                if last > windows.count or not length:
                    continue
                least = best.similarity if best else cutoff
                score = ratio(windows.text(first, last), text, score_cutoff=least)
                if score <= (best.similarity if best else 0.0):
                    continue
                if windows.negations(first, last) != self.negations[number]:
                    continue
                if score < 100 and first and windows.negations(first - 1, first):
                    continue  # a window must not dodge "don't" by starting after it
                near = score < phrase.threshold
                edge = not near and score < min(phrase.threshold + NEAR_POINTS, 100)
                best = SimilarHit(phrase.key, first, last, score, near, edge)
        return best


class _Windows:
    """Runs of tokens as text, and their negations, without joining or counting them again."""

    def __init__(self, parts: Sequence[str], lang: str) -> None:
        glue = len(join(("", ""), lang))
        self.count = len(parts)
        self._joined = join(parts, lang)
        self._ends = list(accumulate((len(part) + glue for part in parts), initial=0))
        self._glue = glue
        self._negations = list(accumulate(map(is_negation, parts), initial=0))

    def text(self, first: int, last: int) -> str:
        """Return tokens ``[first, last)`` as normalised text."""
        return self._joined[self._ends[first] : self._ends[last] - self._glue]

    def negations(self, first: int, last: int) -> int:
        """Count the negations among tokens ``[first, last)``."""
        return self._negations[last] - self._negations[first]
