"""R8: a rulebook over stored calls again, without audio or model.

Makes a store of synthetic calls (sentences of the sample calls' truth, shuffled, with their
speech intervals), judges it by the shipped standard and prints calls per second::

    python -m benchmarks.reassess --calls 10000 --words 200 --workers 2
"""

from __future__ import annotations

import argparse
import json
import os
import random
import tempfile
import time
from pathlib import Path

import numpy as np

from speechqa.batch.judge import judge_missing
from speechqa.pipeline import CallFacts
from speechqa.rulebook import load
from speechqa.settings import load_settings
from speechqa.store import Store, open_store
from speechqa.transcript import Word

TRUTH = Path(__file__).parents[1] / "fixtures" / "truth"
WRITE_CALLS = 1000


def sentences() -> dict[str, list[tuple[str, list[str]]]]:
    """Return the turns of the sample calls: language to (party, words)."""
    found: dict[str, list[tuple[str, list[str]]]] = {"en": [], "zh": []}
    for file in sorted(TRUTH.glob("*.json")):
        truth = json.loads(file.read_text("utf-8"))
        for turn in truth["turns"]:
            text = turn["text"]
            words = text.split() if truth["language"] == "en" else list(text.replace(" ", ""))
            found[truth["language"]].append((turn["party"], words))
    return found


def synthetic_call(
    number: int, words: int, spoken: dict[str, list[tuple[str, list[str]]]]
) -> CallFacts:
    """Return the facts of one call of about `words` words."""
    draw = random.Random(number)
    language = "en" if draw.random() < 0.6 else "zh"
    step = 350 if language == "en" else 220
    said: list[Word] = []
    speech: dict[str, list[tuple[int, int]]] = {"agent": [], "customer": []}
    at = 500
    while len(said) < words:
        party, texts = draw.choice(spoken[language])
        for place, text in enumerate(texts):
            start = at + place * step
            said.append(Word(party, start, start + step - 20, text, draw.uniform(0.6, 1.0)))  # type: ignore[arg-type]
        end = at + len(texts) * step
        speech[party].append((at, end))
        at = end + draw.choice([300, 600, 900, 4000])
    return CallFacts(
        key=f"{number:032x}",
        call_id=f"call-{number}",
        path=f"calls/{number}.wav",
        size_bytes=1,
        mtime_ns=1,
        audio_sha256=f"{number:064x}",
        config="benchmark",
        status="scored",
        agent_id=f"agent-{number % 40}",
        duration_ms=at + 1000,
        channels=2,
        language=language,
        language_probability=1.0,
        grade="B",
        speech={p: np.array(s, dtype=np.int64).reshape(-1, 2) for p, s in speech.items()},  # type: ignore[misc]
        words=tuple(said),
    )


def fill(store: Store, calls: int, words: int) -> None:
    """Write synthetic calls into a store."""
    spoken = sentences()
    for first in range(0, calls, WRITE_CALLS):
        numbers = range(first, min(first + WRITE_CALLS, calls))
        store.commit_calls([synthetic_call(number, words, spoken) for number in numbers])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=4000)
    parser.add_argument("--words", type=int, default=200)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--rulebook", default="standard")
    options = parser.parse_args()
    settings = load_settings(rules={"rulebook": options.rulebook})
    book = load(options.rulebook, settings.rules)
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(f"{folder}/store", create=True)
        fill(store, options.calls, options.words)
        start, spent = time.monotonic(), os.times()
        tally = judge_missing(store, book, settings.timing, workers=options.workers)
        seconds, now = time.monotonic() - start, os.times()
    cpu = sum(now[:4]) - sum(spent[:4])
    rate = tally.count / seconds
    print(f"{1000 * cpu / tally.count:.1f} ms of CPU per call, workers included")
    print(
        f"calls {tally.count}, words per call {options.words}, workers {options.workers}, "
        f"rules {len(book.call_rules)}"
    )
    print(
        f"{seconds:.1f} s, {rate:.0f} calls per second, "
        f"{100_000 / rate:.0f} s for 100,000 calls at this rate"
    )


if __name__ == "__main__":
    main()
