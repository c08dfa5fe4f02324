"""R8: stored calls under another rulebook, without audio or model.

Makes a store of synthetic calls (sentences of the sample calls' truth, shuffled, with their speech
intervals), judged by the shipped standard, and times what `speechqa assess --diff` does after
several changes of the rulebook, and `speechqa assess` of calls that nobody has judged::

    python -m benchmarks.reassess --calls 100000
    python -m benchmarks.reassess --calls 10000 --only forbidden,everything,assess,judge

`--distinct` calls are different from each other; the others are copies under other keys, agents
and paths, since making and judging so many anew takes longer than everything that is timed. Memory
is the highest of the parent and of its processes, measured apart.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from speechqa.batch.differences import Differences, differences
from speechqa.batch.judge import judge_missing
from speechqa.pipeline import CallFacts
from speechqa.pipeline.assess import assess
from speechqa.rulebook import Rulebook, RulebookForm, load
from speechqa.settings import TimingSettings, load_settings
from speechqa.store import Store, open_store
from speechqa.store.assessments import assessments_table
from speechqa.store.rulebooks import keep_rulebook
from speechqa.store.schema import recordings_table
from speechqa.transcript import Word

TRUTH = Path(__file__).parents[1] / "fixtures" / "truth"
ROW_GROUP_CALLS = 128
AGENTS = 200


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
        agent_id=f"agent-{number % AGENTS}",
        duration_ms=at + 1000,
        channels=2,
        language=language,
        language_probability=1.0,
        grade="B",
        speech={p: np.array(s, dtype=np.int64).reshape(-1, 2) for p, s in speech.items()},  # type: ignore[misc]
        words=tuple(said),
    )


def fill(store: Store, book: Rulebook, calls: int, distinct: int, words: int) -> None:
    """Write calls and their assessments into a store, laid out as compacting does."""
    spoken = sentences()
    timing = TimingSettings()
    made = [synthetic_call(number, words, spoken) for number in range(min(distinct, calls))]
    facts = recordings_table(made, processed_at=datetime.now(UTC))
    parts = [made[first : first + 500] for first in range(0, len(made), 500)]
    verdicts = pa.concat_tables([assessments_table(assess(part, book, timing)) for part in parts])
    keep_rulebook(store, book)
    for first in range(0, calls, len(made)):
        numbers = range(first, min(first + len(made), calls))
        keys = pa.array([f"{number:032x}" for number in numbers])
        given = {
            "key": keys,
            "call_id": pa.array([f"call-{number}" for number in numbers]),
            "path": pa.array([f"calls/{number}.wav" for number in numbers]),
            "audio_sha256": pa.array([f"{number:064x}" for number in numbers]),
            "agent_id": pa.array([f"agent-{number % AGENTS}" for number in numbers]),
        }
        _append(store, "recordings", facts.slice(0, len(numbers)), given)
        _append(store, "assessments", verdicts.slice(0, len(numbers)), {"key": keys})


def _append(store: Store, name: str, rows: pa.Table, given: Mapping[str, pa.Array]) -> None:
    from deltalake import WriterProperties, write_deltalake

    for column, values in given.items():
        rows = rows.set_column(rows.schema.get_field_index(column), column, values)
    layout = WriterProperties(max_row_group_size=ROW_GROUP_CALLS)
    write_deltalake(store.open_table(name), rows, mode="append", writer_properties=layout)


def with_rule(book: Rulebook, rule_id: str, change: Callable[[dict[str, Any]], object]) -> Rulebook:
    """Return the rulebook with one rule changed."""
    data = book.form.model_dump(mode="json", by_alias=True, exclude_none=True)
    change(next(rule for rule in data["rules"] if rule["id"] == rule_id))
    return Rulebook(RulebookForm.model_validate(data))


def everywhere(book: Rulebook, *, kind: str | None = None) -> Rulebook:
    """Return the rulebook with every call rule, or every one of a kind, changed a little."""
    data = book.form.model_dump(mode="json", by_alias=True, exclude_none=True)
    for rule in data["rules"]:
        if kind in (None, rule["kind"]):
            rule["least_confidence"] = 0.31
    return Rulebook(RulebookForm.model_validate(data))


CHANGES: Mapping[str, tuple[str, Callable[[Rulebook], Rulebook]]] = {
    "nothing": ("nothing changed", lambda book: book),
    "phrase": (
        "a forbidden rule gains a phrase (neg-cant)",
        lambda book: with_rule(
            book,
            "neg-cant",
            lambda rule: (
                rule["find"][0]
                .setdefault("en", {})
                .setdefault("phrases", [])
                .append("hold for a moment")
            ),
        ),
    ),
    "required": (
        "the time of a required rule moves (greet-offer-help)",
        lambda book: with_rule(
            book, "greet-offer-help", lambda rule: rule.update(where={"first_s": 10})
        ),
    ),
    "limit": (
        "a limit moves (response-latency)",
        lambda book: with_rule(
            book,
            "response-latency",
            lambda rule: rule.update(at_most={"target": "1 s", "limit": "2 s"}),
        ),
    ),
    "weight": (
        "a weight changes: every score is made again",
        lambda book: with_rule(book, "neg-cant", lambda rule: rule.update(weight=7)),
    ),
    "forbidden": (
        "every forbidden rule changed",
        lambda book: everywhere(book, kind="forbidden"),
    ),
    "everything": ("every rule changed", everywhere),
}


def spent() -> float:
    """Return the seconds of processor time of this process and those that ended."""
    return sum(os.times()[:4])


def memory_mb() -> tuple[int, int]:
    """Return the highest resident memory so far, of this process and of its children."""
    return tuple(  # type: ignore[return-value]
        resource.getrusage(who).ru_maxrss // 1024
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )


def row(name: str, calls: int, seconds: float, cpu: float, more: str) -> None:
    own, children = memory_mb()
    of_all = 100_000 * seconds / calls
    print(
        f"{name:<52} {seconds:7.1f} s {1000 * cpu / calls:7.2f} ms {of_all:7.0f} s"
        f"  {own:5d} + {children:5d} MB  {more}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--calls", type=int, default=10_000)
    parser.add_argument("--distinct", type=int, default=2000)
    parser.add_argument("--words", type=int, default=200)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", default="nothing,phrase,required,limit,weight")
    parser.add_argument("--rulebook", default="standard")
    parser.add_argument("--store", help="folder to keep the calls in, filled when it is new")
    options = parser.parse_args()
    settings = load_settings(rules={"rulebook": options.rulebook})
    book = load(options.rulebook, settings.rules)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(options.store or f"{folder}/store")
        is_new = not path.exists()
        store = open_store(str(path), create=True)
        if is_new:
            fill(store, book, options.calls, options.distinct, options.words)
        print(
            f"{options.calls} calls ({min(options.distinct, options.calls)} different) of about "
            f"{options.words} words, {len(book.call_rules)} rules, {options.workers} workers\n"
            f"{'change':<52} {'wall':>9} {'CPU/call':>10} {'of 100,000':>9}  memory"
        )
        for name in options.only.split(","):
            before, start = spent(), time.monotonic()
            if name in ("assess", "judge"):
                text, more = (_assess if name == "assess" else _judge)(store, book, options)
            else:
                text, change = CHANGES[name]
                found: Differences = differences(
                    store, change(book), settings.timing, workers=options.workers
                )
                more = f"{len(found.calls)} calls change"
            row(text, options.calls, time.monotonic() - start, spent() - before, more)


def _assess(store: Store, book: Rulebook, options: Any) -> tuple[str, str]:
    """Judge all calls by a rulebook in which one phrase is new and store that, as `assess` does."""
    changed = CHANGES["phrase"][1](book)
    tally = judge_missing(store, changed, TimingSettings(), workers=options.workers)
    return "speechqa assess: the same phrase, and stored", f"{tally.count} calls judged"


def _judge(store: Store, book: Rulebook, options: Any) -> tuple[str, str]:
    """Judge all calls by another rulebook and store that, as `speechqa assess` does."""
    tally = judge_missing(store, everywhere(book), TimingSettings(), workers=options.workers)
    return "speechqa assess: every rule changed, judged and stored", f"{tally.count} calls judged"


if __name__ == "__main__":
    main()
