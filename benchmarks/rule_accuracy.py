"""How often the shipped standard is right, on labelled sentences and dialogues.

::

    python -m benchmarks.rule_accuracy [--part reported] [--rulebook standard] [--json]
    python -m benchmarks.rule_accuracy --heard [--model DIR]      # as the shipped model hears them

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
import random
import sys
from collections.abc import Sequence
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
    pairs = [
        (one, words)
        for one, words in zip(labelled, heard or [None] * len(labelled), strict=True)
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
    from benchmarks.model_accuracy import VOICES, recorded
    from speechqa import vad
    from speechqa.asr import SpeechJob, load_engine
    from speechqa.settings import AsrSettings, VadSettings

    engine = load_engine(AsrSettings(model=model) if model else AsrSettings())
    heard: dict[str, list[Heard]] = {}
    for lang in LANGUAGES:
        rng = random.Random(7)
        jobs = []
        for number, one in enumerate(sentences(part, lang)):
            samples = recorded(one.text, lang, VOICES[lang], rng).samples
            speech = vad.speech(samples, RATE_HZ, VadSettings())
            spans = vad.asr_spans(speech, len(samples) * 1000 // RATE_HZ, VadSettings())
            jobs.append(SpeechJob(str(number), samples, RATE_HZ, spans, speech, lang))
        transcripts = {one.key: one for one in engine.transcribe(jobs)}
        heard[lang] = [tuple(map(as_word, transcripts[job.key].words)) for job in jobs]
    return heard


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


def show(report: dict[str, Any]) -> None:
    print(f"{report['part']} part, rulebook {report['rulebook']}, {report['words']}\n")
    print(f"{'forbidden wording':<27} precision recall  right  false  missed")
    for lang in LANGUAGES:
        of_lang = report["wording"][lang]
        for name, f in of_lang["sections"].items():
            print(row(f"{lang} {name}", f))
        print(row(f"{lang} charged", of_lang["charged"]))
        print(row(f"{lang} each rule", of_lang["each_rule"]))
        clean = of_lang["clean"]
        print(f"{lang} clean sentences: {clean['alarmed']} of {clean['sentences']} alarmed\n")
    print(row("all charged", report["wording"]["all"]["charged"]))
    if "outcomes" in report:
        o = report["outcomes"]
        print(f"\noutcomes on {o['dialogues']} dialogues: {o['right']} of {o['of']} right", end="")
        print(f" ({o['accuracy']:.1%})")
        for name, f in o["kinds"].items():
            print(f"  {name:<14}{f['right']:4} of {f['of']}")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--part", choices=PARTS, default="reported")
    parser.add_argument("--rulebook", default="standard")
    parser.add_argument("--heard", action="store_true", help="judge what a model hears")
    parser.add_argument("--model", help="folder of the model; default: the shipped one")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args(arguments)
    book = load(given.rulebook)
    heard = hear(given.part, given.model) if given.heard else None
    words = "as heard by the model" if heard else "exact text"
    report: dict[str, Any] = {"part": given.part, "rulebook": book.name, "words": words}
    report["wording"], errors = wording(book, given.part, heard)
    if heard is None:
        report["outcomes"], more = outcomes(book, given.part)
        errors += more
    if given.json:
        print(json.dumps(report, ensure_ascii=False, indent=1))
    else:
        show(report)
    if given.part == "tuning" and heard is None:
        print("\n".join(errors), file=sys.stderr)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
