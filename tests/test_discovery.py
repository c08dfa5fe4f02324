"""Finding recordings: everything named is accounted for, nothing else is touched."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speechqa.discovery import discover, shown
from speechqa.errors import InputMissing
from tests.damaged_audio import clean


@pytest.fixture
def night(tmp_path: Path) -> Path:
    folder = tmp_path / "night"
    (folder / "b").mkdir(parents=True)
    for name in ("2.wav", "1.FLAC", "b/3.mp3", "calls.csv", "1.json", "readme.txt"):
        (folder / name).write_bytes(b"x")
    return folder


def names(paths: tuple[str, ...], folder: Path) -> list[str]:
    return [os.path.relpath(path, folder) for path in paths]


def test_a_folder_gives_its_recordings_below_it_in_a_fixed_order(night: Path) -> None:
    assert names(discover([night]).paths, night) == ["1.FLAC", "2.wav", "b/3.mp3"]


def test_a_json_or_a_csv_is_no_recording_and_is_told(night: Path) -> None:
    skipped = dict(discover([night]).skipped)
    assert skipped[str(night / "calls.csv")] == "metadata, not a recording"
    assert skipped[str(night / "1.json")] == "metadata, not a recording"
    assert "neither its ending" in skipped[str(night / "readme.txt")]
    assert dict(discover([night / "1.json", night / "2.wav"]).skipped) == {
        str(night / "1.json"): "metadata, not a recording"
    }


def test_a_file_that_was_named_is_taken_whatever_it_is(night: Path) -> None:
    assert names(discover([night / "readme.txt"]).paths, night) == ["readme.txt"]


def test_a_recording_without_an_ending_is_found_by_its_bytes(night: Path) -> None:
    (night / "0001").write_bytes(clean("flac", seconds=1.0))
    assert "0001" in names(discover([night]).paths, night)


def test_a_file_is_listed_once_however_often_it_is_named(night: Path) -> None:
    given = [night, night / "2.wav", f"{night}/*.wav", f"{night}/b/../2.wav"]
    assert len(discover(given).paths) == 3


def test_globs_reach_below_and_a_name_with_a_star_is_itself(night: Path) -> None:
    assert names(discover([f"{night}/**/*.mp3"]).paths, night) == ["b/3.mp3"]
    (night / "odd[1]*.wav").write_bytes(b"x")
    assert names(discover([night / "odd[1]*.wav"]).paths, night) == ["odd[1]*.wav"]


@pytest.mark.timeout(20)
def test_globs_do_not_go_round_links_for_ever(night: Path) -> None:
    (night / "b" / "up").symlink_to(night)
    (night / "b" / "again").symlink_to(night)
    assert names(discover([f"{night}/**/*.wav"]).paths, night) == ["2.wav"]
    assert names(discover([f"{night}/**"]).paths, night) == ["1.FLAC", "2.wav", "b/3.mp3"]


def test_a_glob_passes_over_hidden_files_unless_it_names_them(night: Path) -> None:
    (night / ".4.wav").write_bytes(b"x")
    assert names(discover([f"{night}/*.wav"]).paths, night) == ["2.wav"]
    assert names(discover([f"{night}/.*.wav"]).paths, night) == [".4.wav"]


def test_a_glob_that_is_none_says_how_to_write_it(night: Path) -> None:
    with pytest.raises(InputMissing, match="component"):
        discover([f"{night}/**x.wav"])


def test_hidden_and_unfinished_files_are_passed_over(night: Path) -> None:
    (night / ".hidden").mkdir()
    for name in (".4.wav", "5.wav.part", "6.wav.tmp", ".hidden/7.wav"):
        (night / name).write_bytes(b"x")
    found = discover([night])
    assert len(found.paths) == 3
    reasons = {os.path.relpath(path, night): reason for path, reason in found.skipped}
    assert reasons[".4.wav"] == "hidden"
    assert reasons[".hidden"] == "hidden folder"
    assert reasons["5.wav.part"] == reasons["6.wav.tmp"] == "temporary: still being written"


def test_links_are_followed_to_files_but_never_to_folders(night: Path, tmp_path: Path) -> None:
    (tmp_path / "far.wav").write_bytes(b"x")
    (night / "link.wav").symlink_to(tmp_path / "far.wav")
    (night / "loop").symlink_to(night)
    (night / "gone.wav").symlink_to(tmp_path / "none")
    os.mkfifo(night / "pipe.wav")
    found = discover([night])
    assert names(found.paths, night) == ["1.FLAC", "2.wav", "b/3.mp3", "link.wav"]
    reasons = {os.path.relpath(path, night): reason for path, reason in found.skipped}
    assert reasons["loop"] == "a link to a folder"
    assert reasons["gone.wav"] == "a link to nothing"
    assert reasons["pipe.wav"] == "not a regular file"


@pytest.mark.parametrize("place", ["store/_delta_log", "store/recordings/_delta_log"])
def test_a_store_among_the_recordings_is_not_searched(night: Path, place: str) -> None:
    before = discover([night])
    (night / place).mkdir(parents=True)
    for name in ("part.wav", "metrics.prom", "attempts.jsonl"):
        (night / "store" / name).write_bytes(b"x")
    assert discover([night]) == before


@pytest.mark.parametrize(
    ("named", "said"),
    [("none", "no such file or folder"), ("none/*.wav", "matches no file"), ("", "holds no")],
)
def test_an_input_that_names_nothing_is_an_error(tmp_path: Path, named: str, said: str) -> None:
    with pytest.raises(InputMissing, match=said):
        discover([tmp_path / named])


def test_hostile_names_are_found_and_shown_safely(night: Path) -> None:
    hostile = [
        "a\nb.wav",
        "\u202evaw.wav",
        "=cmd.wav",
        os.fsdecode(b"\xff\xfe.wav"),
        "e\x1b[31m.wav",
    ]
    for name in hostile:
        (night / name).write_bytes(b"x")
    found = discover([night]).paths
    assert len(found) == 3 + len(hostile)
    for path in found:
        assert os.path.exists(path)
        text = shown(path, limit=1000)
        assert text.isprintable()
        text.encode()


@settings(deadline=None)  # the machine may be busy
@given(st.text(st.characters(), max_size=300))
def test_a_shown_name_is_printable_and_short(name: str) -> None:
    text = shown(name)
    assert text.isprintable()
    assert len(text) <= 123
    text.encode("utf-8")
