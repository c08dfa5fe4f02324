"""The lexicon: words for strings that no sentence frame predicts, drawn evenly.

``python -m models.recipe.lexicon --ranks multilingual.tiktoken --dictionary words --jieba
dict.txt`` builds ``text/words_en.txt`` and ``text/words_zh.txt`` once; both files are part of the
recipe. Words that sound alike to espeak-ng keep only the commonest of them: without context nobody
can tell them apart.
"""

from __future__ import annotations

import argparse
import base64
import ctypes
import itertools
import random
import re
from collections import defaultdict
from pathlib import Path

from models.recipe.grammar import TEXT_DIR, Grammar, lines
from models.recipe.normalise import normal_units

ENGLISH_WORDS = 3000
CHINESE_CHARACTERS = 1500
WORDS_PER_CHARACTER = 4
_FRAGMENTS = frozenset(
    "ass cum nos dos tar pol esp tun neg pres emb gel rev pud para der die psych sac dis con"
    " imp rap med mod rep gen inter int par bud bur mas fem prim tor stat thous prep prof expect"
    " comm econ differ relig var col sol cal tot liter fig tout jest pal cot cur res resp ind"
    " inc sec doc prop prom exec gov trans org pos pod rot una des ele ton ala pat sex tit dick"
    " cock porn rape fuck shit bitch dem und ist per les est sur los las mit von als bei auf aus"
    " ver car del non che".split()
)


def source_texts(lang: str, *, grammar_draws: int = 30_000) -> list[str]:
    """Every sentence source of the recipe, the grammar as many random draws."""
    rng, grammar = random.Random(11), Grammar.of(lang)
    fixed = [*lines(f"standard_{lang}.txt"), *lines(f"free_{lang}.txt")]
    return [grammar.fill(text, rng) for text in fixed] + [
        grammar.sample(rng) for _ in range(grammar_draws)
    ]


class Phonemes:
    """Phoneme strings of espeak-ng, to find words that sound alike."""

    def __init__(self) -> None:
        self._lib = ctypes.CDLL("libespeak-ng.so.1")
        self._lib.espeak_Initialize(2, 0, None, 0)
        self._lib.espeak_TextToPhonemes.restype = ctypes.c_char_p

    def of(self, text: str, voice: str) -> str:
        """Phonemes of a text as one string."""
        self._lib.espeak_SetVoiceByName(voice.encode())
        pointer = ctypes.c_char_p(text.encode())
        raw = self._lib.espeak_TextToPhonemes(ctypes.byref(pointer), 1, 0)
        return (raw or b"").decode("utf-8", "ignore").strip()


def english_words(ranks: Path, dictionary: Path) -> list[str]:
    """Words of the sources first, then common words by the rank of their token."""
    own = sorted({w for text in source_texts("en") for w in normal_units(text, "en")})
    spelt = {w.strip() for w in dictionary.read_text(encoding="utf-8").splitlines()}
    common = []
    for row in ranks.read_bytes().splitlines():
        token = base64.b64decode(row.split()[0]) if row.strip() else b""
        match = re.fullmatch(rb" ([a-z]{3,})", token)
        if match and match.group(1).decode() in spelt - _FRAGMENTS:
            common.append(match.group(1).decode())
    phonemes, heard, kept = Phonemes(), set[str](), list[str]()
    for word in itertools.chain(own, common):
        sound = phonemes.of(word, "gmw/en-US")
        if sound and sound not in heard and len(kept) < ENGLISH_WORDS:
            heard.add(sound)
            kept.append(word)
    return kept


def chinese_words(jieba: Path) -> list[str]:
    """For each of the wanted characters its commonest words, no two of which sound alike."""
    rows = (row.split() for row in jieba.read_text(encoding="utf-8").splitlines())
    counted = [
        (row[0], int(row[1])) for row in rows if re.fullmatch(r"[\u4e00-\u9fff]{1,4}", row[0])
    ]
    weight: dict[str, int] = defaultdict(int)
    for word, count in counted:
        for char in word:
            weight[char] += count
    own = {c for text in source_texts("zh") for c in normal_units(text, "zh")}
    chars = own | set()
    for char in sorted(weight, key=lambda c: -weight[c]):
        if len(chars) >= CHINESE_CHARACTERS:
            break
        chars.add(char)
    phonemes, heard, kept = Phonemes(), set[str](), list[str]()
    per_char: dict[str, int] = defaultdict(int)
    for word, _ in sorted(counted, key=lambda row: -row[1]):
        if not 2 <= len(word) <= 3 or not chars.issuperset(word):
            continue
        if min(per_char[c] for c in word) >= WORDS_PER_CHARACTER:
            continue
        sound = phonemes.of(word, "sit/cmn-Latn-pinyin")
        if sound and sound not in heard:
            heard.add(sound)
            kept.append(word)
            for char in word:
                per_char[char] += 1
    missing = sorted(c for c in chars if not per_char[c])
    return kept + missing


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("ranks", "dictionary", "jieba"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    arguments = parser.parse_args()
    words = {
        "en": english_words(arguments.ranks, arguments.dictionary),
        "zh": chinese_words(arguments.jieba),
    }
    for lang, found in words.items():
        path = TEXT_DIR / f"words_{lang}.txt"
        path.write_text("\n".join(found) + "\n", encoding="utf-8")
        print(f"{path.name}: {len(found)} words, {len(set(''.join(found)))} characters")


if __name__ == "__main__":
    main()
