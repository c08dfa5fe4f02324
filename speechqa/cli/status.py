"""``speechqa status``: every recording accounted for, and what was not simply scored."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from speechqa.cli.options import (
    JsonOption,
    RulebookOption,
    StoreOption,
    page,
    print_json,
    stored,
)
from speechqa.readable import clock

if TYPE_CHECKING:
    from speechqa.settings import Settings
    from speechqa.store import Store


def status(
    store: StoreOption = None,
    retry: Annotated[
        bool, typer.Option("--retry", help="Process refused and quarantined recordings again.")
    ] = False,
    rulebook: RulebookOption = None,
    model: Annotated[
        str | None, typer.Option(help="With --retry: model, as given to the run.")
    ] = None,
    metadata: Annotated[
        str | None, typer.Option(help="With --retry: CSV, as given to the run.", metavar="CSV")
    ] = None,
    name_pattern: Annotated[
        str | None, typer.Option(help="With --retry: as given to the run.", metavar="REGEX")
    ] = None,
    no_text: Annotated[
        bool, typer.Option("--no-text", help="With --retry: keep no words, as in the run.")
    ] = False,
    calls: Annotated[bool, typer.Option("--calls", help="List every call.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Account for every recording in the store: how many ended how, and why.

    [bold]Examples[/bold]

      speechqa status --store night

      speechqa status --store night --retry --metadata calls.csv
    """
    if retry:
        from speechqa.settings import load_settings

        settings = load_settings(
            store={"path": store},
            rules={"rulebook": rulebook},
            asr={"model": model},
            privacy={"keep_text": False if no_text else None},
        )
        raise typer.Exit(_retry(settings, metadata, name_pattern))
    from speechqa.store.integrity import integrity

    if calls:
        _list_calls(stored(store), as_json=as_json)
        return
    report = integrity(stored(store))
    if as_json:
        print_json(report.as_dict())
        return
    _print(report.as_dict())


CALL = ("call_id", "agent_id", "started_at", "duration_ms", "status", "path")


def _list_calls(store: Store, *, as_json: bool) -> None:
    """List every current call, for `show` and `explain`."""
    from rich.table import Table
    from rich.text import Text

    from speechqa.discovery import shown

    rows = store.current(list(CALL)).to_pylist()
    table = Table("call", "agent", "started", "length", "status", "file")
    for row in rows:
        if as_json:
            print_json(row)
            continue
        length = clock(row["duration_ms"]) if row["duration_ms"] else "-"
        name = row["path"].rsplit("/", 1)[-1]
        cells = (row["call_id"], row["agent_id"], row["started_at"], length, row["status"], name)
        table.add_row(*(Text(shown(cell or "-")) for cell in cells))
    if not as_json:
        page().print(table)


LISTED = 20
"""Pending recordings printed at most; ``--json`` has all."""

TROUBLE = ("status", "path", "reason_code", "reason")


def _print(report: dict[str, Any]) -> None:
    from rich.table import Table
    from rich.text import Text

    from speechqa.discovery import shown

    console = page()
    counts = " + ".join(f"{n} {name}" for name, n in report["counts"].items() if n)
    console.print(f"[bold]{report['found']} found = {counts or 'nothing'}[/bold]")
    console.print(
        f"{report['assessed']} judged; {report['audio_ms'] / 3_600_000:.2f} hours of audio; "
        f"grades {', '.join(f'{g}: {n}' for g, n in report['grades'].items()) or 'none'}"
    )
    if report["last_run"]:
        ended = report["last_run"].get("ended", True)
        console.print(
            f"last run {report['last_run']['run_id']}"
            + ("" if ended else ", which has not ended (running, or killed)")
        )
    for path in report["pending"][:LISTED]:
        console.print(f"     pending  {shown(path)}", markup=False, soft_wrap=True)
    if report["pending"]:
        console.print(f"{len(report['pending'])} pending: the same speechqa run goes on with them")
    if not report["troubled"]:
        return
    table = Table("status", "call", "reason", "what was found", title="Not simply scored")
    for row in report["troubled"]:
        table.add_row(*(Text(shown(row[name], limit=400)) for name in TROUBLE))
    console.print(table)
    console.print("try refused and quarantined ones again with: speechqa status --retry")


def _retry(settings: Settings, metadata: str | None, name_pattern: str | None) -> int:
    from speechqa.batch.run import Run
    from speechqa.cli.options import talk
    from speechqa.metadata import MetadataReader
    from speechqa.rulebook import load
    from speechqa.store import open_store
    from speechqa.store.integrity import AGAIN, integrity
    from speechqa.store.plain import path_of_text

    open_ = open_store(settings.store.path, storage_options=settings.store.options)
    paths = [row["path"] for row in integrity(open_).troubled if row["status"] in AGAIN]
    if not paths:
        talk().print("nothing to try again")
        return 0
    book = load(settings.rules.rulebook, settings.rules)
    reader = MetadataReader(metadata, name_pattern)
    run = Run(settings, book, open_, reader, retry=frozenset(AGAIN))
    report = run.over([path_of_text(path) for path in paths])
    talk().print(report.equation)
    return report.exit_code
