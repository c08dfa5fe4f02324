"""Long calls: their samples lie in a nameless file, and nothing else about them differs."""

from __future__ import annotations

import os
import tracemalloc

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from speechqa import line
from speechqa.audio import Room, read_recording
from speechqa.errors import CallError
from speechqa.line import checks, frames
from speechqa.line.levels import clipped_share
from speechqa.pipeline import prepare as preparing
from speechqa.pipeline.prepare import peaks, scratch_room
from speechqa.settings import AudioSettings, LineSettings, load_settings
from tests.nights import canonical, cut, run_night

AUDIO = AudioSettings()


@pytest.fixture(scope="module")
def short(calls, tmp_path_factory):
    """Return one call of 4 s as it is, and as a file that does not state its length."""
    folder = tmp_path_factory.mktemp("short")
    wav = cut(calls[0], folder / "call.wav", start_s=3, seconds=4)
    samples, rate = soundfile.read(wav)
    soundfile.write(folder / "call.mp3", samples, rate, format="MP3")
    return {"wav": wav, "mp3": folder / "call.mp3"}


@settings(max_examples=25, deadline=None)
@given(memory_bytes=st.integers(0, 300_000), kind=st.sampled_from(["wav", "mp3"]))
def test_samples_are_the_same_in_memory_and_in_a_file(short, memory_bytes, kind):
    whole = read_recording(short[kind], AUDIO)
    parted = read_recording(short[kind], AUDIO, room=Room(memory_bytes))
    assert parted.samples.dtype == np.float32
    np.testing.assert_array_equal(parted.samples, whole.samples)
    assert (parted.damage, parted.duration_ms) == (whole.damage, whole.duration_ms)


def test_the_file_has_no_name_and_cannot_be_written_through_the_samples(short, tmp_path):
    recording = read_recording(short["wav"], AUDIO, room=Room(0, tmp_path))
    assert recording.samples.any()
    assert not list(tmp_path.iterdir())
    assert not recording.samples.flags.writeable


@pytest.mark.parametrize("kind", ["wav", "mp3"])
def test_a_folder_without_room_defers_the_call_and_says_so(short, tmp_path, monkeypatch, kind):
    def full(*_):
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "pwrite", full)
    with pytest.raises(CallError, match="No space left") as told:
        read_recording(short[kind], AUDIO, room=Room(1000, tmp_path))
    assert (told.value.reason_code, told.value.status) == ("no-room", "deferred")
    assert "run.scratch" in told.value.hint
    assert not list(tmp_path.iterdir())


def test_the_limit_on_decoded_size_holds_in_a_file_too(short):
    small = AudioSettings(max_decoded_bytes=100_000)
    for kind in ("wav", "mp3"):
        with pytest.raises(CallError, match="at most 0 MB"):
            read_recording(short[kind], small, room=Room(1000))


def test_scratch_goes_to_the_folder_named_else_beside_the_store(tmp_path):
    beside = load_settings(store={"path": str(tmp_path)})
    named = load_settings(store={"path": str(tmp_path)}, run={"scratch": "/elsewhere"})
    assert scratch_room(beside).folder == tmp_path
    assert str(scratch_room(named).folder) == "/elsewhere"
    assert scratch_room(load_settings(store={"path": "s3://bucket/night"})).folder is None


def test_a_night_through_files_has_the_same_canonical_export(calls, tmp_path, monkeypatch):
    """Decoding, voice activity, line checks, windows and words of calls that lie in files."""
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(2):
        cut(calls[number], folder / f"{number}.wav", start_s=2 + 5 * number, seconds=9)
    run_night([folder], tmp_path / "memory", engine="whisper", workers=1)
    run_night([folder], tmp_path / "files", engine="whisper", workers=1, run={"call_memory_mb": 0})
    in_files = canonical(tmp_path / "files")
    assert in_files == canonical(tmp_path / "memory")
    assert '"text"' in in_files


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(3, 60), st.integers(0, 400))
def test_counts_made_piece_by_piece_are_those_of_the_whole(seed, piece, length):
    rng = np.random.default_rng(seed)
    channel = rng.choice([0.0, 0.5, 0.99, -0.99, 1.0], length).astype(np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(frames, "_STRETCH", piece)
        found = checks._flat_share(channel, 0.98)
        share = clipped_share(channel, 0.98) if length else 0.0
    flat = [min(abs(channel[k - 1 : k + 2])) >= np.float32(0.98) for k in range(1, length - 1)]
    assert found == (sum(flat) / len(flat) if flat else 0.0)
    assert share == (sum(abs(channel) >= np.float32(0.98)) / length if length else 0.0)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 5), st.integers(0, 3000))
def test_peaks_made_piece_by_piece_are_those_of_the_whole(seed, at_once, length):
    channel = np.random.default_rng(seed).uniform(-1, 1, length).astype(np.float32)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(preparing, "PEAKS_AT_ONCE", at_once)
        found = list(peaks(channel, 2000))
    slow = [max(abs(channel[at : at + 100])) for at in range(0, length, 100)]
    assert found == [int(np.rint(np.float32(one) * 255)) for one in slow]


def test_an_hour_takes_little_memory_to_decode_and_to_check(tmp_path):
    """One channel of an hour is 115 MB of samples; none of this may hold it or a mask of it."""
    file = tmp_path / "hour.wav"
    rng = np.random.default_rng(0)
    with soundfile.SoundFile(file, "w", 8000, 1, "ULAW") as out:
        for _ in range(60):
            out.write(rng.normal(0, 0.3, 60 * 8000).astype(np.float32))
    tracemalloc.start()
    recording = read_recording(file, AUDIO, room=Room(1_000_000, tmp_path))
    decoding = tracemalloc.get_traced_memory()[1]
    tracemalloc.reset_peak()
    spans = [np.array([[1000, 3_000_000]])]
    line.check(recording.samples, 8000, spans, LineSettings())
    line.levels(recording.samples, 8000, spans)
    peaks(recording.samples[0], 8000)
    checking = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert decoding < 25_000_000
    assert checking < 25_000_000
