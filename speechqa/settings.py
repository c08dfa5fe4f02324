"""Every option of the product: name, unit, default and one line of help.

Precedence: flags, then ``SPEECHQA_*`` variables, then ``speechqa.toml`` in the working folder,
then the user's file, then the defaults here. Groups are frozen; a function receives only the
group that it needs. Nested options are written ``SPEECHQA_TIMING__SILENCE_MS`` in the
environment and ``[timing] silence_ms = 3000`` in TOML.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from speechqa.errors import SettingsError


class Group(BaseModel):
    """A frozen group of options; an unknown name is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def option(default: Any, help: str, *, unit: str = "", **limits: Any) -> Any:
    """Declare one option: its default, one line of help, its unit and its limits."""
    return Field(default, description=help, json_schema_extra={"unit": unit}, **limits)


class AudioSettings(Group):
    """Which recordings are accepted, and how they are read."""

    min_rate_hz: int = option(6000, "Lowest sampling rate accepted.", unit="Hz")
    max_rate_hz: int = option(192_000, "Highest sampling rate accepted.", unit="Hz")
    max_channels: int = option(2, "Most channels accepted.", unit="channels")
    max_duration_s: int = option(4 * 3600, "Longest recording accepted.", unit="s")
    max_bytes: int = option(2 * 1024**3, "Largest file accepted.", unit="bytes")


class VadSettings(Group):
    """Voice activity: where speech is."""

    detector: str = option("webrtc", "Detector: webrtc, silero or auto.")
    aggressiveness: int = option(2, "Mode of webrtcvad, 0 (lenient) to 3 (strict).", ge=0, le=3)
    asr_pad_ms: int = option(200, "Padding added each side for recognising only.", unit="ms")
    bridge_ms: int = option(200, "Gaps shorter than this are bridged.", unit="ms", ge=0)
    island_ms: int = option(100, "Islands shorter than this are dropped.", unit="ms", ge=0)


class TimingSettings(Group):
    """Thresholds of the timing measures."""


class LineSettings(Group):
    """Thresholds of the line checks."""

    full_scale: float = option(0.999, "Samples at or above this count as clipped.", unit="of 1")
    snr_min_pause_ms: int = option(500, "Least pause needed for signal to noise.", unit="ms")
    raised_db: float = option(9.0, "Raised voice: this far above the own median.", unit="dB")
    raised_min_ms: int = option(2000, "Raised voice lasts at least this long.", unit="ms")


class AsrSettings(Group):
    """The recogniser."""

    model: str = option("speechqa-tiny", "Model folder, or the name of a model found locally.")
    language: str = option("auto", "Language code, or auto to detect it per call.")
    device: str = option("auto", "cpu, cuda or auto.")


class RulebookSettings(Group):
    """The rulebook that judges calls."""

    rulebook: str = option("standard", "Rulebook file, or the name of a shipped one.")


class StoreSettings(Group):
    """Where results live."""

    path: str = option("speechqa-store", "Folder or URI of the store.")
    commit_calls: int = option(32, "Calls written in one commit.", unit="calls", ge=1)


class RunSettings(Group):
    """How a run is carried out."""

    workers: int = option(0, "Worker processes; 0 means one per core.", unit="processes", ge=0)
    executor: str = option("local", "local or ray.")
    agent_channel: str = option("left", "Channel of the agent: left or right.")


class PrivacySettings(Group):
    """What is kept of what was said."""


def user_settings_file() -> Path:
    """Return the path of the user's own settings file (it need not exist)."""
    base = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(base) / "speechqa" / "speechqa.toml"


class Settings(BaseSettings):
    """All options of the product, in groups."""

    model_config = SettingsConfigDict(
        env_prefix="SPEECHQA_", env_nested_delimiter="__", frozen=True, extra="forbid"
    )

    audio: AudioSettings = AudioSettings()
    vad: VadSettings = VadSettings()
    timing: TimingSettings = TimingSettings()
    line: LineSettings = LineSettings()
    asr: AsrSettings = AsrSettings()
    rules: RulebookSettings = RulebookSettings()
    store: StoreSettings = StoreSettings()
    run: RunSettings = RunSettings()
    privacy: PrivacySettings = PrivacySettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order the sources: flags, environment, project file, user file."""
        return (
            init_settings,
            env_settings,
            TomlConfigSettingsSource(settings_cls, Path("speechqa.toml")),
            TomlConfigSettingsSource(settings_cls, user_settings_file()),
        )


def load_settings(**overrides: dict[str, Any]) -> Settings:
    """Read the settings from all sources; `overrides` are groups of flag values.

    Raises
    ------
    SettingsError
        A source holds an unknown name or a value out of range; every mistake is listed.

    Examples
    --------
    >>> load_settings(store={"path": "night"}).store.path
    'night'
    """
    given = {
        group: {name: value for name, value in values.items() if value is not None}
        for group, values in overrides.items()
    }
    try:
        groups: dict[str, Any] = {group: values for group, values in given.items() if values}
        return Settings(**groups)
    except ValidationError as error:
        lines = [
            f"{'.'.join(str(part) for part in item['loc'])}: {item['msg']} "
            f"(got {item.get('input')!r})"
            for item in error.errors()
        ]
        raise SettingsError(
            "settings are not valid:\n  " + "\n  ".join(lines),
            hint="look at the flags, SPEECHQA_* variables, speechqa.toml and "
            f"{user_settings_file()}",
        ) from None
    except ValueError as error:  # a TOML file that cannot be parsed
        raise SettingsError(
            f"a settings file cannot be read: {error}",
            hint=f"check speechqa.toml in this folder and {user_settings_file()}",
        ) from None
