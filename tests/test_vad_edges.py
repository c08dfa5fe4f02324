"""Edges of speech: unbiased, and right where noise hides a weak sound."""

import numpy as np
import pytest

from speechqa.settings import VadSettings
from speechqa.vad import silero, speech
from speechqa.vad.channel import look
from speechqa.vad.edges import clearance_db, widened
from speechqa.vad.tones import is_tone
from tests.made_voice import RATE, quiet, voiced

WEBRTC = VadSettings(detector="webrtc")


def line(sound, *, noise, seed=0):
    return (sound + noise * np.random.default_rng(seed).standard_normal(len(sound))).astype(
        np.float32
    )


def hiss(ms, *, level, seed=0):
    """Return a fricative: noise of the upper band."""
    rng = np.random.default_rng(seed)
    wide = np.fft.rfft(rng.standard_normal(ms * 8))
    wide[: int(2400 / 4000 * len(wide))] = 0
    out = np.fft.irfft(wide, ms * 8)
    return (level * out / np.sqrt(np.mean(out**2))).astype(np.float32)


def test_edges_are_neither_early_nor_late_by_half_a_frame_on_average():
    starts, ends = [], []
    for offset in range(0, 80, 4):
        gap = quiet(1)[offset:]
        call = line(np.concatenate([gap, voiced(1.5, seed=offset), quiet(1)]), noise=0.0003)
        found = speech(call, RATE, WEBRTC)
        begin = len(gap) / 8
        starts.append(found[0, 0] - begin)
        ends.append(found[-1, 1] - begin - 1500)
    assert abs(np.mean(starts)) <= 6
    assert abs(np.mean(ends)) <= 6


@pytest.mark.parametrize("before", [True, False])
def test_a_weak_fricative_in_noise_belongs_to_its_word(before):
    word, weak = voiced(1.2), hiss(120, level=0.008)
    said = np.concatenate([weak, word] if before else [word, weak])
    call = line(np.concatenate([quiet(2), said, quiet(2)]), noise=0.01)
    found = speech(call, RATE, WEBRTC)
    assert len(found) == 1
    assert np.abs(found[0] - [2000, 3320]).max() <= 50


@pytest.mark.parametrize(("level", "belongs"), [(0.008, True), (0.0015, False)])
def test_only_what_is_no_more_than_35_db_under_the_voice_is_a_weak_sound(level, belongs):
    said = np.concatenate([quiet(1), voiced(1), hiss(150, level=level), quiet(1)])
    moved = []
    for seed in range(10):
        channel = look(line(said, noise=0.0024, seed=seed), WEBRTC)
        clear_db = clearance_db(channel, WEBRTC)
        assert 35 < clear_db < 40
        moved.append(widened(channel, np.array([[100, 201]]), clear_db)[0, 1] - 201)
    assert (np.median(moved) >= 10) == belongs


def test_noise_30_db_under_the_voice_does_not_push_the_edges_outwards():
    starts, ends = [], []
    for offset in range(0, 80, 4):
        gap = quiet(1)[offset:]
        said = np.concatenate([gap, voiced(1.5, seed=offset), quiet(1)])
        found = speech(line(said, noise=0.0026, seed=offset), RATE, WEBRTC)
        starts.append(found[0, 0] - len(gap) / 8)
        ends.append(found[-1, 1] - len(gap) / 8 - 1500)
    assert abs(np.mean(starts)) <= 6
    assert abs(np.mean(ends)) <= 6


def test_noise_beside_speech_is_hardly_ever_taken_for_a_weak_sound():
    moved = []
    for seed in range(40):
        call = line(np.concatenate([quiet(1), voiced(1), quiet(1)]), noise=0.01, seed=seed)
        channel = look(call, WEBRTC)
        span = np.array([[100, 200]])
        moved.append(widened(channel, span, clearance_db(channel, WEBRTC))[0] - span[0])
    assert np.mean(np.any(np.array(moved) != 0, axis=1)) <= 0.1


def test_clean_lines_are_left_as_they_are():
    call = line(np.concatenate([quiet(1), voiced(1), quiet(1)]), noise=0.0003)
    channel = look(call, WEBRTC)
    assert clearance_db(channel, WEBRTC) > 40
    assert widened(channel, np.array([[100, 200]]), 45.0).tolist() == [[100, 200]]


def test_a_hum_that_swells_is_no_tone_and_a_tone_in_noise_is_one():
    t = np.arange(2400) / RATE
    hum = np.sin(2 * np.pi * 130 * t) + 0.6 * np.sin(2 * np.pi * 260 * t)
    swelling = hum * (1 + 0.25 * np.sin(2 * np.pi * 3 * t))
    assert not is_tone(swelling.astype(np.float32))
    digit = np.sin(2 * np.pi * 697 * t) + np.sin(2 * np.pi * 1209 * t)
    noisy = digit + 0.3 * np.random.default_rng(0).standard_normal(len(t))
    assert is_tone(noisy.astype(np.float32), noise_share=0.09)


def test_silero_is_not_swayed_by_the_speech_before_a_stretch(monkeypatch):
    def heard(samples):
        return samples[: len(samples) // 256 * 256].reshape(-1, 256).max(axis=1)

    monkeypatch.setattr(silero, "probabilities", heard)
    samples = np.zeros(RATE, dtype=np.float32)
    samples[:4000] = 0.9
    assert not silero.agrees(samples, np.array([4000, 8000]))
    assert silero.agrees(samples, np.array([3000, 8000]))
