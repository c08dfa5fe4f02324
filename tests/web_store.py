"""A small store for the tests of the pages: made facts, real judging, no recogniser."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from functools import cache

import numpy as np
import soundfile

from speechqa.pipeline import CallFacts
from speechqa.pipeline.assess import assess
from speechqa.rulebook import load
from speechqa.settings import load_settings
from speechqa.store import open_store
from speechqa.store.assessments import assessments_table
from speechqa.transcript import Word

BASE = "http://127.0.0.1:8765"
TALK = [
    ("agent", "hello this is Acme how can I help you"),
    ("customer", "my order is late and I am angry"),
    ("agent", "I don't know shut up"),
    ("customer", "that is rude"),
    ("agent", "thank you for calling goodbye"),
]


@cache
def settings():
    return load_settings()


@cache
def book():
    return load("standard", settings().rules)


def made_call(number, *, talk=TALK, agent="AnnaP", queue="billing", **changes):
    """Return the facts of a made call: turns one after the other, 400 ms a word."""
    words, speech, at = [], {"agent": [], "customer": []}, 1000
    for party, text in talk:
        said = text.split()
        for place, one in enumerate(said):
            start = at + 400 * place
            words.append(Word(party, start, start + 380, one, 0.95))
        speech[party].append((at, at + 400 * len(said)))
        at += 400 * len(said) + 500
    facts = CallFacts(
        key=f"{number:032x}",
        call_id=f"call-{number}",
        path=f"calls/{number}.wav",
        size_bytes=1,
        mtime_ns=1,
        audio_sha256=None,
        config="test",
        status="scored",
        agent_id=agent,
        queue=queue,
        started_at=datetime(2025, 2, 1, 9) + timedelta(days=number % 5, minutes=number),
        duration_ms=at + 1000,
        channels=2,
        language="en",
        language_probability=1.0,
        grade="B",
        speech={p: np.array(s, dtype=np.int64).reshape(-1, 2) for p, s in speech.items()},
        words=tuple(words),
        peaks=dict.fromkeys(speech, bytes(range(200))),
    )
    return replace(facts, **changes)


def make_store(folder, calls):
    """Write calls, judged by the shipped standard; recordings lie beside the store."""
    store = open_store(str(folder / "store"), create=True)
    calls = list(calls)
    store.commit_calls(calls)
    store.commit_assessments(assessments_table(assess(calls, book(), settings().timing)))
    return store


def make_sound(path, facts, rate_hz=8000):
    """Write a recording as long as the call: a tone, so that silence is heard as such."""
    n = facts.duration_ms * rate_hz // 1000
    tone = (0.3 * np.sin(2 * np.pi * 300 * np.arange(n) / rate_hz)).astype(np.float32)
    soundfile.write(path, np.stack([tone, tone], axis=1), rate_hz, subtype="ULAW")
    return str(path)
