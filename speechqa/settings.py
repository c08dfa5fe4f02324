"""Every option of the product: name, unit, default and one line of help.

Precedence: flags, then ``SPEECHQA_*`` variables, then ``speechqa.toml`` in the working folder,
then the user's file, then the defaults here. Groups are frozen; a function receives only the
group that it needs. Nested options are written ``SPEECHQA_TIMING__SILENCE_MS`` in the
environment and ``[timing] silence_ms = 3000`` in TOML.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from speechqa.complaints import complaint
from speechqa.errors import SettingsError


class Group(BaseModel):
    """A frozen group of options; an unknown name is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def option(default: Any, help: str, *, unit: str = "", **limits: Any) -> Any:
    """Declare one option: its default, one line of help, its unit and its limits."""
    return Field(default, description=help, json_schema_extra={"unit": unit}, **limits)


AudioFormat = Literal[
    "wav",
    "flac",
    "ogg-vorbis",
    "ogg-opus",
    "ogg-flac",
    "ogg-speex",
    "mp3",
    "aiff",
    "au",
    "mp4",
    "amr",
    "wma",
]


class AudioSettings(Group):
    """Which recordings are accepted, and how they are read."""

    min_rate_hz: int = option(6000, "Lowest sampling rate accepted.", unit="Hz", ge=1)
    max_rate_hz: int = option(192_000, "Highest sampling rate accepted.", unit="Hz", ge=1)
    max_channels: int = option(2, "Most channels accepted.", unit="channels", ge=1, le=2)
    max_duration_s: int = option(4 * 3600, "Longest recording accepted.", unit="s", ge=1)
    min_duration_ms: int = option(200, "Shortest recording accepted.", unit="ms", ge=0)
    max_bytes: int = option(2 * 1024**3, "Largest file accepted.", unit="bytes", ge=1)
    max_decoded_bytes: int = option(
        2 * 1024**3, "Most memory that one decoded recording may take.", unit="bytes", ge=1
    )
    channels: tuple[Annotated[int, Field(ge=0)], ...] = option(
        (), "Channels to read, counted from 0, agent first; empty: all of them.", max_length=2
    )
    formats: tuple[AudioFormat, ...] = option(
        ("wav", "flac", "ogg-vorbis", "ogg-opus", "mp3", "aiff", "au", "mp4", "amr", "wma"),
        "Kinds of file accepted; ogg-flac and ogg-speex can be added.",
    )


class VadSettings(Group):
    """Voice activity: where speech is."""

    detector: Literal["webrtc", "silero", "auto"] = option(
        "auto", "Detector: webrtc; silero; or auto, which asks Silero about doubtful stretches."
    )
    aggressiveness: int = option(2, "Mode of webrtcvad, 0 (lenient) to 3 (strict).", ge=0, le=3)
    asr_pad_ms: int = option(
        300, "Padding added each side for recognising only.", unit="ms", ge=0, le=2000
    )
    bridge_ms: int = option(200, "Gaps shorter than this are bridged.", unit="ms", ge=0)
    island_ms: int = option(100, "Islands shorter than this are dropped.", unit="ms", ge=0)
    onset_db: float = option(7.0, "Speech begins this far above the noise floor.", unit="dB")
    hold_db: float = option(2.5, "Speech lasts while this far above the noise floor.", unit="dB")
    range_db: float = option(37.0, "Range of speech below a channel's own loud speech.", unit="dB")
    quiet_db: float = option(32.0, "A stretch this far below loud speech is none.", unit="dB")
    least_level_db: float = option(-60.0, "A channel below this holds no speech.", unit="dBFS")


class TimingSettings(Group):
    """Thresholds of the timing measures; every figure carries the ones it was made with."""

    silence_ms: int = option(3000, "A gap at least this long is a silence.", unit="ms", gt=0)
    dead_air_ms: int = option(5000, "A silence at least this long is dead air.", unit="ms", gt=0)
    long_silence_ms: int = option(10_000, "A silence at least this long is long.", unit="ms", gt=0)
    announce_within_ms: int = option(
        10_000, "A silence is announced by a hold phrase at most this long before.", unit="ms", ge=0
    )
    phrase_snap_ms: int = option(
        500,
        "A phrase that ends at most this long after its speech ended, ends with that speech.",
        unit="ms",
        ge=0,
    )
    overtalk_ms: int = option(1000, "An overlap at least this long is overtalk.", unit="ms", gt=0)
    backchannel_ms: int = option(
        1000, "Speech inside the other's, at most this long, is a backchannel.", unit="ms", ge=0
    )
    simultaneous_ms: int = option(
        500, "Two who start less than this apart start together.", unit="ms", ge=0
    )
    terminal_ms: int = option(
        500, "Overlapping at most this much of the other's end is a quick reply.", unit="ms", ge=0
    )
    turn_pause_ms: int = option(3000, "A longer pause ends a turn.", unit="ms", ge=0)
    hold_pause_ms: int = option(
        15_000, "An inferred hold has no agent speech for at least this long.", unit="ms", gt=0
    )
    hold_phrase_ms: int = option(
        10_000, "An inferred hold begins at most this long after its phrase.", unit="ms", ge=0
    )
    hold_return_ms: int = option(
        10_000, "A return phrase or both parties must be heard within this time.", unit="ms", ge=0
    )
    hold_customer_share: float = option(
        0.25, "A customer who speaks for more of a pause than this was hardly on hold.", ge=0, le=1
    )
    hold_confidence: float = option(
        0.5, "An inferred hold counts from this confidence on.", ge=0, le=1
    )
    rate_speech_ms: int = option(15_000, "A speech rate needs this much speech.", unit="ms", gt=0)
    rate_units: int = option(30, "A speech rate needs this many units.", unit="units", gt=0)
    rate_window_ms: int = option(
        10_000, "Fast and slow are judged per window of own speech.", unit="ms", gt=0
    )
    rate_hop_ms: int = option(5000, "Step from one rate window to the next.", unit="ms", gt=0)
    rate_limits: dict[str, tuple[float, float]] = option(
        {"en": (100.0, 190.0), "zh": (160.0, 280.0)},
        "Per language: slower than the first is slow, faster than the second is fast.",
        unit="units/min",
    )

    @model_validator(mode="after")
    def _windows_step_evenly(self) -> Self:
        if self.rate_window_ms % self.rate_hop_ms:
            raise ValueError("rate_window_ms must be a whole multiple of rate_hop_ms")
        return self


class LineSettings(Group):
    """Thresholds of the line checks."""

    full_scale: float = option(
        0.98, "Samples at or above this count as clipped.", unit="of 1", gt=0, le=1
    )
    clipped_share: float = option(
        0.0005, "Clipping is named from this share of flat peaks on.", unit="share", ge=0, le=1
    )
    least_peak: float = option(
        0.1, "Below this peak nothing is called clipping.", unit="of 1", ge=0, le=1
    )
    dc_offset: float = option(0.01, "A mean at least this large is named.", unit="of 1", ge=0, le=1)
    dead_dbfs: float = option(-65.0, "A channel below this carries nothing.", unit="dBFS")
    identical_correlation: float = option(
        0.9, "Two channels at least this alike are one signal.", ge=0, le=1
    )
    identical_gain_db: float = option(
        20.0, "Beyond this difference in level it is a leak, not a copy.", unit="dB"
    )
    leak_warn_db: float = option(-40.0, "A leak at least this strong is named.", unit="dB")
    leak_fail_db: float = option(
        -12.0, "A leak this strong makes parties hard to tell apart: grade D.", unit="dB"
    )
    silent_party_ms: int = option(
        15_000, "No speech is odd when the other party has this much.", unit="ms", ge=0
    )
    snr_min_pause_ms: int = option(500, "Least pause needed for signal to noise.", unit="ms", ge=0)
    raised_db: float = option(9.0, "Raised voice: this far above the own median.", unit="dB", ge=0)
    raised_min_ms: int = option(2000, "Raised voice lasts at least this long.", unit="ms", ge=0)
    raised_least_speech_ms: int = option(
        10_000, "Raised voice is looked for in at least this much speech.", unit="ms", ge=0
    )


class AsrSettings(Group):
    """The recogniser."""

    engine: str = option("whisper", "Recogniser: whisper, or one named by an installed package.")
    model: str = option("speechqa-tiny", "Model folder, or the name of a model found locally.")
    language: str = option("auto", "Language code, or auto to detect it per call.")
    device: str = option("auto", "cpu, cuda or auto.", pattern="^(auto|cpu|cuda)$")
    device_index: int = option(0, "Which GPU, where there are several.", ge=0)
    compute_type: str = option("auto", "Arithmetic: auto, int8, float16, float32 and so on.")
    threads: int = option(0, "CPU threads; 0 means one per core.", unit="threads", ge=0)
    beam_size: int = option(0, "Hypotheses kept; 0 means the model's own advice.", ge=0, le=20)
    window: str = option(
        "auto",
        "exact (windows as long as the model was trained on), buckets (as long as their speech), "
        "or auto: buckets where the model is made for them.",
        pattern="^(auto|exact|buckets)$",
    )
    gap_ms: int = option(300, "Silence between two pieces of one window.", unit="ms", ge=0, le=2000)
    pool_s: int = option(1800, "Audio batched together, of many calls.", unit="s", ge=60)
    encode_batch: int = option(0, "Windows encoded at once; 0 fits the device.", ge=0)
    decode_batch: int = option(0, "Windows decoded at once; 0 fits the device.", ge=0)
    compression_ratio: float = option(2.4, "Text that shrinks more than this is retried.", gt=1)
    log_probability: float = option(-1.0, "A mean below this is retried.", unit="nats per token")
    no_speech_probability: float = option(
        0.6, "Above this an unsure window is not speech.", ge=0, le=1
    )
    low_confidence: float = option(0.3, "A word below this probability is flagged.", ge=0, le=1)
    uncertain_language: float = option(0.7, "A language below this is flagged.", ge=0, le=1)


class RulebookSettings(Group):
    """The rulebook that judges calls."""

    rulebook: str = option("standard", "Rulebook file, or the name of a shipped one.")
    options: dict[str, str] = option({}, "Options of the rulebook set for this site.")
    slots: dict[str, dict[str, list[str]]] = option(
        {}, "Slots of the rulebook, such as the company's names, per language."
    )


class StoreSettings(Group):
    """Where results live."""

    path: str = option("speechqa-store", "Folder or URI of the store.")
    commit_calls: int = option(32, "Calls written in one commit.", unit="calls", ge=1)
    options: dict[str, str] = option({}, "Passed on to deltalake for object storage.")


class RunSettings(Group):
    """How a run is carried out."""

    workers: int = option(0, "Worker processes; 0 means one per core.", unit="processes", ge=0)
    executor: str = option("local", "local or ray.", pattern="^(local|ray)$")
    ray_address: str = option("", "Address of the Ray cluster; empty starts one on this machine.")
    agent_channel: str = option(
        "left",
        "Channel of the agent: left, right, or auto (left, unless the greeting is on the right).",
        pattern="^(left|right|auto)$",
    )
    deadline_s: float = option(
        120.0, "A worker that stays silent for longer is killed.", unit="s", gt=0
    )
    deadline_per_audio: float = option(
        3.0, "And so much longer for each second of audio in its hands.", unit="s/s", ge=0
    )
    stop_s: float = option(
        15.0, "An interrupted run waits this long for what is in flight.", unit="s", ge=0, le=25
    )
    worker_memory_mb: int = option(
        0,
        "Memory that one worker may allocate; 0 means its part of the machine's, at least 4 GB.",
        unit="MB",
        ge=0,
    )

    call_memory_mb: int = option(
        64,
        "Samples of a call that stay in memory; those of a longer call lie in a file.",
        unit="MB",
        ge=0,
    )
    scratch: str = option(
        "", "Folder for that file, which has no name; empty: the store's own, else TMPDIR."
    )

    @property
    def worker_memory_bytes(self) -> int:
        """Memory that one worker may allocate."""
        if self.worker_memory_mb:
            return self.worker_memory_mb * 1000**2
        machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        return max(4 * 1000**3, machine // self.worker_count)

    @property
    def worker_count(self) -> int:
        """Worker processes to use on this machine."""
        return self.workers or len(os.sched_getaffinity(0))


class PrivacySettings(Group):
    """What is kept of what was said."""

    mask_numbers: bool = option(True, "Mask card numbers and codes before anything is stored.")
    keep_text: bool = option(
        True, "Keep the words; without them measures, hits and scores are kept all the same."
    )


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
        lines = [complaint(item, Settings) for item in error.errors()]
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
