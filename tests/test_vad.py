"""Voice activity on made signals."""

import numpy as np
import pytest

from speechqa.settings import VadSettings
from speechqa.vad import asr_spans, speech, speech_of_channels

RATE = 8000


def voiced(seconds, *, seed=0, level=0.1, rate=RATE):
    """Return a made voice: a pulse train through two resonances, in syllables of 200 ms."""
    rng = np.random.default_rng(seed)
    t = np.arange(int(seconds * rate)) / rate
    pitch = 120 + 15 * np.sin(2 * np.pi * 0.7 * t + rng.uniform(0, 6))
    phase = np.cumsum(pitch) / rate
    glide = 1 + 0.25 * np.sin(2 * np.pi * 1.3 * t + rng.uniform(0, 6))
    out = np.zeros_like(t)
    for harmonic in range(1, 26):
        f = harmonic * pitch
        gain = np.exp(-(((f - 550 * glide) / 180) ** 2)) + 0.5 * np.exp(
            -(((f - 1500 / glide) / 250) ** 2)
        )
        out += (gain + 0.02) * np.sin(2 * np.pi * harmonic * phase)
    out *= 0.25 + 0.75 * np.sin(np.pi * 2.5 * t) ** 2
    out += 0.001 * rng.standard_normal(len(t))
    return (level * out / np.sqrt(np.mean(out**2))).astype(np.float32)


def quiet(seconds, rate=RATE):
    return np.zeros(int(seconds * rate), dtype=np.float32)


def test_speech_is_found_where_it_is():
    call = np.concatenate([quiet(1), voiced(2), quiet(3), voiced(1, seed=1), quiet(1)])
    spans = speech(call, RATE, VadSettings())
    assert len(spans) == 2
    assert np.abs(spans - [[1000, 3000], [6000, 7000]]).max() <= 150


def test_a_call_cut_in_the_middle_of_a_word_ends_with_the_recording():
    call = np.concatenate([quiet(1), voiced(1.0037)])
    assert speech(call, RATE, VadSettings())[-1, 1] == len(call) * 1000 // RATE


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 44100])
def test_other_rates_give_the_same_speech(rate):
    import soxr

    call = np.concatenate([quiet(1), voiced(2), quiet(1)])
    spans = speech(soxr.resample(call, RATE, rate), rate, VadSettings())
    assert np.abs(spans - speech(call, RATE, VadSettings())).max() <= 30


def test_a_channel_measured_after_another_is_as_if_alone():
    a = np.concatenate([quiet(1), voiced(2), quiet(1)])
    b = np.concatenate([voiced(1, seed=2), quiet(3)])
    speech(b, RATE, VadSettings())
    both = speech_of_channels(np.stack([a, b]), RATE, VadSettings())
    again = speech_of_channels(np.stack([a, b]), RATE, VadSettings())
    assert [s.tolist() for s in both] == [s.tolist() for s in again]


@pytest.mark.parametrize("n", [0, 1, 79, 80, 81])
def test_tiny_and_empty_channels_hold_no_speech(n):
    assert speech(np.zeros(n, dtype=np.float32), RATE, VadSettings()).shape == (0, 2)


def test_nan_and_infinity_do_not_spoil_the_rest():
    call = np.concatenate([quiet(1), voiced(2), quiet(1)])
    call[100], call[200] = np.nan, np.inf
    assert len(speech(call, RATE, VadSettings())) == 1


def test_spans_for_recognising_are_padded_merged_and_inside():
    spans = asr_spans(np.array([[50, 900], [1200, 1500], [5000, 5990]]), 6000, VadSettings())
    assert spans.tolist() == [[0, 1700], [4800, 6000]]
