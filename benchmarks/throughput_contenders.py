"""The contenders of the throughput benchmark: processes of their own that take turns.

`benchmarks.throughput_worker` is what runs in them. Knows nothing of what is made of the figures.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.figures import say

CORES = len(os.sched_getaffinity(0))
ROOT = Path(__file__).resolve().parents[1]


class Contender:
    """A worker process that runs when told to."""

    def __init__(self, config: dict[str, Any]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.throughput_worker", json.dumps(config)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        self._answer()

    def run(self) -> dict[str, Any]:
        """Run once and return the figures."""
        assert self._process.stdin
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        """Let the process end."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("a contender died; its message is above")
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextlib.contextmanager
def started(configs: dict[str, dict[str, Any]]) -> Iterator[dict[str, Contender]]:
    running = {}
    try:
        for name, config in configs.items():
            running[name] = Contender(config)
        yield running
    finally:
        for contender in running.values():
            contender.close()


def tune(base: dict[str, Any], files: Sequence[str]) -> dict[str, Any]:
    """Return the fastest layout of the peer, by CPU seconds, on a few recordings."""
    layouts = [{"workers": CORES, "cpu_threads": 1}, {"workers": 1, "cpu_threads": CORES}]
    best, least = {}, np.inf
    for layout in layouts:
        for batch_size in (4, 8, 16):
            config = base | layout | {"batch_size": batch_size, "files": list(files)}
            with started({"peer": config}) as running:
                running["peer"].run()
                cpu = running["peer"].run()["cpu_s"]
            say(f"  tuning {layout} batch {batch_size}: {cpu:.2f} CPU s")
            if cpu < least:
                best, least = layout | {"batch_size": batch_size}, cpu
    return best


def given_layout(text: str) -> dict[str, Any]:
    """Return a peer's layout as written on the command line.

    >>> given_layout("2,1,16")
    {'workers': 2, 'cpu_threads': 1, 'batch_size': 16}
    """
    workers, threads, batch = (int(part) for part in text.split(","))
    return {"workers": workers, "cpu_threads": threads, "batch_size": batch}


def compare(configs: dict[str, dict[str, Any]], rounds: int) -> dict[str, list[dict[str, Any]]]:
    results: dict[str, list[dict[str, Any]]] = {name: [] for name in configs}
    with started(configs) as running:
        for contender in running.values():
            contender.run()
        for number in range(rounds):
            for name in configs:
                results[name].append(running[name].run())
            say(f"  round {number + 1} of {rounds} done")
    return results
