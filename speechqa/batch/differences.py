"""What a changed rulebook would change: calls, agents and rules, without storing anything.

The verdicts themselves come from `speechqa.batch.replay`; here they are compared and added up.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from speechqa.batch.groups import grouped, verdicts_now
from speechqa.batch.replay import replay
from speechqa.rulebook import Rulebook
from speechqa.score import form_weights
from speechqa.settings import TimingSettings
from speechqa.store import Store
from speechqa.store.rulebooks import kept_rulebook


@dataclass
class Differences:
    """Stored verdicts against those of another rulebook.

    Parameters
    ----------
    compared
        Calls judged both times.
    calls
        Each call that changes: id, agent, score before and after, rules with both answers, and
        those (``graded``) that answer the same and earn another share of their points.
    rules
        Rule to (answer before, answer after) to number of calls.
    agents
        Each agent with a changed call: how many, pooled score before and after.
    weights
        Each rule that weighs otherwise than in the rulebook that judged most calls: its weight
        before and after, None where it does not count.
    failed
        Calls that could not be judged: path and where it failed.
    """

    compared: int = 0
    calls: list[dict[str, Any]] = field(default_factory=list)
    rules: dict[str, Counter[tuple[str, str]]] = field(default_factory=dict)
    agents: list[dict[str, Any]] = field(default_factory=list)
    weights: dict[str, tuple[float | None, float | None]] = field(default_factory=dict)
    failed: list[tuple[str, str]] = field(default_factory=list)

    def as_lines(self) -> Iterator[dict[str, Any]]:
        """Yield one mapping per changed call, changed agent and rule that weighs otherwise."""
        for call in self.calls:
            yield {"kind": "call"} | call
        for agent in self.agents:
            yield {"kind": "agent"} | agent
        for rule, (before, after) in self.weights.items():
            yield {"kind": "weight", "rule": rule, "before": before, "after": after}


def differences(
    store: Store, book: Rulebook, settings: TimingSettings, *, workers: int = 1
) -> Differences:
    """Judge stored calls by `book` and compare with their newest stored verdicts.

    Parameters
    ----------
    workers
        Processes, when there are more than a few calls.
    """
    calls = verdicts_now(store)
    group_of, groups = grouped(store, book, settings, list(calls.values()))
    assessed_at = {key: row["assessed_at"] for key, row in calls.items()}
    made = replay(store, settings, assessed_at, group_of, groups, workers=workers)
    found = Differences(compared=len(calls), failed=made.failed)
    pooled: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0, 0.0])
    changed: Counter[str] = Counter()
    for key, row in calls.items():
        agent = row["agent_id"] or "(unknown)"
        before = row["percent"], row["points"], row["potential"]
        new = made.verdicts.get(key)
        if new is None:
            _pool(pooled[agent], before, before)
            continue
        _pool(pooled[agent], before, (new.percent, new.points, new.potential))
        rules = dict(new.rules)
        for rule, answers in rules.items():
            found.rules.setdefault(rule, Counter())[answers] += 1
        if rules or row["percent"] != new.percent:
            changed[agent] += 1
            found.calls.append(
                {
                    "call_id": row["call_id"],
                    "key": key,
                    "agent": agent,
                    "before": row["percent"],
                    "after": new.percent,
                    "rules": rules,
                    "graded": list(new.graded),
                }
            )
    found.weights = _weights(store, book, calls.values())
    found.rules = dict(sorted(found.rules.items(), key=lambda item: (-item[1].total(), item[0])))
    found.agents = [
        {
            "agent": agent,
            "changed": count,
            "before": _share(pooled[agent][0], pooled[agent][1]),
            "after": _share(pooled[agent][2], pooled[agent][3]),
        }
        for agent, count in sorted(changed.items())
    ]
    return found


def _weights(
    store: Store, book: Rulebook, rows: Iterable[Mapping[str, Any]]
) -> dict[str, tuple[float | None, float | None]]:
    """Return the rules that weigh otherwise than in the rulebook that judged most calls."""
    judged_by = Counter(row["rulebook_digest"] for row in rows).most_common(1)
    old = kept_rulebook(store, judged_by[0][0]) if judged_by else None
    if old is None:
        return {}
    before, after = form_weights(old), form_weights(book)
    pairs = {rule: (before.get(rule), after.get(rule)) for rule in {**before, **after}}
    return {rule: pair for rule, pair in pairs.items() if pair[0] != pair[1]}


def _pool(sums: list[float], before: tuple[Any, ...], after: tuple[Any, ...]) -> None:
    for at, (percent, points, potential) in ((0, before), (2, after)):
        if percent is not None:
            sums[at] += points
            sums[at + 1] += potential


def _share(points: float, potential: float) -> float | None:
    return 100 * points / potential if potential else None
