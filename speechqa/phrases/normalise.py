"""One normal form of words, the only text that patterns ever see.

NFKC, lower case, straight apostrophes, traditional to simplified characters, digits as they are
spoken ("10086" is ``one zero zero eight six`` in English, 一零零八六 in Chinese), everything else
is a border between tokens. A token is a word of letters (apostrophes inside are kept) or one
Chinese character. What is not known here: numbers in words are not turned into digits or back
("twenty five" stays), and no spelling is corrected.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

_DIGITS_EN = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
_DIGITS_ZH = "零一二三四五六七八九"
_CJK = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_TOKEN = re.compile(rf"[{_CJK}]|\d|[^\W\d_{_CJK}]+(?:'[^\W\d_{_CJK}]+)*'?")
_HAS_CJK = re.compile(rf"[{_CJK}]")
_APOSTROPHES = str.maketrans({"’": "'", "‘": "'", "`": "'", "´": "'", "ʼ": "'", "＇": "'"})

DIGIT_PATTERN = {
    "en": f"(?:{'|'.join(_DIGITS_EN)}|oh|double|triple)",
    "zh": f"[{_DIGITS_ZH}幺]",
}
"""What one spoken digit looks like in normalised text."""

_KNOWN = 200_000

_NEGATIONS_EN = frozenset(
    """
    no not never nor neither nothing nobody none nowhere without cannot hardly barely unable
    dont cant wont didnt doesnt isnt arent wasnt werent couldnt wouldnt shouldnt havent hasnt
    """.split()
)
_NEGATIONS_ZH = frozenset("不没无未别勿甭")


@lru_cache(maxsize=1)
def _simplifier() -> Any:
    from opencc import OpenCC

    return OpenCC("t2s")


@lru_cache(maxsize=8192)
def _simplify_char(char: str) -> str:
    simple: str = _simplifier().convert(char)
    return simple if len(simple) == 1 else char


def is_cjk(token: str) -> bool:
    """Say whether `token` is a Chinese character.

    Examples
    --------
    >>> is_cjk("您"), is_cjk("you")
    (True, False)
    """
    return bool(_HAS_CJK.match(token))


def uses_spaces(lang: str) -> bool:
    """Say whether tokens of `lang` are written with spaces between them."""
    return lang not in {"zh", "ja", "yue"}


@lru_cache(maxsize=8)
def known_tokens(lang: str) -> dict[str, tuple[str, ...]]:
    """Return the memory of `tokens` for one language, for loops that cannot afford a call.

    It is emptied when it grows beyond what a language has in everyday words.
    """
    return {}


def tokens(text: str, lang: str) -> tuple[str, ...]:
    """Return the normalised tokens of `text`, in order.

    Results are remembered: a contact centre says the same few thousand words all night.

    Parameters
    ----------
    text
        As recognised or as a rulebook writes it.
    lang
        ISO 639-1 code; decides how a digit is spoken.

    Examples
    --------
    >>> tokens("I CAN’T, call 24!", "en")
    ('i', "can't", 'call', 'two', 'four')
    >>> tokens("請撥打10086，好嗎？", "zh")
    ('请', '拨', '打', '一', '零', '零', '八', '六', '好', '吗')
    """
    known = known_tokens(lang)
    found = known.get(text)
    if found is None:
        if len(known) > _KNOWN:
            known.clear()
        found = known[text] = _tokens(text, lang)
    return found


def _tokens(text: str, lang: str) -> tuple[str, ...]:
    flat = unicodedata.normalize("NFKC", text).translate(_APOSTROPHES).lower()
    digits: Sequence[str] = _DIGITS_ZH if lang == "zh" else _DIGITS_EN
    found = []
    for token in _TOKEN.findall(flat):
        if token.isdecimal():
            found.append(digits[unicodedata.digit(token)])
        elif is_cjk(token):
            found.append(_simplify_char(token))
        else:
            found.append(token.rstrip("'"))
    return tuple(found)


def join(parts: Sequence[str], lang: str) -> str:
    """Join tokens the way normalised text joins them.

    Examples
    --------
    >>> join(["hold", "on"], "en"), join(["请", "稍", "等"], "zh")
    ('hold on', '请稍等')
    """
    return (" " if uses_spaces(lang) else "").join(parts)


def is_negation(token: str) -> bool:
    """Say whether a token turns the meaning round.

    Examples
    --------
    >>> [is_negation(token) for token in ("can't", "not", "不", "can", "note")]
    [True, True, True, False, False]
    """
    return token.endswith("n't") or token in _NEGATIONS_EN or token in _NEGATIONS_ZH


def negations(parts: Sequence[str]) -> int:
    """Count the negations among tokens.

    Examples
    --------
    >>> negations(tokens("I don't know, no", "en")), negations(tokens("我知道", "zh"))
    (2, 0)
    """
    return sum(map(is_negation, parts))
