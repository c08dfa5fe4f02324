"""Which stored verdicts can be built upon: calls sorted by what judged them.

A verdict whose rulebook or thresholds are not known any more, or whose recording was processed
again since, is of no use: such calls form the group that every rule judges again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from speechqa.batch.sieve import Sieve
from speechqa.pipeline.assess import assessment_digest
from speechqa.pipeline.textless import NOT_KEPT
from speechqa.rulebook import Rulebook
from speechqa.rulebook.depends import Change, change_between, part_of
from speechqa.settings import TimingSettings
from speechqa.store import Store
from speechqa.store.rulebooks import kept_rulebook

WHOLE = "whole"
"""Name of the group of calls that every rule judges again."""


@dataclass(frozen=True)
class Group:
    """Calls that were judged by one rulebook, and what it takes to judge them by the new one.

    Parameters
    ----------
    book
        The new rulebook.
    change
        What differs; None when every rule judges again.
    part
        The rules that are judged.
    """

    book: Rulebook
    change: Change | None
    part: Rulebook

    @property
    def is_whole(self) -> bool:
        """Whether stored answers are of no use."""
        return self.change is None

    @property
    def judges(self) -> bool:
        """Whether a rule is judged again."""
        return self.change is None or bool(self.change.judged)

    @property
    def matters(self) -> bool:
        """Whether a verdict of the group may differ."""
        return self.change is None or bool(self.change)

    @cached_property
    def sieve(self) -> Sieve:
        """The sieve of the rules that are judged."""
        return Sieve(self.part)


def verdicts_now(store: Store) -> dict[str, dict[str, Any]]:
    """Return the judged current calls by key: names, and the newest stored verdict."""
    columns = ["key", "assessment", "rulebook_digest", "percent", "points", "potential"]
    current = store.current(["key", "call_id", "agent_id", "processed_at", "flags"]).to_pylist()
    judged = {row["key"]: row for row in store.assessments(columns=columns).to_pylist()}
    return {
        row["key"]: row
        | judged[row["key"]]
        | {
            "stale": is_stale(
                row["processed_at"], judged[row["key"]]["assessed_at"], row["flags"] or ()
            )
        }
        for row in current
        if row["key"] in judged
    }


def grouped(
    store: Store, book: Rulebook, settings: TimingSettings, rows: Sequence[Mapping[str, Any]]
) -> tuple[dict[str, str], dict[str, Group]]:
    """Sort calls by what their stored verdict was made with.

    Parameters
    ----------
    rows
        Newest assessment of each call: key, assessment, rulebook_digest, and whether it is
        ``stale``.

    Returns
    -------
    Name of the group by key, and the groups by name.
    """
    groups: dict[str, Group] = {WHOLE: Group(book, None, book)}
    group_of = {}
    for row in rows:
        digest = row["rulebook_digest"]
        name = f"{digest}:{row['assessment']}"
        if name not in groups:
            groups[name] = _group(kept_rulebook(store, digest), row["assessment"], book, settings)
        group_of[row["key"]] = WHOLE if row["stale"] or groups[name].is_whole else name
    return group_of, groups


def _group(
    old: Rulebook | None, assessment: str, book: Rulebook, settings: TimingSettings
) -> Group:
    if old is None or assessment_digest(old, settings) != assessment:
        return Group(book, None, book)
    change = change_between(old, book)
    return Group(book, change, part_of(book, change.judged))


def is_stale(processed_at: str, assessed_at: str, flags: Sequence[str]) -> bool:
    """Say whether a recording was processed again after it was judged.

    Calls without text are stored after they were judged; what was judged then cannot be again.

    Examples
    --------
    >>> is_stale("2026-01-02", "2026-01-01", []), is_stale("2026-01-01", "2026-01-02", [])
    (True, False)
    """
    return processed_at > assessed_at and NOT_KEPT not in flags
