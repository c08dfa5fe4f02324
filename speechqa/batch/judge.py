"""Judging stored calls: those that have no assessment under a rulebook get one.

No audio and no model is touched, so a changed rulebook is replayed over a year of calls in
minutes; calls are read and judged in blocks, so that memory stays flat.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from speechqa.pipeline import Assessment, CallFacts
from speechqa.pipeline.assess import assess, assessment_digest
from speechqa.rulebook import Rulebook
from speechqa.settings import TimingSettings
from speechqa.store import Store
from speechqa.store.assessments import assessments_table

BLOCK_CALLS = 2000


def judge_missing(
    store: Store,
    book: Rulebook,
    settings: TimingSettings,
    *,
    calls: Sequence[CallFacts] | None = None,
) -> int:
    """Judge calls that this rulebook has not judged yet; return how many.

    Parameters
    ----------
    calls
        Facts just stored; None looks at every current call of the store.
    """
    if calls is not None:
        made = assess(calls, book, settings)
        store.commit_assessments(assessments_table(made))
        return len(made)
    wanted = assessment_digest(book, settings)
    table = store.read("assessments", ["key", "assessment"])
    judged = {
        key
        for key, name in zip(table["key"].to_pylist(), table["assessment"].to_pylist(), strict=True)
        if name == wanted
    }
    current = store.current(["key", "status"])
    missing = [
        key
        for key, status in zip(
            current["key"].to_pylist(), current["status"].to_pylist(), strict=True
        )
        if status in ("scored", "damaged") and key not in judged
    ]
    total = 0
    for block in judged_blocks(store, book, settings, missing):
        store.commit_assessments(assessments_table(block))
        total += len(block)
    return total


def judged_blocks(
    store: Store, book: Rulebook, settings: TimingSettings, keys: Sequence[str]
) -> Iterator[list[Assessment]]:
    """Yield assessments of stored calls, block by block."""
    for first in range(0, len(keys), BLOCK_CALLS):
        yield assess(store.calls(keys[first : first + BLOCK_CALLS]), book, settings)
