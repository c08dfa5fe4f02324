"""How often the shipped standard is right, on labelled sentences and dialogues.

::

    python -m benchmarks.rule_accuracy [--part reported] [--rulebook standard] [--json]
    python -m benchmarks.rule_accuracy --heard [--model DIR]      # as the shipped model hears them
    python -m benchmarks.rule_accuracy --write-docs               # both, into docs/standard.md

Forbidden wording: precision and recall by section of the form and language. "charged" counts as
the score does, several forbidden rules on one span once; "each rule" takes every rule on its own.
"clean" sentences break nothing; an alarm on one of them is always false. Other rules: share of
right outcomes on dialogues. Sentences are written ones, by the author of the patterns: the figures
say what the patterns do to such wording, not how often a contact centre would meet it.

With --heard each sentence is spoken by a synthetic voice on a telephone line and judged by what the
model made of it (needs espeak-ng and flite). Errors are listed for the tuning part only.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from speechqa.rulebook import Rulebook, load
from speechqa.transcript import Word
from tests.accuracy.labelled import (
    LANGUAGES,
    PARTS,
    Counts,
    Sentence,
    Tally,
    dialogues,
    found_rules,
    sentences,
    tally_dialogues,
    tally_sentences,
)

RATE_HZ = 16_000
BATCH = 32
DOCS = Path(__file__).parents[1] / "docs" / "standard.md"
Heard = tuple[Word, ...]


def figures(counts: Counts) -> dict[str, Any]:
    return {
        "right": counts.hits,
        "false": counts.false,
        "missed": counts.missed,
        "precision": counts.precision,
        "recall": counts.recall,
    }


def clean_alarms(
    book: Rulebook, labelled: Sequence[Sentence], heard: Sequence[Sequence[Word]] | None
) -> dict[str, int]:
    given: Sequence[Sequence[Word] | None] = heard or [None] * len(labelled)
    pairs = [
        (one, words)
        for one, words in zip(labelled, given, strict=True)
        if not one.must and not one.may
    ]
    found = found_rules(book, [one.call(words) for one, words in pairs])
    return {"sentences": len(pairs), "alarmed": sum(bool(rules) for rules in found)}


def wording(
    book: Rulebook, part: str, heard: dict[str, list[Heard]] | None = None
) -> tuple[dict[str, Any], list[str]]:
    """Return the figures of forbidden wording of a part, and the errors."""
    report: dict[str, Any] = {}
    errors = []
    together = Tally()
    for lang in LANGUAGES:
        labelled = sentences(part, lang)
        words = heard[lang] if heard else None
        tally = tally_sentences(book, labelled, words)
        each = tally_sentences(book, labelled, words, strict=True)
        together.counts.update(tally.counts)
        errors += tally.errors
        report[lang] = {
            "sentences": len(labelled),
            "sections": {name: figures(c) for (name, _), c in sorted(tally.counts.items())},
            "charged": figures(tally.total()),
            "each_rule": figures(each.total()),
            "clean": clean_alarms(book, labelled, words),
        }
    report["all"] = {"charged": figures(together.total())}
    return report, errors


def outcomes(book: Rulebook, part: str) -> tuple[dict[str, Any], list[str]]:
    """Return the share of right outcomes on the dialogues of a part, and the errors."""
    labelled = dialogues(part)
    found = tally_dialogues(book, labelled)
    kinds = {
        f"{kind} {lang}": {"right": found.right[kind, lang], "of": due}
        for (kind, lang), due in sorted(found.due.items())
    }
    report = {
        "dialogues": len(labelled),
        "right": found.right.total(),
        "of": found.due.total(),
        "accuracy": found.accuracy,
        "kinds": kinds,
    }
    return report, found.errors


def hear(part: str, model: str | None) -> dict[str, list[Heard]]:
    """Speak each sentence of a part over a telephone line and return what the model hears."""
    from rich.console import Console
    from rich.progress import Progress

    from speechqa.asr import load_engine
    from speechqa.settings import AsrSettings

    engine = load_engine(AsrSettings(model=model) if model else AsrSettings())
    heard: dict[str, list[Heard]] = {}
    with Progress(console=Console(stderr=True)) as progress:
        for lang in LANGUAGES:
            labelled = sentences(part, lang)
            speaking = progress.add_task(f"{lang}: speaking", total=len(labelled))
            jobs = []
            with ThreadPoolExecutor(os.cpu_count()) as voices:  # each voice is a program of its own
                for job in voices.map(spoken, enumerate(labelled)):
                    jobs.append(job)
                    progress.advance(speaking)
            hearing = progress.add_task(f"{lang}: hearing", total=len(jobs))
            heard[lang] = []
            for first in range(0, len(jobs), BATCH):
                batch = jobs[first : first + BATCH]
                transcripts = {one.key: one for one in engine.transcribe(batch)}
                heard[lang] += [tuple(map(as_word, transcripts[job.key].words)) for job in batch]
                progress.advance(hearing, len(batch))
    return heard


def spoken(numbered: tuple[int, Sentence]) -> Any:
    """Return a sentence as the recogniser gets it; its voice follows from its number."""
    from benchmarks.model_accuracy import VOICES, recorded
    from speechqa import vad
    from speechqa.asr import SpeechJob
    from speechqa.settings import VadSettings

    number, one = numbered
    samples = recorded(one.text, one.lang, VOICES[one.lang], random.Random(7 + number)).samples
    speech = vad.speech(samples, RATE_HZ, VadSettings())
    spans = vad.asr_spans(speech, len(samples) * 1000 // RATE_HZ, VadSettings())
    return SpeechJob(str(number), samples, RATE_HZ, spans, speech, one.lang)


def as_word(heard: Any) -> Word:
    """Return a word of a channel as a word of the agent."""
    return Word("agent", heard.start_ms, heard.end_ms, heard.text, heard.probability, heard.flag)


def percent(value: float | None) -> str:
    return "   -  " if value is None else f"{value:6.1%}"


def row(name: str, f: dict[str, Any]) -> str:
    return (
        f"{name:<28}{percent(f['precision'])} {percent(f['recall'])}"
        f"{f['right']:7}{f['false']:7}{f['missed']:8}"
    )


def lines(report: dict[str, Any]) -> Iterator[str]:
    """Yield a report as text."""
    yield f"{report['part']} part, rulebook {report['rulebook']}, {report['words']}\n"
    yield f"{'forbidden wording':<27} precision recall  right  false  missed"
    for lang in LANGUAGES:
        of_lang = report["wording"][lang]
        for name, f in of_lang["sections"].items():
            yield row(f"{lang} {name}", f)
        yield row(f"{lang} charged", of_lang["charged"])
        yield row(f"{lang} each rule", of_lang["each_rule"])
        clean = of_lang["clean"]
        yield f"{lang} clean sentences: {clean['alarmed']} of {clean['sentences']} alarmed\n"
    yield row("all charged", report["wording"]["all"]["charged"])
    if "outcomes" in report:
        o = report["outcomes"]
        yield (
            f"\noutcomes on {o['dialogues']} dialogues: {o['right']} of {o['of']} right "
            f"({o['accuracy']:.1%})"
        )
        for name, f in o["kinds"].items():
            yield f"  {name:<14}{f['right']:4} of {f['of']}"


def measured(
    book: Rulebook, part: str, heard: dict[str, list[Heard]] | None
) -> tuple[dict[str, Any], list[str]]:
    """Return the report of a part, and its errors."""
    words = "as heard by the model" if heard else "exact text"
    report: dict[str, Any] = {"part": part, "rulebook": book.name, "words": words}
    report["wording"], errors = wording(book, part, heard)
    if heard is None:
        report["outcomes"], more = outcomes(book, part)
        errors += more
    return report, errors


def write(name: str, text: str) -> None:
    """Put a report between its marks in the page of the standard."""
    page = DOCS.read_text("utf-8")
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, found, rest = page.partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise SystemExit(f"{DOCS}: the marks {begin} and {end} are missing")
    DOCS.write_text(f"{before}{begin}\n```\n{text}\n```\n{end}{after}", "utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--part", choices=PARTS, default="reported")
    parser.add_argument("--rulebook", default="standard")
    parser.add_argument("--heard", action="store_true", help="judge what a model hears")
    parser.add_argument("--model", help="folder of the model; default: the shipped one")
    parser.add_argument("--json", action="store_true")
    parser.add_argument(
        "--write-docs", action="store_true", help="put both reports into docs/standard.md"
    )
    given = parser.parse_args(arguments)
    book = load(given.rulebook)
    if given.write_docs:
        by_name = {"exact": None, "heard": hear("reported", given.model)}
        for name, words in by_name.items():
            write(name, "\n".join(lines(measured(book, "reported", words)[0])))
        return 0
    heard = hear(given.part, given.model) if given.heard else None
    report, errors = measured(book, given.part, heard)
    if given.json:
        print(json.dumps(report, ensure_ascii=False, indent=1))
    else:
        print("\n".join(lines(report)))
    if given.part == "tuning" and not given.heard:
        print("\n".join(errors), file=sys.stderr)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
