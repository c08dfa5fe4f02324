"""Words heard against words said: error rates and how far their times are off.

Text is compared as units: a spaced word is one, a Chinese character is one; case and punctuation
do not count. The rate is edits (substitutions, deletions, insertions) per unit said, aligned per
party by `rapidfuzz`. For Chinese that is the character error rate, else the word error rate.
Times are compared where the same unit was heard within 2 s: further away it is another one.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from speechqa.transcript import Word

NEAR_MS = 2000

_UNIT = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]|[^\W_]+(?:['’][^\W_]+)*")
_CJK = re.compile(r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]")


@dataclass(frozen=True)
class WordErrors:
    """Edits between the words said and the words heard; two of these add.

    Examples
    --------
    >>> (WordErrors(said=8, substituted=1) + WordErrors(said=2, inserted=1)).rate
    0.2
    """

    said: int = 0
    substituted: int = 0
    deleted: int = 0
    inserted: int = 0
    start_errors: tuple[int, ...] = ()

    def __add__(self, other: WordErrors) -> WordErrors:
        return WordErrors(
            self.said + other.said,
            self.substituted + other.substituted,
            self.deleted + other.deleted,
            self.inserted + other.inserted,
            self.start_errors + other.start_errors,
        )

    @property
    def rate(self) -> float | None:
        """Edits per unit said; None when nothing was said."""
        edits = self.substituted + self.deleted + self.inserted
        return edits / self.said if self.said else None

    def as_dict(self) -> dict[str, Any]:
        """Return the figures by name, None where there is nothing to measure."""
        errors = np.abs(np.array(self.start_errors))
        return {
            "units": self.said,
            "error_rate": None if self.rate is None else round(self.rate, 4),
            "substituted": self.substituted,
            "deleted": self.deleted,
            "inserted": self.inserted,
            "start_median_ms": float(np.median(errors)) if len(errors) else None,
            "start_p90_ms": float(np.percentile(errors, 90)) if len(errors) else None,
        }


def compare_words(said: Sequence[Word], heard: Sequence[Word]) -> WordErrors:
    """Compare the words of one party in order of time.

    Examples
    --------
    >>> said = [Word("agent", 0, 300, "Good", 1.0), Word("agent", 300, 700, "morning.", 1.0)]
    >>> heard = [Word("agent", 20, 310, "good", 0.9), Word("agent", 330, 700, "warning", 0.4)]
    >>> found = compare_words(said, heard)
    >>> found.rate, found.start_errors
    (0.5, (20,))
    """
    from rapidfuzz.distance import Levenshtein

    one, two = _units(said), _units(heard)
    kinds = {"replace": 0, "delete": 0, "insert": 0}
    starts: list[int] = []
    first, second = [text for text, _ in one], [text for text, _ in two]
    for step in Levenshtein.opcodes(first, second):
        if step.tag == "equal":
            pairs = zip(one[step.src_start : step.src_end], two[step.dest_start :], strict=False)
            errors = [there[1] - here[1] for here, there in pairs]
            starts += [error for error in errors if abs(error) <= NEAR_MS]
        else:
            kinds[step.tag] += max(step.src_end - step.src_start, step.dest_end - step.dest_start)
    return WordErrors(len(one), kinds["replace"], kinds["delete"], kinds["insert"], tuple(starts))


def is_cjk(words: Sequence[Word]) -> bool:
    """Whether most of the text is Chinese characters, so that the rate is one of characters.

    >>> is_cjk([Word("agent", 0, 1, "您好", 1.0), Word("agent", 1, 2, "ok", 1.0)])
    True
    """
    units = [text for text, _ in _units(words)]
    return 2 * sum(bool(_CJK.match(text)) for text in units) > len(units)


def _units(words: Sequence[Word]) -> list[tuple[str, int]]:
    """Return each unit with its start; the characters of one word share its time evenly."""
    out: list[tuple[str, int]] = []
    for word in sorted(words, key=lambda w: w.start_ms):
        parts = _UNIT.findall(unicodedata.normalize("NFKC", word.text).casefold())
        for k, part in enumerate(parts):
            out.append((part, word.start_ms + k * (word.end_ms - word.start_ms) // len(parts)))
    return out
