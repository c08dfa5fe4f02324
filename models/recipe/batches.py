"""Batches of training windows as tensors, made by a process of their own.

What the network is to say is `models.recipe.windows`; here it only becomes arrays of one size.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor

from models.recipe.grammar import lines
from models.recipe.lexicon import source_texts
from models.recipe.normalise import normal_units
from models.recipe.shards import read_descriptions, shard_paths
from models.recipe.tokens import Coder
from models.recipe.windows import NOTHING, Window, WindowMaker, items_of


def make_coder(tokenizer: Tokenizer) -> Coder:
    """The coder of all tokens that the recipe's texts can hold."""
    units = {
        (unit, lang)
        for lang in ("en", "zh")
        for text in (*lines(f"words_{lang}.txt"), *source_texts(lang))
        for unit in normal_units(text, lang)
    }
    return Coder.for_texts(tokenizer, sorted(units))


def read_phones(data: Path) -> list[str]:
    """Phone names that occur in the shards made so far."""
    names: set[str] = set()
    for path in shard_paths(data)[:8]:
        for row in read_descriptions(path):
            names |= {name for _, name in row.phones if name}
    return sorted(names)


def collate(windows: list[Window], coder: Coder) -> dict[str, Tensor]:
    """A batch of equal-width windows as tensors; unused places hold `NOTHING` or -1."""
    length = max(len(w.inputs) for w in windows)
    shape = (len(windows), length)
    inputs = np.full(shape, coder.index[coder.special("endoftext")], np.int64)
    targets, spans = np.full(shape, NOTHING, np.int64), np.full((*shape, 2), -1, np.int64)
    frames = len(windows[0].phones)
    for row, window in enumerate(windows):
        inputs[row, : len(window.inputs)] = window.inputs
        targets[row, : len(window.targets)] = window.targets
        for k, span in enumerate(window.spans):
            if span is not None:
                first = min(max(0, round(span[0])), frames - 1)
                spans[row, k] = first, min(frames, max(first + 1, round(span[1])))
    arrays = {"inputs": inputs, "targets": targets, "spans": spans}
    arrays["mel"] = np.stack([w.mel for w in windows])
    arrays["phones"] = np.stack([w.phones for w in windows])
    return {name: torch.from_numpy(np.ascontiguousarray(a)) for name, a in arrays.items()}


def window_maker(
    tokenizer: Path, plan: dict[str, Any], seed: int, *, hides: bool = True
) -> tuple[Coder, WindowMaker]:
    """The coder of a training's plan and a maker of windows without any item yet."""
    coder = Coder(Tokenizer.from_file(str(tokenizer)), plan["trained"])
    return coder, WindowMaker(coder, seed, hides=hides)


def add_shard(maker: WindowMaker, path: Path, coder: Coder, plan: dict[str, Any]) -> None:
    """Put the utterances of a shard into the pool of `maker`."""
    phones = {name: i + 1 for i, name in enumerate(plan["phones"])}
    maker.add(items_of(path, coder, phones))


def produce(
    data: Path, tokenizer: Path, plan: dict[str, Any], progress: Any, out: Any, seed: int
) -> None:
    """Worker process: fill the queue with batches for ever."""
    torch.set_num_threads(1)
    coder, maker = window_maker(tokenizer, plan, seed)
    known = set[Path]()
    made = 0
    while True:
        if made % 300 == 0:
            for path in shard_paths(data):
                if path not in known:
                    add_shard(maker, path, coder, plan)
                    known.add(path)
        out.put(collate(maker.batch(plan["frames"], progress.value), coder))
        made += 1
