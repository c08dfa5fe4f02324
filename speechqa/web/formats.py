"""Values as people read them. A figure that was not made is a dash, never 0."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from markupsafe import Markup, escape

from speechqa.readable import DASH, good_range, value_text

_TICKED = re.compile(r"`([^`<>]*)`")


def percent(value: float | None, decimals: int = 1) -> str:
    """Return a figure of 0 to 100.

    Examples
    --------
    >>> percent(83.26), percent(None)
    ('83.3 %', '–')
    """
    return DASH if value is None else f"{value:.{decimals}f} %"


def share(value: float | None, decimals: int = 0) -> str:
    """Return a fraction as percent.

    Examples
    --------
    >>> share(0.25)
    '25 %'
    """
    return DASH if value is None else f"{100 * value:.{decimals}f} %"


def number(value: float | None, decimals: int = 0) -> str:
    """Return a plain figure.

    Examples
    --------
    >>> number(1234.5, 1), number(None)
    ('1,234.5', '–')
    """
    return DASH if value is None else f"{value:,.{decimals}f}"


def clock(ms: int | None) -> str:
    """Return a time as minutes and seconds.

    Examples
    --------
    >>> clock(83_456), clock(3_600_000)
    ('1:23', '1:00:00')
    """
    if ms is None:
        return DASH
    seconds = ms // 1000
    hours, minutes = seconds // 3600, seconds // 60 % 60
    start = f"{hours}:{minutes:02d}" if hours else f"{minutes}"
    return f"{start}:{seconds % 60:02d}"


def moment(text: str | None) -> str:
    """Return an ISO 8601 time as day and minute.

    Examples
    --------
    >>> moment("2025-02-17T09:12:40")
    '2025-02-17 09:12'
    """
    return DASH if not text else text[:16].replace("T", " ")


def heat(value: float | None) -> str:
    """Return the class of a percentage's shade; the figure itself stands beside it.

    Examples
    --------
    >>> heat(100), heat(72), heat(12), heat(None)
    ('heat9', 'heat4', 'heat0', 'heat-none')
    """
    if value is None:
        return "heat-none"
    steps = (40, 50, 60, 70, 78, 85, 90, 94, 98)
    return f"heat{sum(value >= step for step in steps)}"


def plain(name: str) -> str:
    """Return a measure's name in words.

    Examples
    --------
    >>> plain("longest_silence_ms"), plain("talk_share")
    ('longest silence', 'talk share')
    """
    for ending in ("_ms", "_dbfs"):
        name = name.removesuffix(ending)
    return name.replace("_", " ")


def coded(text: str) -> Markup:
    """Return a text as HTML in which names between backticks are code.

    Examples
    --------
    >>> coded("at least `silence_ms` <b>")
    Markup('at least <code>silence_ms</code> &lt;b&gt;')
    """
    return Markup(_TICKED.sub(r"<code>\1</code>", str(escape(text))))


def setting(value: object) -> str:
    """Return a threshold: a number or a word, or one for each language.

    Examples
    --------
    >>> setting(0.5), setting({"en": (100.0, 190.0), "zh": (160.0, 280.0)})
    ('0.5', 'en 100–190, zh 160–280')
    """
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {setting(one)}" for name, one in value.items())
    if isinstance(value, tuple | list):
        return "–".join(setting(one) for one in value)
    return f"{value:g}" if isinstance(value, float) else str(value)


FILTERS: dict[str, Callable[..., str]] = {
    "percent": percent,
    "share": share,
    "number": number,
    "clock": clock,
    "moment": moment,
    "measured": value_text,
    "good": good_range,
    "heat": heat,
    "plain": plain,
    "setting": setting,
    "coded": coded,
}
