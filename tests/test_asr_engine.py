"""The Whisper engine: one channel's words do not depend on its company; odd input is survived."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from speechqa.asr import Engine, SpeechJob, StubEngine, find_model
from speechqa.asr.loading import load_whisper
from speechqa.errors import UsageError
from speechqa.settings import AsrSettings

RATE = 8000
NOISE_MS, NOISE_P = 40, 0.03
"""Float noise of the engine: two steps of its clock, three hundredths of a probability."""


def babble(seed: int, duration_ms: int, rate: int = RATE) -> np.ndarray:
    """Voiced sounds with the formants of no word: a recogniser hears something in them."""
    rng = np.random.default_rng(seed)
    samples = duration_ms * rate // 1000
    pitch = 110 + 30 * np.sin(2 * np.pi * 3 * np.arange(samples) / rate + rng.uniform(0, 6))
    phase = np.cumsum(pitch) / rate
    out = np.zeros(samples)
    harmonics = np.arange(1, 28)
    at = 0
    while at < samples:
        length = int(rate * rng.uniform(0.08, 0.25))
        formants = rng.uniform([300, 900, 2200], [800, 2000, 3200])
        part = phase[at : at + length]
        weights = np.exp(-((harmonics[:, None] * 120 - formants) ** 2) / 4.5e4).sum(axis=1)
        voice = np.sin(2 * np.pi * harmonics * part[:, None]) @ weights
        out[at : at + len(part)] += voice * np.hanning(len(part)) * rng.uniform(0.3, 1)
        at += length - int(0.02 * rate)
    quiet = rng.normal(0, 1e-3, samples)
    return (0.2 * out / np.abs(out).max() + quiet).astype(np.float32)


def channel(seed: int, pieces: int, key: str | None = None, **changes) -> SpeechJob:
    rng = np.random.default_rng(seed)
    lengths, pauses = rng.integers(700, 6000, pieces), rng.integers(500, 2500, pieces)
    ends = np.cumsum(lengths + pauses)
    speech = np.stack([ends - lengths, ends], axis=1)
    duration_ms = int(ends[-1]) + 500
    samples = np.random.default_rng(seed + 1).normal(0, 1e-3, duration_ms * 8).astype(np.float32)
    for n, (start, end) in enumerate(speech.tolist()):
        samples[start * 8 : end * 8] += babble(seed * 100 + n, end - start)
    padded = np.clip(speech + np.array([-200, 200]), 0, duration_ms)
    return SpeechJob(key or f"call-{seed}", samples, RATE, padded, speech, **changes)


@pytest.fixture(scope="module")
def jobs() -> list[SpeechJob]:
    return [channel(seed, 1 + seed % 7) for seed in range(6)]


def folder_with_card(parent: Path, **card) -> str:
    folder = Path(shutil.copytree(find_model("speechqa-tiny").path, parent / "model"))
    (folder / "speechqa.json").write_text(json.dumps(card))
    return str(folder)


@pytest.fixture(scope="module", params=["exact", "buckets"])
def model(request, tmp_path_factory) -> str:
    short = {"short_windows": True, "max_window_s": 10, "spare_s": 0.2, "beam_size": 1}
    card = {"exact": {"beam_size": 1, "max_window_s": 15}, "buckets": short}[request.param]
    return folder_with_card(tmp_path_factory.mktemp(request.param), **card)


def engine(model: str, **changes) -> Engine:
    return load_whisper(AsrSettings(model=model, device="cpu", **{"threads": 2, **changes}))


def same(ours, theirs) -> None:
    """Compare two transcripts of one channel: same words, same flags, times within noise."""
    assert ours.key == theirs.key
    assert ours.language == theirs.language
    assert [w.text for w in ours.words] == [w.text for w in theirs.words]
    for a, b in zip(ours.words, theirs.words, strict=True):
        assert abs(a.start_ms - b.start_ms) <= NOISE_MS
        assert abs(a.end_ms - b.end_ms) <= NOISE_MS
        assert abs(a.probability - b.probability) <= NOISE_P


@pytest.fixture(scope="module")
def alone(model, jobs):
    recogniser = engine(model, threads=1, decode_batch=1, encode_batch=1)
    return {job.key: recogniser.transcribe([job])[0] for job in jobs}


@pytest.mark.parametrize(
    "changes",
    [
        {"decode_batch": 16, "threads": 1},
        {"decode_batch": 3, "encode_batch": 2, "threads": 2},
        {"decode_batch": 16, "encode_batch": 4, "threads": 4, "pool_s": 60},
    ],
    ids=lambda changes: "-".join(f"{k}={v}" for k, v in changes.items()),
)
def test_a_channel_is_heard_the_same_alone_and_in_any_company(model, jobs, alone, changes):
    recogniser = engine(model, **changes)
    for order in (jobs, jobs[::-1]):
        answers = recogniser.transcribe(order)
        assert [answer.key for answer in answers] == [job.key for job in order]
        for answer in answers:
            same(answer, alone[answer.key])


def test_babble_is_heard_as_words_on_the_channels_clock(alone, jobs):
    """Guards the tests of this file: silence would pass them all."""
    assert sum(len(answer.words) for answer in alone.values()) > 30
    for job in jobs:
        words = alone[job.key].words
        starts = [word.start_ms for word in words]
        assert starts == sorted(starts)
        for word in words:
            assert word.end_ms > word.start_ms
            inside = (job.spans[:, 0] <= word.start_ms) & (word.start_ms < job.spans[:, 1])
            assert inside.any()


def test_twice_the_same_is_byte_for_byte_the_same(model, jobs):
    recogniser = engine(model, threads=2, decode_batch=4)
    assert recogniser.transcribe(jobs) == recogniser.transcribe(jobs)


def test_rows_that_failed_are_tried_again_and_the_rest_stays_as_it_was(tmp_path, jobs):
    """With a limit that half the rows miss, retries are many and leave others alone."""
    model = folder_with_card(tmp_path, short_windows=True, max_window_s=10, beam_size=1)
    strict = {"log_probability": -0.15}
    batched = engine(model, decode_batch=16, **strict).transcribe(jobs)
    single = engine(model, decode_batch=1, threads=1, **strict)
    for job, answer in zip(jobs, batched, strict=True):
        same(answer, single.transcribe([job])[0])


def test_a_batch_too_large_for_the_devices_memory_is_halved(tmp_path, jobs, monkeypatch):
    model = folder_with_card(tmp_path, short_windows=True, max_window_s=10, beam_size=1)
    recogniser = engine(model, threads=1, decode_batch=16)
    expected = recogniser.transcribe(jobs)
    roomy = recogniser.decoder.generate
    refused = []

    def cramped(encoded, languages, window_s):
        if len(languages) > 2:
            refused.append(len(languages))
            raise RuntimeError("CUDA failed with error out of memory")
        return roomy(encoded, languages, window_s)

    monkeypatch.setattr(recogniser.decoder, "generate", cramped)
    for ours, theirs in zip(recogniser.transcribe(jobs), expected, strict=True):
        same(ours, theirs)
    assert refused


def test_an_error_of_the_engine_other_than_memory_is_not_hidden(shipped, monkeypatch):
    def broken(*given):
        raise RuntimeError("cuBLAS failed")

    monkeypatch.setattr(shipped.decoder, "generate", broken)
    with pytest.raises(RuntimeError, match="cuBLAS failed"):
        shipped.transcribe([channel(1, 2)])


@pytest.fixture(scope="module")
def shipped() -> Engine:
    return engine("speechqa-tiny", threads=1)


def test_given_languages_are_used_and_may_be_mixed_in_a_batch(shipped):
    pair = [channel(3, 3, "a", language="en"), channel(3, 3, "b", language="zh")]
    answers = shipped.transcribe(pair)
    assert [(a.language, a.language_probability) for a in answers] == [("en", 1.0), ("zh", 1.0)]
    for job, answer in zip(pair, answers, strict=True):
        same(answer, shipped.transcribe([job])[0])


def test_a_jobs_unknown_language_is_refused_with_those_that_there_are(shipped):
    with pytest.raises(UsageError, match="'xx' is not one of the model's"):
        shipped.transcribe([channel(1, 1, language="xx")])


def test_a_channel_without_speech_gives_no_words_and_no_language(shipped):
    nothing = np.zeros((0, 2), np.int64)
    silent = SpeechJob("a", np.zeros(8000, np.float32), RATE, nothing, nothing)
    (answer,) = shipped.transcribe([silent])
    assert (answer.words, answer.language, answer.windows) == ((), None, 0)


def test_no_jobs_give_no_answers(shipped):
    assert shipped.transcribe([]) == []


def seconds(signal) -> np.ndarray:
    return signal(np.arange(RATE * 6) / RATE).astype(np.float32)


@pytest.mark.parametrize(
    "signal",
    [
        lambda t: np.zeros_like(t),
        lambda t: np.full_like(t, 0.5),
        lambda t: 0.05 * np.sin(2 * np.pi * 50 * t),
        lambda t: 0.3 * np.sin(2 * np.pi * 440 * t),
        lambda t: 0.2 * (np.sin(2 * np.pi * 440 * t) + np.sin(2 * np.pi * 480 * t)),
        lambda t: 0.2 * np.sin(2 * np.pi * 425 * t) * (t % 5 < 1),
        lambda t: np.random.default_rng(0).normal(0, 0.05, len(t)),
    ],
    ids=["silence", "dc", "hum", "tone", "ringback", "ringback-cadence", "hiss"],
)
def test_nothing_is_heard_where_nobody_speaks_even_if_sent(shipped, signal):
    """The detector was wrong: the recogniser must not make words of it."""
    span = np.array([[0, 6000]])
    (answer,) = shipped.transcribe([SpeechJob("a", seconds(signal), RATE, span, span)])
    assert answer.words == ()
    assert answer.language is None


@pytest.mark.parametrize("rate", [11025, 16000, 44100])
def test_other_rates_are_resampled(shipped, rate):
    span = np.array([[0, 3000]])
    samples = babble(5, 3000, rate)
    (answer,) = shipped.transcribe([SpeechJob("a", samples, rate, span, span)])
    assert answer.windows == 1
    assert all(0 <= word.start_ms < word.end_ms <= 3000 for word in answer.words)


def test_a_long_channel_without_a_pause_is_cut_and_heard(shipped):
    span = np.array([[0, 42_000]])
    (answer,) = shipped.transcribe([SpeechJob("a", babble(8, 42_000), RATE, span, span)])
    assert answer.windows >= 2
    assert all(word.end_ms <= 42_000 for word in answer.words)


def test_the_stub_hears_the_same_in_the_same_samples_only():
    stub = StubEngine()
    first, second = channel(1, 3, "a"), channel(2, 3, "a")
    assert stub.transcribe([first]) == stub.transcribe([first])
    assert stub.transcribe([first])[0].words != stub.transcribe([second])[0].words
    assert isinstance(stub, Engine)
