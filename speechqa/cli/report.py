"""``speechqa report``: the supervisors' pages as files that need no server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from speechqa.cli.options import (
    JsonOption,
    RulebookOption,
    SinceOption,
    StoreOption,
    UntilOption,
    print_json,
    talk,
)


def report(
    store: StoreOption = None,
    out: Annotated[Path, typer.Option(help="Folder to write.", metavar="FOLDER")] = Path(
        "speechqa-report"
    ),
    agent: Annotated[str | None, typer.Option(help="Only this agent's file.")] = None,
    since: SinceOption = None,
    until: UntilOption = None,
    queue: Annotated[str | None, typer.Option(help="Only calls of this queue.")] = None,
    calls: Annotated[
        int, typer.Option(help="Calls per agent that are shown in full.", min=0, max=300)
    ] = 20,
    audio: Annotated[
        bool, typer.Option("--audio", help="Put the sound of findings into the files.")
    ] = False,
    language: Annotated[str, typer.Option(help="Of the pages: en or zh.")] = "en",
    rulebook: RulebookOption = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a report that is there.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Write the pages as HTML files: an index, and one file per agent that can be sent alone.

    The files open without a server and ask nothing of the network. An agent's file shows what
    that agent may see: the agent's own calls.

    [bold]Examples[/bold]

      speechqa report --store night

      speechqa report --agent AnnaP --since 2025-02-01 --audio --out anna
    """
    from dataclasses import asdict

    from speechqa.discovery import shown
    from speechqa.errors import UsageError
    from speechqa.report import Report, write_report
    from speechqa.rulebook import load
    from speechqa.settings import load_settings
    from speechqa.store import open_store

    if language not in ("en", "zh"):
        raise UsageError(f"--language: the pages are not in {language!r}", hint="use en or zh")
    settings = load_settings(store={"path": store}, rules={"rulebook": rulebook})
    open_ = open_store(settings.store.path, storage_options=settings.store.options)
    book = load(settings.rules.rulebook, settings.rules)
    wanted = Report(agent, since, until, queue, calls, audio, language)
    with _bar() as advance:
        done = write_report(open_, settings, book, wanted, out, force=force, advance=advance)
    if as_json:
        print_json(asdict(done))
    console = talk()
    console.print(
        f"written: {shown(str(out))}: {done.files} files, {done.calls} calls in full, "
        f"{done.clips} clips, {done.bytes / 1e6:.1f} MB",
        markup=False,
        soft_wrap=True,
    )
    if done.without_sound:
        console.print(f"{done.without_sound} calls have no sound: their recording is gone")


@contextmanager
def _bar() -> Iterator[Callable[[str, int], None]]:
    """Yield what moves a progress bar on, an agent at a time; it is seen on a terminal only."""
    from rich.progress import Progress

    from speechqa.discovery import shown

    console = talk()
    with Progress(console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("team", total=None)
        begun = 0

        def advance(agent: str, left: int) -> None:
            nonlocal begun
            # Told when an agent's file is begun: those before it are done.
            bar.update(
                task, total=begun + left, completed=begun, description=shown(agent, limit=30)
            )
            begun += 1

        yield advance
