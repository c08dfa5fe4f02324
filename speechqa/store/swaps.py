"""Putting a rewritten table in the place of the old one, in steps that survive a kill.

A table is first written under an unfinished name, which nobody reads; renaming it to its finished
name says that it is whole. From then on each step can be repeated.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path

from speechqa.faults import durable

UNFINISHED, FINISHED, OLD = ".unfinished", ".new", ".old"


def swap(folder: Path, name: str) -> None:
    """Put the table written as ``NAME.unfinished`` in the place of ``NAME``; hold the lock."""
    (folder / (name + UNFINISHED)).rename(folder / (name + FINISHED))
    durable("swap finished")
    clear(folder, [name])


def complete(folder: Path, names: Iterable[str]) -> None:
    """Complete a swap that was killed in its middle; safe for any reader at any time."""
    for name in names:
        table, new = folder / name, folder / (name + FINISHED)
        if new.exists() and not table.exists():
            new.rename(table)


def clear(folder: Path, names: Iterable[str]) -> None:
    """Complete killed swaps and remove what they left; only for the holder of the lock."""
    for name in names:
        table, new, old = folder / name, folder / (name + FINISHED), folder / (name + OLD)
        if new.exists():
            if table.exists():
                if old.exists():
                    shutil.rmtree(old)
                table.rename(old)
                durable("swap old")
            new.rename(table)
            durable("swap new")
        for left in (old, folder / (name + UNFINISHED)):
            if left.exists():
                shutil.rmtree(left)
