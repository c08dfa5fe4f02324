"""Bounds of a limit rule, and the ramp between target and limit.

Between target and limit points fall off in a straight line, so there is no cliff at 3.000 s.
"""

from __future__ import annotations

from dataclasses import dataclass

from speechqa.rulebook import rules
from speechqa.rulebook.quantities import bound_for


@dataclass(frozen=True, slots=True)
class Bounds:
    """Both bounds of a rule in one language and unit, as ``(target, limit)`` pairs."""

    at_least: tuple[float, float] | None
    at_most: tuple[float, float] | None

    def share(self, value: float) -> float:
        """Return the share of points that `value` earns.

        Examples
        --------
        >>> Bounds(None, (3000.0, 6000.0)).share(4500)
        0.5
        """
        share = 1.0
        if self.at_most is not None:
            share = min(share, _ramp(value, *self.at_most))
        if self.at_least is not None:
            share = min(share, _ramp(-value, -self.at_least[0], -self.at_least[1]))
        return share

    def holds(self, value: float) -> bool:
        """Say whether `value` is within the limits."""
        return (self.at_most is None or value <= self.at_most[1]) and (
            self.at_least is None or value >= self.at_least[1]
        )


def _ramp(value: float, target: float, limit: float) -> float:
    if value <= target:
        return 1.0
    return 0.0 if value >= limit else (limit - value) / (limit - target)


def bounds_of(rule: rules.Limit, lang: str, unit: str) -> Bounds:
    """Return a rule's bounds in one language."""
    return Bounds(bound_for(rule.at_least, lang, unit), bound_for(rule.at_most, lang, unit))


def number_text(value: float, unit: str) -> str:
    """Return a figure with its unit, without needless zeros."""
    text = f"{value:.3f}".rstrip("0").rstrip(".")
    return f"{text} {unit}".strip()


def bounds_text(bounds: Bounds, unit: str) -> str:
    """Return bounds as words."""
    parts = []
    for word, bound in (("at least", bounds.at_least), ("at most", bounds.at_most)):
        if bound is not None:
            ramp = "" if bound[0] == bound[1] else f" (target {number_text(bound[0], unit)})"
            parts.append(f"{word} {number_text(bound[1], unit)}{ramp}")
    return ", ".join(parts)
