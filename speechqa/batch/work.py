"""What one worker does with a group of calls: prepare each, then transcribe all together.

Paths go in and facts come out; audio never travels between processes. This is the same function
for every executor. A call that cannot be processed becomes a row that says why.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from speechqa.asr.device import usable_cores
from speechqa.errors import CallError
from speechqa.faults import poison
from speechqa.metadata import CallMetadata
from speechqa.pipeline import CallFacts, Source, failed
from speechqa.pipeline.prepare import Prepared, prepare
from speechqa.pipeline.transcribe import transcribe
from speechqa.settings import Settings


@dataclass(frozen=True)
class CallTask:
    """One recording to be processed, with its metadata."""

    source: Source
    metadata: CallMetadata
    segments: str | None = None


@dataclass(frozen=True)
class GroupTask:
    """Calls processed together, whose windows are batched."""

    calls: tuple[CallTask, ...]
    attempt: int = 1


GroupWork = Callable[[GroupTask, Callable[[Any], None]], list[CallFacts]]


def make_worker(settings: Settings, config: str, run_id: str) -> GroupWork:
    """Load the recogniser once and return the function that processes a group.

    Several workers share the machine's cores between them, so each takes its part of the threads.
    """
    from speechqa.asr import load_engine

    run = settings.run
    threads = settings.asr.threads or max(1, usable_cores() // run.worker_count)
    engine = load_engine(settings.asr.model_copy(update={"threads": threads}))

    def work(group: GroupTask, report: Callable[[Any], None]) -> list[CallFacts]:
        ready: list[Prepared] = []
        rows: list[CallFacts] = []
        for call in group.calls:

            def told(own_ms: int, path: str = call.source.path) -> None:
                report(("prepare", path, _audio_ms(ready) + own_ms))

            told(0)
            poison(call.source.path, "prepare")
            try:
                made = prepare(
                    call.source,
                    call.metadata,
                    settings,
                    config=config,
                    segments=call.segments,
                    on_length=told,
                )
                ready.append(made)
            except CallError as error:
                rows.append(failure(call, error, config=config))
        report(("transcribe", None, _audio_ms(ready)))
        for call in group.calls:
            poison(call.source.path, "transcribe")
        return rows + transcribe(ready, engine, settings)

    return work


def _audio_ms(calls: Sequence[Prepared]) -> int:
    return sum(call.facts.duration_ms for call in calls)


def failure(call: CallTask, error: CallError, *, config: str) -> CallFacts:
    """Return the row of a call that could not be processed, with its metadata."""
    return failed(call.source, error, config=config, **call.metadata.stored_fields())
