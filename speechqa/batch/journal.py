"""Attempts, written down before they start, so that a recording that kills its worker is known.

One line of JSON per event in a file beside the tables, flushed to disk before the work begins.
Two deaths of the worker, in one run or across runs, put a recording into quarantine. An attempt
whose end nobody saw (the whole run was killed) is no death: its call is merely tried alone. A file
that has grown large is written anew with what still matters of it.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from speechqa.faults import durable
from speechqa.store.disk import write_all, write_whole, writing
from speechqa.store.plain import text_of_path

STRIKES = 2
"""Deaths after which a recording is quarantined."""

LARGE_BYTES = 16 * 1024**2
"""Some 100,000 attempts: more are not read at the start of every run."""


@dataclass
class Journal:
    """The attempts of all runs on one store.

    Parameters
    ----------
    file
        Where they are kept; None keeps them in memory only (a store on object storage).
    """

    file: Path | None
    strikes: Counter[str] = field(default_factory=Counter)
    suspects: set[str] = field(default_factory=set)
    _torn: bool = False

    def __post_init__(self) -> None:
        if self.file is None or not self.file.exists():
            return
        line, size = "", 0
        with writing(self.file), self.file.open(encoding="utf-8", errors="replace") as stream:
            for line in stream:
                size += len(line)
                with suppress(ValueError, TypeError, AttributeError):
                    self._apply(json.loads(line))  # what a kill cut short is no event
        self._torn = bool(line) and not line.endswith("\n")
        if size > LARGE_BYTES:
            self._fold()

    def started(self, paths: list[str], run_id: str) -> None:
        """Write down that these recordings are about to be tried, together."""
        self._write({"event": "start", "paths": list(map(text_of_path, paths)), "run": run_id})

    def died(self, path: str, cause: str, detail: str) -> int:
        """Write down that a worker died of this recording; return how often that happened."""
        name = text_of_path(path)
        self._write({"event": "died", "paths": [name], "cause": cause, "detail": detail})
        return self.strikes[name]

    def finished(self, paths: list[str]) -> None:
        """Write down that these recordings have a stored result."""
        self._write({"event": "done", "paths": list(map(text_of_path, paths))})

    def released(self, paths: list[str]) -> None:
        """Write down that these attempts were given up by us: their recordings are not to blame."""
        if paths:
            self._write({"event": "released", "paths": list(map(text_of_path, paths))})

    def is_suspect(self, path: str) -> bool:
        """Whether an earlier attempt's end was not seen: such a call is tried alone."""
        return text_of_path(path) in self.suspects

    def forgive(self, paths: list[str]) -> None:
        """Forget the deaths of these recordings, to try them again."""
        self._write({"event": "forgiven", "paths": list(map(text_of_path, paths))})

    def _fold(self) -> None:
        """Write the file anew: attempts whose end nobody saw, and deaths that still count."""
        assert self.file is not None
        events: list[dict[str, Any]] = []
        if self.suspects:
            events.append({"event": "start", "paths": sorted(self.suspects), "run": "earlier"})
        events += [
            {"event": "died", "paths": [path], "cause": "earlier", "detail": ""}
            for path in sorted(self.strikes.elements())
        ]
        lines = (json.dumps(event, ensure_ascii=False) + "\n" for event in events)
        write_whole(self.file, "".join(lines))
        self._torn = False

    def _apply(self, event: dict[str, Any]) -> None:
        paths = event.get("paths", [])
        match event.get("event"):
            case "start":
                self.suspects.update(paths)
            case "died":
                self.strikes.update(paths)
            case "released":
                self.suspects.difference_update(paths)
            case "done" | "forgiven":
                self.suspects.difference_update(paths)
                for path in paths:
                    self.strikes.pop(path, None)

    def _write(self, event: dict[str, Any]) -> None:
        self._apply(event)
        if self.file is None:
            return
        # A line of its own after whatever a killed run or a full disk cut short.
        line = (self._torn * "\n" + json.dumps(event, ensure_ascii=False) + "\n").encode()
        with writing(self.file):
            self.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            descriptor = os.open(self.file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            try:
                self._torn = True
                write_all(descriptor, line)
                os.fsync(descriptor)
                self._torn = False
            finally:
                os.close(descriptor)
        durable("attempts")
