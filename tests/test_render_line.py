"""The telephone line, without any synthesiser."""

import io

import numpy as np
import pytest
import soundfile as sf
from hypothesis import given, settings
from hypothesis import strategies as st

from speechqa.errors import UsageError
from speechqa.intervals import as_spans
from speechqa.render import line, tones

RATE = line.LINE_RATE_HZ


LEVELS = sorted(
    # ITU-T G.711, table 2: eight segments of sixteen steps, each twice as wide as the last.
    sign * ((2 * step + 33) * 2**segment - 33) * 4 / 32768
    for sign in (-1, 1)
    for segment in range(8)
    for step in range(16)
)


def _tone(hz: float, seconds: float = 2.0, level: float = 0.1) -> np.ndarray:
    return level * np.sin(2 * np.pi * hz * np.arange(int(seconds * RATE)) / RATE)


def _rms(samples: np.ndarray) -> float:
    return float(np.sqrt(np.mean(samples**2)))


def _peaks_hz(samples: np.ndarray, count: int) -> list[int]:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    found = []
    for _ in range(count):
        top = int(spectrum.argmax())
        found.append(round(top * RATE / len(samples)))
        spectrum[max(0, top - 30) : top + 30] = 0
    return sorted(found)


def test_the_band_passes_what_is_inside_and_stops_what_is_outside():
    for hz in (400, 1000, 3200):
        assert _rms(line.band_limit(_tone(hz))) == pytest.approx(_rms(_tone(hz)), rel=0.02)
    for hz in (100, 220, 3600, 3900):
        assert _rms(line.band_limit(_tone(hz))) < 0.02 * _rms(_tone(hz))


def test_the_band_filter_moves_nothing_in_time():
    click = np.zeros(4001)
    click[2000] = 1
    assert int(np.abs(line.band_limit(click)).argmax()) == 2000


def test_resampling_moves_nothing_in_time():
    burst = np.zeros(32000)
    burst[16000:16160] = np.hanning(160)
    out = line.resampled(burst, rate_hz=16000)
    assert len(out) == 16000
    assert abs(int(np.abs(out).argmax()) - 8040) <= 1


@settings(deadline=None)
@given(st.lists(st.floats(-1.2, 1.2), min_size=1, max_size=50))
def test_mu_law_gives_what_a_mu_law_file_gives_back(values):
    quantised = line.mu_law(np.array(values))
    file = io.BytesIO()
    pcm = np.round(quantised * 32768).astype(np.int16)
    sf.write(file, pcm, RATE, format="WAV", subtype="ULAW")
    file.seek(0)
    assert sf.read(file, dtype="float32")[0].tolist() == quantised.tolist()


@settings(deadline=None)
@given(st.floats(-1, 1))
def test_mu_law_takes_the_nearest_level(value):
    nearest = min(abs(level - value) for level in LEVELS)
    assert abs(float(line.mu_law(np.array([value]))[0]) - value) <= nearest + 1e-6


@pytest.mark.parametrize("colour", ["white", "pink", "hum"])
@pytest.mark.parametrize("snr_db", [30, 10])
def test_noise_stands_so_far_below_the_speech_as_asked(colour, snr_db):
    speech = np.concatenate([_tone(800), np.zeros(2 * RATE)])
    noisy = line.add_noise(
        speech, as_spans([(0, 2000)]), snr_db=snr_db, rng=np.random.default_rng(1), colour=colour
    )
    measured = 20 * np.log10(_rms(speech[: 2 * RATE]) / _rms(noisy - speech))
    assert measured == pytest.approx(snr_db, abs=0.2)


def test_noise_is_the_same_for_the_same_seed():
    first, second = (
        line.noise(1000, colour="pink", rng=np.random.default_rng(5)) for _ in range(2)
    )
    assert first.tolist() == second.tolist()


def test_a_leak_is_heard_later_and_weaker_in_the_other_channel_only():
    call = np.zeros((2, 800))
    call[0, 100] = 1.0
    out = line.leak(call, leak_db=-20, delay_ms=10)
    assert out[1].argmax() == 180
    assert out[1, 180] == pytest.approx(0.1)
    assert out[0].tolist() == call[0].tolist()


def test_overdrive_cuts_peaks_at_full_scale():
    out = line.overdriven(_tone(500, level=0.5), drive_db=12)
    assert np.abs(out).max() == 1.0
    assert 0.5 < float(np.mean(np.abs(out) == 1.0)) < 0.8


def test_the_level_of_a_channel_without_speech_is_that_of_ordinary_speech():
    level = line.speech_rms(np.zeros(100), as_spans([]))
    assert 20 * np.log10(level) == pytest.approx(line.QUIET_SPEECH_DBFS)


def test_tones_have_their_frequencies():
    ring = tones.ringback(6000, rate_hz=RATE)
    assert _peaks_hz(ring[: 2 * RATE], 2) == pytest.approx([440, 480], abs=2)
    assert np.abs(ring[2 * RATE : 6 * RATE]).max() == 0
    assert _peaks_hz(tones.dial_tone(2000, rate_hz=RATE), 2) == pytest.approx([350, 440], abs=2)
    key = tones.dtmf("5", rate_hz=RATE, key_ms=500, gap_ms=0)
    assert _peaks_hz(key, 2) == pytest.approx([770, 1336], abs=4)


def test_tones_have_the_level_asked_for():
    tone = tones.tone((350, 440), 2000, rate_hz=RATE, level_dbfs=-20)
    assert 20 * np.log10(_rms(tone)) == pytest.approx(-20, abs=0.2)


def test_an_unknown_key_is_refused():
    with pytest.raises(UsageError, match="DTMF key 'X' does not exist"):
        tones.dtmf("1X", rate_hz=RATE)


def test_hold_music_differs_by_seed_and_is_no_steady_tone():
    first, again, other = (tones.hold_music(8000, rate_hz=RATE, seed=s) for s in (1, 1, 2))
    assert first.tolist() == again.tolist()
    assert first.tolist() != other.tolist()
    seconds = [set(_peaks_hz(first[k * RATE : (k + 1) * RATE], 3)) for k in range(8)]
    assert len({frozenset(peaks) for peaks in seconds}) >= 5
