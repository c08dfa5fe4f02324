"""Which sentence may be trained on: a split by hash, and the reported sets kept out by hash.

The split looks at the written form alone, so another punctuation or case of a held-out sentence is
held out too. Sentences of one or two units (greetings, "yes", single words) cannot be held out:
they are building blocks of everything.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from models.recipe.normalise import digest, normal_units

REPORTED_DIR = Path(__file__).parent / "reported"
HELD_PERCENT = 4
MIN_HELD_UNITS = {"en": 4, "zh": 5}


def is_held(text: str, lang: str) -> bool:
    """Whether the hash puts `text` into the held-out part.

    >>> is_held("hello", "en")
    False
    """
    if len(normal_units(text, lang)) < MIN_HELD_UNITS[lang]:
        return False
    return digest(text, lang) % 100 < HELD_PERCENT


def reported_sentences(lang: str) -> list[str]:
    """The freely written sentences that are only for the reported figure."""
    path = REPORTED_DIR / f"free_{lang}.txt"
    if not path.exists():
        return []
    rows = (row.strip() for row in path.read_text(encoding="utf-8").splitlines())
    return [row for row in rows if row and not row.startswith("#")]


class Split:
    """The gate that every training sentence passes."""

    def __init__(self, lang: str, *, extra_held: Iterable[str] = ()) -> None:
        self.lang = lang
        self._kept_out = {digest(text, lang) for text in (*reported_sentences(lang), *extra_held)}

    def trainable(self, text: str) -> bool:
        """Whether `text` may be trained on."""
        return self.allows(text, held=False)

    def allows(self, text: str, *, held: bool) -> bool:
        """Whether `text` belongs to the part: held out, or trainable. Reported ones are in none."""
        return digest(text, self.lang) not in self._kept_out and is_held(text, self.lang) == held
