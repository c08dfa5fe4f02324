"""A store of synthetic calls for the pages: forty agents, four queues, a month, judged.

Sentences are those of the sample calls, shuffled; recordings there are none, so nothing can be
played::

    python -m benchmarks.web_load_store /path/to/store --calls 10000
"""

from __future__ import annotations

import argparse
import random
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np

from benchmarks.reassess import sentences, synthetic_call
from speechqa.batch.judge import judge_missing
from speechqa.pipeline import CallFacts
from speechqa.rulebook import load
from speechqa.settings import load_settings
from speechqa.store import Store, open_store
from speechqa.store.upkeep import compact

FIRST = (
    "Anna Ben Carla David Elif Femi Grace Hugo Ines Jonas Keiko Liam Mei Noor Omar Priya Quinn "
    "Rosa Sven Tara"
).split()
LAST = "Okafor Brandt Li Novak Silva Wang Haddad Kim".split()
AGENTS = [f"{FIRST[i % 20]}{LAST[(i * 3) % 8]}" for i in range(40)]
QUEUES = ["billing", "sales", "support", "returns"]
PEAK_MS = 50
WRITE_CALLS = 1000
"""Calls committed at once; a run commits fewer, which compacting evens out."""


def made_call(number: int, words: int, spoken: dict) -> CallFacts:  # type: ignore[type-arg]
    """Return one call of a night; every 97th one was quarantined."""
    draw = random.Random(number + 7)
    plain = synthetic_call(number, words, spoken)
    start = datetime(2025, 2, 1, 8) + timedelta(
        days=draw.randrange(28), minutes=draw.randrange(600)
    )
    # The last agent is new: too few calls for a rank.
    agent = AGENTS[number % 39] if number % 400 else AGENTS[39]
    known = replace(plain, agent_id=agent, queue=draw.choice(QUEUES), started_at=start)
    if number % 97 == 0:
        return replace(
            known,
            status="quarantined",
            reason_code="worker-died",
            reason="the worker died twice on this recording",
            grade="D",
            words=(),
            speech={},
        )
    return replace(known, peaks=_peaks(known))


def _peaks(call: CallFacts) -> dict[str, bytes]:
    noise = np.random.default_rng(int(call.key, 16))
    made = {}
    for party, speech in call.speech.items():
        peaks = (noise.random(call.duration_ms // PEAK_MS + 1) * 6).astype(np.uint8)
        for start, end in speech // PEAK_MS:
            peaks[start:end] = 60 + noise.random(len(peaks[start:end])) * 150
        made[str(party)] = peaks.tobytes()
    return made


def make_store(uri: str, *, calls: int, words: int) -> Store:
    """Write, judge and compact `calls` calls of about `words` words each."""
    store, spoken, settings = open_store(uri, create=True), sentences(), load_settings()
    for first in range(0, calls, WRITE_CALLS):
        last = min(calls, first + WRITE_CALLS)
        store.commit_calls([made_call(n, words, spoken) for n in range(first, last)])
    judge_missing(store, load("standard", settings.rules), settings.timing, workers=1)
    compact(store)
    return store


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("store")
    parser.add_argument("--calls", type=int, default=10_000)
    parser.add_argument("--words", type=int, default=150)
    options = parser.parse_args()
    make_store(options.store, calls=options.calls, words=options.words)


if __name__ == "__main__":
    main()
