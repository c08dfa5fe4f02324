"""Sentences from templates with choices and slots.

A template is plain text with ``(a|b|)`` choices, which may be nested, and ``{slot}`` names. Slots
are filled from a YAML file of lists or from `models.recipe.numbers`.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from pathlib import Path

import yaml

from models.recipe import numbers

TEXT_DIR = Path(__file__).parent / "text"
_CHOICE = re.compile(r"\(([^()]*)\)")
_SLOT = re.compile(r"\{(\w+)\}")


def lines(name: str) -> list[str]:
    """Lines of a text source, without comments and blank lines."""
    path = TEXT_DIR / name
    if not path.exists():
        return []
    rows = (line.strip() for line in path.read_text(encoding="utf-8").splitlines())
    return [row for row in rows if row and not row.startswith("#")]


@dataclass(frozen=True)
class Grammar:
    """Templates and slots of one language."""

    lang: str
    templates: tuple[str, ...]
    slots: dict[str, tuple[str, ...]]

    @classmethod
    def of(cls, lang: str) -> Grammar:
        """Read the grammar of a language."""
        raw = yaml.safe_load((TEXT_DIR / f"slots_{lang}.yaml").read_text(encoding="utf-8"))
        slots = {
            name: tuple(v.strip() for v in (text.split("|") if "|" in text else text.split()))
            for name, text in raw.items()
        }
        return cls(lang, tuple(lines(f"grammar_{lang}.txt")), slots)

    def sample(self, rng: random.Random) -> str:
        """One sentence."""
        return self.fill(self.choose(rng.choice(self.templates), rng), rng)

    @staticmethod
    def choose(template: str, rng: random.Random) -> str:
        """Resolve the choices, innermost first."""
        while True:
            resolved = _CHOICE.sub(lambda m: rng.choice(m.group(1).split("|")), template)
            if resolved == template:
                return re.sub(r"\s+", " ", resolved).strip()
            template = resolved

    def fill(self, text: str, rng: random.Random) -> str:
        """Fill the slots; a name that no list knows becomes a plain noun of the language."""
        while _SLOT.search(text):
            text = _SLOT.sub(lambda m: self._slot(m.group(1), rng), text)
        return text

    def _slot(self, name: str, rng: random.Random) -> str:
        if name in self.slots:
            return rng.choice(self.slots[name])
        if name in ("digs", "id", "number", "phone", "order", "account"):
            return numbers.digits(rng, self.lang)
        if name in ("amt", "amount", "price", "money"):
            return numbers.amount(rng, self.lang)
        if name == "time":
            return numbers.clock(rng, self.lang)
        return self._chinese_slot(name, rng) if self.lang == "zh" else self._english_slot(name, rng)

    def _english_slot(self, name: str, rng: random.Random) -> str:
        if name == "full":
            return f"{rng.choice(self.slots['name'])} {rng.choice(self.slots['last'])}"
        if name == "mr":
            return f"{rng.choice(self.slots['title'])} {rng.choice(self.slots['last'])}"
        if name == "date":
            month, day = rng.choice(self.slots["month"]), numbers.ordinal(rng)
            return rng.choice((f"{month} {day}", f"the {day} of {month}", f"the {day}"))
        if name == "ord":
            return numbers.ordinal(rng)
        if name in ("n", "hours", "days", "minutes"):
            return numbers.english(rng.choice((rng.randint(2, 12), rng.randint(2, 99))))
        if name == "company":
            return rng.choice(self.slots["comp"])
        return rng.choice(self.slots["item"])

    def _chinese_slot(self, name: str, rng: random.Random) -> str:
        if name == "mr":
            return rng.choice(self.slots["last"]) + rng.choice(self.slots["title"])
        if name == "date":
            day = numbers.chinese(rng.randint(1, 31))
            return numbers.chinese(rng.randint(1, 12)) + "月" + day + rng.choice("号日")
        if name == "z":
            return numbers.HAN_DIGITS[rng.randrange(10)]
        if name in ("n", "hours", "days", "minutes"):
            n = rng.choice((rng.randint(1, 10), rng.randint(3, 99)))
            return "两" if n == 2 else numbers.chinese(n)
        if name == "company":
            return rng.choice(self.slots["comp"])
        if name == "name":
            return rng.choice(self.slots["last"]) + rng.choice(self.slots["title"])
        return rng.choice(self.slots["item"])
