"""A night of everything odd at once, through the command line: each file ends with a reason."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from speechqa.cli import run as command
from speechqa.discovery import discover
from speechqa.render.tones import busy, dial_tone, hold_music
from speechqa.store import open_store
from speechqa.store.check import check
from speechqa.store.views import call_document
from tests.conftest import ROOT
from tests.nights import cut, run_night
from tests.test_audio import HOSTILE

RATE = 8000
HUGE_BYTES = 3 << 30
SIGNALS = {
    "nan": ({"not-finite"}, lambda two: np.where(np.arange(two.shape[1]) % 9000 == 5, np.nan, two)),
    "dc": ({"dc-offset"}, lambda two: two + 0.1),
    "clipped": ({"clipping"}, lambda two: np.clip(30 * two, -1, 1)),
    "dead": ({"dead-channel"}, lambda two: two * [[1], [0]]),
    "antiphase": ({"antiphase-channels"}, lambda two: two.sum(axis=0) * [[1], [-1]]),
    "silent": ({"dead-channel", "no-speech"}, lambda two: 0 * two),
}
"""What each is named, and how it is made of a good call."""


def _signals(call, folder):
    two, _ = soundfile.read(call, frames=15 * RATE, always_2d=True)
    for name, (_, change) in SIGNALS.items():
        made = np.asarray(change(two.T), np.float32).T
        soundfile.write(folder / f"{name}.wav", made, RATE, subtype="FLOAT")


def _no_recordings(folder):
    (folder / "zero.wav").touch()
    (folder / "text.wav").write_text("ffconcat version 1.0\nfile 'nan.wav'\n")
    os.mkfifo(folder / "pipe.wav")
    (folder / "self.wav").symlink_to("self.wav")
    (folder / "gone.wav").symlink_to("nowhere")
    (folder / "round").symlink_to(folder)
    with (folder / "huge.wav").open("wb") as stream:
        stream.truncate(HUGE_BYTES)


@pytest.fixture(scope="module")
def night(calls, tmp_path_factory):
    """Return the folder, its store, and what the run said."""
    base = tmp_path_factory.mktemp("odd")
    folder = base / "in"
    (folder / "folder.wav").mkdir(parents=True)
    _signals(calls[0], folder)
    for number, name in enumerate((*HOSTILE, "folder.wav/inner.wav")):
        made = cut(calls[number % len(calls)], base / "made.wav", start_s=2 + number, seconds=1.5)
        made.rename(folder / name)
    _no_recordings(folder)
    settings = {"SPEECHQA_ASR__ENGINE": "stub", "SPEECHQA_VAD__DETECTOR": "webrtc"}
    done = subprocess.run(
        [
            *(sys.executable, "-m", "speechqa.cli", "run", str(folder), "--workers", "1"),
            *("--rulebook", "starter", "--store", str(folder / "store")),
        ],
        cwd=ROOT,
        env=os.environ | settings,
        capture_output=True,
        check=False,
    )
    return folder, folder / "store", done


def test_the_run_ends_with_3_and_no_traceback(night):
    _, _, done = night
    said = done.stdout.decode() + done.stderr.decode()
    assert done.returncode == 3, said
    assert "Traceback" not in said
    assert "internal error" not in said
    assert all(letter.isprintable() or letter == "\n" for letter in said)


def test_every_file_is_accounted_for_with_a_reason(night, capsys):
    folder, store, _ = night
    assert command(["status", "--json", "--store", str(store)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert sum(told["counts"].values()) == told["found"]
    assert all(row["reason_code"] and row["reason"] for row in told["troubled"])
    codes = {os.path.basename(row["path"]): row["reason_code"] for row in told["troubled"]}
    assert codes.items() >= {
        ("zero.wav", "zero-bytes"),
        ("text.wav", "not-audio"),
        ("huge.wav", "too-large"),
        ("nan.wav", "not-finite"),
    }
    passed = {os.path.basename(r["path"]): r["reason"] for r in told["last_run"]["passed_over"]}
    assert passed.items() >= {
        ("pipe.wav", "not a regular file"),
        ("self.wav", "a link to nothing"),
        ("gone.wav", "a link to nothing"),
        ("round", "a link to a folder"),
    }
    assert told["last_run"]["found"] == len(SIGNALS) + len(HOSTILE) + 1 + 3
    again = discover([folder])  # our own results are no input
    assert not [path for path, _ in again.skipped if path.startswith(str(store))]


@pytest.mark.parametrize("name", SIGNALS)
def test_what_is_wrong_on_the_line_is_named(night, name):
    _, store, _ = night
    facts = open_store(str(store)).find(name)
    named = {one["name"] for one in facts.checks} | {one["kind"] for one in facts.damage}
    assert named >= SIGNALS[name][0]


def test_no_figure_of_any_call_is_no_number(night):
    _, store, _ = night
    open_ = open_store(str(store))
    for facts in open_.calls():
        assert json.dumps(call_document(facts, open_.assessment_of(facts.key)), allow_nan=False)
    assert check(open_) == []


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_a_hostile_name_is_found_again_and_shown_safely(night, name, capsys):
    folder, store, _ = night
    for arguments in (["show", str(folder / name)], ["status", "--calls"], ["scorecard"]):
        assert command([*arguments, "--store", str(store)]) == 0
        shown = capsys.readouterr().out
        assert all(letter.isprintable() or letter == "\n" for letter in shown)


def test_music_tones_and_noise_fire_no_rule_with_the_shipped_model(tmp_path):
    rng = np.random.default_rng(4)
    hum = 0.05 * np.sin(2 * np.pi * 50 * np.arange(12 * RATE) / RATE)
    pairs = {
        "music": (hold_music(12_000, rate_hz=RATE), rng.normal(0, 0.03, 12 * RATE)),
        "tones": (busy(12_000, rate_hz=RATE), dial_tone(12_000, rate_hz=RATE) + hum),
    }
    (tmp_path / "in").mkdir()
    for name, pair in pairs.items():
        soundfile.write(tmp_path / "in" / f"{name}.wav", np.stack(pair, axis=1), RATE)
    run_night([tmp_path / "in"], tmp_path / "store", engine="whisper", workers=1)
    store = open_store(str(tmp_path / "store"))
    for facts in store.calls():
        assert {word.flag for word in facts.words} <= {"loop", "low-confidence", "no-speech"}
        judged = store.assessment_of(facts.key)
        assert [hit["quote"] for hit in judged.hits if hit.get("quote")] == []
