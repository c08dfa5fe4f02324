"""Options that several commands share, and small helpers for their output."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from speechqa.store import Store

StoreOption = Annotated[
    str | None,
    typer.Option("--store", help="Folder or URI of the store.", show_default="./speechqa-store"),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, one object per line.")]
RulebookOption = Annotated[
    str | None,
    typer.Option("--rulebook", help="Rulebook file or name.", show_default="the shipped standard"),
]
SinceOption = Annotated[
    str | None, typer.Option("--since", help="First day, e.g. 2025-02-20.", metavar="DATE")
]
UntilOption = Annotated[
    str | None, typer.Option("--until", help="Last day, included.", metavar="DATE")
]


def stored(uri: str | None) -> Store:
    """Open the store named by the flag or the settings; it must exist."""
    from speechqa.settings import load_settings
    from speechqa.store import open_store

    place = load_settings(store={"path": uri}).store
    return open_store(place.path, storage_options=place.options)


def print_json(value: Any) -> None:
    """Print one JSON object on one line of stdout."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False)
    sys.stdout.write(text.encode("utf-8", "backslashreplace").decode("utf-8") + "\n")


def talk() -> Console:
    """Return the console for talk: stderr."""
    from rich.console import Console

    return Console(stderr=True, highlight=False)


def page() -> Console:
    """Return the console for data meant for people: stdout."""
    from rich.console import Console

    return Console(highlight=False)
