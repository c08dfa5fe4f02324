"""The shipped model through plain faster-whisper: it loads, hears, and keeps silent."""

import json
import random
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from faster_whisper import BatchedInferencePipeline, WhisperModel

from benchmarks.model_accuracy import VOICES, heard, recorded
from benchmarks.model_words import Tally, units
from models.recipe.line import wordless_sounds

FOLDER = Path(__file__).parents[1] / "models" / "speechqa-tiny"
SENTENCES = {
    "en": (
        "Thank you for calling, how can I help you today?",
        "I can't help you with that.",
        "Please hold for a moment while I check your account.",
        "My parcel has not arrived and I am very unhappy.",
    ),
    "zh": (
        "您好，请问有什么可以帮您？",
        "这不关我的事，你自己去查。",
        "请您稍等一下，我帮您查询订单。",
        "我的快递一直没有收到。",
    ),
}
needs_voices = pytest.mark.skipif(
    not (shutil.which("espeak-ng") and shutil.which("flite")),
    reason="needs the synthesisers espeak-ng and flite",
)


@pytest.fixture(scope="module")
def model() -> WhisperModel:
    return WhisperModel(str(FOLDER), device="cpu", compute_type="int8", cpu_threads=1)


def test_the_folder_holds_a_whole_model_of_at_most_fifteen_megabytes() -> None:
    names = {path.name for path in FOLDER.iterdir()}
    assert names >= {"model.bin", "config.json", "tokenizer.json", "vocabulary.json"}
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) <= 15_000_000


def test_the_folder_names_alignment_heads_and_languages() -> None:
    config = json.loads((FOLDER / "config.json").read_text(encoding="utf-8"))
    assert config["alignment_heads"]
    assert config["lang_ids"] == list(range(50_259, 50_358))


@needs_voices
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_plain_sentences_over_a_telephone_line_are_understood(
    model: WhisperModel, lang: str
) -> None:
    rng, tally = random.Random(0), Tally()
    for text in SENTENCES[lang]:
        sentence = recorded(text, lang, VOICES[lang], rng)
        words = heard(model, sentence, beam=5)
        tally.add(units(sentence.words, lang), units(words, lang))
        assert model.detect_language(sentence.samples)[0] == lang
    assert tally.error_rate is not None
    assert tally.error_rate <= 0.35
    assert (tally.start_error_ms(50) or 0) <= 80


@needs_voices
def test_the_batched_pipeline_hears_the_same_words(model: WhisperModel) -> None:
    sentence = recorded(SENTENCES["en"][0], "en", VOICES["en"], random.Random(1))
    options: dict[str, Any] = {"language": "en", "without_timestamps": True}
    alone, _ = model.transcribe(sentence.samples, **options)
    clips = [{"start": 0.0, "end": len(sentence.samples) / 16_000}]
    batched, _ = BatchedInferencePipeline(model).transcribe(
        sentence.samples, vad_filter=False, clip_timestamps=clips, **options
    )
    assert " ".join(s.text.strip() for s in batched) == " ".join(s.text.strip() for s in alone)


def test_no_word_is_invented_where_nobody_speaks(model: WhisperModel) -> None:
    sounds = [np.zeros(48_000, np.float32), *wordless_sounds(seconds=3, seed=77)[::4]]
    for sound in sounds:
        segments, _ = model.transcribe(sound, language="en", without_timestamps=True)
        assert "".join(segment.text for segment in segments).strip() == ""
