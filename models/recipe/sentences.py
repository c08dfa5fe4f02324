"""The mixture of texts: lexicon strings, phrases, grammar and free sentences.

No part may be guessed from another: the grammar is less than a third, words are drawn evenly from
the lexicon, free sentences are cut into clauses and joined anew, and words inside them are
replaced at random, so that only the sound decides. Of a few sentences drawn, the one is taken whose
rarest word was said least so far: an ear that met a word twenty times in forty hours misses it.
"""

from __future__ import annotations

import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from models.recipe.grammar import Grammar, lines
from models.recipe.normalise import normal_units, spoken
from models.recipe.split import Split

MAX_UNITS = {"en": 20, "zh": 30}
KINDS = ("words", "phrase", "grammar", "free")
KIND_WEIGHTS = (0.26, 0.14, 0.26, 0.34)
DRAWS = 4
_CLAUSE = {
    "en": re.compile(r"[,;.?!]+\s*|\s+(?=(?:and|but|because|so|when|if|that|while|before)\s)"),
    "zh": re.compile(r"[，。？！；,?!]+"),
}


@dataclass(frozen=True, slots=True)
class Sentence:
    """A text to be spoken: ``kind`` names its source."""

    lang: str
    kind: str
    text: str


class Mixture:
    """Endless sentences of one language, for training or of the held-out part."""

    def __init__(self, lang: str, *, held: bool = False) -> None:
        self.lang, self._held = lang, held
        self._split = Split(lang)
        self._grammar = Grammar.of(lang)
        self._phrases = lines(f"standard_{lang}.txt")
        self._free = [s for s in lines(f"free_{lang}.txt") if held or self._split.trainable(s)]
        parts = (part for s in self._free for part in _CLAUSE[lang].split(s))
        self._clauses = [p.strip() for p in parts if len(normal_units(p, lang)) > 1]
        self._words = lines(f"words_{lang}.txt")
        self._by_char: dict[str, list[str]] = defaultdict(list)
        for word in self._words:
            for char in word:
                self._by_char[char].append(word)
        self._chars = sorted(self._by_char)

    def word(self, rng: random.Random) -> str:
        """A word of the lexicon; Chinese characters, not words, are drawn evenly."""
        if self.lang == "zh":
            return rng.choice(self._by_char[rng.choice(self._chars)])
        return rng.choice(self._words)

    def _join(self, parts: list[str], rng: random.Random) -> str:
        if self.lang == "zh":
            return rng.choice(("", "", "，")).join(parts)
        return rng.choice((" ", " ", ", ")).join(parts)

    def _words_kind(self, rng: random.Random) -> str:
        count = rng.choice((1, 2, 2, 3, 3, 4, 4, 5, 6, 8))
        return self._join([self.word(rng) for _ in range(count)], rng)

    def _phrase_kind(self, rng: random.Random) -> str:
        parts = [self._grammar.fill(rng.choice(self._phrases), rng)]
        while rng.random() < 0.25:
            parts.append(self._grammar.fill(rng.choice(self._phrases), rng))
        rng.shuffle(parts)
        return self._join(parts, rng)

    def _grammar_kind(self, rng: random.Random) -> str:
        return self._grammar.sample(rng)

    def _free_kind(self, rng: random.Random) -> str:
        how = rng.random()
        if how < 0.3:
            return rng.choice(self._free)
        if how < 0.6:
            return self._join([rng.choice(self._clauses) for _ in range(rng.randint(1, 3))], rng)
        return self._substituted(rng.choice(self._free), rng)

    def _substituted(self, text: str, rng: random.Random) -> str:
        if self.lang == "zh":
            for _ in range(rng.randint(1, 2)):
                at = rng.randrange(max(1, len(text) - 1))
                text = text[:at] + self.word(rng) + text[at + rng.choice((0, 2)) :]
            return text
        words = text.split()
        for _ in range(rng.randint(1, max(1, len(words) // 3))):
            words[rng.randrange(len(words))] = self.word(rng)
        return " ".join(words)

    def sentences(self, rng: random.Random) -> Iterator[Sentence]:
        """The sentences, a function of the generator alone."""
        said = Counter[str]()
        while True:
            kind = rng.choices(KINDS, KIND_WEIGHTS)[0]
            texts = [self._draw(kind, rng) for _ in range(DRAWS)]
            drawn = [normal_units(text, self.lang) for text in texts]
            text, units = min(
                zip(texts, drawn, strict=True), key=lambda pair: min(said[u] for u in pair[1])
            )
            said.update(units)
            yield Sentence(self.lang, kind, text)

    def _draw(self, kind: str, rng: random.Random) -> str:
        while True:
            text = spoken(getattr(self, f"_{kind}_kind")(rng), self.lang)
            count = len(normal_units(text, self.lang))
            fits = 0 < count <= MAX_UNITS[self.lang] and speakable(text, self.lang)
            if fits and self._split.allows(text, held=self._held):
                return text


def speakable(text: str, lang: str) -> bool:
    """Whether the written form can be known: no digits, no letters within Chinese.

    >>> speakable("room 7", "en")
    False
    """
    if re.search(r"\d", text):
        return False
    if lang == "zh":
        return not re.search(r"[A-Za-z{}]", text)
    return text.isascii() and not re.search(r"[{}/]", text)


def held_grammar(lang: str, count: int, *, seed: int = 5) -> list[Sentence]:
    """Distinct grammar sentences of the held-out part, for the unseen-grammar figure."""
    from models.recipe.split import is_held, reported_sentences

    rng, grammar, found = random.Random(seed), Grammar.of(lang), dict[str, None]()
    reported = set(reported_sentences(lang))
    while len(found) < count:
        text = spoken(grammar.sample(rng), lang)
        if is_held(text, lang) and text not in reported and speakable(text, lang):
            found[text] = None
    return [Sentence(lang, "grammar", text) for text in found]
