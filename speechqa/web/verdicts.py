"""People's verdicts: what stands, the score with them, precision and agreement per rule.

Reviews are only ever added. The newest *confirm* or *overturn* of a hit that was not given blind
stands; comments and disputes change nothing by themselves. A rule whose every finding on a call
was overturned counts as kept; the machine's score stays beside. Blind verdicts are for
calibration only: two people judge the same hit without seeing each other's answer.
"""

from __future__ import annotations

import math
import secrets
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from speechqa.errors import UsageError
from speechqa.pipeline import Assessment
from speechqa.score import wilson
from speechqa.store.reviews import REVIEWS

VERDICTS = ("confirm", "overturn", "comment", "dispute")
MOST_COMMENT = 2000
Place = tuple[str, int | None]
"""A finding: the rule and where it starts; None for a rule broken by what was not said."""


def review_row(
    *,
    key: str,
    rule: str,
    start_ms: int | None,
    verdict: str,
    reviewer: str,
    comment: str,
    blind: bool = False,
) -> pa.Table:
    """Return one review as a row of the ``reviews`` table.

    Raises
    ------
    UsageError
        The verdict is none of `VERDICTS`, or what it needs is missing.
    """
    if verdict not in VERDICTS:
        raise UsageError(f"{verdict!r} is no verdict", hint="one of " + ", ".join(VERDICTS))
    text = comment.strip()
    if verdict in ("comment", "dispute") and not text:
        raise UsageError(f"a {verdict} needs words", hint="say why")
    if len(text) > MOST_COMMENT:
        raise UsageError(
            f"{len(text)} characters of comment", hint=f"at most {MOST_COMMENT}, please"
        )
    row = {
        "review_id": secrets.token_hex(16),
        "key": key,
        "rule": rule,
        "start_ms": start_ms,
        "verdict": verdict,
        "reviewer": reviewer,
        "comment": text,
        "reviewed_at": datetime.now(UTC).isoformat(),
        "blind": blind,
    }
    return pa.Table.from_pylist([row], schema=REVIEWS)


def standing(reviews: Iterable[Mapping[str, Any]]) -> dict[Place, str]:
    """Return the verdict that stands on each finding of a call; `reviews` in order of time.

    Examples
    --------
    >>> one = {"rule": "r", "start_ms": 5, "verdict": "confirm", "blind": False}
    >>> standing([one, one | {"verdict": "overturn"}, one | {"verdict": "comment"}])
    {('r', 5): 'overturn'}
    """
    return {
        (row["rule"], row["start_ms"]): row["verdict"]
        for row in reviews
        if row["verdict"] in ("confirm", "overturn") and not row["blind"]
    }


@dataclass(frozen=True)
class Adjusted:
    """A call's score with people's verdicts in it; `rules` are those counted as kept."""

    points: float
    potential: float
    percent: float | None
    failed_by: tuple[str, ...]
    rules: tuple[str, ...]


def findings(judged: Assessment, rule: str) -> list[Place]:
    """Return the findings against a rule on a call: one per violated hit, or one for the rule."""
    starts = {
        hit["start_ms"]
        for hit in judged.hits
        if hit["rule"] == rule and hit["outcome"] == "violated" and hit["start_ms"] is not None
    }
    return [(rule, start) for start in sorted(starts)] or [(rule, None)]


def adjusted(
    judged: Assessment, reviews: Sequence[Mapping[str, Any]], fails: Mapping[str, str]
) -> Adjusted | None:
    """Return the score with people's verdicts; None when they change nothing.

    Parameters
    ----------
    judged
        The machine's result.
    reviews
        Of this call, in order of time.
    fails
        Critical rule to what it fails, ``"form"`` or ``"section"``.
    """
    stands = standing(reviews)
    kept = tuple(
        result["rule"]
        for result in judged.results
        if result["outcome"] == "violated"
        and all(
            stands.get(place) == "overturn" or stands.get((result["rule"], None)) == "overturn"
            for place in findings(judged, result["rule"])
        )
    )
    if not kept:
        return None
    failed = tuple(rule for rule in judged.score["failed_by"] if rule not in kept)
    section_of = {result["rule"]: result["section"] for result in judged.results}
    lost = {section_of.get(rule) for rule in failed}
    lines = judged.score["lines"]
    potential = math.fsum(line["potential"] for line in lines)
    points = math.fsum(
        line["potential"] if line["rule"] in kept else line["points"]
        for line in lines
        if section_of.get(line["rule"]) not in lost
    )
    if any(fails.get(rule, "form") == "form" for rule in failed):
        points = 0.0
    has_score = judged.score["percent"] is not None and potential > 0
    percent = round(100 * points / potential, 4) if has_score else None
    return Adjusted(round(points, 6), round(potential, 6), percent, failed, kept)


@dataclass(frozen=True)
class Precision:
    """How often people agree that a rule's findings are right; None without a verdict."""

    confirmed: int
    overturned: int

    @property
    def share(self) -> float | None:
        """Confirmed over judged."""
        judged = self.confirmed + self.overturned
        return self.confirmed / judged if judged else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """The Wilson interval, 95 %.

        Examples
        --------
        >>> low, high = Precision(8, 2).interval
        >>> round(low, 2), round(high, 2)
        (0.49, 0.94)
        """
        n, share = self.confirmed + self.overturned, self.share
        if share is None:
            return None
        low, high = wilson(share, n)
        return max(0.0, low), min(1.0, high)


def precisions(reviews: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, Precision]:
    """Return each reviewed rule's precision, from the verdicts that stand."""
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for rows in reviews.values():
        for (rule, _), verdict in standing(rows).items():
            counts[rule][verdict == "overturn"] += 1
    return {rule: Precision(*pair) for rule, pair in counts.items()}


@dataclass(frozen=True)
class Agreement:
    """How far two people agree on a rule's findings: pairs judged, share alike, Cohen's kappa."""

    pairs: int
    alike: float
    kappa: float | None


def agreements(reviews: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, Agreement]:
    """Return the agreement per rule between open verdicts and blind ones of other people."""
    pairs: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for rows in reviews.values():
        first = {
            (row["rule"], row["start_ms"]): row
            for row in rows
            if row["verdict"] in ("confirm", "overturn") and not row["blind"]
        }
        for row in rows:
            other = first.get((row["rule"], row["start_ms"]))
            if row["blind"] and other is not None and other["reviewer"] != row["reviewer"]:
                pairs[row["rule"]].append((other["verdict"], row["verdict"]))
    return {
        rule: Agreement(len(found), sum(a == b for a, b in found) / len(found), kappa(found))
        for rule, found in pairs.items()
    }


def kappa(pairs: Sequence[tuple[str, str]]) -> float | None:
    """Return Cohen's kappa of paired answers (Cohen 1960).

    None without pairs, and where both gave one and the same answer throughout: chance alone then
    explains all agreement.

    Examples
    --------
    >>> kappa([("yes", "yes")] * 20 + [("yes", "no")] * 5 + [("no", "yes")] * 10
    ...       + [("no", "no")] * 15)
    0.4
    >>> kappa([("yes", "yes")]) is None
    True
    """
    if not pairs:
        return None
    n = len(pairs)
    observed = sum(a == b for a, b in pairs) / n
    answers = {answer for pair in pairs for answer in pair}
    chance = sum(
        sum(a == answer for a, _ in pairs) * sum(b == answer for _, b in pairs)
        for answer in answers
    ) / (n * n)
    return None if chance == 1 else round((observed - chance) / (1 - chance), 6)
