"""The pages in the reader's language: English, and Chinese by what the browser asks for.

The English text is the key, so a text without a translation is shown in English; a test holds
every text of the templates, every title of the shipped standard and every measure against the
tables.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from speechqa.rulebook.sentence import rule_sentence
from speechqa.rulebook.sentence_zh import rule_sentence_zh
from speechqa.timing import MEASURES
from speechqa.web.formats import plain

LANGUAGES = ("en", "zh")


@dataclass(frozen=True)
class Speaker:
    """Says the pages' texts in one language."""

    language: str

    def __call__(self, text: str, **parts: object) -> str:
        """Return `text` translated, with ``{name}`` replaced by `parts`."""
        said = text
        if self.language == "zh":
            said = translations().get(text) or sayings().get(text, text)
        return said.format(**parts) if parts else said

    def title(self, text: str) -> str:
        """Return the title of a rule or section; those of other rulebooks as they are."""
        return titles().get(text) or self(text) if self.language == "zh" else text

    def sentence(self, rule: Any) -> str:
        """Return what a rule asks for, in one sentence."""
        if self.language == "zh":
            return rule_sentence_zh(rule, self._named)
        return rule_sentence(rule)

    def definition(self, measure: str) -> str:
        """Return the definition of a measure."""
        if self.language == "zh" and measure in definitions():
            return definitions()[measure]
        return MEASURES[measure].definition

    def figure(self, name: str) -> str:
        """Return the name of a measure, its party beside it, or of a rule, as people know it."""
        party, _, bare = name.rpartition(".")
        if bare not in MEASURES:
            return self.title(name)
        text = self(plain(bare))
        return f"{text} ({self(party)})" if party else text

    def _named(self, name: str) -> str:
        """Return the name of a wording, or of a measure with its party, as people know it."""
        party, _, bare = name.rpartition(".")
        if bare in MEASURES:
            return self(party) + self(plain(bare)) if party else self(plain(bare))
        return self.title(name)


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
    """Return the titles and names of the shipped standard, English to Chinese."""
    return _table("chinese_rules.json")


@cache
def definitions() -> dict[str, str]:
    """Return the measures' definitions in Chinese, by name."""
    return _table("chinese_measures.json")


@cache
def sayings() -> dict[str, str]:
    """Return what the engine says of calls and recordings, English to Chinese, with places."""
    return (
        _table("chinese_notes.json")
        | _table("chinese_recordings.json")
        | _table("chinese_said.json")
    )


def _table(name: str) -> dict[str, str]:
    return dict(json.loads((files("speechqa.web") / name).read_text("utf-8")))
