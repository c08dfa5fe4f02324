"""Voice activity on made signals."""

import numpy as np
import pytest

from speechqa.settings import VadSettings
from speechqa.vad import asr_spans, speech, speech_of_channels
from tests.made_voice import RATE, good_call, quiet, voiced


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


@pytest.mark.parametrize("extra", [1, 79, 241, 513, 599, 639, 641])
def test_speech_until_the_end_of_a_recording_of_any_length_is_found(extra):
    call = np.concatenate([quiet(1), voiced(2 + extra / RATE)])
    assert speech(call, RATE, VadSettings())[-1, 1] == len(call) * 1000 // RATE


def test_nan_and_infinity_do_not_spoil_the_rest():
    call = np.concatenate([quiet(1), voiced(2), quiet(1)])
    call[100], call[200] = np.nan, np.inf
    assert len(speech(call, RATE, VadSettings())) == 1


def test_spans_for_recognising_are_padded_merged_and_inside():
    spans = asr_spans(np.array([[50, 900], [1200, 1500], [5000, 5990]]), 6000, VadSettings())
    assert spans.tolist() == [[0, 1800], [4700, 6000]]


def overlap_ms(a, b):
    first = np.zeros(60_000, dtype=bool)
    both = np.zeros(60_000, dtype=bool)
    for start, end in a:
        first[start:end] = True
    for start, end in b:
        both[start:end] = True
    return int((first & both).sum())


def total_ms(spans):
    return int(np.sum(spans[:, 1] - spans[:, 0]))


def edges_near(found, wanted, within_ms):
    return len(found) == len(wanted) and np.abs(found - wanted).max() <= within_ms


def test_edges_are_right_to_30_ms_on_a_clean_line():
    call, wanted = good_call()
    for found, spans in zip(speech_of_channels(call, RATE, VadSettings()), wanted, strict=True):
        assert edges_near(found, spans, 30)


def test_channels_are_never_mixed_before_speech_is_looked_for():
    call, wanted = good_call()
    both = np.stack([call[0], -call[0]])
    assert not np.any(both.sum(axis=0))
    for found in speech_of_channels(both, RATE, VadSettings(detector="webrtc")):
        assert edges_near(found, wanted[0], 30)


@pytest.mark.parametrize("snr_db", [20, 10])
def test_steady_noise_is_not_speech(snr_db):
    call, wanted = good_call()
    noise = np.random.default_rng(1).standard_normal(call.shape) * 0.1 * 10 ** (-snr_db / 20)
    found = speech_of_channels((call + noise).astype(np.float32), RATE, VadSettings())
    assert all(edges_near(f, w, 150) for f, w in zip(found, wanted, strict=True))


def beeps(*hertz, at_ms, length_ms, n, level=0.1):
    out = np.zeros(n, dtype=np.float32)
    t = np.arange(length_ms * 8) / RATE
    for start in at_ms:
        out[start * 8 : start * 8 + len(t)] = level * sum(np.sin(2 * np.pi * f * t) for f in hertz)
    return out


@pytest.mark.parametrize(
    ("hertz", "length_ms"),
    [
        pytest.param((697, 1209), 100, id="dtmf"),
        pytest.param((440, 480), 2000, id="ringback"),
        pytest.param((480, 620), 500, id="busy"),
        pytest.param((350, 440), 6000, id="dial"),
        pytest.param((400, 450), 400, id="uk-ringback"),
        pytest.param((1000,), 300, id="beep"),
    ],
)
def test_tones_are_not_speech(hertz, length_ms):
    n = 40 * RATE
    noise = 0.0003 * np.random.default_rng(2).standard_normal(n).astype(np.float32)
    spoken = np.zeros(n, dtype=np.float32)
    spoken[2 * RATE : 4 * RATE] = voiced(2)
    tones = beeps(*hertz, at_ms=[10_000, 20_000, 30_000], length_ms=length_ms, n=n)
    found = speech(noise + spoken + tones, RATE, VadSettings())
    assert edges_near(found, [[2000, 4000]], 40)


def tune(seconds, *, seed=0, level=0.08):
    """Return plucked notes over a held chord."""
    rng = np.random.default_rng(seed)
    n = seconds * RATE
    out = np.zeros(n)
    for start in range(0, n, RATE // 3):
        t = np.arange(min(RATE, n - start)) / RATE
        pitch = 220 * 2 ** (rng.choice([0, 2, 4, 7, 9, 12]) / 12)
        for harmonic in range(1, 5):
            out[start : start + len(t)] += (
                np.exp(-3 * t) * np.sin(2 * np.pi * harmonic * pitch * t) / harmonic
            )
    t = np.arange(n) / RATE
    out += sum(np.sin(2 * np.pi * f * t) for f in (220.0, 277.2, 329.6)) * 0.3
    return (level * out / np.sqrt(np.mean(out**2))).astype(np.float32)


def test_hold_music_is_not_speech_and_the_speech_after_it_is():
    n = 40 * RATE
    call = 0.0003 * np.random.default_rng(2).standard_normal(n).astype(np.float32)
    call[2 * RATE : 6 * RATE] += voiced(4)
    call[7 * RATE : 27 * RATE] += tune(20)
    call[29 * RATE : 33 * RATE] += voiced(4, seed=3)
    found = speech(call, RATE, VadSettings())
    assert overlap_ms(found, [(7000, 27_000)]) <= 1000
    assert overlap_ms(found, [(2000, 6000), (29_000, 33_000)]) >= 7800


def bursts(seconds):
    """Return hiss that comes and goes at one level, as of a fax or a dropped line."""
    rng = np.random.default_rng(11)
    out = 0.04 * rng.standard_normal(seconds * RATE)
    for start in range(0, seconds, 5):
        out[(start + 2) * RATE : (start + 5) * RATE] = 0
    return out.astype(np.float32)


def band(seconds, *, seed=0):
    """Return plucked strings with a drum: notes too short for a steady spectrum."""
    rng = np.random.default_rng(seed)
    n = seconds * RATE
    out = np.zeros(n)
    for k, start in enumerate(range(0, n, RATE // 4)):
        t = np.arange(min(RATE // 2, n - start)) / RATE
        pitch = 110 * 2 ** (rng.choice([0, 3, 5, 7, 10, 12, 15]) / 12)
        harmonics = np.arange(1, 12)[:, None]
        notes = np.sin(2 * np.pi * pitch * harmonics * t) * np.exp(-4 * harmonics * t) / harmonics
        out[start : start + len(t)] += notes.sum(axis=0)
        if k % 2:
            out[start : start + len(t)] += np.exp(-30 * t) * rng.standard_normal(len(t))
    return (0.08 * out / np.sqrt(np.mean(out**2))).astype(np.float32)


@pytest.mark.parametrize("sound", [bursts, band], ids=["bursts of noise", "strings and a drum"])
def test_noise_and_music_that_imitate_speech_are_turned_down(sound):
    n = 40 * RATE
    call = 0.0003 * np.random.default_rng(2).standard_normal(n).astype(np.float32)
    call[2 * RATE : 6 * RATE] += voiced(4)
    call[8 * RATE : 28 * RATE] += sound(20)
    call[31 * RATE : 35 * RATE] += voiced(4, seed=3)
    found = speech(call, RATE, VadSettings(detector="auto"))
    assert overlap_ms(found, [(8000, 28_000)]) <= 1000


@pytest.mark.parametrize("leak_db", [-15, -20, -30])
@pytest.mark.parametrize("delay_ms", [0, 40, 250])
def test_the_other_partys_leak_is_not_speech(leak_db, delay_ms):
    call, wanted = good_call()
    late = np.zeros_like(call)
    shift = delay_ms * 8
    late[:, shift:] = call[::-1, : call.shape[1] - shift]
    leaky = call + 10 ** (leak_db / 20) * late
    found = speech_of_channels(leaky.astype(np.float32), RATE, VadSettings())
    assert all(edges_near(f, w, 100) for f, w in zip(found, wanted, strict=True))


def test_speech_over_the_other_partys_leak_is_kept():
    call, wanted = good_call()
    call[1, 11 * RATE : 13 * RATE] += voiced(2, seed=77)
    leaky = call + 0.1 * call[::-1]
    found = speech_of_channels(leaky.astype(np.float32), RATE, VadSettings())[1]
    assert edges_near(found, [wanted[1][0], [11_000, 13_000], *wanted[1][1:]], 100)


def test_a_breath_far_below_the_own_speech_is_not_speech():
    call = np.zeros(20 * RATE, dtype=np.float32)
    call[2 * RATE : 6 * RATE] = voiced(4, level=0.2)
    rng = np.random.default_rng(5)
    call[10 * RATE : 11 * RATE] = 0.0012 * rng.standard_normal(RATE)
    call += 0.00002 * rng.standard_normal(len(call)).astype(np.float32)
    assert edges_near(speech(call, RATE, VadSettings()), [[2000, 6000]], 40)


def test_a_party_20_db_softer_than_the_other_is_heard():
    call, wanted = good_call()
    call[1] *= 0.1
    found = speech_of_channels(call, RATE, VadSettings())
    assert all(edges_near(f, w, 80) for f, w in zip(found, wanted, strict=True))


def test_the_detectors_agree_on_a_clean_call():
    call, wanted = good_call()
    for detector in ("webrtc", "auto"):
        found = speech_of_channels(call, RATE, VadSettings(detector=detector))
        assert all(edges_near(f, w, 30) for f, w in zip(found, wanted, strict=True))
