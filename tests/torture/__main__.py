"""Every row of docs/reliability.md at its full N: one command, resumable, with a table at the end.

    python -m tests.torture                    all rows; goes on where it was stopped
    python -m tests.torture --minutes 60       stops after an hour and says how far each row came
    python -m tests.torture --rows kills,fuzz  some rows

Each row runs in a process of its own, which tells of each piece; what is done is kept in a state
file. Another commit of what is tortured begins anew. ``--page`` writes the table into a page.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.conftest import ROOT
from tests.torture import failing
from tests.torture.disks import CannotHere
from tests.torture.rows import ROWS, Row, cleared

STATE = ROOT / "build" / "torture" / "state.json"
BEGIN, END = "<!-- torture: written by make torture -->", "<!-- torture: end -->"
TOLD_EVERY_S = 30.0
LONG = ("eio", "pairs", "disk-full", "damage", "model")
"""Rows that one process does from end to end."""

TORTURED = ("speechqa", "tests/torture", "models/speechqa-tiny")
"""What the figures are about: other commits leave them standing."""


class State:
    """How far each row has come, kept on disk after every piece or so."""

    def __init__(self, file: Path, commit: str) -> None:
        self.file = file
        self.lock = threading.Lock()
        self.rows: dict[str, dict[str, Any]] = {}
        self.commit = commit
        if file.exists():
            held = json.loads(file.read_text("utf-8"))
            if held["commit"] == commit:
                self.rows = held["rows"]

    def of(self, row: Row, part: int) -> dict[str, Any]:
        """Return the state of one part of a row."""
        first, _ = row.bounds(part)
        fresh = {"next": first, "done": 0, "wrong": [], "told": {}, "seconds": 0.0, "over": False}
        return self.rows.setdefault(f"{row.name}/{part}", fresh)

    def whole(self, row: Row) -> dict[str, Any]:
        """Return the state of a row, its parts together."""
        parts = [self.of(row, part) for part in range(row.parts)]
        return {
            "done": sum(part["done"] for part in parts),
            "wrong": [line for part in parts for line in part["wrong"]],
            "told": dict(sum((Counter(part["told"]) for part in parts), Counter())),
            "seconds": sum(part["seconds"] for part in parts),
            "over": all(part["over"] for part in parts),
        }

    def take(self, row: Row, part: int, piece: dict[str, Any], seconds: float) -> None:
        """Add a piece."""
        with self.lock:
            state = self.of(row, part)
            state["next"] = piece["number"]
            state["done"] += piece["weight"]
            state["wrong"] += piece["wrong"]
            state["told"] = dict(Counter(state["told"]) + Counter({piece["told"]: piece["weight"]}))
            state["seconds"] += seconds
            self.write()

    def write(self) -> None:
        """Put the state on disk; whoever calls holds the lock."""
        self.file.parent.mkdir(parents=True, exist_ok=True)
        part = self.file.with_suffix(".part")
        whole = {"commit": self.commit, "rows": self.rows}
        part.write_text(json.dumps(whole, indent=1), "utf-8")
        part.replace(self.file)


def work(name: str, base: Path, first: int, end: int) -> None:
    """Row process: do the pieces from `first` on, and tell of each in one line."""
    row = next(row for row in ROWS if row.name == name)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what is mounted is unmounted
    try:
        for piece in row.work(cleared(base), first, end):
            print(json.dumps(asdict(piece)), flush=True)
    except CannotHere as error:
        print(json.dumps({"cannot": str(error)}), flush=True)
        return
    print(json.dumps({"over": True}), flush=True)


def follow(row: Row, part: int, state: State, until: float) -> None:
    """Run the process of one part of a row until it is over or the time is up."""
    mine = state.of(row, part)
    if mine["over"]:
        return
    with tempfile.TemporaryDirectory(prefix="speechqa-") as base:
        command = [sys.executable, "-m", "tests.torture", "--row", row.name]
        command += ["--base", f"{base}/row", "--first", str(mine["next"])]
        command += ["--end", str(row.bounds(part)[1])]
        threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        environment = os.environ | threads | {"PYTHONPATH": str(ROOT)}
        if row.preload:
            try:
                environment["LD_PRELOAD"] = str(failing.built(Path(base)))
            except CannotHere as error:
                mine["told"] = {str(error): 1}
                return
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        clock = threading.Timer(max(0.0, until - time.monotonic()), process.terminate)
        clock.start()
        _listen(row, part, state, process)
        clock.cancel()
        if process.wait() not in (0, 143):
            mine["wrong"].append(f"the row's process ended with {process.returncode}")
    with state.lock:
        state.write()


def _listen(row: Row, part: int, state: State, process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    before = told_at = time.monotonic()
    for line in process.stdout:
        if not line.startswith("{"):
            continue
        piece = json.loads(line)
        now = time.monotonic()
        mine = state.of(row, part)
        if "over" in piece:
            mine["over"] = True
        elif "cannot" in piece:
            mine["told"] = {piece["cannot"]: 1}
        else:
            state.take(row, part, piece, now - before)
            if piece["wrong"] or now - told_at > TOLD_EVERY_S:
                told_at = now
                _tell(row, state.whole(row), piece["wrong"])
        before = now


def _tell(row: Row, so_far: dict[str, Any], wrong: list[str]) -> None:
    count = f"{so_far['done']} of {row.full or '?'}"
    print(f"{row.name}: {count}, {len(so_far['wrong'])} wrong {wrong or ''}", flush=True)


def table(state: State, command: str) -> str:
    """Return the figures as a Markdown table."""
    at = datetime.now(UTC).strftime("%d %B %Y, %H:%M UTC")
    lines = [
        f"`{command}`, {at}, commit {state.commit[:10]}, "
        f"{os.cpu_count()} cores, load {os.getloadavg()[2]:.0f}:",
        "",
        "| row | what | N | of | wrong | what became of them | minutes |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in ROWS:
        mine = state.whole(row)
        full = mine["done"] if mine["over"] and row.full is None else row.full
        told = "; ".join(
            f"{count} {text}" if count > 1 and count != mine["done"] else text
            for text, count in sorted(mine["told"].items())
        )
        cells = (
            row.name,
            row.what,
            f"{mine['done']:,}",
            "all" if full is None else f"{full:,}",
            len(mine["wrong"]),
            told or "not run",
            f"{mine['seconds'] / 60:.1f}",
        )
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines) + "\n"


def put_into(page: Path, text: str) -> None:
    """Put the table between its marks in a page."""
    whole = page.read_text("utf-8")
    before, rest = whole.split(BEGIN)
    _, after = rest.split(END)
    page.write_text(f"{before}{BEGIN}\n{text}{END}{after}", "utf-8")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--minutes", type=float, default=1e6, help="stop there, wherever it is")
    parser.add_argument("--rows", help="names, with commas between")
    parser.add_argument("--jobs", type=int, default=6, help="processes at the same time")
    parser.add_argument("--state", type=Path, default=STATE)
    parser.add_argument("--page", type=Path, help="page with the marks of the table")
    parser.add_argument("--json", type=Path, help="file for the figures")
    for name in ("--row", "--base", "--first", "--end"):
        parser.add_argument(name, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.row:
        work(given.row, Path(given.base), int(given.first), int(given.end))
        return
    command = ["git", "log", "-1", "--format=%H", "--", *TORTURED]
    head = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    state = State(given.state, head.stdout.strip() or "unknown")
    names = given.rows.split(",") if given.rows else [row.name for row in ROWS]
    todo = [row for row in ROWS if row.name in names]
    _run_all(todo, state, until=time.monotonic() + 60 * given.minutes, jobs=given.jobs)
    text = table(state, "make torture" if not given.rows else f"--rows {given.rows}")
    print(text)
    for row in todo:
        for line in state.whole(row)["wrong"][:10]:
            print(f"{row.name}: {line}")
    if given.json:
        given.json.write_text(state.file.read_text("utf-8"), "utf-8")
    if given.page:
        put_into(given.page, text)
    sys.exit(1 if any(state.whole(row)["wrong"] for row in todo) else 0)


def _run_all(todo: list[Row], state: State, *, until: float, jobs: int) -> None:
    waiting = [(row, part) for row in todo for part in range(row.parts)]
    waiting.sort(key=lambda item: item[0].name not in LONG)  # what cannot be shared out goes first
    lock = threading.Lock()

    def lane() -> None:
        while time.monotonic() < until:
            with lock:
                if not waiting:
                    return
                row, part = waiting.pop(0)
            print(f"{row.name}/{part}: begins at {state.of(row, part)['next']}", flush=True)
            follow(row, part, state, until)

    lanes = [threading.Thread(target=lane) for _ in range(jobs)]
    for one in lanes:
        one.start()
    for one in lanes:
        one.join()


if __name__ == "__main__":
    main()
