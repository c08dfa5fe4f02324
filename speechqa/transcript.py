"""Words on the call's clock.

A word has a party, a place in time and the recogniser's probability. This module knows nothing
of audio or engines. Times are integer milliseconds from the start of the recording, half-open.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Party = Literal["agent", "customer", "mixed"]
"""Who speaks; ``"mixed"`` stands for a recording whose parties share one channel."""

WordFlag = Literal["", "loop", "low-confidence", "no-speech"]
"""Why a word is not trusted. A flagged word fires no rule and counts in no rate."""

TURN_PAUSE_MS = 3000
"""Pause after which the same party's next words are shown as a new turn."""

_CJK = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\u3040-\u30ff"
_UNIT = re.compile(rf"[{_CJK}]|\d|[^\W\d_{_CJK}]+(?:['’\-][^\W\d_{_CJK}]+)*")
_NO_SPACE_BEFORE = re.compile(rf"^[{_CJK}]")


@dataclass(frozen=True, slots=True)
class Word:
    """One recognised word (in Chinese, one or a few characters).

    Parameters
    ----------
    party
        Who said it.
    start_ms, end_ms
        Where, half-open.
    text
        As recognised, without surrounding spaces.
    probability
        The recogniser's own, 0 to 1.
    flag
        Why the word is not trusted; empty when it is.
    """

    party: Party
    start_ms: int
    end_ms: int
    text: str
    probability: float
    flag: WordFlag = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the word in the shape of ``show --json``."""
        return {
            "party": self.party,
            "start_ms": self.start_ms,
            "end_ms": self.end_ms,
            "text": self.text,
            "probability": round(self.probability, 4),
        } | ({"flag": self.flag} if self.flag else {})


@dataclass(frozen=True, slots=True)
class Turn:
    """Words of one party with no word of the other in between, for reading."""

    party: Party
    start_ms: int
    end_ms: int
    words: tuple[Word, ...]

    @property
    def text(self) -> str:
        """The words as one line: spaced, except between Chinese or Japanese characters."""
        return join_words(word.text for word in self.words)


def count_units(text: str) -> int:
    """Count the speech-rate units in `text`.

    A spaced word is one unit, a Chinese or Japanese character is one, and a digit is one, since
    it is spoken as one ("2024" is four).

    Examples
    --------
    >>> count_units("don't call 2024"), count_units("您好 Anna"), count_units("...")
    (6, 3, 0)
    """
    return len(_UNIT.findall(unicodedata.normalize("NFKC", text)))


def join_words(texts: Iterable[str]) -> str:
    """Join word texts with spaces, except before Chinese or Japanese characters.

    Examples
    --------
    >>> join_words(["thank", "you"]), join_words(["您", "好"]), join_words(["我", "is", "好"])
    ('thank you', '您好', '我 is好')
    """
    line = ""
    for text in texts:
        glue = "" if not line or _NO_SPACE_BEFORE.match(text) else " "
        line += glue + text
    return line


def turns(words: Sequence[Word], *, pause_ms: int = TURN_PAUSE_MS) -> list[Turn]:
    """Group words into turns in order of start, for display.

    Parameters
    ----------
    words
        In any order.
    pause_ms
        A longer pause inside one party's words begins a new turn.

    Examples
    --------
    >>> said = [Word("agent", 0, 300, "hello", 0.9), Word("customer", 500, 700, "hi", 0.9),
    ...         Word("agent", 300, 450, "there", 0.9)]
    >>> [(turn.party, turn.text) for turn in turns(said)]
    [('agent', 'hello there'), ('customer', 'hi')]
    """
    groups: list[list[Word]] = []
    for word in sorted(words, key=lambda w: (w.start_ms, w.end_ms)):
        last = groups[-1][-1] if groups else None
        if last and last.party == word.party and word.start_ms - last.end_ms <= pause_ms:
            groups[-1].append(word)
        else:
            groups.append([word])
    return [
        Turn(group[0].party, group[0].start_ms, max(w.end_ms for w in group), tuple(group))
        for group in groups
    ]
