"""Matching by sound: pinyin without tones for Chinese, a phonetic code for everything else.

Recognisers write what they heard with the wrong characters (公号 for 工号) or the wrong words
("acne" for "Acme"). Each token becomes a code and phrases are matched on codes, token by token.
It is coarse on purpose, so a phrase needs at least three letters of code in all.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from speechqa.phrases.normalise import is_cjk, negations

MIN_CODE_LETTERS = 3


@lru_cache(maxsize=65_536)
def code(token: str) -> str:
    """Return the code of one token; never empty.

    Examples
    --------
    >>> code("工"), code("公"), code("night"), code("knight"), code("acme"), code("akme")
    ('gong', 'gong', 'NT', 'NT', 'AKM', 'AKM')
    """
    if is_cjk(token):
        from pypinyin import lazy_pinyin

        return str(lazy_pinyin(token)[0])
    import jellyfish

    return jellyfish.metaphone(token.replace("'", "")) or token


def codes(parts: Sequence[str]) -> list[str]:
    """Return the codes of tokens, one each."""
    return [code(part) for part in parts]


def sound_of(parts: Sequence[str]) -> tuple[str, ...] | None:
    """Return the codes of a phrase, or None when it is too short to be told by its sound.

    Examples
    --------
    >>> sound_of(("工", "号")), sound_of(("a",))
    (('gong', 'hao'), None)
    """
    coded = tuple(codes(parts))
    return coded if sum(map(len, coded)) >= MIN_CODE_LETTERS else None


@dataclass(frozen=True, slots=True)
class SoundPhrase:
    """One phrase to find by its sound: who asked (`key`), its codes, its negations."""

    key: int
    codes: tuple[str, ...]
    negations: int


class SoundIndex:
    """Many phrases found by their sound in one pass over a stream's tokens.

    Examples
    --------
    >>> index = SoundIndex([SoundPhrase(3, ("gong", "hao"), 0)])
    >>> index.find(["我", "的", "公", "号"])
    {3: [(2, 4)]}
    """

    def __init__(self, phrases: Iterable[SoundPhrase]) -> None:
        self.postings: dict[tuple[str, ...], list[SoundPhrase]] = defaultdict(list)
        for phrase in phrases:
            self.postings[phrase.codes[:2]].append(phrase)
        self.single = any(len(opening) == 1 for opening in self.postings)

    def find(self, parts: Sequence[str]) -> dict[int, list[tuple[int, int]]]:
        """Return the token ranges that sound like a phrase, by key.

        What is heard must hold as many negations as the phrase.
        """
        found: dict[int, list[tuple[int, int]]] = {}
        if not self.postings:
            return found
        coded = tuple(codes(parts))
        openings: list[tuple[int, tuple[str, ...]]] = [
            (at, pair) for at, pair in enumerate(pairwise(coded)) if pair in self.postings
        ]
        if self.single:
            alone = ((at, (one,)) for at, one in enumerate(coded))
            openings += [(at, one) for at, one in alone if one in self.postings]
        for at, opening in openings:
            for phrase in self.postings[opening]:
                end = at + len(phrase.codes)
                said = coded[at:end] == phrase.codes
                if said and negations(parts[at:end]) == phrase.negations:
                    found.setdefault(phrase.key, []).append((at, end))
        return found
