"""Labelled calls through the whole product, one by one, each against its reference.

Nothing is stored. A call that cannot be processed or found is an answer too: it says why, and the
other calls go on.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from speechqa.asr import Engine
from speechqa.discovery import ENDINGS
from speechqa.errors import CallError, InputMissing
from speechqa.evaluation.figures import Figures, compare_call
from speechqa.evaluation.labels import Reference, read_references
from speechqa.metadata import CallMetadata
from speechqa.pipeline import CallFacts, Source
from speechqa.pipeline.assess import assess
from speechqa.pipeline.prepare import prepare
from speechqa.pipeline.transcribe import transcribe
from speechqa.rttm import Speakers
from speechqa.rulebook import Rulebook
from speechqa.settings import Settings

_SLACK_MS = 100
LABEL_ENDINGS = (".rttm", ".textgrid", ".json")


@dataclass(frozen=True)
class Evaluated:
    """One labelled call and what came of it.

    Parameters
    ----------
    name
        The recording's name.
    figures
        None where the call could not be compared.
    problem
        Why it could not; empty when it could.
    notes
        What was repaired in the reference.
    """

    name: str
    figures: Figures | None
    problem: str = ""
    notes: tuple[str, ...] = ()


def find_labels(given: Sequence[str]) -> list[str]:
    """Return the labels files named or lying in folders, in order.

    Raises
    ------
    InputMissing
        A path does not exist, or a folder holds no labels.
    """
    found: list[str] = []
    for name in given:
        path = Path(name)
        if not path.is_dir():
            if not path.exists():
                raise InputMissing(f"{name}: no such file or folder", hint="check the path")
            found.append(name)
            continue
        inside = sorted(p for p in path.rglob("*") if p.suffix.lower() in LABEL_ENDINGS)
        if not inside:
            raise InputMissing(
                f"{name}: no labels in this folder", hint="labels end in .rttm, .TextGrid or .json"
            )
        found += [str(p) for p in inside]
    return found


def evaluate_calls(
    labels: Sequence[str],
    *,
    folder: str | None,
    speakers: Speakers,
    settings: Settings,
    engine: Engine | None,
    book: Rulebook | None,
) -> Iterator[Evaluated]:
    """Process each labelled call and compare it with its reference.

    Parameters
    ----------
    labels
        Paths of labels files.
    folder
        Where the audio lies, searched through; None for beside each labels file.
    speakers
        Which labels are the agent and the customer.
    settings
        Of the whole product.
    engine
        The recogniser; None to leave words and rules out.
    book
        The rulebook; None to leave rules out.
    """
    stems = None if folder is None else _stems(Path(folder))
    for path in labels:
        try:
            references = read_references(path, speakers)
        except (CallError, InputMissing) as error:
            yield Evaluated(path, None, _said(error))
            continue
        for reference in references:
            try:
                audio = _audio(reference, stems)
                facts = _process(audio, reference.name, settings, engine)
                judged = assess([facts], book, settings.timing) if book and engine else []
                figures = compare_call(
                    reference, facts, judged[0] if judged else None, settings.timing
                )
            except (CallError, InputMissing) as error:
                yield Evaluated(reference.name, None, _said(error), reference.notes)
            else:
                notes = reference.notes + _beyond(reference, facts.duration_ms)
                yield Evaluated(reference.name, figures, notes=notes)


def _beyond(reference: Reference, duration_ms: int) -> tuple[str, ...]:
    """Say when labels go on after the recording: it is cut short, or another one is meant."""
    end_ms = max(
        (int(spans[-1, 1]) for spans in reference.speech.values() if len(spans)), default=0
    )
    if end_ms <= duration_ms + _SLACK_MS:
        return ()
    beyond_s = (end_ms - duration_ms) / 1000
    return (f"labels go on {beyond_s:.1f} s after the end of the recording: left out",)


def _process(audio: Path, name: str, settings: Settings, engine: Engine | None) -> CallFacts:
    state = os.stat(audio)
    source = Source(str(audio), state.st_size, state.st_mtime_ns)
    ready = prepare(source, CallMetadata(call_id=name), settings, config="evaluation")
    return ready.facts if engine is None else transcribe([ready], engine, settings)[0]


def _audio(reference: Reference, stems: dict[str, Path] | None) -> Path:
    if stems is None:
        stems = {
            p.stem: p
            for p in sorted(Path(reference.path).parent.iterdir())
            if p.suffix.lower() in ENDINGS
        }
    found = stems.get(reference.name) or stems.get(reference.label or "")
    if found is None:
        raise InputMissing(
            f"{reference.path}: no recording named {reference.name} was found",
            hint="put it beside the labels under the same name, or say where with --audio DIR",
        )
    return found


def _stems(folder: Path) -> dict[str, Path]:
    if not folder.is_dir():
        raise InputMissing(f"{folder}: no such folder", hint="check --audio")
    return {p.stem: p for p in sorted(folder.rglob("*")) if p.suffix.lower() in ENDINGS}


def _said(error: CallError | InputMissing) -> str:
    return error.message if error.hint is None else f"{error.message}; {error.hint}"
