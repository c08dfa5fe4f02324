"""What a run would process and how long it would take: ``run --dry-run``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from speechqa.asr.planning import Plan, estimate
from speechqa.audio import open_recording
from speechqa.errors import CallError
from speechqa.settings import Settings

SAMPLED = 50
"""Recordings whose length is looked up; the others are taken to be as long per byte."""


@dataclass(frozen=True)
class Forecast:
    """What lies ahead.

    Parameters
    ----------
    recordings
        How many would be processed.
    known
        Of those found, stored already.
    audio_s
        Their length: exact for a few, estimated from the bytes for the rest.
    plan
        Hours from measured stage costs; None for a recogniser that cannot be timed here.
    """

    recordings: int
    known: int
    audio_s: float
    plan: Plan | None

    def as_dict(self) -> dict[str, Any]:
        """Return the forecast as plain values."""
        plan = None if self.plan is None else asdict(self.plan)
        return {
            "recordings": self.recordings,
            "known": self.known,
            "audio_s": self.audio_s,
            "plan": plan,
        }

    @property
    def text(self) -> str:
        """The forecast for a person."""
        lines = [
            f"{self.recordings} recordings to process, {self.known} stored already",
            f"about {self.audio_s / 3600:.2f} hours of audio",
        ]
        if self.plan is not None:
            lines.append(
                f"expected: {_hours(self.plan.hours)} "
                f"({self.plan.real_time_factor:.0f} times real time), {self.plan.windows} windows"
            )
            lines.append(
                f"with {self.plan.workers} worker{'s' if self.plan.workers > 1 else ''}; worker "
                f"hours: {self.plan.prepare_h:.2g} to prepare, {self.plan.encode_h:.2g} to encode, "
                f"{self.plan.decode_h:.2g} to decode"
            )
        return "\n".join(lines)


def forecast(files: Sequence[tuple[str, int]], known: int, settings: Settings) -> Forecast:
    """Estimate a run over `files`, (path, bytes) each, from costs measured on this machine.

    Parameters
    ----------
    known
        Recordings that the run would skip.
    """
    audio_s = _audio_s(files, settings)
    plan = estimate(settings.asr, audio_s, workers=settings.run.workers) if files else None
    return Forecast(len(files), known, audio_s, plan)


def _audio_s(files: Sequence[tuple[str, int]], settings: Settings) -> float:
    """Return the length of all files from that of some, spread evenly over them."""
    step = max(1, len(files) // SAMPLED)
    seconds, size = 0.0, 0
    for path, size_bytes in files[::step]:
        try:
            with open_recording(path, settings.audio) as timeline:
                layout = timeline.layout
                if layout.stated_frames is None:
                    continue
                seconds += layout.stated_frames / layout.rate_hz
                size += size_bytes
        except CallError:
            continue
    return seconds * sum(size_bytes for _, size_bytes in files) / size if size else 0.0


def _hours(hours: float) -> str:
    if hours < 1 / 60:
        return "under a minute"
    return f"{hours * 60:.0f} minutes" if hours < 2 else f"{hours:.1f} hours"
