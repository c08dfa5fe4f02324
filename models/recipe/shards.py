"""Shards on disk: ``NNN.npy`` (float16 log-mel, end to end) and ``NNN.json`` (descriptions).

The description is written last and renamed into place, so a shard that has one is complete.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Description:
    """One utterance of a shard; ``first`` and ``frames`` place its features.

    ``words`` and ``phones`` are as in `models.recipe.speech.Speech`.
    """

    lang: str
    kind: str
    text: str
    voice: str
    telephone: bool
    first: int
    frames: int
    words: tuple[tuple[int, int, float, float], ...]
    phones: tuple[tuple[float, str], ...]


def write_shard(path: Path, rows: Sequence[Description], features: npt.NDArray[np.float16]) -> None:
    """Write a shard; ``path`` is its ``.json``."""
    np.save(path.with_suffix(".npy"), features)
    temporary = path.with_suffix(".tmp")
    temporary.write_text(json.dumps([asdict(row) for row in rows]), encoding="utf-8")
    os.replace(temporary, path)


def shard_paths(data: Path) -> list[Path]:
    """The complete shards of a folder, in order."""
    return sorted(data.glob("*.json"))


def read_descriptions(path: Path) -> list[Description]:
    """Descriptions of a shard."""
    return [Description(**row) for row in json.loads(path.read_text(encoding="utf-8"))]


def read_features(path: Path) -> npt.NDArray[np.float16]:
    """Features of a shard, mapped, not read: ``(frames, 80)``."""
    features: npt.NDArray[np.float16] = np.load(path.with_suffix(".npy"), mmap_mode="r")
    return features
