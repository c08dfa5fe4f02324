"""One run: find recordings, skip what is stored, process the rest, judge it, account for all.

A run is safe to kill at any moment and to start again: what is committed is whole calls, and the
next run does what is missing. It ends with an account in which every recording found has exactly
one outcome; an account that does not add up fails the run.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from speechqa.asr import find_model
from speechqa.asr.device import worker_processes
from speechqa.audio import refuse_too_large
from speechqa.batch.account import RunReport, write_report
from speechqa.batch.cluster import ClusterExecutor, ClusterJob
from speechqa.batch.journal import Journal
from speechqa.batch.judge import judge_missing, store_or_quarantine
from speechqa.batch.local import LocalExecutor
from speechqa.batch.lock import hold
from speechqa.batch.log import log, log_call, logging_to
from speechqa.batch.metrics import FILE, write_metrics
from speechqa.batch.plan import Plan, config_digest, identify, plan, segments_digest
from speechqa.batch.reckoning import account, account_so_far
from speechqa.batch.refresh import refresh_metadata
from speechqa.batch.stopping import interruptible
from speechqa.batch.work import CallTask, failure
from speechqa.discovery import shown
from speechqa.errors import CallError, StoreError
from speechqa.metadata import CallMetadata, MetadataReader
from speechqa.pipeline import CallFacts, Source, call_key
from speechqa.rulebook import Rulebook
from speechqa.settings import Settings
from speechqa.store import TABLES, KnownInput, Store
from speechqa.store.disk import writing
from speechqa.store.integrity import next_run_id
from speechqa.store.rulebooks import keep_rulebook
from speechqa.store.swaps import clear
from speechqa.store.upkeep import tidy

COMMIT_SECONDS = 5.0
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
    run_id: str = ""
    _stop: threading.Event = field(default_factory=threading.Event)
    _aliases: dict[str, list[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Give the run its name."""
        self.run_id = self.run_id or next_run_id(self.store)

    def over(self, paths: Sequence[str]) -> RunReport:
        """Process the recordings at `paths`; return the account of every one of them."""
        config = config_digest(
            self.settings, recogniser(self.settings), segments=segments_digest(self.segments)
        )
        started = time.monotonic()
        folder = self.store.local
        logs = [*self.logs, *([folder / "runs" / f"{self.run_id}.jsonl"] if folder else [])]
        with (
            hold(folder),
            interruptible(self._stop, self.progress.note),
            logging_to(logs, self.run_id),
        ):
            if folder is not None:
                with writing(folder):
                    clear(folder, TABLES)  # what a killed purge left
            stored = self.store.known()
            work = plan(paths, stored, config=config, retry=self.retry)
            self.progress.begin(work.found, len(work.fresh) + len(work.gone))
            log(self.run_id, "begin", found=work.found, known=len(work.known), config=config)
            write_report(self.store, account_so_far(self.run_id, work, self.passed_over))
            refresh_metadata(self.store, work, self.reader, self.progress.note)
            outcome = self._process(work, stored, config)
            unjudged = self._judge_rest()
            self._tidy()
            report = account(
                account_so_far(self.run_id, work, self.passed_over),
                work,
                outcome=outcome,
                same=self._aliases,
                statuses={row.key: row.status for row in stored},
                unused_rows=self._unused_rows(work, outcome),
            )
            report = replace(
                report,
                seconds=time.monotonic() - started,
                interrupted=self._stop.is_set(),
                unjudged=unjudged,
            )
            log(self.run_id, "end", account=report.equation, exit_code=report.exit_code)
            write_report(self.store, report)
            write_metrics([*self.metrics, *([folder / FILE] if folder else [])], report)
            report.check()
        self.progress.end()
        return report

    def _unused_rows(
        self, work: Plan, outcome: Mapping[str, CallFacts]
    ) -> tuple[tuple[int, str], ...]:
        """Return the metadata rows that are for none of the recordings found."""
        if self.reader.table is None:
            return ()
        ids = {path: row.call_id for path, row in work.known.items()}
        ids |= {path: row.call_id for path, row in outcome.items()}
        named = [(path, ids.get(path, os.path.basename(path))) for path in work.paths]
        return tuple(self.reader.table.unused(named))

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
            stored = self._commit(pending, journal)
            outcome.update({row.path: row for row in stored})
            pending.clear()
            last_commit = time.monotonic()

        def take(rows: Sequence[CallFacts]) -> None:
            outcome.update({row.path: row for row in rows})
            self.progress.advance(rows)

        def finish(rows: Sequence[CallFacts]) -> None:
            if rows:
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
            workers=worker_processes(self.settings.asr, self.settings.run.workers),
            journal=journal,
            stopping=self._stop.is_set,
            small_first=True,
        )

    def _cluster(self, config: str) -> ClusterExecutor:
        keep_rulebook(self.store, self.rulebook)  # the actors take it from there
        job = ClusterJob(
            settings=self.settings,
            config=config,
            run_id=self.run_id,
            rulebook=self.rulebook.digest,
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
                refuse_too_large(source.size_bytes, self.settings.audio)
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

    def _commit(self, rows: list[CallFacts], journal: Journal) -> list[CallFacts]:
        if not rows:
            return []
        stored = store_or_quarantine(self.store, rows, self.rulebook, self.settings)
        journal.finished([row.path for row in stored])
        for row in stored:
            log_call(self.run_id, row)
        return stored

    def _commit_aliases(self) -> None:
        """Show the same bytes under all their names, scored once."""
        if not self._aliases:
            return
        rows = []
        for facts in self.store.calls(self._aliases):
            names = {*facts.also_at, *self._aliases[facts.key]} - {facts.path}
            if names != set(facts.also_at):
                rows.append(replace(facts, also_at=tuple(sorted(names))))
        self.store.commit_calls(rows)

    def _tidy(self) -> None:
        """Join what many commits left in pieces; that it failed costs speed, not the night."""
        if self._stop.is_set():
            return
        try:
            tidy(self.store)
        except StoreError as error:
            self.progress.note(f"small files were not joined: {error.message}")


def recogniser(settings: Settings) -> str:
    """Return what recognises: the model's content where it is a folder of ours."""
    if settings.asr.engine != "whisper":
        return settings.asr.engine
    model = find_model(settings.asr.model)
    return f"{model.name}@{model.digest}"
