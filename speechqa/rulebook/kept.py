"""Keeping a checked rulebook, so that the next command need not read its YAML again.

Reading the shipped standard with line numbers takes seconds, judging a call milliseconds. What was
read and found without mistakes is kept as JSON in the user's cache folder, together with the
SHA-256 of every file it came from and of the code that checked it; if one differs, the YAML is read
again. A cache that cannot be read or written is no error: it is only slower.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from pydantic import ValidationError

from speechqa.rulebook.book import RulebookForm

_CODE = ("rulebook", "phrases")


def cache_folder() -> Path:
    """Return the user's cache folder (it need not exist)."""
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "speechqa" / "rulebooks"


@lru_cache(maxsize=1)
def code_digest() -> str:
    """Return the SHA-256 of the code that reads and checks rulebooks."""
    package = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for folder in _CODE:
        for file in sorted((package / folder).glob("*.py")):
            digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()


def recall(path: Path) -> RulebookForm | None:
    """Return the checked form of a rulebook file, if it was kept and nothing has changed."""
    try:
        record = json.loads(_place(path).read_text("utf-8"))
        if record["code"] != code_digest():
            return None
        for name, digest in record["files"].items():
            if _digest(path.parent / name) != digest:
                return None
        return RulebookForm.model_validate_json(record["form"])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ValidationError):
        return None


def keep(path: Path, includes: Iterable[str], form: RulebookForm) -> None:
    """Keep the checked form of a rulebook file and of those it includes."""
    place = _place(path)
    with contextlib.suppress(OSError):
        files = {name: _digest(path.parent / name) for name in (path.name, *includes)}
        text = form.model_dump_json(by_alias=True, exclude_defaults=True)
        record = json.dumps({"code": code_digest(), "files": files, "form": text})
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, name = tempfile.mkstemp(dir=place.parent, suffix=".part")
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            out.write(record)
        Path(name).replace(place)


def _place(path: Path) -> Path:
    name = hashlib.sha256(str(path.resolve()).encode("utf-8", "surrogateescape")).hexdigest()
    return cache_folder() / f"{name[:32]}.json"


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
