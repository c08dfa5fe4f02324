"""Several forbidden rules on one span: the longest wording is shown, the most severe is charged.

"Just talk, or I'll hang up" may break three rules at once; charging three times would count one
sentence three times. The rule that is charged keeps its verdict; the others stay violated but
carry ``charged_by``, and the score skips what they would have cost.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from speechqa.rulebook.book import Rulebook
from speechqa.rulebook.rules import Forbidden
from speechqa.rulebook.view import Hit, RuleResult

_RANK = {"critical": 3, "major": 2, "minor": 1}


def charge_once(book: Rulebook, results: list[RuleResult]) -> list[RuleResult]:
    """Mark hits of forbidden rules that a more severe rule on the same words already charges."""
    broken = [
        (at, result)
        for at, result in enumerate(results)
        if result.hits and isinstance(book.rule(result.rule), Forbidden)
    ]
    if len(broken) < 2:
        return results
    hits: list[tuple[Hit, Any, int]] = []
    for at, result in broken:
        rule = book.rule(result.rule)
        hits.extend((hit, rule, at) for hit in result.hits if not rule.report_only)
    # Most severe first; among equals the heavier rule, then the longer wording.
    hits.sort(
        key=lambda item: (
            -_RANK[item[1].severity],
            -item[1].points,
            -(item[0]["end_ms"] - item[0]["start_ms"]),
            item[2],
        )
    )
    charged: list[tuple[Hit, Any]] = []
    by: dict[int, str] = {}
    for hit, rule, _ in hits:
        other = next((one for one in charged if _same_words(hit, one[0])), None)
        if other is not None and other[1].id != rule.id:
            by[id(hit)] = other[1].id
            if (hit["end_ms"] - hit["start_ms"]) > (other[0]["end_ms"] - other[0]["start_ms"]):
                other[0]["shown"] = hit["quote"]
        else:
            charged.append((hit, rule))
    if not by:
        return results
    made = list(results)
    for at, result in broken:
        changed = tuple(
            hit | {"charged_by": by[id(hit)]} if id(hit) in by else hit for hit in result.hits
        )
        made[at] = replace(result, hits=changed)
    return made


def _same_words(a: Hit, b: Hit) -> bool:
    return bool(
        a["party"] == b["party"] and a["start_ms"] < b["end_ms"] and b["start_ms"] < a["end_ms"]
    )


def is_charged(result: RuleResult) -> bool:
    """Say whether a violated rule costs points itself, on at least one place."""
    return not result.hits or any("charged_by" not in hit for hit in result.hits)
