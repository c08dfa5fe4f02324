"""Options of judging: from facts to measures and verdicts."""

from __future__ import annotations

from typing import Self

from pydantic import model_validator

from speechqa.settings.base import Group, option


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


class RulebookSettings(Group):
    """The rulebook that judges calls."""

    rulebook: str = option("standard", "Rulebook file, or the name of a shipped one.")
    options: dict[str, str] = option({}, "Options of the rulebook set for this site.")
    slots: dict[str, dict[str, list[str]]] = option(
        {}, "Slots of the rulebook, such as the company's names, per language."
    )
