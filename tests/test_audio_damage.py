"""Recordings that the tests damage themselves: every loss is named, and times hold after it."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from speechqa.audio import Recording, read_recording
from speechqa.errors import CallError
from speechqa.settings import AudioSettings
from tests.damaged_audio import KINDS, Case, at_rate, cases, clean, content, shift_ms

SETTINGS = AudioSettings()
REAL = os.environ.get("SPEECHQA_AUDIO_DIR")

# An AMR frame carries no number and the file no length: of a cut at a frame's border no trace
# remains, and of an Ogg's or AMR's cut the length is unknown.
LENGTH_UNKNOWN = {("amr", "cut off"), ("ogg-vorbis", "cut off"), ("ogg-opus", "cut off")}
# Zeros are silence in 16 bits; they are named as such, and not counted as lost.
SILENCE = {("wav-pcm16", "zeros")}


def outcome(case: Case, folder: Path) -> Recording | CallError:
    path = folder / "damaged.bin"
    path.write_bytes(case.data)
    try:
        return read_recording(path, SETTINGS)
    except CallError as error:
        return error


def fault(case: Case, result: Recording | CallError) -> str:
    """Return what is wrong with an outcome; "" when it is as it must be."""
    if isinstance(result, CallError):
        # the index of an MP4 lies at its end: without it no packet can be found
        return "" if case.kind == "m4a" else f"refused: {result.reason_code}"
    if not result.damage:
        return "not named"
    family = (case.kind, case.damage.rsplit(" ", 1)[0])
    named_s = result.lost_ms / 1000
    known = family not in LENGTH_UNKNOWN | SILENCE
    # what is lost is whole packets: 0.5 s of FLAC, a page of Ogg of 1 s on either side
    if known and not 0.9 * case.hit_s - 0.1 <= named_s <= case.hit_s + 2.2:
        return f"hit {case.hit_s:.2f} s, named {named_s:.2f} s"
    kind = KINDS[case.kind]
    original = at_rate(content(channels=kind.channels), result.rate_hz)[0]
    trusted = result.unreliable_from_ms
    if trusted is None:
        trusted = result.duration_ms
    for at_s in np.arange(0.5, result.duration_ms / 1000 - 1.2, 2.0):
        if at_s * 1000 + 1000 > trusted:
            break
        late = shift_ms(original, result.samples[0], result.rate_hz, float(at_s))
        if late is not None and abs(late) > 100:
            return f"{late} ms late at {at_s:.1f} s, not marked"
    return ""


def check(places: int, folder: Path) -> None:
    faults: list[str] = []
    ends: Counter[str] = Counter()
    total = 0
    for case in cases(places):
        total += 1
        result = outcome(case, folder)
        if isinstance(result, CallError):
            ends[f"refused: {result.reason_code}"] += 1
        else:
            marked = result.unreliable_from_ms is not None
            ends["damage named, clock marked unreliable" if marked else "damage named"] += 1
        if problem := fault(case, result):
            faults.append(f"{case.name}: {problem}")
    print(f"\n{total} files damaged by the test: {dict(ends)}, faults {len(faults)}")
    assert not faults, "\n".join(faults)


def test_damage_in_every_format_is_named_and_times_hold_after_it(tmp_path: Path) -> None:
    check(1, tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_320_damaged_files_are_named_and_times_hold_after_it(tmp_path: Path) -> None:
    check(8, tmp_path)


def false_alarms(seeds: range, folder: Path) -> tuple[int, list[str]]:
    alarms, total = [], 0
    for kind in KINDS:
        for seed in seeds:
            path = folder / "clean.bin"
            path.write_bytes(clean(kind, seconds=4.0 + seed % 7, seed=seed))
            total += 1
            damage = read_recording(path, SETTINGS).damage
            alarms.extend(f"{kind} {seed}: {item}" for item in damage)
    return total, alarms


def test_clean_recordings_raise_no_alarm(tmp_path: Path) -> None:
    total, alarms = false_alarms(range(2), tmp_path)
    assert (total, alarms) == (20, [])


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_200_clean_recordings_raise_no_alarm(tmp_path: Path) -> None:
    total, alarms = false_alarms(range(20), tmp_path)
    print(f"\n{total} clean recordings: {len(alarms)} false alarms")
    assert (total, alarms) == (200, [])


@pytest.mark.slow
@pytest.mark.skipif(not REAL, reason="SPEECHQA_AUDIO_DIR names no folder of real recordings")
def test_real_conversations_raise_no_alarm() -> None:
    endings = {".wav", ".flac", ".mp3"}
    files = [p for p in sorted(Path(REAL or "", "conversations").iterdir()) if p.suffix in endings]
    alarms = [str(item) for path in files for item in read_recording(path, SETTINGS).damage]
    print(f"\n{len(files)} real recordings: {len(alarms)} false alarms")
    assert alarms == []


@pytest.mark.parametrize("kind", ["flac", "ogg-vorbis", "ogg-opus"])
def test_two_streams_in_one_file_are_read_in_order_with_one_jump(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "joined.bin"
    path.write_bytes(clean(kind, seconds=5.0) + clean(kind, seconds=7.0, seed=9))
    recording = read_recording(path, SETTINGS)
    assert recording.duration_ms == pytest.approx(12_000, abs=50)
    jumps = [item for item in recording.damage if item.kind == "clock-jump"]
    assert len(jumps) == 1
    assert recording.unreliable_from_ms == pytest.approx(5000, abs=50)


@pytest.mark.parametrize("kind", ["mp3-cbr", "mp3-vbr"])
def test_two_mp3_in_one_file_are_both_read(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "joined.mp3"
    path.write_bytes(clean(kind, seconds=5.0) + clean(kind, seconds=7.0, seed=9))
    recording = read_recording(path, SETTINGS)
    assert recording.duration_ms == pytest.approx(12_000, abs=250)
    assert [item.kind for item in recording.damage] == ["wrong-length"]


def test_every_kind_of_damage_in_the_code_is_explained() -> None:
    import re

    import speechqa.audio as package
    from speechqa.audio.recording import KINDS as EXPLAINED

    text = "".join(path.read_text() for path in Path(package.__path__[0]).glob("*.py"))
    used = set(re.findall(r'Damage\(\s*"([a-z-]+)"', text))
    assert used == set(EXPLAINED)


def test_the_docs_explain_every_kind_of_damage_and_every_reason() -> None:
    import re

    import speechqa
    from speechqa.audio.recording import KINDS as EXPLAINED

    package = Path(speechqa.__file__).parent
    docs = (package.parent / "docs" / "audio.md").read_text()
    told = set(re.findall(r"`([a-z]+(?:-[a-z]+)*)`", docs))
    text = "".join(
        path.read_text() for part in ("audio", "metadata") for path in (package / part).glob("*.py")
    )
    reasons = set(re.findall(r'CallError\(\s*"([a-z-]+)"', text))
    assert len(reasons) > 20
    assert (set(EXPLAINED) | reasons) - told == set()
