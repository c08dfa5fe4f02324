"""What a changed rulebook would change: calls, agents and rules, without storing anything."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from speechqa.batch.judge import judged_blocks
from speechqa.pipeline import Assessment
from speechqa.rulebook import Rulebook
from speechqa.settings import TimingSettings
from speechqa.store import Store
from speechqa.store.assessments import assessment_of_row

ABSENT = "not in the rulebook"


@dataclass
class Differences:
    """Stored verdicts against those of another rulebook.

    Parameters
    ----------
    compared
        Calls judged both times.
    calls
        Each call that changes: id, agent, score before and after, rules with both answers.
    rules
        Rule to (answer before, answer after) to number of calls.
    agents
        Each agent with a changed call: how many, pooled score before and after.
    """

    compared: int = 0
    calls: list[dict[str, Any]] = field(default_factory=list)
    rules: dict[str, Counter[tuple[str, str]]] = field(default_factory=dict)
    agents: list[dict[str, Any]] = field(default_factory=list)

    def as_lines(self) -> Iterator[dict[str, Any]]:
        """Yield one mapping per changed call, then one per changed agent."""
        for call in self.calls:
            yield {"kind": "call"} | call
        for agent in self.agents:
            yield {"kind": "agent"} | agent


def differences(
    store: Store, book: Rulebook, settings: TimingSettings, *, workers: int = 1
) -> Differences:
    """Judge stored calls by `book` and compare with their newest stored verdicts."""
    columns = ["key", "results", "percent", "points", "potential"]
    stored = {row["key"]: row for row in store.assessments(columns=columns).to_pylist()}
    names = {row["key"]: row for row in store.current(["key", "call_id", "agent_id"]).to_pylist()}
    found = Differences()
    pooled: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0, 0.0, 0.0])
    changed: Counter[str] = Counter()
    keys = set(stored.keys() & names.keys())
    for block in judged_blocks(store, book, settings, keys, workers=workers):
        for new in map(assessment_of_row, block.table.to_pylist()):
            old, name = stored[new.key], names[new.key]
            agent = name["agent_id"] or "(unknown)"
            found.compared += 1
            _pool(pooled[agent], old, new)
            rules = _changed_rules(old, new)
            for rule, answers in rules.items():
                found.rules.setdefault(rule, Counter())[answers] += 1
            if rules or old["percent"] != new.score["percent"]:
                changed[agent] += 1
                found.calls.append(
                    {
                        "call_id": name["call_id"],
                        "key": new.key,
                        "agent": agent,
                        "before": old["percent"],
                        "after": new.score["percent"],
                        "rules": rules,
                    }
                )
    found.rules = dict(sorted(found.rules.items(), key=lambda item: -item[1].total()))
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


def _changed_rules(old: Mapping[str, Any], new: Assessment) -> dict[str, tuple[str, str]]:
    before = {result["rule"]: result["outcome"] for result in old["results"] or ()}
    after = {result["rule"]: result["outcome"] for result in new.results}
    changed = {}
    for rule in sorted(before.keys() | after.keys()):
        answers = before.get(rule, ABSENT), after.get(rule, ABSENT)
        # A rule that came or went matters where it accuses; elsewhere it is noise.
        if answers[0] != answers[1] and (ABSENT not in answers or "violated" in answers):
            changed[rule] = answers
    return changed


def _pool(sums: list[float], old: Mapping[str, Any], new: Assessment) -> None:
    if old["percent"] is not None:
        sums[0] += old["points"]
        sums[1] += old["potential"]
    if new.score["percent"] is not None:
        sums[2] += new.score["points"]
        sums[3] += new.score["potential"]


def _share(points: float, potential: float) -> float | None:
    return 100 * points / potential if potential else None
