"""Names a rulebook may use: measures, events, grades; and a walk over everything it holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

_CALL_MEASURES = (
    "recording_ms conversation_ms hold_ms live_ms silence_count silence_ms silence_share "
    "longest_silence_ms dead_air_count long_silence_count silence_agent_ms silence_customer_ms "
    "overlap_ms overlap_share overtalk_count overtalk_ms floor_changes interactivity "
    "greeting_latency_ms"
).split()
_PARTY_MEASURES = (
    "talk_ms talk_share longest_monologue_ms interruptions interruptions_successful "
    "interruption_overlap_ms backchannels response_time_median_ms response_time_p90_ms "
    "response_time_max_ms articulation_rate speaking_rate fast_share slow_share units level_dbfs "
    "snr_db clipped_share"
).split()

MEASURES = (
    *_CALL_MEASURES,
    *(f"{party}.{name}" for party in ("agent", "customer") for name in _PARTY_MEASURES),
)
"""Every figure of a call, as ``show --json`` names it; a party's own with the party before it."""


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
