"""Matching by sound: pinyin without tones for Chinese, a phonetic code for everything else.

Recognisers write what they heard with the wrong characters (公号 for 工号) or the wrong words
("acne" for "Acme"). Each token becomes a code and phrases are matched on codes, token by token.
It is coarse on purpose, so a phrase needs at least three letters of code in all.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache

from speechqa.phrases.normalise import is_cjk

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


def sound_source(parts: Sequence[str]) -> str | None:
    r"""Return the regex of a phrase on codes, or None when it is too short to tell apart.

    Examples
    --------
    >>> sound_source(("工", "号")), sound_source(("a",))
    ('\\bgong hao\\b', None)
    """
    coded = codes(parts)
    if sum(map(len, coded)) < MIN_CODE_LETTERS:
        return None
    return rf"\b{' '.join(re.escape(part) for part in coded)}\b"
