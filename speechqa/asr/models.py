"""Models on this machine: where they are, whether they are whole, what they say of themselves.

A model is a folder in the layout of CTranslate2's Whisper converter. Nothing here reaches a
network (see `pull`); a folder is checked file by file before a heavy library is loaded, since
their own messages speak of a hub where a file is missing.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from speechqa.errors import ModelError

CARD_NAME = "speechqa.json"
_JSON_FILES = ("config.json", "preprocessor_config.json", "tokenizer.json")
_CONFIG = ("alignment_heads", "suppress_ids", "suppress_ids_begin")
"""What CTranslate2's converter always writes, and its engine may crash without."""

_REQUIRED = ("model.bin", "config.json", "tokenizer.json")
_BINARY_VERSION = 6  # the newest version of model.bin that CTranslate2 4 reads
_SMALLEST_MODEL_BYTES = 100_000
_BLOCKS, _BLOCK_BYTES = 64, 1 << 20


class ModelCard(BaseModel):
    """What a model's ``speechqa.json`` says of how it wants to be used.

    A folder without the file is a stock Whisper model: exact windows of 30 s.

    Examples
    --------
    >>> ModelCard(short_windows=True, max_window_s=10).buckets_s
    (2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    short_windows: bool = Field(False, description="Trained on windows as long as their speech.")
    max_window_s: float = Field(30.0, gt=0, le=30, description="Longest window it was trained on.")
    pack_to_s: float | None = Field(None, gt=0, description="Pieces are added up to this length.")
    max_pieces: int = Field(0, ge=0, description="Most separate pieces of speech in one window.")
    spare_s: float = Field(0.0, ge=0, description="Empty room that it wants after the speech.")
    gap_ms: int | None = Field(None, ge=0, description="Silence it wants between two pieces.")
    beam_size: int = Field(5, ge=1, le=20, description="Hypotheses worth keeping.")
    languages: tuple[str, ...] = Field((), description="Languages it knows; empty: all of Whisper.")
    low_confidence: float | None = Field(None, description="Its own limit for unsure words.")
    trust_no_speech: bool = Field(False, description="Its no-speech probability decides alone.")
    window_lengths_s: tuple[float, ...] = Field((), description="Lengths of its windows.")

    @property
    def buckets_s(self) -> tuple[float, ...]:
        """Lengths that windows are cut to, in seconds, the longest last."""
        steps = self.window_lengths_s or (2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25)
        return (*(float(s) for s in steps if s < self.max_window_s), float(self.max_window_s))


@dataclass(frozen=True)
class Model:
    """A model folder that has been looked at.

    Parameters
    ----------
    name
        The folder's name, or that of the hub repository.
    path
        The folder.
    """

    name: str
    path: Path

    @cached_property
    def card(self) -> ModelCard:
        """The model's own advice; see `ModelCard`."""
        return _read_card(self.path)

    @property
    def size_bytes(self) -> int:
        """Bytes of the weights."""
        return (self.path / "model.bin").stat().st_size

    @cached_property
    def digest(self) -> str:
        """First 16 hex digits of a SHA-256 over weights, configuration, tokenizer and card.

        Of weights over 64 MB, their length and 64 blocks of 1 MB spread over them are taken, so
        that starting a worker does not mean reading gigabytes twice.
        """
        total = hashlib.sha256()
        for name in (*_REQUIRED, "preprocessor_config.json", CARD_NAME):
            file = self.path / name
            if file.is_file():
                total.update(_file_digest(file))
        return total.hexdigest()[:16]


def _file_digest(file: Path) -> bytes:
    size = file.stat().st_size
    with file.open("rb") as stream:
        if size <= _BLOCKS * _BLOCK_BYTES:
            return hashlib.file_digest(stream, "sha256").digest()
        digest = hashlib.sha256(size.to_bytes(8, "little"))
        for block in range(_BLOCKS):
            stream.seek((size - _BLOCK_BYTES) * block // (_BLOCKS - 1))
            digest.update(stream.read(_BLOCK_BYTES))
        return digest.digest()


def model_folders() -> list[Path]:
    """Return the folders searched for models, in order; they need not exist."""
    here = Path(__file__).resolve().parents[1]
    given = [Path(part) for part in os.environ.get("SPEECHQA_MODELS", "").split(os.pathsep) if part]
    return [*given, here / "models", here.parent / "models", user_model_folder()]


def user_model_folder() -> Path:
    """Return the folder that ``model pull`` writes to."""
    base = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(base) / "speechqa" / "models"


def find_models() -> list[Model]:
    """Return the models found on this machine, whole or not, each name once.

    Examples
    --------
    >>> "speechqa-tiny" in {model.name for model in find_models()}
    True
    """
    found: dict[str, Model] = {}
    for model in (*_in_folders(), *_in_hub_cache()):
        found.setdefault(model.name, model)
    return sorted(found.values(), key=lambda model: model.name)


def find_model(name_or_path: str) -> Model:
    """Return the whole model of that name or in that folder.

    Parameters
    ----------
    name_or_path
        A folder, or the name of a model in one of `model_folders` or in the hub's cache.

    Raises
    ------
    ModelError
        There is none, or a file of it is missing or cut short; the message names it.
    """
    folder = Path(name_or_path).expanduser()
    if folder.is_dir():
        model = Model(folder.resolve().name, folder.resolve())
        check_model(model)
        return model
    if folder.is_file():
        raise ModelError(
            f"{name_or_path}: a model is a folder, this is a file",
            hint="give the folder that holds model.bin",
        )
    models = {model.name: model for model in find_models()}
    if name_or_path not in models:
        near = get_close_matches(name_or_path, models, n=1)
        raise ModelError(
            f"{name_or_path}: no such model folder, and no model of that name on this machine"
            + (f" (did you mean {near[0]}?)" if near else ""),
            hint="see `speechqa model list`; `speechqa model pull NAME` fetches one from the hub; "
            f"searched: {', '.join(str(folder) for folder in model_folders())}",
        )
    check_model(models[name_or_path])
    return models[name_or_path]


def check_model(model: Model) -> None:
    """Check that each file of `model` is there, whole and readable.

    Raises
    ------
    ModelError
        Names the first file that is not, and what to do.
    """
    again = f"copy the folder again, or run `speechqa model pull {model.name}`"
    for name in _REQUIRED:
        if not (model.path / name).is_file():
            raise ModelError(f"{model.path}: {name} is missing", hint=again)
    if not list(model.path.glob("vocabulary.*")):
        raise ModelError(f"{model.path}: vocabulary.json or vocabulary.txt is missing", hint=again)
    for name in _JSON_FILES:
        file = model.path / name
        read = _read_json(file, again) if file.is_file() else {}
        if name == "config.json":
            missing = [key for key in _CONFIG if not isinstance(read, dict) or key not in read]
            if missing:
                raise ModelError(f"{file}: {', '.join(missing)} not in it", hint=again)
    _check_weights(model.path / "model.bin", again)
    _read_card(model.path)


def _check_weights(file: Path, again: str) -> None:
    size = file.stat().st_size
    if size < _SMALLEST_MODEL_BYTES:
        pointer = b"git-lfs" in file.read_bytes()[:200]
        found = "a Git LFS pointer, not the weights" if pointer else f"only {size} bytes"
        raise ModelError(f"{file}: {found}", hint="run `git lfs pull`" if pointer else again)
    with file.open("rb") as stream:
        version = int.from_bytes(stream.read(4), "little")
    if not 1 <= version <= _BINARY_VERSION:
        raise ModelError(
            f"{file}: not a CTranslate2 model (its first bytes say version {version})",
            hint="convert it with ct2-transformers-converter, or " + again,
        )


def _read_json(file: Path, again: str) -> Any:
    try:
        return json.loads(file.read_text("utf-8"))
    except (ValueError, OSError) as error:
        raise ModelError(f"{file}: cannot be read as JSON: {error}", hint=again) from None


def _read_card(folder: Path) -> ModelCard:
    file = folder / CARD_NAME
    if not file.is_file():
        return ModelCard()
    try:
        return ModelCard.model_validate(_read_json(file, "restore the file"))
    except ValidationError as error:
        first = error.errors()[0]
        raise ModelError(
            f"{file}: {'.'.join(map(str, first['loc']))}: {first['msg']}, got {first['input']!r}",
            hint="correct the file, or delete it to use exact windows of 30 s",
        ) from None


def _in_folders() -> Iterator[Model]:
    for parent in model_folders():
        if parent.is_dir():
            for child in sorted(parent.iterdir()):
                if (child / "model.bin").is_file():
                    yield Model(child.name, child.resolve())


def _in_hub_cache() -> Iterator[Model]:
    """Yield the models that faster-whisper or `model pull` left in the hub's own cache."""
    home = os.environ.get("HF_HOME") or str(Path.home() / ".cache" / "huggingface")
    cache = Path(os.environ.get("HF_HUB_CACHE") or Path(home) / "hub")
    for weights in sorted(cache.glob("models--*/snapshots/*/model.bin")):
        repository = weights.parents[2].name.removeprefix("models--").split("--")[-1]
        yield Model(repository.removeprefix("faster-").removeprefix("whisper-"), weights.parent)
