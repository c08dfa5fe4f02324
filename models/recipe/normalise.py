"""The one written form that the model is trained to write and is judged by.

Lower case, no punctuation, numbers as words; Han characters without spaces between them. The
functions keep the map from the spoken text (with its punctuation, which makes the pauses) to the
written one, so that word times survive.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata

_PUNCTUATION = re.compile(r"[^\w']+|_")
_HAN = re.compile(r"[\u4e00-\u9fff]")
_EDGE = re.compile(r"(^'+|'+$)")


def normal_word(word: str) -> str:
    r"""A single written English word, or "" when nothing of it is spoken.

    >>> normal_word("Can\u2019t,")
    "can't"
    """
    word = unicodedata.normalize("NFKC", word).replace("\u2019", "'").lower()
    return _EDGE.sub("", _PUNCTUATION.sub("", word))


def normal_units(text: str, lang: str) -> list[str]:
    """Words of English, Han characters of Chinese, as scored by the error rates.

    >>> normal_units("Hold on, please.", "en")
    ['hold', 'on', 'please']
    >>> normal_units("您好，再见。", "zh")
    ['您', '好', '再', '见']
    """
    text = unicodedata.normalize("NFKC", text)
    if lang == "zh":
        return _HAN.findall(text)
    words = (normal_word(word) for word in text.replace("-", " ").split())
    return [word for word in words if word]


def written(text: str, lang: str) -> str:
    """The training target of a spoken text.

    >>> written("Good morning, I can't hear you.", "en")
    "good morning i can't hear you"
    """
    return ("" if lang == "zh" else " ").join(normal_units(text, lang))


def spoken(text: str, lang: str) -> str:
    """The text as it is given to a synthesiser: one spelling of quotes, hyphens and spaces."""
    text = unicodedata.normalize("NFC", text).replace("\u2019", "'").replace("-", " ").strip()
    if lang == "zh":
        return re.sub(r"\s+", "", text)
    return re.sub(r"\s+", " ", text)


def digest(text: str, lang: str) -> int:
    """A stable 64-bit number of the written form; the split and the leak test use it."""
    raw = f"{lang}:{written(text, lang)}".encode()
    return int.from_bytes(hashlib.sha256(raw).digest()[:8], "big")
