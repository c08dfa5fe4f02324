"""Mistakes in settings are told in the words of settings, all at once."""

from pathlib import Path

import pytest

from speechqa.errors import SettingsError, UsageError
from speechqa.metadata import MetadataReader
from speechqa.settings import load_settings


@pytest.mark.parametrize(
    ("group", "name", "value", "said"),
    [
        ("vad", "detector", "foo", r"vad\.detector: must be 'webrtc', 'silero' or 'auto'"),
        ("asr", "beam_size", "zero", r"asr\.beam_size: must be a whole number \(got 'zero'\)"),
        ("asr", "beam_size", -1, r"asr\.beam_size: must be at least 0 \(got -1\)"),
        ("asr", "device", "gpu", r"asr\.device: must be one of auto, cpu, cuda \(got 'gpu'\)"),
        ("timing", "silence_ms", 1.5, r"timing\.silence_ms: must be a whole number"),
        ("run", "worker", 2, r"run\.worker: there is no such setting; did you mean run\.workers"),
        ("privacy", "keep_text", "maybe", r"privacy\.keep_text: must be true or false"),
    ],
)
def test_a_wrong_setting_is_named_with_what_it_must_be(
    group: str, name: str, value: object, said: str
) -> None:
    with pytest.raises(SettingsError, match=said):
        load_settings(**{group: {name: value}})


@pytest.mark.parametrize(
    ("variable", "said"),
    [
        ("SPEECHQA_PRIVCY__KEEP_TEXT", "did you mean SPEECHQA_PRIVACY__"),
        ("SPEECHQA_RUN_WORKERS", r"did you mean SPEECHQA_RUN__WORKERS\?"),
        ("SPEECHQA_PRIVACY__KEEPTEXT", r"privacy\.keeptext: there is no such setting"),
    ],
)
def test_a_misspelt_variable_is_told_and_not_passed_over(
    monkeypatch: pytest.MonkeyPatch, variable: str, said: str
) -> None:
    monkeypatch.setenv(variable, "0")
    with pytest.raises(SettingsError, match=said):
        load_settings()


def test_variables_that_are_no_settings_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SPEECHQA_DEBUG", "SPEECHQA_MODELS", "SPEECHQA_HOME", "SPEECHQA_TEST_POISON"):
        monkeypatch.setenv(name, "1")
    assert load_settings()


def test_a_store_without_a_name_is_refused() -> None:
    """As a script gives it whose variable is empty: the tables would lie in the root."""
    with pytest.raises(SettingsError, match=r"store\.path: .* at least 1 character"):
        load_settings(store={"path": ""})


def test_all_mistakes_of_a_settings_file_are_told_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "speechqa.toml").write_text(
        "[timings]\nx = 1\n[asr]\nbeam_size = -1\n", encoding="utf-8"
    )
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert "timings: there is no such setting; did you mean timing?" in caught.value.message
    assert "asr.beam_size: must be at least 0" in caught.value.message


def test_a_misspelt_field_in_a_name_pattern_is_refused_and_a_column_of_ones_own_is_not() -> None:
    with pytest.raises(UsageError, match="group 'agnt' is no field, but 'agent' is"):
        MetadataReader(name_pattern=r"(?P<agnt>[A-Z]\w+)")
    call = MetadataReader(name_pattern=r"(?P<site>[a-z]+)_").for_path("leeds_1.wav")
    assert call.columns == {"site": "leeds"}
