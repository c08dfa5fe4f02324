"""Figures of many calls for the pages: cards, days, sections, what needs attention.

Numerators and denominators are pooled, as in `speechqa.scorecard`, from the rows in memory; a
figure that no call can give is None.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from speechqa.score import pool_points
from speechqa.scorecard import NOBODY, RANKED_FROM
from speechqa.web.rows import Judged, Listed

Corrected = Mapping[str, tuple[float, float]]
"""Call key to points and potential with people's verdicts, for calls that these change."""


@dataclass(frozen=True)
class Choice:
    """Which calls a page is about; empty texts choose all."""

    since: str = ""
    until: str = ""
    queue: str = ""
    language: str = ""
    agent: str = ""

    def takes(self, call: Listed) -> bool:
        """Whether a call is chosen; one without a day drops out once a day is asked for."""
        row = call.recorded
        return (
            (not self.since or (bool(call.day) and call.day >= self.since))
            and (not self.until or (bool(call.day) and call.day <= self.until))
            and (not self.queue or row.queue == self.queue)
            and (not self.language or row.language == self.language)
            and (not self.agent or call.agent == self.agent)
        )

    @property
    def is_all(self) -> bool:
        """Whether nothing is left out."""
        return self == Choice()


@dataclass(frozen=True)
class Day:
    """One day's pooled score."""

    day: str
    calls: int
    percent: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Card:
    """Pooled figures of a group of calls; see `speechqa.scorecard.Card`.

    Parameters
    ----------
    reviewed
        The pooled score with people's verdicts; None when they change nothing.
    days
        Score per day, for the trend.
    """

    name: str
    calls: int
    judged: int
    audio_ms: int
    percent: float | None
    low: float | None
    high: float | None
    reviewed: float | None
    rank: int | None
    failed: int
    talk_share: float | None
    silence_share: float | None
    interruptions: float | None
    rate: float | None
    languages: tuple[str, ...]
    sections: Mapping[str, float | None]
    violations: tuple[tuple[str, int], ...]
    days: tuple[Day, ...]


def cards(calls: Iterable[Listed], corrected: Corrected) -> list[Card]:
    """Return one card per agent, best rank first, then the unranked by name."""
    groups: dict[str, list[Listed]] = defaultdict(list)
    for call in calls:
        if call.judged is not None:
            groups[call.agent or NOBODY].append(call)
    made = [card(name, group, corrected) for name, group in groups.items()]
    ranked = sorted(
        (c for c in made if c.percent is not None and c.judged >= RANKED_FROM and c.name != NOBODY),
        key=lambda c: -(c.percent or 0.0),
    )
    places = {one.name: place for place, one in enumerate(ranked, 1)}
    made = [_replace_rank(one, places.get(one.name)) for one in made]
    return sorted(made, key=lambda one: (one.rank or len(made) + 1, one.name))


def card(name: str, calls: Sequence[Listed], corrected: Corrected) -> Card:
    """Return the card of one group of calls."""
    rows = [call.judged for call in calls if call.judged is not None]
    scored = [row for row in rows if row.percent is not None]
    pooled = pool_points([r.points for r in scored], [r.potential for r in scored])
    paced = [r for r in rows if r.rate is not None and r.agent_talk_ms]
    both = [r for r in rows if r.agent_talk_ms is not None and r.customer_talk_ms is not None]
    live = [r for r in rows if r.silence_ms is not None and r.live_ms]
    heard = [r.interruptions for r in rows if r.interruptions is not None]
    violations = Counter(rule for r in rows for rule in r.violated)
    return Card(
        name=name,
        calls=len(calls),
        judged=len(scored),
        audio_ms=sum(call.recorded.duration_ms or 0 for call in calls),
        percent=pooled.percent,
        low=pooled.low,
        high=pooled.high,
        reviewed=_reviewed(scored, corrected),
        rank=None,
        failed=sum(bool(r.failed_by) for r in rows),
        talk_share=_share(
            sum(r.agent_talk_ms or 0 for r in both),
            sum((r.agent_talk_ms or 0) + (r.customer_talk_ms or 0) for r in both),
        ),
        silence_share=_share(
            sum(r.silence_ms or 0 for r in live), sum(r.live_ms or 0 for r in live)
        ),
        interruptions=_share(sum(heard), len(heard)),
        rate=_share(
            60_000 * sum(r.units or 0 for r in paced), sum(r.agent_talk_ms or 0 for r in paced)
        ),
        languages=tuple(sorted({c.recorded.language for c in calls if c.recorded.language})),
        sections=section_percents(rows),
        violations=tuple(sorted(violations.items(), key=lambda one: (-one[1], one[0]))),
        days=tuple(days(calls)),
    )


def days(calls: Iterable[Listed]) -> list[Day]:
    """Return the pooled score of each day, in order; calls without a day are left out."""
    groups = _by_day(calls)
    made = []
    for day in sorted(groups):
        scored = [row for row in groups[day] if row.percent is not None]
        pooled = pool_points([r.points for r in scored], [r.potential for r in scored])
        made.append(Day(day, len(groups[day]), pooled.percent, pooled.low, pooled.high))
    return made


def heat(calls: Iterable[Listed]) -> dict[str, dict[str, float | None]]:
    """Return day to section to pooled percent, days in order."""
    groups = _by_day(calls)
    return {day: section_percents(groups[day]) for day in sorted(groups)}


def section_percents(rows: Iterable[Judged]) -> dict[str, float | None]:
    """Return each section's points over potential points, pooled; None where nothing applied."""
    points: dict[str, float] = defaultdict(float)
    potential: dict[str, float] = defaultdict(float)
    for row in rows:
        for section, earned, due in row.sections:
            points[section] += earned
            potential[section] += due
    return {name: _percent(points[name], potential[name]) for name in potential}


def attention(calls: Iterable[Listed]) -> dict[str, list[Listed]]:
    """Return the calls that a person should look at first, newest first, by why."""
    groups: dict[str, list[Listed]] = {"critical": [], "fragile": [], "quarantined": []}
    for call in calls:
        if call.recorded.status not in ("scored", "damaged"):
            groups["quarantined"].append(call)
        elif call.judged is not None and call.judged.failed_by:
            groups["critical"].append(call)
        elif call.judged is not None and call.judged.fragile:
            groups["fragile"].append(call)
    return groups


def rule_counts(calls: Iterable[Listed]) -> dict[str, dict[str, int]]:
    """Return rule to the number of calls on which it was violated, met, unknown, fragile."""
    found: dict[str, dict[str, int]] = defaultdict(Counter)
    names: tuple[tuple[str, Callable[[Judged], tuple[str, ...]]], ...] = (
        ("violated", lambda row: row.violated),
        ("met", lambda row: row.met),
        ("unknown", lambda row: row.unknown),
        ("fragile", lambda row: row.fragile),
    )
    for call in calls:
        if call.judged is not None:
            for name, rules in names:
                for rule in rules(call.judged):
                    found[rule][name] += 1
    return found


def options(calls: Iterable[Listed]) -> dict[str, list[str]]:
    """Return what can be filtered by: agents, queues, languages, in order."""
    found: dict[str, set[str]] = {"agent": set(), "queue": set(), "language": set()}
    for call in calls:
        found["agent"].add(call.agent)
        found["queue"].add(call.recorded.queue or "")
        found["language"].add(call.recorded.language or "")
    return {name: sorted(values - {""}) for name, values in found.items()}


def _by_day(calls: Iterable[Listed]) -> dict[str, list[Judged]]:
    groups: dict[str, list[Judged]] = defaultdict(list)
    for call in calls:
        if call.judged is not None and call.day:
            groups[call.day].append(call.judged)
    return groups


def _reviewed(scored: Sequence[Judged], corrected: Corrected) -> float | None:
    if not any(row.key in corrected for row in scored):
        return None
    pairs = [corrected.get(row.key, (row.points, row.potential)) for row in scored]
    return pool_points([p for p, _ in pairs], [w for _, w in pairs]).percent


def _replace_rank(one: Card, rank: int | None) -> Card:
    from dataclasses import replace

    return replace(one, rank=rank)


def _share(top: float, bottom: float) -> float | None:
    return top / bottom if bottom else None


def _percent(points: float, potential: float) -> float | None:
    return 100 * points / potential if potential > 1e-9 else None


def moments(
    calls: Sequence[Listed], columns: Mapping[str, Mapping[str, Any]], *, best: bool, most: int = 3
) -> list[tuple[Listed, Mapping[str, Any]]]:
    """Return the hits worth hearing: gravest violations, or best kept courtesies, one a call.

    Parameters
    ----------
    calls
        Newest first.
    columns
        Key to ``{"hits": JSON text}``.
    """
    import json

    weight = {"critical": 0, "major": 1, "minor": 2}
    found = []
    for place, call in enumerate(calls):
        row = columns.get(call.recorded.key)
        for hit in json.loads(row["hits"]) if row else ():
            spoken = hit.get("quote") and hit.get("start_ms") is not None
            rules = call.judged and (call.judged.met if best else call.judged.violated)
            wanted = hit["outcome"] == ("met" if best else "violated") and hit["rule"] in (
                rules or ()
            )
            if spoken and wanted and not (best and str(hit["quote"]).startswith("[")):
                order = (
                    bool(hit.get("fragile")),
                    weight.get(hit["severity"], 3),
                    -(hit.get("confidence") or 0),
                    place,
                )
                found.append((order, call, hit))
    found.sort(key=lambda one: one[0])
    chosen: list[tuple[Listed, Mapping[str, Any]]] = []
    calls_seen: set[str] = set()
    rules_seen: set[str] = set()
    for _, call, hit in found:
        if call.recorded.key not in calls_seen and hit["rule"] not in rules_seen:
            chosen.append((call, hit))
            calls_seen.add(call.recorded.key)
            rules_seen.add(hit["rule"])
        if len(chosen) == most:
            break
    return chosen
