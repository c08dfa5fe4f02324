"""What a rulebook says of one call: plain values, cheap, made again in seconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Assessment:
    """What the rulebook says of one call, and the measures it was said on.

    Parameters
    ----------
    key, assessment
        The call's identity, and the digest of rulebook and thresholds.
    measures, events
        As in ``show --json``.
    parts
        Numerators and denominators, for pooling.
    results
        One mapping per rule: rule, section, severity, outcome, reason, met, due, points, potential,
        fragile, earned (share of its points, before words are charged once), lacking (it should
        have been judged, but the evidence was not there).
    hits
        Evidence, as in ``show --json``.
    score
        ``points``, ``potential``, ``percent``, ``raw_percent``, ``coverage``, ``failed_by``,
        ``sections``, ``lines``.
    """

    key: str
    assessment: str
    rulebook: str
    rulebook_digest: str
    measures: Mapping[str, Any]
    events: Sequence[Mapping[str, Any]]
    results: Sequence[Mapping[str, Any]]
    hits: Sequence[Mapping[str, Any]]
    score: Mapping[str, Any]
    parts: Mapping[str, Any] = field(default_factory=dict)
