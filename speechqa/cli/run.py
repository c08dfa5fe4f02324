"""``speechqa run``: recordings in, judged calls in the store, an account at the end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from speechqa.cli.options import JsonOption, RulebookOption, StoreOption, print_json, talk

if TYPE_CHECKING:
    from speechqa.batch.account import RunReport
    from speechqa.batch.run import Progress
    from speechqa.settings import Settings

LISTED = 20
"""Passed-over files and unused rows printed at most; all are in the run's account."""


Inputs = Annotated[
    list[str], typer.Argument(metavar="INPUT...", help="Recordings, folders of them, or globs.")
]
Model = Annotated[
    str | None, typer.Option(help="Model name or folder.", show_default="the shipped small model")
]
Language = Annotated[str | None, typer.Option(help="auto, en, zh, ...", show_default="auto")]
Metadata = Annotated[
    str | None, typer.Option(help="CSV with agent, start time, queue per call.", metavar="CSV")
]
NamePattern = Annotated[
    str | None, typer.Option(help="Regex with named groups for file names.", metavar="REGEX")
]
Segments = Annotated[
    str | None, typer.Option(help="Who speaks when, for one-channel recordings (RTTM, JSON).")
]
AgentChannel = Annotated[
    str | None, typer.Option(help="left, right or auto (by who greets).", show_default="left")
]
Vad = Annotated[str | None, typer.Option(help="webrtc, silero or auto.", show_default="auto")]
Device = Annotated[str | None, typer.Option(help="cpu or cuda.", show_default="auto")]
Workers = Annotated[
    int | None, typer.Option(help="Worker processes.", show_default="one per core", min=1)
]
Executor = Annotated[str | None, typer.Option(help="local or ray.", show_default="local")]
RayAddress = Annotated[
    str | None, typer.Option(help="Ray cluster to use.", show_default="one on this machine")
]
NoText = Annotated[
    bool, typer.Option("--no-text", help="Keep measures, hits and scores, but no words.")
]
Log = Annotated[
    Path | None,
    typer.Option(help="Add the run's events, one JSON object per line.", metavar="FILE"),
]
Metrics = Annotated[
    Path | None, typer.Option(help="Write Prometheus metrics at the end.", metavar="FILE")
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Say what would be done, and how long it takes.")
]


def run(
    inputs: Inputs,
    store: StoreOption = None,
    model: Model = None,
    language: Language = None,
    rulebook: RulebookOption = None,
    metadata: Metadata = None,
    name_pattern: NamePattern = None,
    segments: Segments = None,
    agent_channel: AgentChannel = None,
    vad: Vad = None,
    device: Device = None,
    workers: Workers = None,
    executor: Executor = None,
    ray_address: RayAddress = None,
    no_text: NoText = False,
    log: Log = None,
    metrics: Metrics = None,
    dry_run: DryRun = False,
    as_json: JsonOption = False,
) -> None:
    """Process recordings: decode, transcribe, measure, judge, store.

    Recordings whose result is stored are skipped; a killed run goes on where it was.

    [bold]Examples[/bold]

      speechqa run recordings/ --store night

      speechqa run "in/2025-02-*/*.wav" --metadata calls.csv --model ~/models/large-v3
    """
    from speechqa.batch.lock import refuse_if_held
    from speechqa.settings import load_settings

    settings = load_settings(
        store={"path": store},
        asr={"model": model, "language": language, "device": device},
        rules={"rulebook": rulebook},
        vad={"detector": vad},
        run={
            "workers": workers,
            "executor": executor,
            "agent_channel": agent_channel,
            "ray_address": ray_address,
        },
        privacy={"keep_text": False if no_text else None},
    )
    if not dry_run and "://" not in settings.store.path:
        # Before anything that takes its time to load.
        refuse_if_held(Path(settings.store.path))
    sources = MetadataSources(metadata, name_pattern, segments)
    files = Files([log] if log else [], [metrics] if metrics else [])
    _run(inputs, settings, sources, files, dry_run=dry_run, as_json=as_json)


@dataclass(frozen=True)
class MetadataSources:
    """What is known of the recordings from elsewhere, as given on the command line."""

    table: str | None
    name_pattern: str | None
    segments: str | None


@dataclass(frozen=True)
class Files:
    """Files that a run writes beside its store."""

    logs: list[Path]
    metrics: list[Path]


def _run(
    inputs: list[str],
    settings: Settings,
    sources: MetadataSources,
    files: Files,
    *,
    dry_run: bool,
    as_json: bool,
) -> None:
    from speechqa.batch.run import Run
    from speechqa.discovery import discover
    from speechqa.metadata import MetadataReader
    from speechqa.rulebook import load
    from speechqa.settings import AsrSettings
    from speechqa.store import open_store

    book = load(settings.rules.rulebook, settings.rules)
    reader = MetadataReader(sources.table, sources.name_pattern)
    found = discover(inputs)
    model = settings.asr.model
    if model == AsrSettings().model:
        talk().print(f"model: {model} (small, for the samples); choose with --model")
    if dry_run:
        _dry_run(found.paths, settings, as_json)
        return
    night = Run(
        settings=settings,
        rulebook=book,
        store=open_store(settings.store.path, create=True, storage_options=settings.store.options),
        reader=reader,
        segments=sources.segments,
        passed_over=found.skipped,
        logs=files.logs,
        metrics=files.metrics,
    )
    with _progress() as night.progress:
        report = night.over(found.paths)
    if as_json:
        print_json(report.as_dict())
    _tell(report, settings.store.path)
    raise typer.Exit(report.exit_code)


def _tell(report: RunReport, store: str) -> None:
    """Print the account and what was not simply scored."""
    from speechqa.batch.account import FAILED
    from speechqa.discovery import shown

    console = talk()
    for path, (status, code, reason) in report.troubled.items():
        line = f"{status:>12}  {shown(path)}: {shown(reason, limit=400)} [{code}]"
        console.print(line, markup=False, soft_wrap=True)
    failed = sum(report.counts[status] for status in FAILED)
    if failed > len(report.troubled):
        console.print(f"{failed} failed in all; earlier ones: speechqa status --store {store}")
    if report.known:
        console.print(f"{report.known} of {report.found} were stored already")
    if report.same_content:
        console.print(f"{report.same_content} have the same bytes as another recording")
    _tell_unused(report)
    if report.audio_s:
        rate = report.audio_s / max(report.seconds, 1e-9)
        console.print(
            f"{report.audio_s / 60:.1f} minutes of audio in {report.seconds:.0f} s: "
            f"{rate:.1f} times real time"
        )
    console.print(report.equation, style="bold")
    if report.interrupted:
        console.print("interrupted: what is done is stored; the same command goes on from here")
    else:
        console.print(f"next: speechqa scorecard --store {store}")


def _tell_unused(report: RunReport) -> None:
    """Print what was passed over and which metadata rows found no recording."""
    from speechqa.discovery import shown

    console = talk()
    odd = [one for one in report.passed_over if not one[1].startswith("metadata")]
    for path, reason in odd[:LISTED]:
        console.print(f" passed over  {shown(path)}: {reason}", markup=False, soft_wrap=True)
    for line, key in report.unused_rows[:LISTED]:
        console.print(
            f"  unused row  line {line}: {shown(key)}: no such recording",
            markup=False,
            soft_wrap=True,
        )
    if max(len(odd), len(report.unused_rows)) > LISTED:
        console.print("more of these are in the store: runs/" + report.run_id + ".json")


def _dry_run(paths: Sequence[str], settings: Settings, as_json: bool) -> None:
    """Say what a run would process, and how long it would take."""
    from speechqa.batch.forecast import forecast
    from speechqa.batch.plan import config_digest, plan
    from speechqa.batch.run import recogniser
    from speechqa.store import Store

    store = Store(settings.store.path, settings.store.options)
    stored = store.known() if store.exists() else []
    work = plan(paths, stored, config=config_digest(settings, recogniser(settings)))
    files = [(source.path, source.size_bytes) for source in work.fresh]
    estimate = forecast(files, len(work.known), settings)
    if as_json:
        print_json(estimate.as_dict())
    else:
        talk().print(estimate.text)


@contextmanager
def _progress() -> Iterator[Progress]:
    """Yield a progress bar on a terminal, plain notes elsewhere."""
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TextColumn,
        TimeRemainingColumn,
    )
    from rich.progress import (
        Progress as Bar,
    )

    from speechqa.cli.bar import RunBar

    console = talk()
    bar = Bar(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )
    with bar:
        yield RunBar(bar)
