"""All options together, and the places that they are read from."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from speechqa.complaints import complaint, misspelt
from speechqa.errors import SettingsError
from speechqa.settings.hearing import AsrSettings, AudioSettings, LineSettings, VadSettings
from speechqa.settings.judging import RulebookSettings, TimingSettings
from speechqa.settings.working import PrivacySettings, RunSettings, StoreSettings

PREFIX = "SPEECHQA_"
"""Of the variables that are settings."""


def user_settings_file() -> Path:
    """Return the path of the user's own settings file (it need not exist)."""
    base = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(base) / "speechqa" / "speechqa.toml"


class Settings(BaseSettings):
    """All options of the product, in groups."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", frozen=True, extra="forbid"
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
    lines = misspelt(os.environ, Settings, prefix=PREFIX)
    try:
        groups: dict[str, Any] = {group: values for group, values in given.items() if values}
        made = Settings(**groups)
        if not lines:
            return made
    except ValidationError as error:
        lines += [complaint(item, Settings) for item in error.errors()]
    except ValueError as error:  # a TOML file that cannot be parsed
        raise SettingsError(
            f"a settings file cannot be read: {error}",
            hint=f"check speechqa.toml in this folder and {user_settings_file()}",
        ) from None
    raise SettingsError(
        "settings are not valid:\n  " + "\n  ".join(lines),
        hint=f"look at the flags, SPEECHQA_* variables, speechqa.toml and {user_settings_file()}",
    )
