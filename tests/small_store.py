"""A store of a few made calls, and the search for a word that must not be in any byte of one."""

from __future__ import annotations

import glob
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from speechqa.pipeline import CallFacts
from speechqa.pipeline.assess import assess
from speechqa.rulebook import load
from speechqa.settings import load_settings
from speechqa.store import Store, open_store
from speechqa.store.assessments import assessments_table
from speechqa.store.reviews import REVIEWS
from speechqa.transcript import Word

CANARY = "zebrafinch"


def facts(number, *, caller=None, day="2025-02-17", word="hello", **more):
    """Return a call of 5 s."""
    made = CallFacts(
        key=f"key{number:04d}",
        call_id=f"call-{number}",
        path=f"in/{caller or 'x'}-{number}.wav",
        size_bytes=1,
        mtime_ns=1,
        audio_sha256=f"{number:064x}",
        config="c",
        status="scored",
        caller=caller,
        started_at=datetime.fromisoformat(day),
        duration_ms=5000,
        speech={"agent": np.array([[0, 500]]), "customer": np.array([[1000, 2000]])},
        words=(Word("agent", 0, 500, word, 0.9),),
    )
    return replace(made, **more)


def judged(*calls, quote=None):
    """Return their rows of ``assessments``; with a quote as the only hit of each if given."""
    settings = load_settings()
    made = assess(calls, load("starter", settings.rules), settings.timing)
    if quote is not None:
        made = [replace(one, hits=[{"rule": "greeting", "quote": quote}]) for one in made]
    return assessments_table(made)


def review(number, comment):
    """Return a row of ``reviews``."""
    row = dict.fromkeys(REVIEWS.names) | {
        "review_id": f"r{number}",
        "key": f"key{number:04d}",
        "rule": "greeting",
        "comment": comment,
        "reviewed_at": "2025-02-18T00:00:00+00:00",
    }
    return pa.Table.from_pylist([row], schema=REVIEWS)


def made_store(folder: Path) -> Store:
    """Make a store of five calls, judged."""
    made = open_store(str(folder), create=True)
    made.commit_calls([facts(n) for n in range(5)])
    made.commit_assessments(judged(*(facts(n) for n in range(5))))
    return made


def with_canary(folder: Path) -> Store:
    """Make a store in which one caller's call is named and quoted wherever a call can be."""
    store = made_store(folder)
    call = facts(7, caller=CANARY, day="2024-01-01", word=CANARY)
    store.commit_calls([call])
    store.commit_assessments(judged(call, quote=CANARY))
    store.append_reviews(review(7, f"{CANARY} again"))
    (folder / "runs").mkdir()
    row = {"path": call.path}
    account = {part: [row] for part in ("troubled", "passed_over", "unjudged")} | {
        "run_id": "r",
        "found": 1,
        "counts": {"scored": 1},
        "pending": [call.path, "in/b.wav"],
        "unused_rows": [{"line": 2, "key": f"{CANARY}.wav"}],
    }
    account["passed_over"].append({"path": f"/far/in/{CANARY}-7.wav.json"})
    (folder / "runs" / "r.json").write_text(json.dumps(account))
    lines = {
        "runs/r.jsonl": {"event": "call", "call": "call-7", "path": call.path},
        "attempts.jsonl": {"event": "done", "paths": [call.path, "in/x-1.wav"]},
        "access.jsonl": {"who": "Sue", "did": "search", "what": CANARY},
    }
    for name, line in lines.items():
        (folder / name).write_text(json.dumps(line) + "\n")
    return store


def has_canary(folder: str | Path) -> bool:
    """Whether the canary is in any byte below a folder, in a page of a Parquet file or a name."""
    raw = any(CANARY.encode() in data for data in _bytes_of(folder))
    files = glob.glob(f"{folder}/**/*.parquet", recursive=True)
    return raw or any(CANARY in str(pq.read_table(file).to_pylist()) for file in files)


def _bytes_of(folder: str | Path) -> Iterator[bytes]:
    for root, _, files in os.walk(folder):
        for name in files:
            yield name.encode()
            yield Path(root, name).read_bytes()
