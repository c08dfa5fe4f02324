"""The fixture calls through ``speechqa run``: words and forbidden phrases against the truth.

A forbidden phrase counts as said when the rulebook finds it in the true words, so that a hit is
false only if the recogniser made it up, not if the rulebook is strict.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from benchmarks.model_words import Tally, units
from speechqa.pipeline.assess import assess
from speechqa.pipeline.facts import CallFacts
from speechqa.rulebook import load
from speechqa.settings import Settings
from speechqa.store import open_store
from speechqa.transcript import Word

NEAR_MS = 1500


@dataclass
class CallFigures:
    """What the fixture calls show."""

    words: dict[str, Tally] = field(default_factory=dict)
    calls: dict[str, float | None] = field(default_factory=dict)
    planted: int = 0
    found: int = 0
    false: int = 0
    missed: list[str] = field(default_factory=list)
    invented: list[str] = field(default_factory=list)
    languages_right: int = 0


def figures(fixtures: Path, model: Path) -> CallFigures:
    """Run the fixtures through the command line and compare with their truth files."""
    truths = {
        path.stem: json.loads(path.read_text(encoding="utf-8"))
        for path in sorted((fixtures / "truth").glob("*.json"))
    }
    audio = [path for path in sorted((fixtures / "audio").iterdir()) if path.stem in truths]
    out = CallFigures()
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "speechqa.cli", "run", *map(str, audio)]
        command += ["--store", folder, "--model", str(model)]
        subprocess.run(command, check=False, capture_output=True)
        calls = open_store(folder).calls()
    pairs = [(call, truths[Path(call.path).stem]) for call in calls]
    for call, truth in pairs:
        _words(out, call, truth)
    _phrases(out, pairs)
    return out


def _usable(call: CallFacts, truth: dict[str, Any]) -> bool:
    return call.measured and truth.get("fault", "none") == "none"


def _words(out: CallFigures, call: CallFacts, truth: dict[str, Any]) -> None:
    if not _usable(call, truth):
        return
    lang = truth["language"]
    out.languages_right += call.language == lang
    tally = Tally()
    for party in ("agent", "customer"):
        said = [
            (w["text"], w["start_ms"] / 1000, w["end_ms"] / 1000, 1.0)
            for w in truth["words"]
            if w["party"] == party
        ]
        heard = [
            (w.text, w.start_ms / 1000, w.end_ms / 1000, w.probability)
            for w in call.words
            if w.party == party and w.flag != "no-speech"
        ]
        tally.add(units(said, lang), units(heard, lang))
    out.words[lang] = out.words.get(lang, Tally()) + tally
    out.calls[Path(call.path).stem] = tally.error_rate


def _true_facts(call: CallFacts, truth: dict[str, Any]) -> CallFacts:
    words = tuple(
        Word(w["party"], w["start_ms"], w["end_ms"], w["text"], 1.0) for w in truth["words"]
    )
    return replace(call, words=words, flags=())


def _forbidden(hits: Sequence[Any]) -> Iterator[Any]:
    return (hit for hit in hits if hit["outcome"] == "violated" and _spoken(hit))


def _spoken(hit: Any) -> bool:
    """Whether the evidence of a hit is words, not a silence or an overlap."""
    return bool(hit.get("quote")) and not hit["quote"].startswith("[")


def _phrases(out: CallFigures, pairs: Sequence[tuple[CallFacts, dict[str, Any]]]) -> None:
    pairs = [(call, truth) for call, truth in pairs if _usable(call, truth)]
    settings, book = Settings(), load("standard", Settings().rules)
    heard = assess([call for call, _ in pairs], book, settings.timing)
    said = assess([_true_facts(call, truth) for call, truth in pairs], book, settings.timing)
    for (_, truth), by_ear, by_truth in zip(pairs, heard, said, strict=True):
        for plant in truth["phrases"]:
            if plant["outcome"] != "violated":
                continue
            out.planted += 1
            if any(_same(hit, plant) for hit in _forbidden(by_ear.hits)):
                out.found += 1
            else:
                out.missed.append(f"{plant['rule']}: {plant['text']}")
        for hit in _forbidden(by_ear.hits):
            if not any(_same(hit, true) for true in _forbidden(by_truth.hits)):
                out.false += 1
                out.invented.append(f"{hit['rule']}: {hit['quote']}")


def _same(hit: Any, other: Any) -> bool:
    near = hit["start_ms"] < other["end_ms"] + NEAR_MS
    near = near and other["start_ms"] < hit["end_ms"] + NEAR_MS
    return bool(hit["rule"] == other["rule"] and hit["party"] == other["party"] and near)
