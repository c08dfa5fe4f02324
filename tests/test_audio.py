"""Reading recordings: channels apart, policy before memory, and a reason for each refusal."""

from __future__ import annotations

import io
import os
import struct
import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from speechqa.audio import (
    Damage,
    Recording,
    identify,
    iter_blocks,
    open_recording,
    read_recording,
    resample,
)
from speechqa.audio.libav import LibavDecoder
from speechqa.audio.mpeg import find_frame
from speechqa.audio.sniff import sniff
from speechqa.errors import CallError
from speechqa.settings import AudioSettings
from tests.damaged_audio import KINDS, by_ffmpeg, by_sndfile, clean, content

AUDIO = AudioSettings()
WAV_HEADER = 44


def saved(folder: Path, data: bytes, name: str = "call.wav") -> Path:
    path = folder / name
    path.write_bytes(data)
    return path


def wav(samples: np.ndarray, rate_hz: int = 8000, subtype: str = "PCM_16") -> bytes:
    file = io.BytesIO()
    sf.write(file, samples.T, rate_hz, subtype=subtype, format="WAV")
    return file.getvalue()


def refusal(path: Path, limits: AudioSettings = AUDIO) -> CallError:
    with pytest.raises(CallError) as caught:
        read_recording(path, limits)
    return caught.value


# ---- what is read


@given(
    data=st.integers(1, 2).flatmap(
        lambda channels: st.lists(
            st.lists(st.integers(-32768, 32767), min_size=channels, max_size=channels),
            min_size=1600,
            max_size=1700,
        )
    ),
)
@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
def test_pcm_samples_come_back_exactly_channel_by_channel(tmp_path: Path, data: list) -> None:
    samples = np.array(data, np.int16).T
    file = io.BytesIO()
    sf.write(file, samples.T, 8000, subtype="PCM_16", format="WAV")
    recording = read_recording(saved(tmp_path, file.getvalue()), AUDIO)
    assert np.array_equal(recording.samples * 32768, samples)
    assert recording.damage == ()


@pytest.mark.parametrize("kind", KINDS)
def test_each_format_keeps_its_channels_apart(tmp_path: Path, kind: str) -> None:
    if KINDS[kind].channels == 1:
        pytest.skip("AMR has one channel")
    samples = content(seconds=2.0)
    samples[1] = 0
    from tests.damaged_audio import at_rate

    data = KINDS[kind].encode(at_rate(samples, KINDS[kind].rate_hz))
    recording = read_recording(saved(tmp_path, data, f"call.{kind}"), AUDIO)
    left, right = np.sqrt((recording.samples**2).mean(axis=1))
    assert recording.channels == 2
    assert left > 0.05
    assert right < 0.01


def test_the_format_is_told_by_the_bytes_and_not_by_the_name(tmp_path: Path) -> None:
    recording = read_recording(saved(tmp_path, clean("flac", seconds=2.0), "call.mp3"), AUDIO)
    assert (recording.container, recording.codec) == ("flac", "flac")


def test_a_recording_knows_its_file(tmp_path: Path) -> None:
    path = saved(tmp_path, clean("wav-ulaw", seconds=2.0))
    recording = read_recording(path, AUDIO)
    assert (recording.sha256, recording.size_bytes) == (
        identify(path).sha256,
        path.stat().st_size,
    )
    assert recording.mtime_ns == path.stat().st_mtime_ns
    assert (recording.duration_ms, recording.rate_hz) == (2000, 8000)


@pytest.mark.parametrize("subtype", ["GSM610", "MS_ADPCM", "IMA_ADPCM", "PCM_24", "FLOAT", "ALAW"])
def test_the_codings_of_telephone_recorders_are_read(tmp_path: Path, subtype: str) -> None:
    data = by_sndfile(content(channels=1, seconds=2.0), 8000, "WAV", subtype)
    recording = read_recording(saved(tmp_path, data), AUDIO)
    assert recording.duration_ms == pytest.approx(2000, abs=90)
    assert float(np.abs(recording.samples).max()) > 0.1
    assert recording.damage == ()


@pytest.mark.parametrize("kind", ["AIFF", "AU", "RF64", "WAVEX"])
def test_the_other_containers_of_plain_samples_are_read(tmp_path: Path, kind: str) -> None:
    data = by_sndfile(content(seconds=2.0), 8000, kind, "PCM_16")
    recording = read_recording(saved(tmp_path, data), AUDIO)
    assert (recording.duration_ms, recording.damage) == (2000, ())


def test_blocks_are_the_recording_in_pieces(tmp_path: Path) -> None:
    path = saved(tmp_path, clean("ogg-vorbis", seconds=3.0))
    blocks = list(iter_blocks(path, AUDIO, block_ms=500))
    whole = read_recording(path, AUDIO).samples
    assert np.array_equal(np.concatenate(blocks, axis=1), whole)
    assert max(block.shape[1] for block in blocks) < 2 * 8000


def test_chosen_channels_are_read_in_the_order_asked_for(tmp_path: Path) -> None:
    three = np.array([[0.1], [0.2], [0.3]], np.float32).repeat(4000, axis=1)
    path = saved(tmp_path, wav(three))
    assert refusal(path).reason_code == "too-many-channels"
    recording = read_recording(path, AudioSettings(channels=(2, 0)))
    assert recording.samples[:, 0].tolist() == pytest.approx([0.3, 0.1], abs=1e-4)
    assert refusal(path, AudioSettings(channels=(0, 3))).reason_code == "no-such-channel"


# ---- what is refused, and how it is said


TEXTS = {
    "ffconcat": (b"ffconcat version 1.0\nfile 'other.flac'\n", "ffconcat playlist"),
    "hls": (b"#EXTM3U\n#EXTINF:10,\nother.wav\n", "HLS playlist"),
    "sdp": (b"v=0\no=- 0 0 IN IP4 10.0.0.1\nm=audio 5004 RTP/AVP 0\n", "SDP session"),
    "html": (b"<!DOCTYPE html><title>504</title>", "web page"),
    "json": (b'{"error": "not found"}', "JSON"),
    "prose": (b"Dear colleague, the recording is attached.\n", "a text"),
}


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_named_wav_is_refused_by_what_it_is(tmp_path: Path, text: str) -> None:
    data, what = TEXTS[text]
    error = refusal(saved(tmp_path, data))
    assert (error.status, error.reason_code) == ("refused", "not-audio")
    assert what in error.message


@pytest.mark.parametrize(("demuxer", "text"), [("concat", "ffconcat"), ("hls", "hls")])
def test_ffmpeg_may_open_no_other_file_even_if_a_playlist_reached_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, demuxer: str, text: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("other.flac", "other.wav"):
        saved(tmp_path, clean("flac" if name.endswith("c") else "wav-ulaw", seconds=2.0), name)
    with pytest.raises(CallError, match="cannot be read"):
        LibavDecoder(io.BytesIO(TEXTS[text][0]), demuxer, "wav")


def test_ffmpeg_left_alone_does_open_another_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import av

    monkeypatch.chdir(tmp_path)
    saved(tmp_path, clean("flac", seconds=2.0), "other.flac")
    with av.open(io.BytesIO(TEXTS["ffconcat"][0]), format="concat") as container:
        assert container.streams.audio[0].codec_context.name == "flac"


def test_an_mp4_without_its_index_is_refused_with_that_reason(tmp_path: Path) -> None:
    data = clean("m4a", seconds=4.0)
    assert data.rfind(b"moov") > len(data) / 2
    cut = refusal(saved(tmp_path, data[: len(data) // 2]))
    assert cut.reason_code == "unreadable-header"
    assert "moov" in cut.message
    assert "bytes too early" in cut.message
    taken_out = refusal(saved(tmp_path, data[:8000] + data[9000:]))
    assert "moov) is not where it should be" in taken_out.message


def test_a_file_of_zero_bytes_is_refused(tmp_path: Path) -> None:
    error = refusal(saved(tmp_path, b""))
    assert (error.reason_code, error.status) == ("zero-bytes", "refused")
    assert error.hint is not None


def test_bytes_without_a_header_are_refused_with_their_beginning(tmp_path: Path) -> None:
    error = refusal(saved(tmp_path, bytes(range(200, 256)) * 50))
    assert error.reason_code == "unknown-format"
    assert "c8 c9 ca cb" in error.message


def test_a_format_that_is_not_accepted_is_named_with_the_way_to_accept_it(tmp_path: Path) -> None:
    path = saved(tmp_path, clean("flac", seconds=1.0))
    error = refusal(path, AudioSettings(formats=("wav",)))
    assert error.reason_code == "format-not-accepted"
    assert "audio.formats" in (error.hint or "")


def test_ogg_flac_is_read_once_it_is_accepted(tmp_path: Path) -> None:
    data = by_ffmpeg(content(seconds=2.0), 8000, "ogg", "flac")
    path = saved(tmp_path, data)
    assert refusal(path).reason_code == "format-not-accepted"
    recording = read_recording(path, AudioSettings(formats=("ogg-flac",)))
    assert recording.duration_ms == 2000


@pytest.mark.parametrize(
    ("length", "reason"),
    [(20, "unreadable-header"), (36, "unreadable-header"), (44, "no-audio-decoded")],
)
def test_a_wav_cut_in_its_header_is_refused(tmp_path: Path, length: int, reason: str) -> None:
    assert refusal(saved(tmp_path, clean_wav()[:length])).reason_code == reason


@pytest.mark.parametrize("kind", ["flac", "ogg-vorbis", "ogg-opus", "m4a", "wma"])
def test_a_header_without_audio_is_a_broken_file_and_not_a_silent_call(
    tmp_path: Path, kind: str
) -> None:
    error = refusal(saved(tmp_path, clean(kind, seconds=4.0)[:60]))
    assert error.reason_code in {"unreadable-header", "no-audio-decoded", "no-audio-track"}
    assert error.status == "refused"


def test_a_silent_call_is_read_and_is_no_broken_file(tmp_path: Path) -> None:
    recording = read_recording(saved(tmp_path, wav(np.zeros((2, 16000), np.float32))), AUDIO)
    assert (recording.duration_ms, recording.damage) == (2000, ())


def test_a_header_of_a_wav_that_states_no_audio_is_refused(tmp_path: Path) -> None:
    empty = bytearray(clean_wav()[:WAV_HEADER])
    empty[40:44] = bytes(4)
    assert refusal(saved(tmp_path, bytes(empty))).reason_code == "no-samples"


def test_a_recording_too_short_to_be_a_call_is_refused_with_the_limit(tmp_path: Path) -> None:
    error = refusal(saved(tmp_path, wav(np.zeros((1, 400), np.float32))))
    assert error.reason_code == "too-short"
    assert "200 ms" in error.message


# ---- policy, before memory


def clean_wav() -> bytes:
    return wav(content(seconds=5.0))


def with_field(data: bytes, at: int, form: str, value: int) -> bytes:
    changed = bytearray(data)
    struct.pack_into(form, changed, at, value)
    return bytes(changed)


def long_flac() -> bytes:
    """Return 2 s of FLAC whose header states 24 hours."""
    data = bytearray(clean("flac", seconds=2.0))
    frames = 24 * 3600 * 8000
    data[21] = data[21] & 0xF0 | frames >> 32
    data[22:26] = (frames & 0xFFFF_FFFF).to_bytes(4, "big")
    return bytes(data)


POLICY = {
    "1 Hz": (lambda: with_field(clean_wav(), 24, "<I", 1), "rate-out-of-range", "6000 to 192000"),
    "4 GHz": (
        lambda: with_field(clean_wav(), 24, "<I", 4_000_000_000),
        "rate-out-of-range",
        "4000000000",
    ),
    "100 channels": (lambda: with_field(clean_wav(), 22, "<H", 100), "too-many-channels", "100"),
    "65535 channels": (
        lambda: with_field(clean_wav(), 22, "<H", 65535),
        "too-many-channels",
        "at most 2",
    ),
    "24 hours": (long_flac, "too-long", "14400"),
}


@pytest.mark.parametrize("case", POLICY)
def test_policy_is_checked_before_memory_is_taken(tmp_path: Path, case: str) -> None:
    make, reason, said = POLICY[case]
    path = saved(tmp_path, make())
    tracemalloc.start()
    start = time.monotonic()
    error = refusal(path)
    seconds, peak = time.monotonic() - start, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert error.reason_code == reason
    assert said in error.message
    assert "audio." in (error.hint or "")
    assert seconds < 5
    assert peak < 50e6


def test_a_length_that_the_header_hides_is_limited_while_decoding(tmp_path: Path) -> None:
    data = bytearray(clean("flac", seconds=10.0))
    data[21] &= 0xF0
    data[22:26] = bytes(4)  # 0 samples means: unknown
    path = saved(tmp_path, bytes(data))
    assert read_recording(path, AUDIO).duration_ms == 10_000
    assert refusal(path, AudioSettings(max_duration_s=3)).reason_code == "too-long"


def test_an_mp3_that_states_no_length_is_limited_before_it_is_decoded(tmp_path: Path) -> None:
    plain = clean("mp3-cbr", seconds=4.0)
    frame = find_frame(plain, start=find_frame(plain) + 100)  # behind the Xing header
    path = saved(tmp_path, plain[frame:] * 20)
    tracemalloc.start()
    error = refusal(path, AudioSettings(max_duration_s=60))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert error.reason_code == "too-long"
    assert peak < 10e6
    assert read_recording(path, AUDIO).duration_ms == pytest.approx(80_000, rel=0.03)


def test_size_on_disk_and_size_in_memory_have_limits_of_their_own(tmp_path: Path) -> None:
    path = saved(tmp_path, clean("flac", seconds=10.0))
    assert refusal(path, AudioSettings(max_bytes=1000)).reason_code == "too-large"
    small = AudioSettings(max_decoded_bytes=100_000)
    assert refusal(path, small).reason_code == "too-big-for-memory"
    assert sum(block.shape[1] for block in iter_blocks(path, small)) == 80_000


def test_streaming_holds_blocks_and_not_the_call(tmp_path: Path) -> None:
    header = clean_wav()[:WAV_HEADER]
    size = 1800 * 32_000  # half an hour, stereo, 16 bit; random enough not to compress
    data = with_field(with_field(header, 40, "<I", size), 4, "<I", size + 36)
    second = (content(seconds=1.0).T * 20_000).astype("<i2").tobytes()
    path = saved(tmp_path, data + second * 1800)
    del data, second
    tracemalloc.start()
    total = sum(block.shape[1] for block in iter_blocks(path, AUDIO))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total == 1800 * 8000
    assert peak < 30e6


@pytest.mark.slow
def test_a_call_of_4_hours_streams_in_bounded_memory_and_reads_whole(tmp_path: Path) -> None:
    second = content(seconds=1.0, channels=2)
    path = tmp_path / "long.wav"
    with sf.SoundFile(path, "w", 8000, 2, "ULAW") as sound:
        for _ in range(4 * 3600):
            sound.write(second.T)
    tracemalloc.start()
    start = time.monotonic()
    total = sum(block.shape[1] for block in iter_blocks(path, AUDIO))
    seconds, peak = time.monotonic() - start, tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    print(f"\n4 h streamed in {seconds:.1f} s, at most {peak / 1e6:.0f} MB")
    assert total == 4 * 3600 * 8000
    assert peak < 50e6
    start = time.monotonic()
    recording = read_recording(path, AUDIO)
    print(f"4 h read in {time.monotonic() - start:.1f} s, {recording.samples.nbytes / 1e6:.0f} MB")
    assert recording.duration_ms == 4 * 3600 * 1000


# ---- headers that lie, samples that are none


@pytest.mark.parametrize("stated", [0, 1000, 0xFFFF_FFFF, 0x7FFF_FFFF])
def test_the_bytes_on_disk_win_over_a_lying_data_size(tmp_path: Path, stated: int) -> None:
    data = with_field(clean_wav(), 40, "<I", stated)
    recording = read_recording(saved(tmp_path, data), AUDIO)
    assert recording.duration_ms == 5000
    assert [item.kind for item in recording.damage] == ["wrong-length"]
    assert str(stated) in recording.damage[0].detail


def test_a_wav_cut_off_in_its_audio_names_the_seconds_lost(tmp_path: Path) -> None:
    recording = read_recording(saved(tmp_path, clean_wav()[: WAV_HEADER + 2 * 32_000]), AUDIO)
    assert recording.duration_ms == 2000
    assert recording.damage == (
        Damage("cut-off", 2000, 3000, "the header states 5.00 s, 2.00 s are there", None),
    )


def test_chunks_after_the_audio_are_no_audio(tmp_path: Path) -> None:
    chunk = b"LIST" + struct.pack("<I", 200_000) + b"INFOICMT" + b"x" * 199_992
    recording = read_recording(saved(tmp_path, clean_wav() + chunk), AUDIO)
    assert (recording.duration_ms, recording.damage) == (5000, ())


def test_a_missing_padding_byte_moves_nothing(tmp_path: Path) -> None:
    data = clean_wav()
    odd = data[:36] + b"note" + struct.pack("<I", 5) + b"hello" + data[36:]
    recording = read_recording(saved(tmp_path, odd), AUDIO)
    assert (recording.duration_ms, recording.damage) == (5000, ())


def test_nan_and_infinity_become_zeros_and_are_named(tmp_path: Path) -> None:
    samples = content(seconds=2.0)
    samples[0, 4000:4100] = np.nan
    samples[1, 8000] = np.inf
    recording = read_recording(saved(tmp_path, wav(samples, subtype="FLOAT")), AUDIO)
    assert np.isfinite(recording.samples).all()
    assert [(item.kind, item.at_ms) for item in recording.damage] == [("not-finite", 500)]
    assert "101 samples" in recording.damage[0].detail


def test_a_blank_block_of_mu_law_is_lost_and_leaves_the_rest_in_place(tmp_path: Path) -> None:
    data = bytearray(clean("wav-ulaw", seconds=10.0))
    data[58 + 16_000 * 4 : 58 + 16_000 * 5] = bytes(16_000)
    recording = read_recording(saved(tmp_path, bytes(data)), AUDIO)
    assert [(item.kind, item.at_ms, item.lost_ms) for item in recording.damage] == [
        ("overwritten", 4000, 1000)
    ]
    assert recording.lost.tolist() == [[4000, 5000]]
    assert not recording.samples[:, 32_000:40_000].any()
    original = read_recording(saved(tmp_path, clean("wav-ulaw", seconds=10.0)), AUDIO)
    assert np.array_equal(recording.samples[:, 41_000:], original.samples[:, 41_000:])


def test_loud_tones_are_no_random_bytes(tmp_path: Path) -> None:
    time_s = np.arange(5 * 44_100) / 44_100
    tone = 0.5 * np.sin(2 * np.pi * 770 * time_s) + 0.49 * np.sin(2 * np.pi * 1336 * time_s)
    recording = read_recording(saved(tmp_path, wav(tone[None].astype(np.float32), 44_100)), AUDIO)
    assert recording.damage == ()


@pytest.mark.parametrize("level", [0.99, 0.3, 0.01])
def test_hiss_is_no_random_bytes(tmp_path: Path, level: float) -> None:
    hiss = np.random.default_rng(1).normal(0, level / 3, (1, 80_000)).clip(-1, 1)
    recording = read_recording(saved(tmp_path, wav(hiss.astype(np.float32))), AUDIO)
    assert recording.damage == ()


# ---- files that are none, or do not rest


def test_what_is_no_regular_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    for path, reason in (
        (tmp_path, "not-a-file"),
        (tmp_path / "pipe.wav", "not-a-file"),
        (tmp_path / "none.wav", "missing-file"),
        (Path("a\0b.wav"), "not-a-file"),
    ):
        start = time.monotonic()
        assert refusal(path).reason_code == reason
        assert time.monotonic() - start < 2


def test_a_file_that_grows_while_it_is_read_is_deferred(tmp_path: Path) -> None:
    path = saved(tmp_path, clean("wav-ulaw", seconds=3.0))

    def read_while_it_grows() -> None:
        with open_recording(path, AUDIO) as timeline:
            for _ in timeline.blocks():
                with path.open("ab") as file:
                    file.write(b"more")

    with pytest.raises(CallError, match="still being written") as caught:
        read_while_it_grows()
    assert (caught.value.status, caught.value.reason_code) == ("deferred", "changed-while-reading")


HOSTILE = [
    'it\'s "quoted".wav',
    "two\nlines.wav",
    "<script>alert(1)</script>.wav".replace("/", ""),
    "=cmd|' '!A0.wav",
    "\u202egnp.wav",
    "\U0001f4de call.wav",
    "a" * 251 + ".wav",
    os.fsdecode(b"bad\xff\xfeutf8.wav"),
    "-rf.wav",
    "%s%n.wav",
]


@pytest.mark.parametrize("number", range(len(HOSTILE)))
def test_hostile_names_are_only_names(tmp_path: Path, number: int) -> None:
    path = saved(tmp_path, clean("flac", seconds=1.0), HOSTILE[number])
    recording = read_recording(path, AUDIO)
    assert recording.duration_ms == 1000
    assert os.fsencode(recording.path) == os.fsencode(path)


# ---- the recording itself


def test_lost_intervals_are_disjoint_and_inside() -> None:
    damage = (
        Damage("lost-audio", 100, 300, ""),
        Damage("lost-audio", 350, 100, ""),
        Damage("cut-off", 1000, 500, ""),
        Damage("bad-packets", None, None, ""),
        Damage("unreliable-clock", 700, None, "", unreliable_from_ms=700),
    )
    recording = Recording("x", np.zeros((1, 8000), np.float32), 8000, "", "", "", 0, 0, damage)
    assert recording.lost.tolist() == [[100, 450]]
    assert (recording.lost_ms, recording.unreliable_from_ms) == (900, 700)


def test_resampling_keeps_length_channels_and_pitch() -> None:
    time_s = np.arange(8000) / 8000
    tones = np.array([np.sin(2 * np.pi * f * time_s) for f in (400, 1000)], np.float32)
    changed = resample(tones, 8000, 16_000)
    assert changed.shape == (2, 16_000)
    assert changed.flags.c_contiguous
    peaks = np.abs(np.fft.rfft(changed, axis=1)).argmax(axis=1)
    assert peaks.tolist() == [400, 1000]
    with pytest.raises(ValueError, match="above 0 Hz, got 0"):
        resample(tones, 0, 8000)


def test_random_bytes_are_seldom_taken_for_mp3() -> None:
    rng = np.random.default_rng(5)
    taken = sum(sniff(rng.bytes(4096)) is not None for _ in range(2000))
    assert taken <= 20
    assert find_frame(clean("mp3-cbr", seconds=1.0), limit=4096) is not None


@pytest.mark.parametrize(
    "group",
    [{"formats": ("wave",)}, {"channels": (-1,)}, {"channels": (0, 1, 2)}, {"max_bytes": 0}],
)
def test_audio_settings_that_cannot_be_are_refused_with_their_name(group: dict) -> None:
    from speechqa.errors import SettingsError
    from speechqa.settings import load_settings

    with pytest.raises(SettingsError, match=f"audio.{next(iter(group))}"):
        load_settings(audio=group)
