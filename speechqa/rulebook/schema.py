"""JSON Schema of a rulebook file, for completion and checks in editors.

It says what keys and types are valid; names, languages and patterns are checked by reading.
"""

from __future__ import annotations

from typing import Any

from speechqa.rulebook.book import RulebookForm

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def rulebook_schema() -> dict[str, Any]:
    """Return the schema.

    Examples
    --------
    >>> rulebook_schema()["title"], "rules" in rulebook_schema()["properties"]
    ('speechqa rulebook', True)
    """
    made = RulebookForm.model_json_schema(by_alias=True, mode="validation")
    return {"$schema": DIALECT} | made | {"title": "speechqa rulebook"}
