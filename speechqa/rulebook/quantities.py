"""Quantities as a rulebook writes them: seconds, durations with a unit, bounds and ramps.

Inside, a duration is integer milliseconds. A bare number is in the unit its field names (``_s``)
or, for a bound, in the figure's own unit; ``5 s``, ``300 ms``, ``2 min``, ``48 h`` and ``7 days``
mean what they say everywhere.
"""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Discriminator, Field, Tag

_NAMES_OF = {
    1: "ms msec 毫秒",
    1000: "s sec secs second seconds 秒",
    60_000: "min mins minute minutes 分 分钟",
    3_600_000: "h hour hours 小时",
    86_400_000: "day days 天",
}
_UNITS_MS = {name: ms for ms, names in _NAMES_OF.items() for name in names.split()}
_DURATION = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]+|[\u4e00-\u9fff]+)\s*")
LANGUAGES = ("en", "zh", "de", "es", "fr", "it", "ja", "ko", "nl", "pt", "ru")


class Strict(BaseModel):
    """Base of every model here: frozen, and an unknown key is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def parse_duration_ms(text: str) -> int:
    """Return a duration with a unit in milliseconds.

    Examples
    --------
    >>> parse_duration_ms("5 s"), parse_duration_ms("48 h"), parse_duration_ms("1.5 分钟")
    (5000, 172800000, 90000)
    """
    match = _DURATION.fullmatch(text)
    if percent := re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*[%％]\s*", text):
        share = f"{float(percent.group(1)):g} % is {float(percent.group(1)) / 100:g}"
        raise ValueError(f"{text!r} is no duration; a share is written from 0 to 1: {share}")
    if match is None or match.group(2) not in _UNITS_MS:
        raise ValueError(
            f"{text!r} is no duration; write a number, or e.g. 5 s, 300 ms, 2 min, 48 h, 7 days"
        )
    return round(float(match.group(1)) * _UNITS_MS[match.group(2)])


def _seconds(value: Any) -> Any:
    if isinstance(value, str):
        return parse_duration_ms(value) / 1000
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"expected seconds (a number, or e.g. 5 s), got {value!r}")
    return value


Seconds = Annotated[
    float,
    BeforeValidator(_seconds, json_schema_input_type=float | str),
    Field(ge=0, le=86_400 * 366),
]
"""Seconds as a number, or a duration with its unit."""


def _quantity(value: Any) -> Any:
    if isinstance(value, str):
        parse_duration_ms(value)
        return value
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"expected a number, or a duration such as 5 s, got {value!r}")
    return value


Quantity = Annotated[float | str, BeforeValidator(_quantity, json_schema_input_type=float | str)]
"""A number in the figure's own unit, or a duration with its unit."""


def in_unit(value: float | str, unit: str) -> float:
    """Return a quantity in a figure's unit (``"ms"`` or ``"s"``; others take plain numbers).

    Examples
    --------
    >>> in_unit("5 s", "ms"), in_unit("5 s", "s"), in_unit(3, "ms")
    (5000.0, 5.0, 3.0)
    """
    if not isinstance(value, str):
        return float(value)
    ms = parse_duration_ms(value)
    return ms / 1000 if unit == "s" else float(ms)


class Ramp(Strict):
    """Full points up to `target`, none from `limit` on, in between in part."""

    target: Quantity
    limit: Quantity


def _bound_kind(value: Any) -> str | None:
    if isinstance(value, Ramp) or (
        isinstance(value, dict) and ({"target", "limit"} & set(value) or not value)
    ):
        return "ramp"
    if isinstance(value, BoundByLanguage | dict):
        return "by language"
    return "number"


OneBound = Annotated[
    Annotated[Quantity, Tag("number")] | Annotated[Ramp, Tag("ramp")],
    Discriminator(lambda value: "ramp" if isinstance(value, dict | Ramp) else "number"),
]


class BoundByLanguage(Strict):
    """A bound for each language; a language without one has no bound."""

    en: OneBound | None = None
    zh: OneBound | None = None
    de: OneBound | None = None
    es: OneBound | None = None
    fr: OneBound | None = None
    it: OneBound | None = None
    ja: OneBound | None = None
    ko: OneBound | None = None
    nl: OneBound | None = None
    pt: OneBound | None = None
    ru: OneBound | None = None


Bound = Annotated[
    Annotated[Quantity, Tag("number")]
    | Annotated[Ramp, Tag("ramp")]
    | Annotated[BoundByLanguage, Tag("by language")],
    Discriminator(_bound_kind),
]
"""A number, a ramp, or either of them for each language."""


def bound_for(bound: Any, lang: str, unit: str) -> tuple[float, float] | None:
    """Return ``(target, limit)`` of a bound in `lang` and `unit`; None when there is none.

    Examples
    --------
    >>> bound_for(Ramp(target="3 s", limit="6 s"), "en", "ms"), bound_for(5, "en", "ms")
    ((3000.0, 6000.0), (5.0, 5.0))
    """
    if isinstance(bound, BoundByLanguage):
        bound = getattr(bound, lang, None)
    if bound is None:
        return None
    if isinstance(bound, Ramp):
        return in_unit(bound.target, unit), in_unit(bound.limit, unit)
    value = in_unit(bound, unit)
    return value, value
