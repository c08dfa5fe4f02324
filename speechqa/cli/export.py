"""``speechqa export``: tables and calls as files that other programs read."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from speechqa.cli.options import (
    JsonOption,
    SinceOption,
    StoreOption,
    UntilOption,
    print_json,
    talk,
)

if TYPE_CHECKING:
    from speechqa.export import Choice, What
    from speechqa.settings import Settings
    from speechqa.store import Store

STDOUT = "-"
LISTED = 20
"""Calls left out that are listed; the others are counted."""


def export(
    what: Annotated[
        str, typer.Argument(help="calls, events, hits, words, scorecards; or one call.")
    ],
    form: Annotated[
        str,
        typer.Option(
            "--format",
            "-f",
            help="Tables: csv, jsonl, parquet, xlsx. Calls: vtt, srt, rttm, textgrid, aws.",
            metavar="F",
        ),
    ],
    store: StoreOption = None,
    out: Annotated[
        str | None,
        typer.Option(help="File (calls one by one: folder); - is stdout.", metavar="FILE"),
    ] = None,
    agent: Annotated[str | None, typer.Option(help="Only this agent's calls.")] = None,
    since: SinceOption = None,
    until: UntilOption = None,
    queue: Annotated[str | None, typer.Option(help="Only calls of this queue.")] = None,
    call: Annotated[
        list[str] | None, typer.Option(help="Only this call (id, path, key); may be repeated.")
    ] = None,
    no_text: Annotated[
        bool, typer.Option("--no-text", help="Leave out what was said: words and quotes.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Write tables for spreadsheets and databases, or calls for other tools.

    `scorecards` as xlsx is a workbook with agents, days, calls, hits, rules, measures and charts.
    `calls` in a format of calls writes a folder with a file per call.

    [bold]Examples[/bold]

      speechqa export scorecards --format xlsx --store night

      speechqa export calls --format parquet --since 2025-02-01 --out february.parquet

      speechqa export CALL --format vtt
    """
    from speechqa.errors import UsageError
    from speechqa.export import CALL_FORMATS, TABLE_FORMATS, WHATS, Choice
    from speechqa.settings import load_settings
    from speechqa.store import open_store

    if form not in (*TABLE_FORMATS, *CALL_FORMATS):
        known = ", ".join((*TABLE_FORMATS, *CALL_FORMATS))
        raise UsageError(f"--format: {form!r} is no format", hint=f"one of {known}")
    if out == STDOUT and as_json:
        raise UsageError("--json with --out -: both are for stdout", hint="name a file with --out")
    settings = load_settings(
        store={"path": store}, privacy={"keep_text": False if no_text else None}
    )
    open_ = open_store(settings.store.path, storage_options=settings.store.options)
    choice = Choice(agent, queue, since, until, tuple(call or ()))
    if what in WHATS and form in TABLE_FORMATS:
        done = _table(open_, settings, what, choice, form, out, force)
    elif what == "calls":
        done = _folder(open_, settings, choice, form, out, force)
    elif what in WHATS:
        raise UsageError(
            f"{what} cannot be {form}", hint=f"{form} is for calls; use {', '.join(TABLE_FORMATS)}"
        )
    elif form in TABLE_FORMATS:
        raise UsageError(
            f"{what!r} is no table: one call cannot be {form}",
            hint=f"use --format {', '.join(CALL_FORMATS)}; or export calls --call {what}",
        )
    elif not choice.is_all:
        raise UsageError("one call needs no filter", hint="leave out the filters, or export calls")
    else:
        done = _one(open_, settings, what, form, out, force)
    _tell(done, as_json)


def _table(
    store: Store,
    settings: Settings,
    what: What,
    choice: Choice,
    form: str,
    out: str | None,
    force: bool,
) -> dict[str, Any]:
    from speechqa.export import write_table
    from speechqa.export.place import placed
    from speechqa.rulebook import load

    def made(file: Any, advance: Callable[[int], None]) -> int:
        return write_table(
            file,
            store,
            what,
            choice,
            form,
            book=lambda: load(settings.rules.rulebook, settings.rules),
            text=settings.privacy.keep_text,
            advance=advance,
        )

    done = {"what": what, "format": form}
    with _bar(what) as advance:
        if out == STDOUT and form != "xlsx":
            return done | {"path": STDOUT, "rows": made(sys.stdout.buffer, advance)}
        if out == STDOUT:
            from io import BytesIO

            held = BytesIO()
            rows = made(held, advance)
            sys.stdout.buffer.write(held.getbuffer())
            return done | {"path": STDOUT, "rows": rows}
        target = Path(out or f"{what}.{form}")
        with placed(target, force=force) as file:
            rows = made(file, advance)
    return done | {"path": str(target), "rows": rows, "bytes": target.stat().st_size}


def _folder(
    store: Store, settings: Settings, choice: Choice, form: str, out: str | None, force: bool
) -> dict[str, Any]:
    from speechqa.errors import UsageError
    from speechqa.export import CALL_FORMATS, chosen, write_calls

    if out == STDOUT:
        raise UsageError("--out -: many calls are many files", hint="name a folder, or one call")
    keys = chosen(store, choice)["key"].to_pylist()
    folder = Path(out or f"calls-{form}")
    with _bar("calls", total=len(keys)) as advance:
        files, left_out = write_calls(
            store,
            keys,
            folder,
            CALL_FORMATS[form],
            text=settings.privacy.keep_text,
            force=force,
            advance=advance,
        )
    done: dict[str, Any] = {"what": "calls", "format": form, "path": str(folder), "files": files}
    return done | {"left_out": [{"call_id": name, "reason": why} for name, why in left_out]}


def _one(
    store: Store, settings: Settings, name: str, form: str, out: str | None, force: bool
) -> dict[str, Any]:
    from speechqa.export import CALL_FORMATS, call_bytes
    from speechqa.export.place import file_name, placed
    from speechqa.store.plain import text_of_path

    facts = store.find(name)
    kind = CALL_FORMATS[form]
    judged = store.assessment_of(facts.key)
    made = call_bytes(facts, judged, kind, text=settings.privacy.keep_text)
    call_id = text_of_path(facts.call_id)
    done = {"what": call_id, "format": form}
    if out == STDOUT:
        sys.stdout.buffer.write(made)
        return done | {"path": STDOUT}
    target = Path(out or file_name(call_id, kind.ending, taken=set()))
    with placed(target, force=force) as file:
        file.write(made)
    return done | {"path": str(target), "bytes": len(made)}


@contextmanager
def _bar(what: str, *, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """Yield a function that moves a progress bar on; the bar is seen on a terminal only."""
    from rich.progress import Progress

    console = talk()
    with Progress(console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda calls: bar.advance(task, calls)


def _tell(done: dict[str, Any], as_json: bool) -> None:
    """Say what was written; on stdout only with --json."""
    from speechqa.discovery import shown

    if as_json:
        print_json(done)
    console = talk()
    left_out = done.get("left_out", [])
    for one in left_out[:LISTED]:
        console.print(f"    left out  {shown(one['reason'], limit=400)}", markup=False)
    if len(left_out) > LISTED:
        console.print(f"    left out  {len(left_out) - LISTED} more")
    if done["path"] == STDOUT:
        return
    counts = [f"{done[name]:,} {name}" for name in ("rows", "files", "bytes") if name in done]
    text = f"written: {shown(done['path'])}: {', '.join(counts)}"
    console.print(text, markup=False, soft_wrap=True)
