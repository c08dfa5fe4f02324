"""``speechqa export``: tables and calls as files that other programs read."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

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


WhatArgument = Annotated[
    str, typer.Argument(help="calls, events, hits, words, scorecards; or one call.")
]
FormatOption = Annotated[
    str,
    typer.Option(
        "--format",
        "-f",
        help="Tables: csv, jsonl, parquet, xlsx. Calls: vtt, srt, rttm, textgrid, aws.",
        metavar="F",
    ),
]
OutOption = Annotated[
    str | None,
    typer.Option(help="File (calls one by one: folder); - is stdout.", metavar="FILE"),
]
CallOption = Annotated[
    list[str] | None, typer.Option(help="Only this call (id, path, key); may be repeated.")
]
NoTextOption = Annotated[
    bool, typer.Option("--no-text", help="Leave out what was said: words and quotes.")
]


@dataclass(frozen=True)
class _Order:
    """What is to be written: a table, calls or one call; in which format, and where."""

    what: str
    form: str
    choice: Choice
    out: str | None
    force: bool


def export(
    what: WhatArgument,
    form: FormatOption,
    store: StoreOption = None,
    out: OutOption = None,
    agent: Annotated[str | None, typer.Option(help="Only this agent's calls.")] = None,
    since: SinceOption = None,
    until: UntilOption = None,
    queue: Annotated[str | None, typer.Option(help="Only calls of this queue.")] = None,
    call: CallOption = None,
    no_text: NoTextOption = False,
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
    from speechqa.export import Choice
    from speechqa.settings import load_settings
    from speechqa.store import open_store

    _check(form, out, as_json)
    keep_text = False if no_text else None
    settings = load_settings(store={"path": store}, privacy={"keep_text": keep_text})
    open_ = open_store(settings.store.path, storage_options=settings.store.options)
    order = _Order(what, form, Choice(agent, queue, since, until, tuple(call or ())), out, force)
    _tell(_written(open_, settings, order), as_json)


def _check(form: str, out: str | None, as_json: bool) -> None:
    """Refuse what can be nothing, whatever the store holds."""
    from speechqa.errors import UsageError
    from speechqa.export import CALL_FORMATS, TABLE_FORMATS

    if form not in (*TABLE_FORMATS, *CALL_FORMATS):
        known = ", ".join((*TABLE_FORMATS, *CALL_FORMATS))
        raise UsageError(f"--format: {form!r} is no format", hint=f"one of {known}")
    if out == STDOUT and as_json:
        raise UsageError("--json with --out -: both are for stdout", hint="name a file with --out")


def _written(store: Store, settings: Settings, order: _Order) -> dict[str, Any]:
    """Write what is ordered; return what to tell of it."""
    from speechqa.errors import UsageError
    from speechqa.export import CALL_FORMATS, TABLE_FORMATS, WHATS

    what, form = order.what, order.form
    if what in WHATS and form in TABLE_FORMATS:
        return _table(store, settings, order)
    if what == "calls":
        return _folder(store, settings, order)
    if what in WHATS:
        raise UsageError(
            f"{what} cannot be {form}", hint=f"{form} is for calls; use {', '.join(TABLE_FORMATS)}"
        )
    if form in TABLE_FORMATS:
        raise UsageError(
            f"{what!r} is no table: one call cannot be {form}",
            hint=f"use --format {', '.join(CALL_FORMATS)}; or export calls --call {what}",
        )
    if not order.choice.is_all:
        raise UsageError("one call needs no filter", hint="leave out the filters, or export calls")
    return _one(store, settings, order)


def _table(store: Store, settings: Settings, order: _Order) -> dict[str, Any]:
    from io import BytesIO

    from speechqa.export import write_table
    from speechqa.export.place import placed
    from speechqa.rulebook import load

    def made(file: Any, advance: Callable[[int], None]) -> int:
        return write_table(
            file,
            store,
            cast("What", order.what),
            order.choice,
            order.form,
            book=lambda: load(settings.rules.rulebook, settings.rules),
            text=settings.privacy.keep_text,
            advance=advance,
        )

    done: dict[str, Any] = {"what": order.what, "format": order.form}
    with _bar(order.what) as advance:
        if order.out == STDOUT and order.form != "xlsx":
            return done | {"path": STDOUT, "rows": made(sys.stdout.buffer, advance)}
        if order.out == STDOUT:
            held = BytesIO()
            rows = made(held, advance)
            sys.stdout.buffer.write(held.getbuffer())
            return done | {"path": STDOUT, "rows": rows}
        target = Path(order.out or f"{order.what}.{order.form}")
        with placed(target, force=order.force) as file:
            rows = made(file, advance)
    return done | {"path": str(target), "rows": rows, "bytes": target.stat().st_size}


def _folder(store: Store, settings: Settings, order: _Order) -> dict[str, Any]:
    from speechqa.errors import UsageError
    from speechqa.export import CALL_FORMATS, chosen, write_calls

    if order.out == STDOUT:
        raise UsageError("--out -: many calls are many files", hint="name a folder, or one call")
    calls = chosen(store, order.choice).select(["key", "call_id"])
    folder = Path(order.out or f"calls-{order.form}")
    with _bar("calls", total=calls.num_rows) as advance:
        files, left_out = write_calls(
            store,
            calls,
            folder,
            CALL_FORMATS[order.form],
            text=settings.privacy.keep_text,
            force=order.force,
            advance=advance,
        )
    done: dict[str, Any] = {"what": "calls", "format": order.form, "path": str(folder)}
    listed = [{"call_id": name, "reason": why} for name, why in left_out]
    return done | {"files": files, "left_out": listed}


def _one(store: Store, settings: Settings, order: _Order) -> dict[str, Any]:
    from speechqa.export import CALL_FORMATS, call_bytes
    from speechqa.export.place import file_name, placed
    from speechqa.store.plain import text_of_path

    facts = store.find(order.what)
    kind = CALL_FORMATS[order.form]
    judged = store.assessment_of(facts.key)
    made = call_bytes(facts, judged, kind, text=settings.privacy.keep_text)
    call_id = text_of_path(facts.call_id)
    done: dict[str, Any] = {"what": call_id, "format": order.form}
    if order.out == STDOUT:
        sys.stdout.buffer.write(made)
        return done | {"path": STDOUT}
    target = Path(order.out or file_name(call_id, kind.ending, taken=set()))
    with placed(target, force=order.force) as file:
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
