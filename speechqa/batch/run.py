"""One run: find recordings, skip what is stored, process the rest, judge it, account for all.

A run is safe to kill at any moment and to start again: what is committed is whole calls, and the
next run does what is missing. It ends with an account in which every recording found has exactly
one outcome; an account that does not add up fails the run.
"""

from __future__ import annotations

import json
import os
import signal
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from speechqa.asr import find_model
from speechqa.batch.account import RunReport, write_report
from speechqa.batch.cluster import ClusterExecutor, ClusterJob
from speechqa.batch.journal import Journal
from speechqa.batch.judge import judge_missing, store_and_judge
from speechqa.batch.local import LocalExecutor
from speechqa.batch.lock import hold
from speechqa.batch.log import log, log_call, logging_to
from speechqa.batch.metrics import FILE, write_metrics
from speechqa.batch.plan import Plan, config_digest, identify, plan, segments_digest
from speechqa.batch.work import CallTask, failure
from speechqa.discovery import shown
from speechqa.errors import CallError
from speechqa.metadata import CallMetadata, MetadataReader
from speechqa.pipeline import CallFacts, Source, call_key
from speechqa.rulebook import Rulebook
from speechqa.settings import Settings
from speechqa.store import TABLES, KnownInput, Store
from speechqa.store.plain import text_of_path, to_json
from speechqa.store.schema import facts_of_row
from speechqa.store.swaps import clear

COMMIT_SECONDS = 20.0
"""Finished calls are committed at least this often."""


class Progress:
    """What a run tells while it goes on; this one tells nothing."""

    def begin(self, found: int, todo: int) -> None:
        """Take note that recordings were found, `todo` of them not stored yet."""

    def advance(self, calls: Sequence[CallFacts]) -> None:
        """Take note of finished calls."""

    def note(self, text: str) -> None:
        """Say something worth a line."""

    def end(self) -> None:
        """Take note that the run is over."""


@dataclass
class Run:
    """A run over recordings found.

    Parameters
    ----------
    settings, rulebook, store
        As loaded.
    reader
        Gives metadata for a path.
    retry
        Final statuses that are processed again.
    segments
        File that says who speaks when, for one-channel recordings.
    passed_over
        Files that discovery passed over, with the reason, for the account.
    logs, metrics
        Where to write the run's log and figures beside those in the store.
    """

    settings: Settings
    rulebook: Rulebook
    store: Store
    reader: MetadataReader
    progress: Progress = field(default_factory=Progress)
    retry: frozenset[str] = frozenset()
    segments: str | None = None
    passed_over: Sequence[tuple[str, str]] = ()
    logs: Sequence[Path] = ()
    metrics: Sequence[Path] = ()
    run_id: str = field(default_factory=lambda: _run_id())
    _stop: threading.Event = field(default_factory=threading.Event)
    _aliases: dict[str, list[str]] = field(default_factory=dict)

    def over(self, paths: Sequence[str]) -> RunReport:
        """Process the recordings at `paths`; return the account of every one of them."""
        config = config_digest(
            self.settings, recogniser(self.settings), segments=segments_digest(self.segments)
        )
        started = time.monotonic()
        folder = self.store.local
        logs = [*self.logs, *([folder / "runs" / f"{self.run_id}.jsonl"] if folder else [])]
        with hold(folder), self._interruptible(), logging_to(logs, self.run_id):
            if folder is not None:
                clear(folder, TABLES)  # what a killed purge left
            stored = self.store.known()
            work = plan(paths, stored, config=config, retry=self.retry)
            self.progress.begin(work.found, len(work.fresh) + len(work.gone))
            log(self.run_id, "begin", found=work.found, known=len(work.known), config=config)
            self._refresh_metadata(work)
            outcome = self._process(work, stored, config)
            unjudged = self._judge_rest()
            report = self._account(work, outcome, unjudged, time.monotonic() - started)
            log(self.run_id, "end", account=report.equation, exit_code=report.exit_code)
            write_report(self.store, report)
            write_metrics([*self.metrics, *([folder / FILE] if folder else [])], report)
            report.check()
        self.progress.end()
        return report

    def _judge_rest(self) -> tuple[tuple[str, str], ...]:
        """Judge what an earlier run or another rulebook left; return what could not be judged."""
        if self._stop.is_set():
            return ()
        tally = judge_missing(
            self.store, self.rulebook, self.settings.timing, stopping=self._stop.is_set
        )
        for path, where in tally.failed:
            self.progress.note(f"{shown(path)}: stored, but not judged: {where}")
        return tally.failed

    def _process(
        self, work: Plan, stored: Sequence[KnownInput], config: str
    ) -> dict[str, CallFacts]:
        journal = Journal(self.store.local / "attempts.jsonl" if self.store.local else None)
        if self.retry:
            journal.forgive([source.path for source in work.fresh])
        outcome: dict[str, CallFacts] = {}
        pending: list[CallFacts] = []
        last_commit = time.monotonic()

        def commit() -> None:
            nonlocal last_commit
            self._commit(pending, journal)
            pending.clear()
            last_commit = time.monotonic()

        def take(rows: Sequence[CallFacts]) -> None:
            outcome.update({row.path: row for row in rows})
            self.progress.advance(rows)

        def finish(rows: Sequence[CallFacts]) -> None:
            named = [replace(row, run_id=self.run_id) for row in rows]
            take(named)
            pending.extend(named)
            late = time.monotonic() - last_commit > COMMIT_SECONDS
            if len(pending) >= self.settings.store.commit_calls or (pending and late):
                commit()

        finish([failure(self._bare(source), why, config=config) for source, why in work.gone])
        tasks = self._tasks(work, stored, config, finish)
        if self.settings.run.executor == "ray":
            for rows in self._cluster(config).process(tasks, total=len(work.fresh)):
                take(rows)  # the actors have committed them
        else:
            with self._local(config, journal) as executor:
                for rows in executor.process(tasks, total=len(work.fresh)):
                    finish(rows)
        commit()
        self._commit_aliases()
        return outcome

    def _local(self, config: str, journal: Journal) -> LocalExecutor:
        return LocalExecutor(
            settings=self.settings,
            config=config,
            run_id=self.run_id,
            workers=self.settings.run.worker_count,
            journal=journal,
            stopping=self._stop.is_set,
        )

    def _cluster(self, config: str) -> ClusterExecutor:
        job = ClusterJob(
            settings=self.settings,
            config=config,
            run_id=self.run_id,
            rulebook=self.rulebook,
            store_uri=self.store.uri,
            storage_options=dict(self.settings.store.options),
        )
        run = self.settings.run
        return ClusterExecutor(job, address=run.ray_address or None, actors=run.workers)

    def _tasks(
        self,
        work: Plan,
        stored: Sequence[KnownInput],
        config: str,
        finish: Callable[[Sequence[CallFacts]], None],
    ) -> Iterator[CallTask]:
        """Yield what must be recognised; what fails before or is known by content ends here."""
        again = self.retry
        by_key = {row.key: row for row in stored if row.status not in {*again, "deferred"}}
        taken: dict[str, str] = {}
        for source in work.fresh:
            if self._stop.is_set():
                return
            call = self._bare(source)
            try:
                call = CallTask(identify(source), self.reader.for_path(source.path), self.segments)
            except CallError as error:
                finish([failure(call, error, config=config)])
                continue
            key = call_key(call.source, config)
            if key in by_key or key in taken:
                self._aliases.setdefault(key, []).append(source.path)
                continue
            taken[key] = source.path
            yield call

    def _bare(self, source: Source) -> CallTask:
        return CallTask(source, CallMetadata(call_id=os.path.basename(source.path)))

    def _commit(self, rows: list[CallFacts], journal: Journal) -> None:
        if not rows:
            return
        store_and_judge(self.store, rows, self.rulebook, self.settings)
        journal.finished([row.path for row in rows])
        for row in rows:
            log_call(self.run_id, row)

    def _commit_aliases(self) -> None:
        """Show the same bytes under all their names, scored once."""
        if not self._aliases:
            return
        rows = []
        for row in self.store.read("recordings").to_pylist():
            if row["key"] in self._aliases:
                facts = facts_of_row(row)
                names = {*facts.also_at, *self._aliases[row["key"]]} - {facts.path}
                if names != set(facts.also_at):
                    rows.append(replace(facts, also_at=tuple(sorted(names))))
        self.store.commit_calls(rows)

    def _refresh_metadata(self, work: Plan) -> None:
        """Write metadata that changed since a known call was stored; its facts stay."""
        changed: dict[str, CallMetadata] = {}
        for path, row in work.known.items():
            if path != row.path:
                continue
            try:
                meta = self.reader.for_path(path)
            except CallError as error:
                self.progress.note(f"{path}: metadata kept as stored: {error.message}")
                continue
            meta = _completed(meta, row)
            if _as_stored(meta) != row.metadata_fields:
                changed[row.key] = meta
        if changed:
            rows = [
                _with_metadata(facts, changed[facts.key]) for facts in self.store.calls(changed)
            ]
            self.store.commit_calls(rows)
            self.progress.note(f"metadata of {len(rows)} known calls was brought up to date")

    def _unused_rows(
        self, work: Plan, outcome: Mapping[str, CallFacts]
    ) -> tuple[tuple[int, str], ...]:
        """Return the metadata rows that are for none of the recordings found."""
        if self.reader.table is None:
            return ()
        ids = {path: row.call_id for path, row in work.known.items()}
        ids |= {path: row.call_id for path, row in outcome.items()}
        paths = [*work.known, *(s.path for s in work.fresh), *(s.path for s, _ in work.gone)]
        named = [(path, ids.get(path, os.path.basename(path))) for path in paths]
        return tuple(self.reader.table.unused(named))

    def _account(
        self,
        work: Plan,
        outcome: dict[str, CallFacts],
        unjudged: tuple[tuple[str, str], ...],
        seconds: float,
    ) -> RunReport:
        known = {path: row.status for path, row in work.known.items()}
        alias_of = {path: key for key, paths in self._aliases.items() for path in paths}
        by_key: dict[str, str] = {row.key: row.status for row in outcome.values()}
        by_key |= {row.key: row.status for row in self.store.known()} if alias_of else {}
        fresh: dict[str, str] = {path: row.status for path, row in outcome.items()}
        same = {path: by_key.get(key, "pending") for path, key in alias_of.items()}
        everything = [s.path for s in work.fresh] + [s.path for s, _ in work.gone] + list(known)
        final = {path: (known | same | fresh).get(path, "pending") for path in everything}
        return RunReport(
            run_id=self.run_id,
            found=work.found,
            known=len(known),
            same_content=len(same),
            counts=Counter(final.values()),
            troubled={
                path: (row.status, row.reason_code or "", row.reason or "")
                for path, row in sorted(outcome.items())
                if row.status != "scored"
            },
            audio_s=sum(row.duration_ms for row in outcome.values()) / 1000,
            seconds=seconds,
            interrupted=self._stop.is_set(),
            passed_over=tuple(self.passed_over),
            unused_rows=self._unused_rows(work, outcome),
            unjudged=unjudged,
        )

    @contextmanager
    def _interruptible(self) -> Iterator[None]:
        """Let the first SIGINT or SIGTERM end the run after what is in flight."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def stop(number: int, _: object) -> None:
            if self._stop.is_set():  # asked twice: end at once; what is committed is whole
                raise KeyboardInterrupt
            self._stop.set()
            name = signal.Signals(number).name
            self.progress.note(f"{name}: stopping after the calls in work; again to stop now")

        before = {s: signal.signal(s, stop) for s in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def recogniser(settings: Settings) -> str:
    """Return what recognises: the model's content where it is a folder of ours."""
    if settings.asr.engine != "whisper":
        return settings.asr.engine
    model = find_model(settings.asr.model)
    return f"{model.name}@{model.digest}"


def _with_metadata(facts: CallFacts, meta: CallMetadata) -> CallFacts:
    return replace(
        facts,
        call_id=meta.call_id,
        agent_id=meta.agent_id,
        started_at=meta.started_at,
        queue=meta.queue,
        direction=meta.direction,
        caller=meta.caller,
        answered_ms=meta.answered_ms,
        metadata=dict(meta.columns),
        metadata_sources=dict(meta.sources),
    )


def _completed(meta: CallMetadata, row: KnownInput) -> CallMetadata:
    """Return new metadata completed by what is stored: a source left out erases nothing."""
    stored: dict[str, str] = json.loads(row.metadata)
    started = None if row.started_at is None else datetime.fromisoformat(row.started_at)
    return replace(
        meta,
        call_id=meta.call_id if meta.sources.get("call_id") != "path" else row.call_id,
        agent_id=meta.agent_id if meta.agent_id is not None else row.agent_id,
        started_at=meta.started_at if meta.started_at is not None else started,
        queue=meta.queue if meta.queue is not None else row.queue,
        direction=meta.direction if meta.direction is not None else row.direction,
        caller=meta.caller if meta.caller is not None else row.caller,
        answered_ms=meta.answered_ms if meta.answered_ms is not None else row.answered_ms,
        columns=stored | dict(meta.columns),
    )


def _as_stored(meta: CallMetadata) -> tuple[Any, ...]:
    """Return metadata as the store holds it, in the order of `KnownInput.metadata_fields`."""
    started = None if meta.started_at is None else meta.started_at.isoformat()
    return (
        text_of_path(meta.call_id),
        meta.agent_id,
        started,
        meta.queue,
        meta.direction,
        meta.caller,
        meta.answered_ms,
        to_json(dict(meta.columns)),
    )


def _run_id() -> str:
    return datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ-") + uuid.uuid4().hex[:6]
