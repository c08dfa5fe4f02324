"""Figures as people read them, on the terminal and on the pages. What was not made is a dash."""

from __future__ import annotations

DASH = "–"
Range = tuple[float | None, float | None]
_BARE = ("count", "units")
"""Units that go without saying."""


def clock(ms: int | None) -> str:
    """Return a time as minutes, seconds and tenths.

    Examples
    --------
    >>> clock(83_456), clock(0), clock(None)
    ('1:23.5', '0:00.0', '–')
    """
    if ms is None:
        return DASH
    tenths = round(ms / 100)
    return f"{tenths // 600}:{tenths // 10 % 60:02d}.{tenths % 10}"


def value_text(value: float | None, unit: str, *, named: bool = True) -> str:
    """Return a measure's value.

    Parameters
    ----------
    named
        Whether the unit stands beside; times and shares always have theirs.

    Examples
    --------
    >>> value_text(83_456, "ms"), value_text(1500, "ms"), value_text(0.25, "share")
    ('1:23.5', '1.50 s', '25.0 %')
    >>> value_text(171.25, "units/min"), value_text(3, "count"), value_text(None, "ms")
    ('171.2 units/min', '3', '–')
    """
    if value is None:
        return DASH
    if unit == "ms":
        return f"{value / 1000:.2f} s" if abs(value) < 10_000 else clock(int(value))
    if unit == "share":
        return f"{100 * value:.1f} %"
    text = f"{value:,.0f}" if float(value).is_integer() else f"{value:,.1f}"
    return f"{text} {unit}" if named and unit not in _BARE else text


def good_range(good: Range, unit: str) -> str:
    """Return a good range in words; empty where there is none.

    Examples
    --------
    >>> good_range((None, 0.2), "share"), good_range((100, 190), "units/min")
    ('up to 20.0 %', '100 to 190 units/min')
    >>> good_range((0, 3000), "ms"), good_range((None, None), "ms")
    ('up to 3.00 s', '')
    """
    low, high = good
    if low is None and high is None:
        return ""
    if low is None or (low == 0 and high is not None):
        return f"up to {value_text(high, unit)}"
    if high is None:
        return f"from {value_text(low, unit)}"
    return f"{value_text(low, unit, named=False)} to {value_text(high, unit)}"


def within(value: float | None, good: Range) -> bool:
    """Whether a value is in its good range; a value that was not made is not outside it.

    Examples
    --------
    >>> within(2, (1, 2)), within(3, (None, 2)), within(None, (1, 2))
    (True, False, True)
    """
    low, high = good
    if value is None:
        return True
    return (low is None or value >= low) and (high is None or value <= high)
