"""Bounds that cannot be meant: a ramp the wrong way round, percent for a share, ms for seconds.

A share is written 0.1, not 10, and a bare number for a figure in ms is in ms. Both are easy to
write otherwise, and a rule that does is silently always met or never; so they are refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from speechqa.rulebook import finders, rules
from speechqa.rulebook.names import measure_kind
from speechqa.rulebook.quantities import BoundByLanguage, Ramp, in_unit
from speechqa.rulebook.wording import unit_of

Complaint = tuple[tuple[str | int, ...], str]

LEAST_MS = 100
"""No figure is asked to the tenth of a tenth of a second: a smaller bare number means seconds."""


def figure_mistakes(path: tuple[str | int, ...], model: Any) -> Iterator[Complaint]:
    """Yield what is wrong with the bounds of a limit rule, or of a measure that is compared.

    Examples
    --------
    >>> finder = finders.Measure.model_validate({"measure": "silence_share", "above": 20})
    >>> next(figure_mistakes(("when",), finder))[1]
    'silence_share is a share from 0 to 1, got 20; 20 % is 0.2'
    """
    match model:
        case rules.Limit():
            yield from _ramps(path, model)
            named = model.measure or model.column or _figure_of(model)
            kind = measure_kind(model.measure) if model.measure else unit_of(model)
            for name in ("at_most", "at_least"):
                for value in _numbers(getattr(model, name)):
                    yield from _fits((*path, name), named, kind, value)
        case rules.Team(figure="share"):
            for name in ("at_most", "at_least"):
                for value in _numbers(getattr(model, name)):
                    yield from _fits((*path, name), "the share", "share", value)
        case finders.Measure():
            for name in ("above", "below", "at_least", "at_most"):
                value = getattr(model, name)
                if value is not None:
                    kind = measure_kind(model.measure)
                    yield from _fits((*path, name), model.measure, kind, value)


def _figure_of(rule: rules.Limit) -> str:
    given = ("count", "distinct", "variants", "span", "between")
    return next(name for name in given if getattr(rule, name) is not None)


def _numbers(bound: Any) -> list[float | str]:
    if bound is None:
        return []
    if isinstance(bound, BoundByLanguage):
        return [number for _, one in bound for number in _numbers(one)]
    return [bound.target, bound.limit] if isinstance(bound, Ramp) else [bound]


def _fits(
    path: tuple[str | int, ...], name: str, kind: str, value: float | str
) -> Iterator[Complaint]:
    if isinstance(value, str):
        if kind not in {"ms", "s"}:
            yield path, f"{value!r} is a time, but {name} is none; write a plain number"
    elif kind == "share" and not 0 <= value <= 1:
        yield path, f"{name} is a share from 0 to 1, got {value:g}; {value:g} % is {value / 100:g}"
    elif kind == "ms" and 0 < abs(value) < LEAST_MS:
        yield path, f"{value:g} means {value:g} ms here; write {value:g} s, or {value:g} ms"


def _ramps(path: tuple[str | int, ...], rule: rules.Limit) -> Iterator[Complaint]:
    for name, sign in (("at_most", 1), ("at_least", -1)):
        bound = getattr(rule, name)
        ramps = [bound] if isinstance(bound, Ramp) else []
        if isinstance(bound, BoundByLanguage):
            ramps = [one for _, one in bound if isinstance(one, Ramp)]
        for ramp in ramps:
            if sign * (in_unit(ramp.limit, "ms") - in_unit(ramp.target, "ms")) < 0:
                order = "above" if sign > 0 else "below"
                yield (*path, name), f"the limit of {name} must lie {order} its target"
