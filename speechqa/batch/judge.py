"""Judging calls: those just made, together; an error in one costs only itself.

Calls that were stored before are judged by `speechqa.batch.rejudge`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from speechqa.batch.blame import alone_on_error, where
from speechqa.batch.rejudge import judge_missing as judge_missing
from speechqa.errors import CallError, SpeechqaError
from speechqa.pipeline import Assessment, CallFacts, Source, failed
from speechqa.pipeline.assess import assess
from speechqa.pipeline.textless import assessment_without_text, without_text
from speechqa.rulebook import Rulebook
from speechqa.settings import Settings, TimingSettings
from speechqa.store import Store
from speechqa.store.assessments import assessments_table
from speechqa.store.rulebooks import keep_rulebook


@dataclass(frozen=True)
class Judged:
    """Assessments made, and calls that could not be judged: path and where it failed."""

    made: tuple[Assessment, ...]
    failed: tuple[tuple[str, str], ...] = ()


def judge(calls: Sequence[CallFacts], book: Rulebook, settings: TimingSettings) -> Judged:
    """Judge calls together; when that fails, alone, so that one call costs only itself."""
    made, failed = alone_on_error(calls, lambda some: assess(some, book, settings))
    return Judged(tuple(made), failed)


def store_and_judge(
    store: Store, calls: Sequence[CallFacts], book: Rulebook, settings: Settings
) -> Judged:
    """Judge calls that were just made, and store both, so that a kill in between costs nothing.

    Calls that keep their text are stored first: what is not judged yet is judged by the next run.
    Without text that would be too late, so their assessments are stored first, and a call whose
    row is missing then is made again.
    """
    judged = judge(calls, book, settings.timing)
    keep_rulebook(store, book)
    if settings.privacy.keep_text:
        store.commit_calls(calls)
        store.commit_assessments(assessments_table(judged.made))
    else:
        made = [assessment_without_text(one) for one in judged.made]
        store.commit_assessments(assessments_table(made))
        store.commit_calls([without_text(call) for call in calls])
    return judged


def store_or_quarantine(
    store: Store, calls: Sequence[CallFacts], book: Rulebook, settings: Settings
) -> list[CallFacts]:
    """Store and judge calls; return them as stored: one that no table takes is quarantined.

    Raises
    ------
    StoreError
        The disk did not take them.
    """
    try:
        store_and_judge(store, calls, book, settings)
    except (SpeechqaError, MemoryError):
        raise
    except Exception as error:  # a value that nobody foresaw costs its call, never the night
        if len(calls) > 1:
            return [
                row for one in calls for row in store_or_quarantine(store, [one], book, settings)
            ]
        odd = calls[0]
        source = Source(odd.path, odd.size_bytes, 0, odd.audio_sha256)
        why = CallError(
            "unstorable",
            f"its result could not be stored ({where(error)})",
            status="quarantined",
            hint="please report it: this is a fault of speechqa",
        )
        row = replace(failed(source, why, config=odd.config), run_id=odd.run_id)
        store_and_judge(store, [row], book, settings)
        return [row]
    return list(calls)
