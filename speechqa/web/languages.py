"""The pages in the reader's language: English, and Chinese by what the browser asks for.

The English text is the key, so a text without a translation is shown in English; a test holds
every text of the templates, and every title of the shipped standard, against the tables.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

LANGUAGES = ("en", "zh")


@dataclass(frozen=True)
class Speaker:
    """Says the pages' texts in one language."""

    language: str

    def __call__(self, text: str, **parts: object) -> str:
        """Return `text` translated, with ``{name}`` replaced by `parts`."""
        said = translations().get(text, text) if self.language == "zh" else text
        return said.format(**parts) if parts else said

    def title(self, text: str) -> str:
        """Return the title of a rule or section; those of other rulebooks as they are."""
        return titles().get(text, text) if self.language == "zh" else text


def speaker(accept_language: str) -> Speaker:
    """Return a speaker of the language that a browser prefers.

    Examples
    --------
    >>> speaker("zh-CN,zh;q=0.9,en;q=0.8").language, speaker("de, en;q=0.5").language
    ('zh', 'en')
    """
    best, best_weight = "en", 0.0
    for part in accept_language[:200].split(","):
        tag, _, quality = part.strip().partition(";q=")
        language = tag.lower().split("-")[0]
        try:
            weight = float(quality) if quality else 1.0
        except ValueError:
            continue
        if language in LANGUAGES and weight > best_weight:
            best, best_weight = language, weight
    return Speaker(best)


@cache
def translations() -> dict[str, str]:
    """Return English to Chinese."""
    return _table("chinese.json")


@cache
def titles() -> dict[str, str]:
    """Return the titles of the shipped standard's rules and sections, English to Chinese."""
    return _table("chinese_rules.json")


def _table(name: str) -> dict[str, str]:
    return dict(json.loads((files("speechqa.web") / name).read_text("utf-8")))
