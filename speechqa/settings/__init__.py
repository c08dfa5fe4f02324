"""Every option of the product: name, unit, default and one line of help.

Precedence: flags, then ``SPEECHQA_*`` variables, then ``speechqa.toml`` in the working folder,
then the user's file, then the defaults here. Groups are frozen; a function receives only the
group that it needs. Nested options are written ``SPEECHQA_TIMING__SILENCE_MS`` in the
environment and ``[timing] silence_ms = 3000`` in TOML.
"""

from speechqa.settings.base import Group
from speechqa.settings.hearing import (
    AsrSettings,
    AudioFormat,
    AudioSettings,
    LineSettings,
    VadSettings,
)
from speechqa.settings.judging import RulebookSettings, TimingSettings
from speechqa.settings.sources import Settings, load_settings, user_settings_file
from speechqa.settings.working import PrivacySettings, RunSettings, StoreSettings

__all__ = [
    "AsrSettings",
    "AudioFormat",
    "AudioSettings",
    "Group",
    "LineSettings",
    "PrivacySettings",
    "RulebookSettings",
    "RunSettings",
    "Settings",
    "StoreSettings",
    "TimingSettings",
    "VadSettings",
    "load_settings",
    "user_settings_file",
]
