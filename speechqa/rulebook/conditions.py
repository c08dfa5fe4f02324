"""Finders that are about the whole call: figures, metadata, options, language."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from speechqa.rulebook import finders
from speechqa.rulebook.call import Call
from speechqa.rulebook.names import measure_unit, measure_value
from speechqa.rulebook.quantities import in_unit
from speechqa.rulebook.view import NONE_FOUND, Found, Span
from speechqa.rulebook.windows import BOUNDARY_MS, FindSpans

if TYPE_CHECKING:
    from speechqa.rulebook.compiled import LanguageBook


def compile_condition(finder: Any, book: LanguageBook) -> FindSpans:
    """Return the function of a condition: one span over the call when it holds."""
    match finder:
        case finders.Measure():
            return lambda call: _measure(call, finder)
        case finders.Column():
            return lambda call: _column(call, finder)
        case finders.OptionIs():
            values = finder.is_ if isinstance(finder.is_, tuple) else (finder.is_,)
            holds = book.form.options[finder.option].value in values
        case finders.LangIs():
            wanted = (finder.lang,) if isinstance(finder.lang, str) else finder.lang
            holds = book.lang in wanted
        case _:
            raise TypeError(f"no condition: {type(finder).__name__}")
    return lambda call: whole_call(call) if holds else NONE_FOUND


def whole_call(call: Call) -> Found:
    """Return one span over the conversation."""
    return Found((Span(call.clock.start, call.clock.end, kind="call"),))


def _measure(call: Call, finder: finders.Measure) -> Found:
    value, reason = measure_value(call.view.measures, finder.measure)
    if value is None:
        return Found(missing=reason)
    unit = measure_unit(finder.measure)
    holds = compare(value, finder, unit)
    moved = (value - BOUNDARY_MS, value + BOUNDARY_MS) if unit == "ms" else ()
    if not any(compare(other, finder, unit) != holds for other in moved):
        return whole_call(call) if holds else NONE_FOUND
    start, end = call.clock.start, call.clock.end
    return Found((Span(start, end, near=not holds, edge=holds, kind="call"),))


def compare(value: float, finder: Any, unit: str) -> bool:
    """Say whether a value passes above, below, at_least and at_most."""
    return (
        (finder.above is None or value > in_unit(finder.above, unit))
        and (finder.below is None or value < in_unit(finder.below, unit))
        and (finder.at_least is None or value >= in_unit(finder.at_least, unit))
        and (finder.at_most is None or value <= in_unit(finder.at_most, unit))
    )


def column_text(call: Call, name: str) -> str | None:
    """Return a metadata value, or a built-in column; None when there is none."""
    value = call.view.metadata.get(name)
    if value not in {None, ""}:
        return value
    built_in = {"call_id": call.view.call_id, "duration_ms": str(call.view.duration_ms)}
    return built_in.get(name)


def _column(call: Call, finder: finders.Column) -> Found:
    value = column_text(call, finder.column)
    if finder.present is not None:
        return whole_call(call) if (value is not None) == finder.present else NONE_FOUND
    if value is None:
        return Found(missing=f"no metadata column {finder.column!r}")
    passed = passes(value, finder)
    if passed is None:
        return Found(missing=f"metadata column {finder.column!r} holds no number")
    return whole_call(call) if passed else NONE_FOUND


def passes(value: str, test: Any) -> bool | None:
    """Say whether a column's text passes a test; None when a number is needed and it is none.

    Examples
    --------
    >>> passes("Outbound", finders.Column.model_validate({"column": "a", "is": "outbound"}))
    True
    """
    text = value.strip().casefold()
    if test.is_ is not None and text not in _texts(test.is_):
        return False
    if test.is_not is not None and text in _texts(test.is_not):
        return False
    if test.contains is not None and test.contains.casefold() not in text:
        return False
    if any(v is not None for v in (test.above, test.below, test.at_least, test.at_most)):
        try:
            return compare(float(text), test, "s")
        except ValueError:
            return None
    return True


def _texts(values: Any) -> set[str]:
    several = values if isinstance(values, tuple) else (values,)
    texts = set()
    for value in several:
        if value is True or str(value).casefold() in {"yes", "true"}:
            texts |= {"true", "yes", "1", "y"}
        elif value is False or str(value).casefold() in {"no", "false"}:
            texts |= {"false", "no", "0", "n"}
        elif isinstance(value, float) and value.is_integer():
            texts |= {str(int(value)), str(value)}
        else:
            texts.add(str(value).casefold())
    return texts
