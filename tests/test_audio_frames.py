"""Our own walks of MP3, AMR, FLAC and Ogg against FFmpeg's, on every rate and bit rate."""

from __future__ import annotations

import io
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speechqa.audio import read_recording
from speechqa.audio.flac import frame_start
from speechqa.audio.ogg import missing_end
from speechqa.audio.payload import WINDOW, scan
from speechqa.audio.source import Source
from speechqa.settings import AudioSettings
from tests.damaged_audio import at_rate, by_ffmpeg, by_sndfile, clean, content

AUDIO = AudioSettings()


def by_ffmpeg_alone(data: bytes, demuxer: str) -> np.ndarray:
    with av.open(io.BytesIO(data), format=demuxer) as container:
        frames = [frame.to_ndarray() for frame in container.decode(audio=0)]
    return np.concatenate(frames, axis=1)


@pytest.mark.parametrize("rate_hz", [8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000])
@pytest.mark.parametrize("channels", [1, 2])
def test_mp3_of_every_rate_decodes_as_ffmpeg_does(
    tmp_path: Path, rate_hz: int, channels: int
) -> None:
    samples = at_rate(content(channels=channels, seconds=2.0), rate_hz)
    data = by_ffmpeg(samples, rate_hz, "mp3", "libmp3lame")
    path = tmp_path / "call.mp3"
    path.write_bytes(data)
    recording = read_recording(path, AUDIO)
    oracle = by_ffmpeg_alone(data, "mp3")
    assert recording.damage == ()
    assert recording.duration_ms == 2000
    assert np.allclose(recording.samples, oracle[:, : recording.samples.shape[1]], atol=1e-6)


@pytest.mark.parametrize("bit_rate", [4750, 5150, 5900, 6700, 7400, 7950, 10200, 12200])
def test_amr_of_every_bit_rate_decodes_as_ffmpeg_does(tmp_path: Path, bit_rate: int) -> None:
    samples = content(channels=1, seconds=3.0)
    data = by_ffmpeg(samples, 8000, "amr", "libopencore_amrnb", bit_rate=bit_rate)
    path = tmp_path / "call.amr"
    path.write_bytes(data)
    recording = read_recording(path, AUDIO)
    assert recording.damage == ()
    assert np.allclose(recording.samples, by_ffmpeg_alone(data, "amr"), atol=1e-6)


def test_flac_frames_tell_their_own_place() -> None:
    data = by_sndfile(content(seconds=70.0), 8000, "FLAC", "PCM_16")
    with av.open(io.BytesIO(data), format="flac") as container:
        places = [
            (packet.pts, frame_start(bytes(packet), 4096))
            for packet in container.demux(audio=0)
            if packet.pts is not None
        ]
    assert len(places) > 130  # numbers above 127 take two bytes
    assert all(given == ours for given, ours in places)


@settings(deadline=None)  # the machine may be busy
@given(st.integers(0, 2**36 - 1))
def test_coded_frame_numbers_are_read_back(number: int) -> None:
    assert frame_start(b"\xff\xf9\xc4\x18" + coded(number) + bytes(4), 4096) == number


def coded(number: int) -> bytes:
    """Write a number as FLAC does: like UTF-8, up to 7 bytes."""
    if number < 0x80:
        return bytes([number])
    length = next(n for n in range(2, 8) if number < 1 << (5 * n + 1 if n < 7 else 36))
    tail = [0x80 | number >> 6 * place & 0x3F for place in range(length - 2, -1, -1)]
    first = (0xFF00 >> length & 0xFF) | number >> 6 * (length - 1)
    return bytes([first, *tail])


@pytest.mark.parametrize("kind", ["ogg-vorbis", "ogg-opus"])
def test_an_ogg_has_its_end_or_is_cut_off(tmp_path: Path, kind: str) -> None:
    data = clean(kind, seconds=4.0)
    path = tmp_path / "call.ogg"
    last = data.rfind(b"OggS")
    for length, whole in ((len(data), True), (len(data) - 1, False), (last, False)):
        path.write_bytes(data[:length])
        with Source(path) as source:
            assert (missing_end(source) is None) is whole


@settings(deadline=None)  # the machine may be busy
@given(
    before=st.integers(2, 8),
    bad=st.integers(4, 9),
    after=st.integers(2, 8),
    shift=st.integers(0, WINDOW - 1),
    width=st.sampled_from([1, 2]),
)
def test_random_bytes_are_found_where_they_are_and_only_there(
    tmp_path_factory: pytest.TempPathFactory,
    before: int,
    bad: int,
    after: int,
    shift: int,
    width: int,
) -> None:
    rng = np.random.default_rng(before * 1000 + bad * 100 + after)
    subtype = "ULAW" if width == 1 else "PCM_16"
    sound = by_sndfile(content(channels=1, seconds=3.0), 8000, "RAW", subtype)
    start = before * WINDOW + shift
    size = bad * WINDOW
    data = sound[:start] + rng.bytes(size) + sound[start : start + after * WINDOW]
    path = tmp_path_factory.mktemp("payload") / "raw"
    path.write_bytes(data)
    with Source(path) as source:
        found = scan(source, 0, len(data), width=width, channels=1, min_silent=8000)
    assert len(found.lost) == 1
    stretch = found.lost[0]
    assert stretch.what == "random bytes"
    assert abs(stretch.start - start) <= 2 * WINDOW
    assert abs(stretch.stop - start - size) <= 2 * WINDOW
