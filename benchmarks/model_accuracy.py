"""How well the shipped model hears: the table of its model card.

    python -m benchmarks.model_accuracy                  everything
    python -m benchmarks.model_accuracy --dev            held-out text, not the reported set
    python -m benchmarks.model_accuracy --only sentences calls sounds

Sentences are read by the voices of the fixture calls, sent through a telephone line (8 kHz,
mu-law, 200 to 3600 Hz, noise at 30 dB) and recognised one by one by plain faster-whisper, int8
on the CPU, told the language except where language detection is the question. The calls go
through ``speechqa run``.
"""

from __future__ import annotations

import argparse
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soxr

from benchmarks.model_words import Tally, units
from models.recipe.grammar import lines
from models.recipe.line import wordless_sounds
from models.recipe.sentences import held_grammar, speakable
from models.recipe.split import is_held, reported_sentences
from speechqa.render import line
from speechqa.render.voices import say

ROOT = Path(__file__).parents[1]
VOICES = {
    "en": ("flite:slt", "flite:rms", "flite:awb", "espeak:en-us+m3", "espeak:en-gb-x-rp+f1"),
    "zh": tuple(f"espeak:cmn-latn-pinyin+{v}" for v in ("f1", "m1", "m3", "belinda")),
}
UNHEARD_VOICES = {
    "en": tuple(f"espeak:en-us+{v}" for v in ("f4", "m8", "Annie", "edward")),
    "zh": tuple(f"espeak:cmn-latn-pinyin+{v}" for v in ("f4", "m8", "Annie", "edward")),
}
RATES = {"en": (160, 190), "zh": (205, 240)}
WANTED = {("grammar", "en"): 4, ("grammar", "zh"): 5, ("free", "en"): 20, ("free", "zh"): 15}
EDGES = (0.0, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 1.001)
LEAD_S = 0.25


@dataclass(frozen=True, slots=True)
class Recorded:
    """A sentence as it came over the line: 16 kHz samples and the true word times."""

    lang: str
    samples: np.ndarray
    words: list[tuple[str, float, float, float]]


def recorded(text: str, lang: str, voices: tuple[str, ...], rng: random.Random) -> Recorded:
    """Read a sentence and send it over the telephone line."""
    voice, rate = rng.choice(voices), rng.uniform(*RATES[lang])
    said = say(text, voice=voice, rate_wpm=rate)
    narrow = line.resampled(said.samples.astype(np.float64), rate_hz=16_000)
    silence = np.zeros(int(LEAD_S * 8000))
    narrow = np.concatenate([silence, line.band_limit(narrow, low_hz=200, high_hz=3600), silence])
    noise = np.random.default_rng(rng.randrange(2**32)).standard_normal(len(narrow))
    narrow = narrow + noise * 10 ** ((-23 - 30) / 20)
    wide = soxr.resample(line.mu_law(narrow), 8000, 16_000).astype(np.float32)
    words = [
        (w.text, LEAD_S + w.start_ms / 1000, LEAD_S + w.end_ms / 1000, 1.0) for w in said.words
    ]
    return Recorded(lang, wide, words)


def heard(model: Any, sentence: Recorded, *, beam: int) -> list[tuple[str, float, float, float]]:
    """Words that faster-whisper hears in a sentence."""
    segments, _ = model.transcribe(
        sentence.samples,
        language=sentence.lang,
        beam_size=beam,
        without_timestamps=True,
        word_timestamps=True,
        condition_on_previous_text=False,
        temperature=0,
    )
    return [(w.word, w.start, w.end, w.probability) for s in segments for w in s.words]


def sentence_sets(lang: str, *, dev: bool, count: int) -> dict[str, list[str]]:
    """Sentences that training never saw: of the grammar, and freely written."""
    grammar = [s.text for s in held_grammar(lang, min(count, 150))]
    free = reported_sentences(lang)
    if dev:
        free = [s for s in lines(f"free_{lang}.txt") if is_held(s, lang) and speakable(s, lang)]
    return {"grammar": grammar, "free": free[:count]}


def measure_sentences(model: Any, arguments: argparse.Namespace) -> None:
    """Print error rates, word starts, language detection and calibration."""
    all_words, detected, asked = Tally(), 0, 0
    for lang in arguments.lang:
        sets = sentence_sets(lang, dev=arguments.dev, count=arguments.count)
        rows = [(name, VOICES[lang], texts) for name, texts in sets.items()]
        rows.append(("free, unheard voices", UNHEARD_VOICES[lang], sets["free"][:60]))
        for name, voices, texts in rows:
            rng, tally = random.Random(7), Tally()
            for text in texts:
                sentence = recorded(text, lang, voices, rng)
                said, got = sentence.words, heard(model, sentence, beam=arguments.beam)
                tally.add(units(said, lang), units(got, lang))
                if arguments.show and tally.count <= arguments.show:
                    print("   said ", " ".join(u.text for u in units(said, lang)))
                    print("   heard", " ".join(u.text for u in units(got, lang)))
                if name == "free":
                    detected += model.detect_language(sentence.samples)[0] == lang
                    asked += 1
            wanted = WANTED.get((name, lang))
            rate = 100 * (tally.error_rate or 0)
            print(
                f"{name:22s} {lang}  {'WER' if lang == 'en' else 'CER'} {rate:5.1f} %"
                f"  (wanted {f'<= {wanted} %' if wanted else '-'})"
                f"  {tally.exact}/{tally.count} sentences exact, {tally.said} units",
                flush=True,
            )
            if voices is VOICES[lang]:
                all_words += tally
    print(
        f"word starts: median {all_words.start_error_ms(50):.0f} ms (wanted <= 40),"
        f" p90 {all_words.start_error_ms(90):.0f} ms (wanted <= 120)"
    )
    print(f"language: {detected}/{asked} right (wanted all)")
    print("word probability, words, right:")
    for low, high, count, share in all_words.calibration(EDGES):
        print(f"  {low:.2f}-{min(high, 1):.2f}  {count:6d}  {_percent(share)}")
    print(f"  above 0.8: {_percent(all_words.right_above(0.8))} right (wanted >= 97 %)")


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"


def measure_sounds(model: Any) -> None:
    """Print in how many sounds without speech a word was heard."""
    from faster_whisper import BatchedInferencePipeline

    batched = BatchedInferencePipeline(model)
    rng = np.random.default_rng(99)
    t = np.arange(160_000) / 16_000
    sounds: list[Any] = [
        np.zeros(160_000),
        *(rng.standard_normal(160_000) * a for a in (0.001, 0.01, 0.1)),
    ]
    sounds += [
        0.05 * np.sin(2 * np.pi * hz * t) + 0.001 * rng.standard_normal(160_000)
        for hz in (50, 60, 440, 1000)
    ]
    sounds += wordless_sounds(seconds=10, seed=1234)
    invented = {"timestamps": 0, "no timestamps": 0, "batched": 0}
    for sound in sounds:
        samples = np.asarray(sound, np.float32)
        for name, bare in (("timestamps", False), ("no timestamps", True)):
            segments, _ = model.transcribe(samples, language="en", without_timestamps=bare)
            invented[name] += bool("".join(s.text for s in segments).strip())
        clips = [{"start": 0.0, "end": 10.0}]
        segments, _ = batched.transcribe(
            samples, language="zh", vad_filter=False, clip_timestamps=clips
        )
        invented["batched"] += bool("".join(s.text for s in segments).strip())
    found = ", ".join(f"{name} {count}" for name, count in invented.items())
    print(f"words invented in {len(sounds)} sounds without speech: {found} (wanted 0)")


def measure_calls(model: Path) -> None:
    """Print the figures of the fixture calls."""
    from benchmarks.model_calls import figures

    found = figures(ROOT / "fixtures", model)
    for lang, wanted in (("en", 10), ("zh", 8)):
        tally = found.words.get(lang)
        if tally is None:
            print(f"fixture calls {lang}: none could be measured")
            continue
        print(
            f"fixture calls {lang}: {_percent(tally.error_rate)} (wanted <= {wanted} %),"
            f" {tally.count // 2} calls, {tally.said} units,"
            f" word starts median {tally.start_error_ms(50):.0f} ms,"
            f" p90 {tally.start_error_ms(90):.0f} ms,"
            f" above 0.8 {_percent(tally.right_above(0.8))} right"
        )
    for name, rate in found.calls.items():
        print(f"  {name}: {_percent(rate)}")
    print(f"language of fixture calls: {found.languages_right}/{len(found.calls)} right")
    print(f"planted forbidden phrases: {found.found}/{found.planted} found (wanted >= 95 %)")
    print(f"forbidden phrases that nobody said: {found.false} (wanted 0)")
    for title, rows in (("missed", found.missed), ("invented", found.invented)):
        for row in rows:
            print(f"  {title}: {row}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=ROOT / "models" / "speechqa-tiny")
    parser.add_argument("--only", nargs="+", default=["sentences", "sounds", "calls"])
    parser.add_argument("--lang", nargs="+", default=["en", "zh"], help="of the sentences")
    parser.add_argument("--dev", action="store_true", help="free text from the training source")
    parser.add_argument("--count", type=int, default=220, help="sentences per set")
    parser.add_argument("--beam", type=int, default=5)
    parser.add_argument("--show", type=int, default=0, help="print so many sentences of each set")
    arguments = parser.parse_args()
    size = sum(path.stat().st_size for path in arguments.model.iterdir())
    print(f"{arguments.model.name}: {size / 1e6:.1f} MB")
    if "sentences" in arguments.only or "sounds" in arguments.only:
        from faster_whisper import WhisperModel

        model = WhisperModel(str(arguments.model), device="cpu", compute_type="int8", cpu_threads=1)
        if "sentences" in arguments.only:
            measure_sentences(model, arguments)
        if "sounds" in arguments.only:
            measure_sounds(model)
    if "calls" in arguments.only:
        measure_calls(arguments.model)


if __name__ == "__main__":
    main()
