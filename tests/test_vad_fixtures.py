"""Voice activity on the committed calls, against their truth: the figures the project promises."""

import json

import pytest

from speechqa.audio import read_recording
from speechqa.evaluation import Activity, compare_activity
from speechqa.intervals import as_spans
from speechqa.settings import AudioSettings, VadSettings
from speechqa.vad import speech_of_channels
from tests.conftest import AUDIO, ROOT

PARTIES = ("agent", "customer")


@pytest.fixture(scope="module")
def pooled():
    whole = Activity()
    for path in sorted(AUDIO.glob("*.wav")):
        truth = json.loads((ROOT / "fixtures" / "truth" / f"{path.stem}.json").read_text())
        call = read_recording(str(path), AudioSettings())
        found = speech_of_channels(call.samples, call.rate_hz, VadSettings())
        sounds = {
            party: as_spans(
                [
                    (s["start_ms"], s["end_ms"])
                    for s in truth["sounds"]
                    if s["channel"] in (party, "both")
                ]
            )
            for party in PARTIES
        }
        whole += compare_activity(
            {party: as_spans(truth["speech"][party]) for party in PARTIES},
            dict(zip(PARTIES, found, strict=True)),
            duration_ms=call.duration_ms,
            sounds=sounds,
        )
    return whole


def test_edges_are_right_to_30_ms_and_nine_in_ten_to_100(pooled):
    assert pooled.calls >= 15
    assert pooled.edge_median_ms <= 30
    assert pooled.edge_p90_ms <= 100
    assert abs(pooled.start_bias_ms) <= 15
    assert abs(pooled.end_bias_ms) <= 15


def test_every_silence_is_found_and_none_made_up(pooled):
    assert pooled.silences.true >= 10
    assert pooled.silences.f1 >= 0.98


def test_interruptions_are_found_and_none_made_up(pooled):
    assert pooled.interruptions.true >= 8
    assert pooled.interruptions.f1 >= 0.9


def test_speech_time_is_right(pooled):
    assert pooled.recall >= 0.95
    assert pooled.precision >= 0.97


def test_rings_keys_and_music_are_not_called_speech(pooled):
    assert pooled.sounds_ms > 10_000
    assert pooled.sounds_called_speech <= 0.05
