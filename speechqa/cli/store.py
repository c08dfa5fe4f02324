"""``speechqa store``: check it, compact it, forget calls, back it up."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from speechqa.cli.options import JsonOption, StoreOption, page, print_json, stored, talk

app = typer.Typer(help="Look after a store: check, compact, purge, back up.", no_args_is_help=True)


@app.command()
def check(store: StoreOption = None, as_json: JsonOption = False) -> None:
    """Look for faults: unreadable tables, duplicates, rows that disagree.

    [bold]Example[/bold]

      speechqa store check --store night
    """
    from speechqa.store.check import check as look

    faults = look(stored(store))
    for fault in faults:
        if as_json:
            print_json(vars(fault))
        else:
            page().print(f"{fault.table} {fault.key}: {fault.kind}: {fault.detail}", markup=False)
    talk().print(f"{len(faults)} faults" if faults else "no fault found")
    raise typer.Exit(1 if faults else 0)


@app.command()
def compact(store: StoreOption = None) -> None:
    """Join small files, so that reading stays fast; history stays.

    [bold]Example[/bold]

      speechqa store compact --store night
    """
    from speechqa.batch.lock import hold
    from speechqa.store.upkeep import compact as join

    open_ = stored(store)
    with hold(open_.local):
        files = join(open_)
    talk().print(", ".join(f"{name}: {count} files" for name, count in files.items()))


@app.command()
def purge(
    store: StoreOption = None,
    older_than: Annotated[
        str | None, typer.Option(help="Forget calls that started before this day.", metavar="DATE")
    ] = None,
    caller: Annotated[
        list[str] | None, typer.Option(help="Forget this caller's calls; may be repeated.")
    ] = None,
) -> None:
    """Forget calls for good, with their history: no byte of them stays in the store.

    [bold]Examples[/bold]

      speechqa store purge --older-than 2025-02-01

      speechqa store purge --caller +441632960961
    """
    from speechqa.batch.lock import hold
    from speechqa.scorecard import day
    from speechqa.store.purge import purge as forget

    open_ = stored(store)
    with hold(open_.local):
        gone = forget(open_, before=day(older_than, "--older-than"), callers=caller or ())
    if not gone.recordings:
        talk().print("no stored call is meant by that: nothing was forgotten")
        return
    talk().print(
        f"forgotten: {gone.recordings} recordings, {gone.assessments} assessments, "
        f"{gone.reviews} reviews; the history before this was dropped"
    )


@app.command()
def backup(
    target: Annotated[Path, typer.Argument(help="New folder.")], store: StoreOption = None
) -> None:
    """Copy a consistent snapshot while runs go on.

    [bold]Example[/bold]

      speechqa store backup /backup/2025-02-20 --store night
    """
    from speechqa.store.upkeep import backup as copy

    rows = copy(stored(store), target)
    talk().print(", ".join(f"{count} {name}" for name, count in rows.items()) + f" in {target}")
