"""Options of hearing: from a recording to its facts (audio, voice activity, line, words)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from speechqa.settings.base import Group, option

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
