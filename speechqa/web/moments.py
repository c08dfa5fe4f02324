"""The moments of a period that are worth hearing: what to talk about, and what to praise."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from speechqa.web.rows import Listed

MOST = 3
PER_RULE = 4
"""Newest calls looked at per rule; others of the same rule would not be shown anyway."""
LOOKED_AT = 40
WEIGHT = {"critical": 0, "major": 1, "minor": 2}
Moment = tuple[Listed, Mapping[str, Any]]


def candidates(
    calls: Sequence[Listed], severity_of: Callable[[str], str], *, best: bool
) -> list[Listed]:
    """Return the calls in which to look: the newest of each rule, the gravest rules first.

    Parameters
    ----------
    calls
        Newest first.
    severity_of
        A rule's severity.
    best
        Look for rules that were kept, not for broken ones.
    """
    taken: dict[str, list[int]] = {}
    for at, call in enumerate(calls):
        if call.judged is not None:
            for rule in call.judged.met if best else call.judged.violated:
                if len(places := taken.setdefault(rule, [])) < PER_RULE:
                    places.append(at)
    rules = sorted(taken, key=lambda rule: (WEIGHT.get(severity_of(rule), 3), taken[rule]))
    chosen: dict[int, None] = {}
    for rule in rules:
        chosen |= dict.fromkeys(taken[rule])
        if len(chosen) >= LOOKED_AT:
            break
    return [calls[at] for at in sorted(chosen)]


def moments(calls: Sequence[Listed], hits: Mapping[str, str], *, best: bool) -> list[Moment]:
    """Return the hits worth hearing: gravest violations, or best kept courtesies.

    At most `MOST`, one a call and one a rule; firm verdicts before fragile ones, then by
    severity, confidence and newness.

    Parameters
    ----------
    calls
        Newest first.
    hits
        Key to hits as stored, JSON text.
    """
    found = []
    for place, call in enumerate(calls):
        rules = call.judged and (call.judged.met if best else call.judged.violated)
        for hit in json.loads(hits.get(call.recorded.key, "[]")):
            spoken = hit.get("quote") and hit.get("start_ms") is not None
            wanted = hit["outcome"] == ("met" if best else "violated") and hit["rule"] in (
                rules or ()
            )
            if spoken and wanted and not (best and str(hit["quote"]).startswith("[")):
                order = (
                    bool(hit.get("fragile")),
                    WEIGHT.get(hit["severity"], 3),
                    -(hit.get("confidence") or 0),
                    place,
                )
                found.append((order, call, hit))
    found.sort(key=lambda one: one[0])
    chosen: list[Moment] = []
    for _, call, hit in found:
        seen_call = any(call is other for other, _ in chosen)
        if not seen_call and all(hit["rule"] != other["rule"] for _, other in chosen):
            chosen.append((call, hit))
        if len(chosen) == MOST:
            break
    return chosen
