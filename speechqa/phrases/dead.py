"""Characters of a regex that no text holds, so that the pattern would silently never match.

Patterns see normalised text: lower case, simplified characters, digits as they are spoken, no
punctuation but apostrophes, in Chinese no spaces. Knows nothing of engines.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from re import _parser  # type: ignore[attr-defined]  # the only parser of regexes at hand
from typing import Any

from speechqa.phrases.normalise import is_cjk, tokens, uses_spaces

_BORDER = re.compile(r"\\b\(*(?:\?:)?[\u4e00-\u9fff]|[\u4e00-\u9fff]\)*\\b")
"""The engine knows borders of Latin words only."""


def dead_literal(pattern: str, lang: str) -> str | None:
    r"""Return why a character of a regex never matches, or None.

    Of what stands in ``[...]`` only capitals are looked at: a class holds other characters, too.

    Examples
    --------
    >>> dead_literal(r"\bcall 24\b", "en")
    "'2' never matches: digits are spoken words in the text; write \\d, or the word"
    >>> dead_literal("请稍後", "zh")
    "'後' never matches: the text is in simplified characters; write 后"
    >>> dead_literal(r"\bi'll (be|come) back\b", "en") is None
    True
    """
    bare = re.sub(r"\\[a-zA-Z]|\\.|\(\?[a-zA-Z<>P]+", "", pattern)
    if upper := re.search(r"[A-Z]", bare):  # inside [...], too
        return _dead(upper.group(), lang)
    if _BORDER.search(pattern):
        return r"'\b' never matches beside a Chinese character; leave it out"
    try:
        parsed: Any = _parser.parse(pattern)
    except (_parser.error, RecursionError, OverflowError):
        return None
    return next((why for char in _literals(parsed) if (why := _dead(char, lang))), None)


def _dead(char: str, lang: str) -> str | None:
    start = f"{char!r} never matches: "
    if char.isdigit():
        return start + r"digits are spoken words in the text; write \d, or the word"
    if char.isupper():
        return start + "text is in lower case; write the pattern in lower case"
    if is_cjk(char):
        (simple,) = tokens(char, lang) or (char,)
        told = f"{start}the text is in simplified characters; write {simple}"
        return None if simple == char else told
    if char == " " and not uses_spaces(lang):
        return start + "the text holds no spaces"
    if char not in "' \n" and unicodedata.category(char)[0] in "PSZ":
        return start + "the text holds no punctuation; leave it out"
    return None


def _literals(parsed: Any) -> Iterator[str]:
    for kind, value in parsed:
        match str(kind):
            case "LITERAL":
                yield chr(value)
            case "BRANCH":
                for branch in value[1]:
                    yield from _literals(branch)
            case "MAX_REPEAT" | "MIN_REPEAT" if value[0] == 0:
                continue  # what may be left out does no harm
            case "SUBPATTERN" | "MAX_REPEAT" | "MIN_REPEAT":
                yield from _literals(value[-1])
