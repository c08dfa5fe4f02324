"""What every group of options is made of."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Group(BaseModel):
    """A frozen group of options; an unknown name is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def option(default: Any, help: str, *, unit: str = "", **limits: Any) -> Any:
    """Declare one option: its default, one line of help, its unit and its limits."""
    return Field(default, description=help, json_schema_extra={"unit": unit}, **limits)
