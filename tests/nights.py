"""Helpers of the run tests: a night of short calls, a run over it, its canonical export."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import soundfile

from speechqa.batch.lock import refuse_if_held
from speechqa.batch.run import Run
from speechqa.discovery import discover
from speechqa.metadata import MetadataReader
from speechqa.rulebook import load
from speechqa.settings import load_settings
from speechqa.store import open_store
from speechqa.store.views import call_document


def cut(source: str, target: Path, *, start_s: float = 0.0, seconds: float = 12.0) -> Path:
    """Write a piece of a call as a new recording."""
    samples, rate = soundfile.read(source, always_2d=True)
    first = int(start_s * rate)
    soundfile.write(target, samples[first : first + int(seconds * rate)], rate, subtype="ULAW")
    return target


def night(folder: Path, sources: list[str], *, count: int) -> list[Path]:
    """Write `count` short calls, each with other content, named after their agents."""
    folder.mkdir(parents=True, exist_ok=True)
    made = []
    for number in range(count):
        agent = ("AnnaP", "DavidR", "MeiL")[number % 3]
        name = f"night_GUID_{number:04d}_AGENT_{agent}_DT_2025-03-0{number % 5 + 1}T09-00-00.wav"
        source = sources[number % len(sources)]
        made.append(cut(source, folder / name, start_s=number / 7, seconds=10 + number % 4))
    return made


def text_file(path: Path) -> Path:
    """Write a text where a recording should be."""
    path.write_text("this is not a recording\n")
    return path


def mono(source: str, target: Path) -> Path:
    """Write one channel of a call."""
    samples, rate = soundfile.read(source, always_2d=True)
    soundfile.write(target, np.asarray(samples[: 12 * rate, 0]), rate, subtype="PCM_16")
    return target


def settings_for(store: Path, *, workers: int = 2, engine: str = "stub", **groups: dict):
    """Return settings of a fast run."""
    return load_settings(
        store={"path": str(store), "commit_calls": 4},
        asr={"engine": engine} | groups.pop("asr", {}),
        run={"workers": workers} | groups.pop("run", {}),
        rules=groups.pop("rules", {"rulebook": "starter"}),
        **groups,
    )


def run_night(inputs: list[Path], store: Path, **options):
    """Run over `inputs` and return the account."""
    reader = MetadataReader(options.pop("metadata", None))
    retry = frozenset(options.pop("retry", ()))
    logs, metrics = options.pop("logs", ()), options.pop("metrics", ())
    refuse_if_held(store)
    settings = settings_for(store, **options)
    book = load(settings.rules.rulebook, settings.rules)
    run = Run(settings, book, open_store(str(store), create=True), reader, retry=retry)
    run.logs, run.metrics = logs, metrics
    found = discover(inputs)
    run.passed_over = found.skipped
    return run.over(found.paths)


def cluster_run(inputs: list[Path], store: str):
    """Run over `inputs` on the Ray cluster of this process."""
    settings = load_settings(
        store={"path": str(store)},
        asr={"engine": "stub"},
        run={"executor": "ray"},
        rules={"rulebook": "starter"},
    )
    book = load(settings.rules.rulebook, settings.rules)
    run = Run(settings, book, open_store(str(store), create=True), MetadataReader())
    return run.over(discover(inputs).paths)


def run_night_at(inputs: list[Path], uri: str, options: dict[str, str]):
    """Run over `inputs` into a store on object storage."""
    settings = load_settings(
        store={"path": uri, "options": options, "commit_calls": 2},
        asr={"engine": "stub"},
        run={"workers": 1},
        rules={"rulebook": "starter"},
    )
    book = load(settings.rules.rulebook, settings.rules)
    store = open_store(uri, create=True, storage_options=options)
    return Run(settings, book, store, MetadataReader()).over(discover(inputs).paths)


def canonical(store: Path) -> str:
    """Return everything that a run found, without clocks, paths and run ids, as sorted lines."""
    open_ = open_store(str(store))
    lines = []
    for facts in open_.calls():
        document = call_document(facts, open_.assessment_of(facts.key))
        document["path"] = document["path"].rsplit("/", 1)[-1]
        document["also_at"] = sorted(path.rsplit("/", 1)[-1] for path in document["also_at"])
        lines.append(json.dumps(document, sort_keys=True, ensure_ascii=False))
    return "\n".join(sorted(lines))
