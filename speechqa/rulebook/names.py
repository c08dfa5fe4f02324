"""Names a rulebook may use: measures, events, grades; and a walk over everything it holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from speechqa import timing

MEASURES: tuple[str, ...] = tuple(
    name
    for one in timing.MEASURES.values()
    if one.listed
    for name in (
        [f"{party}.{one.name}" for party in ("agent", "customer")] if one.per_party else [one.name]
    )
)
"""Every figure of a call, as ``show --json`` names it; a party's own with the party before it.

Those that are only explained are not stored with a verdict, so no rule can hang on them.
"""


def measure_value(measures: Mapping[str, Any], name: str) -> tuple[float | None, str]:
    """Return a figure and, when there is none, why.

    Examples
    --------
    >>> measure_value({"agent": {"talk_ms": 10}}, "agent.talk_ms")
    (10.0, '')
    >>> measure_value({"unmeasured": {"agent.talk_ms": "no agent channel"}}, "agent.talk_ms")
    (None, 'no agent channel')
    """
    here: Any = measures.get(name)
    if here is None:
        here = measures
        for part in name.split("."):
            here = here.get(part) if isinstance(here, Mapping) else None
    if isinstance(here, int | float) and not isinstance(here, bool):
        return float(here), ""
    reasons = measures.get("unmeasured") or {}
    reason = reasons.get(name) if isinstance(reasons, dict) else None
    return None, str(reason or f"{name} was not measured")


def measure_unit(name: str) -> str:
    """Return ``"ms"`` for durations, else an empty string: bounds are plain numbers."""
    return "ms" if name.endswith("_ms") else ""


def measure_kind(name: str) -> str:
    """Return the unit of a measure as it is registered; empty for a name that is none.

    Examples
    --------
    >>> measure_kind("agent.talk_share"), measure_kind("silence_ms"), measure_kind("nothing")
    ('share', 'ms', '')
    """
    one = timing.MEASURES.get(name.rpartition(".")[2])
    return "" if one is None else one.unit


def walk(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[Any, Any]]:
    """Yield every model inside `value` with its path in the file, parents first."""
    if isinstance(value, BaseModel):
        yield path, value
        for name, info in type(value).model_fields.items():
            yield from walk(getattr(value, name), (*path, info.alias or name))
    elif isinstance(value, tuple | list):
        for index, item in enumerate(value):
            yield from walk(item, (*path, index))
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from walk(item, (*path, key))
