"""Nights with poison in them, and one worker for very many files."""

from __future__ import annotations

import ctypes
import json
import multiprocessing
import os
import signal
import statistics
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from speechqa.batch.work import CallTask, GroupTask, make_worker
from speechqa.batch.workers import Died, Done, Workers
from speechqa.faults import POISON, POISONS
from speechqa.metadata import CallMetadata
from speechqa.pipeline import Source
from speechqa.store import open_store
from tests.conftest import AUDIO
from tests.nights import cut, run_night, settings_for

CAUSES = {
    "segfault": "worker-crash",
    "abort": "worker-crash",
    "exit": "worker-crash",
    "memory": "worker-memory",
    "hang": "worker-hang",
    "killed": "worker-killed",
    "error": "worker-error",
    "unpicklable": "worker-error",
}
FAST: dict[str, Any] = {
    "vad": {"detector": "webrtc"},
    "run": {"deadline_s": 12.0, "worker_memory_mb": 1200},
}


def poisoned_night(folder: Path, *, count: int) -> list[Path]:
    """Write `count` calls of 3 s; one of each kind of poison among them, spread evenly."""
    folder.mkdir(parents=True)
    sources = sorted(map(str, AUDIO.glob("*.wav")))
    step = count // len(POISONS)
    kinds = {step * place + place % step: kind for place, kind in enumerate(POISONS)}
    made = []
    for number in range(count):
        kind = kinds.get(number)
        stage = "transcribe-" if kind in ("abort", "error") else ""
        tag = f"_POISON-{stage}{kind}" if kind else ""
        path = folder / f"n_GUID_{number:04d}_AGENT_A{tag}.wav"
        start_s = 1 + number // len(sources) % 20 + number / 1000
        made.append(cut(sources[number % len(sources)], path, start_s=start_s, seconds=3))
    return made


def kind_of(path: str) -> str | None:
    """Return the poison in a recording's name."""
    name = path.rsplit("/", 1)[-1].partition("_POISON-")[2]
    return name.removeprefix("transcribe-").removesuffix(".wav") or None


def deaths(store: Path) -> Counter[str]:
    """Return how often a worker died of each recording, in all runs."""
    lines = (store / "attempts.jsonl").read_text("utf-8").splitlines()
    events = [json.loads(line) for line in lines]
    return Counter(path for e in events if e["event"] == "died" for path in e["paths"])


def outcomes(store: Path) -> dict[str, tuple[str, str | None]]:
    """Return status and reason code by path."""
    return {c.path: (c.status, c.reason_code) for c in open_store(str(store)).calls()}


def make_measured(*arguments: Any) -> Any:
    """Do what a worker does, and answer with the memory that the process holds (bytes)."""
    work = make_worker(*arguments)

    def measured(task: GroupTask, report: Any) -> int:
        work(task, report)
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    return measured


def memory_of_one_worker(files: list[Path], count: int, store: Path) -> list[int]:
    """Return what one worker holds after each of `count` recordings."""
    settings = settings_for(store, workers=1, vad={"detector": "webrtc"})
    held = []
    with Workers(make_measured, (settings, "c", "r"), 1, lambda _: 300.0) as pool:
        for number in range(count):
            file = files[number % len(files)]
            stat = file.stat()
            source = Source(str(file), stat.st_size, stat.st_mtime_ns)
            pool.start(GroupTask((CallTask(source, CallMetadata(call_id=file.name)),)))
            while pool.busy:
                for ended in pool.results(timeout_s=5):
                    assert isinstance(ended, Done), ended
                    held.append(ended.answer)
    return held


def drift(held: list[int]) -> float:
    """Return the growth from the second tenth to the last, as a share."""
    tenth = max(1, len(held) // 10)
    return statistics.median(held[-tenth:]) / statistics.median(held[tenth : 2 * tenth]) - 1


def growth(base: Path, count: int) -> tuple[float, int]:
    """Return how much a worker grew over `count` recordings, and the bytes it held at the end."""
    files = [
        cut(str(path), base / path.name, start_s=2, seconds=4)
        for path in sorted(AUDIO.glob("*.wav"))
    ]
    held = memory_of_one_worker(files, count, base / "none")
    return drift(held), held[-1]


def night_of(base: Path, count: int) -> tuple[str, list[str]]:
    """Run twice over a night with poison, and again without; return figures and what is wrong."""
    os.environ[POISON] = "1"
    poisoned_night(base / "in", count=count)
    first = run_night([base / "in"], base / "store", **FAST)
    run_night([base / "in"], base / "store", **FAST)
    ended = outcomes(base / "store")
    tried = deaths(base / "store")
    poisons = {path: kind for path in ended if (kind := kind_of(path))}
    wrong = [
        f"{kind}: {ended[path]}"
        for path, kind in poisons.items()
        if ended[path] != ("quarantined", CAUSES[kind])
    ]
    most = max(tried[path] for path in poisons)
    if most > 2:
        wrong.append(f"a poison killed {most} workers")
    if len(poisons) != len(POISONS) or first.counts["scored"] != count - len(POISONS):
        wrong.append(first.equation)
    if left := multiprocessing.active_children():
        wrong.append(f"{len(left)} workers left")
    del os.environ[POISON]
    again = run_night([base / "in"], base / "store", retry=("quarantined",), **FAST)
    if again.counts["scored"] != count:
        wrong.append(f"without poison: {again.equation}")
    return f"{first.equation}; at most {most} deaths each; then {again.equation}", wrong


def make_hanging(*_: object) -> Callable[[str, object], None]:
    """Return work that never ends, in C, and hears no request to end."""

    def work(task: str, report: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        while True:
            ctypes.CDLL(None).pause()

    return work


def lateness_of_a_hang(*, deadline_s: float = 0.5) -> tuple[float, list[str]]:
    """Return how long after its deadline a hanging worker was gone, and what is wrong."""
    with Workers(make_hanging, (), 1, lambda _: deadline_s, start_method="fork") as pool:
        pool.start("hang")
        while not pool._workers[0].ready:
            assert not list(pool.results(timeout_s=0.01))
        due = pool._workers[0].deadline
        ended: list[object] = []
        while not ended:
            ended = list(pool.results())
        late_s = time.monotonic() - due
        left = multiprocessing.active_children()
    wrong = [f"{late_s:.1f} s late"] if late_s > 10 else []
    wrong += [f"{len(left)} processes left"] if left else []
    if not (isinstance(ended[0], Died) and ended[0].cause == "hang"):
        wrong.append(f"not told as a hang: {ended[0]}")
    return late_s, wrong
