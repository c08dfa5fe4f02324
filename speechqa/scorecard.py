"""Scorecards: calls rolled up by agent, queue or day.

Numerators and denominators are pooled, never averages of averages; a figure that no call can
give is None, never 0. Each score has its number of calls and a 95 % interval, and groups under
`RANKED_FROM` calls are shown but not ranked. The grouping is SQL over Arrow (DuckDB); the pooling
of scores is `speechqa.score`'s.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import Any, Literal

from speechqa.errors import UsageError
from speechqa.score import pool_points
from speechqa.store import Store
from speechqa.store.newest import newest_assessments, with_results

RANKED_FROM = 10
GroupBy = Literal["agent", "queue", "day"]
NOBODY = "(unknown)"

_CALLS = """
SELECT r.key, coalesce(nullif(r.agent_id, ''), $nobody) AS agent,
       coalesce(nullif(r.queue, ''), $nobody) AS queue,
       coalesce(left(r.started_at, 10), $nobody) AS day, r.language, r.grade, r.duration_ms,
       a.* EXCLUDE (key)
FROM recordings r JOIN assessments a USING (key)
WHERE r.status IN ('scored', 'damaged')
  AND ($since IS NULL OR left(r.started_at, 10) >= $since)
  AND ($until IS NULL OR left(r.started_at, 10) <= $until)
  AND ($queue IS NULL OR r.queue = $queue)
  AND ($agent IS NULL OR r.agent_id = $agent)
"""
_GROUPS = """
SELECT {by} AS name, count(*) AS calls,
       count(percent) AS judged,
       CAST(sum(duration_ms) AS BIGINT) AS audio_ms,
       list(points) FILTER (percent IS NOT NULL) AS points,
       list(potential) FILTER (percent IS NOT NULL) AS potential,
       count(*) FILTER (len(failed_by) > 0) AS failed,
       sum(silence_ms) / nullif(sum(live_ms) FILTER (silence_ms IS NOT NULL), 0) AS silence_share,
       CAST(sum(silence_agent_ms) AS BIGINT) AS silence_agent_ms,
       sum(agent_talk_ms) FILTER (customer_talk_ms IS NOT NULL)
         / nullif(sum(agent_talk_ms + customer_talk_ms), 0) AS talk_share,
       CAST(sum(agent_interruptions) AS BIGINT) AS interruptions,
       sum(agent_interruptions) / nullif(count(agent_interruptions), 0) AS interruptions_per_call,
       -- words and characters do not pool: no rate for an agent who speaks both languages
       CASE WHEN count(DISTINCT language) FILTER (agent_articulation_rate IS NOT NULL) = 1 THEN
         60000.0 * sum(agent_units) FILTER (agent_articulation_rate IS NOT NULL)
         / nullif(sum(agent_talk_ms) FILTER (agent_articulation_rate IS NOT NULL), 0)
       END AS articulation_rate,
       list(DISTINCT language) FILTER (language IS NOT NULL) AS languages
FROM calls GROUP BY 1 ORDER BY 1
"""
_SECTIONS = """
SELECT {by} AS name, s.section AS section, sum(s.points) AS points, sum(s.potential) AS potential
FROM (SELECT {by}, unnest(sections) AS s FROM calls) GROUP BY 1, 2 ORDER BY 1, 2
"""
_VIOLATIONS = """
SELECT {by} AS name, v.rule AS rule, count(*) AS calls
FROM (SELECT {by}, unnest(results) AS v FROM calls)
GROUP BY 1, 2 ORDER BY 1, 3 DESC, 2
"""
_ASSESSED = (
    *("points", "potential", "percent", "failed_by", "sections", "results", "silence_ms"),
    *("live_ms", "silence_agent_ms", "agent_talk_ms", "customer_talk_ms", "agent_units"),
    *("agent_interruptions", "agent_articulation_rate"),
)
"""Columns of ``assessments`` that the queries name."""


@dataclass(frozen=True)
class Card:
    """The scorecard of one agent, queue or day.

    Parameters
    ----------
    calls, judged
        Calls, and calls with enough evidence for a score.
    percent, low, high
        Pooled score and its 95 % interval; None without a judged call (the interval also with
        a single one).
    rank
        By score, 1 the best, equal figures (to one decimal) alike; None under `RANKED_FROM`
        judged calls, and for calls whose agent, queue or day is unknown.
    failed
        Calls failed by a critical rule.
    sections
        Section to its pooled percent; None where nothing applied.
    violations
        Rule to number of calls, most frequent first.
    """

    name: str
    calls: int
    judged: int
    audio_ms: int
    percent: float | None
    low: float | None
    high: float | None
    rank: int | None
    failed: int
    talk_share: float | None
    silence_share: float | None
    silence_agent_ms: int | None
    interruptions: int | None
    interruptions_per_call: float | None
    articulation_rate: float | None
    languages: tuple[str, ...]
    sections: Mapping[str, float | None]
    violations: Mapping[str, int]

    def as_dict(self) -> dict[str, Any]:
        """Return the card as plain values."""
        return asdict(self)


def scorecards(
    store: Store,
    *,
    by: GroupBy = "agent",
    agent: str | None = None,
    queue: str | None = None,
    since: str | None = None,
    until: str | None = None,
) -> list[Card]:
    """Return one card per group, in order of rank, then name.

    Parameters
    ----------
    since, until
        First and last day, ISO 8601, both included; calls without a start time then drop out.

    Raises
    ------
    UsageError
        A day cannot be read.
    """
    import duckdb

    known = {
        "nobody": NOBODY,
        "since": day(since, "--since"),
        "until": day(until, "--until"),
        "queue": queue,
        "agent": agent,
    }
    with duckdb.connect() as db:
        current = store.current(_columns_of_recordings())
        keys = set(current["key"].to_pylist())
        judged = newest_assessments(
            store, keys, _ASSESSED, shrink=with_results(["rule"], outcome="violated")
        )
        db.register("recordings", current)
        db.register("assessments", judged)
        db.execute(f"CREATE TEMP TABLE calls AS {_CALLS}", known)
        groups = _rows(db, _GROUPS.format(by=by))
        sections = _rows(db, _SECTIONS.format(by=by))
        violations = _rows(db, _VIOLATIONS.format(by=by))
    cards = [_card(group, sections, violations) for group in groups]
    scores = sorted((_shown(card) for card in cards if _is_ranked(card)), reverse=True)
    cards = [
        replace(card, rank=scores.index(_shown(card)) + 1) if _is_ranked(card) else card
        for card in cards
    ]
    return sorted(cards, key=lambda card: (card.rank or len(cards) + 1, card.name))


def _card(
    group: Mapping[str, Any],
    sections: Iterable[Mapping[str, Any]],
    violations: Iterable[Mapping[str, Any]],
) -> Card:
    name = group["name"]
    pooled = pool_points(group["points"] or [], group["potential"] or [])
    plain = {
        field: group[field]
        for field in (
            "calls",
            "judged",
            "audio_ms",
            "failed",
            "talk_share",
            "silence_share",
            "silence_agent_ms",
            "interruptions",
            "interruptions_per_call",
            "articulation_rate",
        )
    }
    return Card(
        name=name,
        percent=pooled.percent,
        low=pooled.low,
        high=pooled.high,
        rank=None,
        languages=tuple(sorted(group["languages"] or ())),
        sections={
            row["section"]: 100 * row["points"] / row["potential"] if row["potential"] else None
            for row in sections
            if row["name"] == name
        },
        violations={row["rule"]: row["calls"] for row in violations if row["name"] == name},
        **plain,
    )


def _is_ranked(card: Card) -> bool:
    return card.percent is not None and card.judged >= RANKED_FROM and card.name != NOBODY


def _shown(card: Card) -> float:
    """Return the figure as people see it: equal ones share a rank."""
    return round(card.percent or 0.0, 1)


def _columns_of_recordings() -> list[str]:
    return [
        "key",
        "agent_id",
        "queue",
        "started_at",
        "language",
        "grade",
        "duration_ms",
        "status",
    ]


def _rows(db: Any, sql: str) -> list[dict[str, Any]]:
    return list(db.sql(sql).to_arrow_table().to_pylist())


def day(text: str | None, flag: str) -> str | None:
    """Return a day as ISO 8601; UsageError, naming `flag`, when it cannot be read."""
    if text is None:
        return None
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise UsageError(
            f"{flag}: {text!r} is not a day", hint="write it as year-month-day, e.g. 2025-02-20"
        ) from None
