"""Whisper's multilingual tokenizer, built from its published ranks, and the tokens we train.

``python -m models.recipe.tokens multilingual.tiktoken tokenizer.json`` writes the tokenizer file.
Of its 51,865 tokens only those that our texts need are trained; a model's logits for all others
come from one shared row. Han characters are encoded one by one, so that the tokens of a text do
not depend on which characters happen to meet.
"""

from __future__ import annotations

import argparse
import base64
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

VOCABULARY = 51_865
TIMESTAMPS = 1_501
LANGUAGES = (
    "en zh de es ru ko fr ja pt tr pl ca nl ar sv it id hi fi vi he uk el ms cs ro da hu ta no"
    " th ur hr bg lt la mi ml cy sk te fa lv bn sr az sl kn et mk br eu is hy ne mn bs kk sq sw"
    " gl mr pa si km sn yo so af oc ka be tg sd gu am yi lo uz fo ht ps tk nn mt sa lb my bo tl"
    " mg as tt haw ln ha ba jw su"
).split()
_TASKS = ("translate", "transcribe", "startoflm", "startofprev", "nospeech", "notimestamps")


def read_ranks(path: Path) -> dict[bytes, int]:
    """Token bytes and their ranks."""
    rows = (row.split() for row in path.read_bytes().splitlines() if row.strip())
    return {base64.b64decode(token): int(rank) for token, rank in rows}


def _byte_names() -> dict[int, str]:
    """The printable stand-ins that byte-level BPE files use for bytes."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in plain]
    names = {byte: chr(byte) for byte in plain}
    return names | {byte: chr(256 + i) for i, byte in enumerate(others)}


def _last_merge(token: bytes, ranks: dict[bytes, int]) -> list[bytes]:
    """The two parts whose merge makes `token`, by replaying merges of lower rank."""
    parts = [bytes([byte]) for byte in token]
    while len(parts) > 2:
        pairs = [ranks.get(parts[i] + parts[i + 1], VOCABULARY) for i in range(len(parts) - 1)]
        i = pairs.index(min(pairs))
        parts[i : i + 2] = [parts[i] + parts[i + 1]]
    return parts


def build_tokenizer(ranks: dict[bytes, int]) -> Tokenizer:
    """The tokenizer of every multilingual Whisper model before large-v3."""
    names = _byte_names()

    def text(token: bytes) -> str:
        return "".join(names[byte] for byte in token)

    ordered = sorted(ranks, key=lambda token: ranks[token])
    merges = [
        (text(first), text(second))
        for first, second in (_last_merge(token, ranks) for token in ordered if len(token) > 1)
    ]
    vocabulary = {text(token): rank for token, rank in ranks.items()}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, fuse_unk=False))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["endoftext", "startoftranscript", *LANGUAGES, *_TASKS]
    tokenizer.add_special_tokens([AddedToken(f"<|{s}|>", special=True) for s in special])
    times = [f"<|{i * 0.02:.2f}|>" for i in range(TIMESTAMPS)]
    tokenizer.add_tokens([AddedToken(t, special=False, normalized=False) for t in times])
    return tokenizer


@dataclass
class Coder:
    """Texts to compact token indices: trained tokens first, then timestamps, then "unused"."""

    tokenizer: Tokenizer
    trained: list[int]
    _cache: dict[str, list[int]] = field(default_factory=dict)

    @classmethod
    def for_texts(cls, tokenizer: Tokenizer, units: Iterable[tuple[str, str]]) -> Coder:
        """A coder that knows the tokens of all ``(unit, lang)`` given."""
        coder = cls(tokenizer, [])
        needed = {token for unit, lang in units for token in coder.encode_unit(unit, lang)}
        names = ("endoftext", "startoftranscript", "en", "zh", "transcribe", "nospeech")
        needed |= {coder.special(name) for name in (*names, "notimestamps", "startofprev")}
        return cls(tokenizer, sorted(needed))

    def special(self, name: str) -> int:
        """Vocabulary id of ``<|name|>``."""
        token = self.tokenizer.token_to_id(f"<|{name}|>")
        if token is None:
            raise KeyError(f"the tokenizer has no <|{name}|>")
        return int(token)

    def encode_unit(self, unit: str, lang: str) -> list[int]:
        """Vocabulary ids of a word (with its leading space) or a Han character."""
        key = unit if lang == "zh" else " " + unit
        if key not in self._cache:
            self._cache[key] = self.tokenizer.encode(key, add_special_tokens=False).ids
        return self._cache[key]

    @cached_property
    def index(self) -> dict[int, int]:
        """Compact index of each trained vocabulary id."""
        return {token: i for i, token in enumerate(self.trained)}

    @property
    def unused(self) -> int:
        """Compact index of the row that stands for every untrained token."""
        return len(self.trained) + TIMESTAMPS

    def time(self, step_20ms: int) -> int:
        """Compact index of a timestamp."""
        return len(self.trained) + min(max(step_20ms, 0), TIMESTAMPS - 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ranks", type=Path)
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    tokenizer = build_tokenizer(read_ranks(arguments.ranks))
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(arguments.out), pretty=False)
    print(f"{arguments.out}: {tokenizer.get_vocab_size()} tokens")


if __name__ == "__main__":
    main()
