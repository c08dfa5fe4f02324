"""What the store costs as it grows: a commit, and reading one call of many.

    python -m benchmarks.store_reads --calls 10000

Commits made calls of 400 words in blocks of 32, as a run does, and prints the CPU time and the
bytes read of the first and the last commits; then what it costs to read one call by its key, to
find one by its name, and to list what is known: with the files as the commits left them, and
after ``speechqa store compact``. Bytes are those that the process asked the system for.
"""

from __future__ import annotations

import argparse
import hashlib
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from speechqa.pipeline import CallFacts
from speechqa.store import Store, open_store
from speechqa.store.upkeep import compact, tidy
from speechqa.transcript import Word

BLOCK = 32


def digest(text: str) -> str:
    """Return a key like those of calls."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def made(number: int) -> CallFacts:
    """Return a call of 5 minutes with 400 words."""
    rng = np.random.default_rng(number)
    spans = np.cumsum(rng.integers(200, 2000, (80, 2)).ravel()).reshape(-1, 2)
    words = tuple(
        Word("agent", 700 * n, 700 * n + 400, f"word{rng.integers(2000)}", 0.9) for n in range(400)
    )
    return CallFacts(
        key=digest(f"made {number}"),
        call_id=f"call-{number}",
        path=f"/recordings/2025/02/20/queue_GUID_{number:06d}_AGENT_A.wav",
        size_bytes=1,
        mtime_ns=number,
        audio_sha256=digest(f"bytes {number}") * 2,
        config="c",
        status="scored",
        duration_ms=400_000,
        speech={"agent": spans, "customer": spans + 100},
        words=words,
    )


def cost(work: Callable[[], object]) -> tuple[float, int]:
    """Return the CPU seconds and the bytes read of `work`."""
    read, before = _read_bytes(), time.process_time()
    work()
    return time.process_time() - before, _read_bytes() - read


def commits(store: Store, count: int) -> list[tuple[float, int]]:
    """Commit `count` calls in blocks; return what each block cost."""
    patterns = [made(n) for n in range(320)]
    costs = []
    for first in range(0, count, BLOCK):
        rows = [
            replace(
                patterns[n % 320],
                key=digest(str(n)),
                call_id=f"call-{n}",
                path=f"/recordings/2025/02/20/queue_GUID_{n:06d}_AGENT_A.wav",
                audio_sha256=digest(f"-{n}") * 2,
            )
            for n in range(first, min(count, first + BLOCK))
        ]
        costs.append(cost(lambda rows=rows: store.commit_calls(rows)))  # type: ignore[misc]
    return costs


def reads(store: Store, count: int) -> None:
    """Print what reading costs."""
    wanted = count // 3
    key = digest(str(wanted))
    works: dict[str, Callable[[], object]] = {
        "one call by key": lambda: store.calls([key]),
        "one call by name": lambda: store.find(f"call-{wanted}"),
        "what is known": store.known,
    }
    for name, work in works.items():
        work()
        seconds, read = cost(work)
        print(f"  {name:24} {seconds:7.3f} s CPU {read / 1e6:8.2f} MB read")


def main() -> None:
    """Fill a store and print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--calls", type=int, default=10_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(f"{folder}/store", create=True)
        costs = commits(store, given.calls)[1:]
        tenth = max(1, len(costs) // 10)
        for name, some in (("first", costs[:tenth]), ("last", costs[-tenth:])):
            seconds = statistics.median(c[0] for c in some)
            read = statistics.median(c[1] for c in some)
            print(f"{name} {tenth} commits: median {seconds:.3f} s CPU, {read / 1e6:.2f} MB read")
        for name, join in (("as committed", None), ("joined", tidy), ("compacted", compact)):
            if join is not None:
                seconds, _ = cost(lambda join=join: join(store))  # type: ignore[misc]
                print(f"{name} in {seconds:.1f} s CPU")
            files = [Path(uri) for uri in store.open_table("recordings").file_uris()]
            size = sum(file.stat().st_size for file in files) / 1e6
            print(f"{given.calls} calls {name}: {len(files)} files, {size:.1f} MB")
            reads(store, given.calls)


def _read_bytes() -> int:
    return int(Path("/proc/self/io").read_text("ascii").split()[1])


if __name__ == "__main__":
    main()
