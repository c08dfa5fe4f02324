"""Values as storable text: JSON for nested details, escapes for paths that are no UTF-8."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np

_SURROGATE = re.compile("[\udc80-\udcff]")
_ESCAPED = re.compile(r"\\x([89a-f][0-9a-f])")


def to_json(value: Any) -> str:
    """Return compact JSON with sorted keys; arrays become lists.

    Examples
    --------
    >>> to_json({"b": np.array([1, 2]), "a": None})
    '{"a": null, "b": [1, 2]}'
    """
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=_plain)


def text_of_path(path: str) -> str:
    r"""Return `path` as storable text: bytes that are no UTF-8 are written ``\xNN``.

    Examples
    --------
    >>> text_of_path("caf\udce9.wav")
    'caf\\xe9.wav'
    """
    return _SURROGATE.sub(lambda m: f"\\x{ord(m.group()) - 0xDC00:02x}", path)


def path_of_text(text: str) -> str:
    r"""Undo `text_of_path`, to open the file.

    Examples
    --------
    >>> path_of_text("caf\\xe9.wav") == "caf\udce9.wav"
    True
    """
    return _ESCAPED.sub(lambda m: chr(0xDC00 + int(m.group(1), 16)), text)


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} cannot be stored as JSON")
