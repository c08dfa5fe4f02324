"""Log-mel features against faster-whisper's own, and what packing does to samples."""

from __future__ import annotations

import numpy as np
import pytest
from faster_whisper.feature_extractor import FeatureExtractor

from speechqa.asr.features import log_mel, padded_features, quietest_ms, window_samples
from speechqa.asr.interface import SpeechJob
from speechqa.asr.packing import pack
from speechqa.audio import resample

THEIRS = FeatureExtractor()


def voiced(seconds: float, rate: int, seed: int = 0) -> np.ndarray:
    """A buzz with formants that come and go: a spectrum like speech's, without anyone's voice."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(seconds * rate)) / rate
    phase = np.cumsum(120 + 20 * np.sin(2 * np.pi * 2 * t)) / rate
    buzz = sum(np.sin(2 * np.pi * k * phase) / k for k in range(1, 25))
    syllables = np.clip(np.sin(2 * np.pi * 3.1 * t), 0, None)
    return (0.1 * buzz * syllables + rng.normal(0, 1e-3, len(t))).astype(np.float32)


def test_features_at_16_khz_are_those_of_faster_whisper():
    samples = voiced(7.3, 16000)
    ours = log_mel(samples, 16000, THEIRS.mel_filters)
    theirs = THEIRS(samples)[..., :-1]
    assert ours.shape == theirs.shape
    np.testing.assert_allclose(ours, theirs, atol=2e-5)


def test_features_straight_from_8_khz_are_those_of_resampled_audio():
    samples = voiced(20, 8000)
    ours = log_mel(samples, 8000, THEIRS.mel_filters)
    theirs = THEIRS(resample(samples, 8000, 16000))[..., :-1]
    difference = np.abs(ours - theirs)
    assert difference.mean() < 1e-3
    assert np.quantile(difference, 0.999) < 0.1


@pytest.mark.parametrize("rate", [8000, 16000])
@pytest.mark.parametrize("length", [0, 1, 79, 80, 160, 200, 201, 399, 400, 401, 4801])
def test_any_length_gives_a_frame_for_each_ten_milliseconds(rate, length):
    features = log_mel(voiced(1, rate)[:length], rate, THEIRS.mel_filters)
    assert features.shape == (80, length * 100 // rate)
    assert np.isfinite(features).all()


def test_padding_follows_the_features_and_cuts_what_is_too_long():
    features = np.ones((80, 50), np.float32)
    assert padded_features(features, 60)[:, 50:].max() == 0
    assert padded_features(features, 40).shape == (80, 40)


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 44100])
def test_a_piece_lies_where_the_window_says(rate):
    samples = np.zeros(4 * rate, np.float32)
    spans = np.array([[500, 900], [2000, 2600]])
    for n, (start, end) in enumerate(spans.tolist(), 1):
        t = np.arange(start * rate // 1000, end * rate // 1000) / rate
        samples[start * rate // 1000 : end * rate // 1000] = 0.1 * n * np.sin(2 * np.pi * 440 * t)
    (window,) = pack(spans, window_ms=10_000, gap_ms=300)
    packed = window_samples(SpeechJob("a", samples, rate, spans, spans), window)
    out = 8000 if rate == 8000 else 16000
    assert len(packed) == 1300 * out // 1000
    level = [
        np.abs(packed[a * out // 1000 : b * out // 1000]).max()
        for a, b in ((20, 380), (410, 690), (720, 1280))
    ]
    assert level[0] == pytest.approx(0.1, rel=0.05)
    assert level[1] == 0
    assert level[2] == pytest.approx(0.2, rel=0.05)


def test_integer_samples_mean_the_same_as_floats():
    samples = voiced(2, 8000)
    whole = np.round(samples * 32767).astype(np.int16)
    spans = np.array([[0, 2000]])
    (window,) = pack(spans, window_ms=10_000, gap_ms=300)
    a, b = (window_samples(SpeechJob("a", x, 8000, spans, spans), window) for x in (samples, whole))
    np.testing.assert_allclose(a, b, atol=1e-4)


def test_only_the_pieces_of_a_memory_map_are_read(tmp_path):
    file = tmp_path / "channel.f32"
    voiced(3, 8000).tofile(file)
    mapped = np.memmap(file, np.float32, "r")
    spans = np.array([[1000, 2000]])
    (window,) = pack(spans, window_ms=10_000, gap_ms=300)
    packed = window_samples(SpeechJob("a", mapped, 8000, spans, spans), window)
    assert len(packed) == 8000
    assert type(packed) is np.ndarray


def test_a_constant_offset_does_not_change_the_features():
    samples = voiced(4, 8000)
    spans = np.array([[0, 4000]])
    (window,) = pack(spans, window_ms=10_000, gap_ms=300)
    with_offset, without = (
        log_mel(
            window_samples(SpeechJob("a", samples + offset, 8000, spans, spans), window),
            8000,
            THEIRS.mel_filters,
        )
        for offset in (np.float32(0.4), np.float32(0))
    )
    np.testing.assert_allclose(with_offset, without, atol=0.01)


def test_samples_that_are_not_numbers_do_not_spread():
    samples = voiced(2, 8000)
    samples[4000:4010] = np.nan
    samples[9000] = np.inf
    spans = np.array([[0, 2000]])
    (window,) = pack(spans, window_ms=10_000, gap_ms=300)
    packed = window_samples(SpeechJob("a", samples, 8000, spans, spans), window)
    assert np.isfinite(packed).all()


def test_the_quietest_place_of_a_range_is_found_within_its_smoothing():
    samples = voiced(10, 16000) + np.float32(0.05)
    samples[16000 * 6 : 16000 * 6 + 3200] = 0
    job = SpeechJob("a", samples, 16000, np.array([[0, 10_000]]), np.array([[0, 10_000]]))
    assert 6040 <= quietest_ms(job, 4000, 9000) <= 6160
