"""What the pages say of many calls: which are chosen, cards, days, what needs attention."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from speechqa.scorecard import NOBODY, RANKED_FROM
from speechqa.web.rows import Listed
from speechqa.web.verdicts import standing

NIGHT = timedelta(hours=24)
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
    rate, rates
        Speech rate: of the only language spoken, and per language; words and characters do not
        pool.
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
    rates: tuple[tuple[str, float], ...]
    languages: tuple[str, ...]
    sections: Mapping[str, float | None]
    violations: tuple[tuple[str, int], ...]
    days: tuple[Day, ...]


def last_night(calls: Iterable[Listed]) -> str:
    """Return the instant (ISO 8601) after which a call was processed with the last night.

    That is 24 h before the newest one: a night takes hours, and a few calls may be run after it.

    Examples
    --------
    >>> last_night(())
    ''
    """
    newest = max((call.recorded.processed_at for call in calls), default="")
    return (datetime.fromisoformat(newest) - NIGHT).isoformat() if newest else ""


def ranked(made: Sequence[Card]) -> list[Card]:
    """Return cards with their ranks, best first, then the unranked by name.

    Whoever shows the same figure, to one decimal, shares the rank; see `RANKED_FROM`.
    """
    scores = sorted(
        (round(c.percent, 1) for c in made if _is_ranked(c) and c.percent is not None), reverse=True
    )
    placed = [
        replace(c, rank=scores.index(round(c.percent, 1)) + 1)
        if _is_ranked(c) and c.percent is not None
        else c
        for c in made
    ]
    return sorted(placed, key=lambda one: (one.rank or len(made) + 1, one.name))


def _is_ranked(card: Card) -> bool:
    return card.percent is not None and card.judged >= RANKED_FROM and card.name != NOBODY


def attention(
    calls: Iterable[Listed], reviews: Mapping[str, Sequence[Mapping[str, Any]]]
) -> dict[str, list[Listed]]:
    """Return the calls that a person should look at first, newest first, by why.

    What hangs by a hair stands first, until somebody has confirmed or overturned it; a call may
    have such a verdict and fail by another.
    """
    groups: dict[str, list[Listed]] = {"fragile": [], "critical": [], "quarantined": []}
    for call in calls:
        if call.recorded.status not in ("scored", "damaged"):
            groups["quarantined"].append(call)
        if call.judged is None:
            continue
        if call.judged.failed_by:
            groups["critical"].append(call)
        seen = {rule for rule, _ in standing(reviews.get(call.recorded.key, ()))}
        if not seen.issuperset(call.judged.fragile):
            groups["fragile"].append(call)
    return groups
