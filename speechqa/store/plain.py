"""Values as storable text: JSON for nested details, escapes for paths that are no UTF-8."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np

_SURROGATE = re.compile("[\udc80-\udcff]")
_LOOKS_ESCAPED = re.compile(r"\\(?=x(?:[89a-f][0-9a-f]|5c))")
_ESCAPED = re.compile(r"\\x([89a-f][0-9a-f]|5c)")


def to_json(value: Any) -> str:
    """Return compact JSON with sorted keys; arrays become lists.

    Examples
    --------
    >>> to_json({"b": np.array([1, 2]), "a": None})
    '{"a": null, "b": [1, 2]}'
    """
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=_plain)


def readable(text: str) -> str:
    r"""Return `text` as storable text, for people: bytes that are no UTF-8 are written ``\xNN``.

    Examples
    --------
    >>> readable("caf\udce9")
    'caf\\xe9'
    """
    return _SURROGATE.sub(lambda m: f"\\x{ord(m.group()) - 0xDC00:02x}", text)


def text_of_path(path: str) -> str:
    r"""Return `path` as storable text: bytes that are no UTF-8 are written ``\xNN``.

    A name that holds such an escape itself gets its backslash written ``\x5c``, so that
    `path_of_text` gives every name back.

    Examples
    --------
    >>> text_of_path("caf\udce9.wav")
    'caf\\xe9.wav'
    >>> text_of_path("caf\\xe9.wav")
    'caf\\x5cxe9.wav'
    """
    return readable(_LOOKS_ESCAPED.sub(lambda _: "\\x5c", path))


def path_of_text(text: str) -> str:
    r"""Undo `text_of_path`, to open the file.

    Examples
    --------
    >>> path_of_text("caf\\xe9.wav") == "caf\udce9.wav"
    True
    """
    return _ESCAPED.sub(_unescaped, text)


def _unescaped(found: re.Match[str]) -> str:
    code = int(found.group(1), 16)
    return "\\" if code == ord("\\") else chr(0xDC00 + code)


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} cannot be stored as JSON")
