"""Fetch a model from the hub: the only part of the product that reaches out.

Files arrive in a folder beside the final one and are checked before the folder gets its name, so
a broken download never looks like a model.
"""

from __future__ import annotations

import os
import shutil
from difflib import get_close_matches
from pathlib import Path

from speechqa.asr.models import Model, check_model, user_model_folder
from speechqa.errors import ModelError, UsageError

_FILES = ["config.json", "preprocessor_config.json", "model.bin", "tokenizer.json", "vocabulary.*"]
_WORTH_KEEPING = 1 << 20  # bytes of one file: the hub's client goes on with it


def known_models() -> dict[str, str]:
    """Return the models that can be pulled by name, and their repositories on the hub.

    Examples
    --------
    >>> "large-v3" in known_models()
    True
    """
    from faster_whisper.utils import _MODELS

    return dict(_MODELS)


def pull_model(name: str, *, into: Path | None = None) -> Model:
    """Fetch the model `name` from the hub and return it, checked.

    Parameters
    ----------
    name
        A name of `known_models`, or ``owner/repository`` with a CTranslate2 Whisper model.
    into
        Folder that will hold the model's own folder; by default the user's.

    Raises
    ------
    UsageError
        No model of that name is known.
    ModelError
        The hub cannot be reached, refuses, or sends something that is not a model.
    """
    repository = name if "/" in name else known_models().get(name)
    if repository is None:
        near = get_close_matches(name, known_models(), n=1)
        raise UsageError(
            f"model {name!r} is not known" + (f" (did you mean {near[0]}?)" if near else ""),
            hint="give owner/repository, or one of: " + ", ".join(known_models()),
        )
    final = (into or user_model_folder()) / name.split("/")[-1]
    if final.exists():
        model = Model(final.name, final)
        check_model(model)
        return model
    coming = final.with_name(f".{final.name}.part")
    try:
        coming.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ModelError(
            f"{coming}: cannot be written: {error.strerror}",
            hint="set SPEECHQA_MODELS or XDG_DATA_HOME to a folder that can",
        ) from None
    _fetch(repository, coming, final)
    check_model(Model(final.name, coming))
    shutil.rmtree(coming / ".cache", ignore_errors=True)
    coming.rename(final)
    return Model(final.name, final)


def _fetch(repository: str, folder: Path, final: Path) -> None:
    by_hand = (
        f"on a machine that can, fetch {repository} and copy its files to {final}, "
        "or give their folder with --model"
    )
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}:
        raise ModelError(f"{repository}: HF_HUB_OFFLINE forbids reaching the hub", hint=by_hand)
    import huggingface_hub

    try:
        huggingface_hub.snapshot_download(repository, local_dir=folder, allow_patterns=_FILES)
    except Exception as error:  # the hub's client, its transport and the disk all have their own
        if not any(f.is_file() and f.stat().st_size > _WORTH_KEEPING for f in folder.rglob("*")):
            shutil.rmtree(folder, ignore_errors=True)  # nothing that a next try could go on from
        reason = str(error).strip().splitlines() or [""]
        raise ModelError(
            f"{repository}: cannot be fetched: {type(error).__name__}: {reason[0]}", hint=by_hand
        ) from None
