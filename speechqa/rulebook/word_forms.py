"""What a words finder looks for in one language, as written."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator

from speechqa.rulebook.quantities import Strict


def _as_list(value: Any) -> Any:
    """Turn a plain list under a language into phrases, a lone string into a list."""
    if isinstance(value, str):
        return {"phrases": [value]}
    return {"phrases": value} if isinstance(value, list) else value


class WordForms(Strict):
    """What to look for in one language."""

    phrases: tuple[str, ...] = ()
    similar: tuple[str, ...] = ()
    sounds_like: tuple[str, ...] = ()
    regex: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    unless_said: tuple[str, ...] = ()


Forms = Annotated[
    WordForms,
    BeforeValidator(_as_list, json_schema_input_type=WordForms | list[str] | str),
]
