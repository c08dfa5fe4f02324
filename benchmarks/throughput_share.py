"""R2 and R3 of the throughput benchmark: how little there is beside the recogniser's own work.

R2  the processor seconds inside CTranslate2's own calls, of those that recognising takes, on one
    thread.
R3  seconds of speech in the seconds of windows recognised; no model runs.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.figures import Figure
from benchmarks.throughput_worker import jobs_of


def bare_share(model: str, files: Sequence[str], beam_size: int, rounds: int) -> list[float]:
    """R2: CPU seconds inside CTranslate2's calls, of all that recognising takes, one thread."""
    from speechqa.asr.loading import load_whisper
    from speechqa.settings import AsrSettings

    engine = load_whisper(AsrSettings(model=model, device="cpu", threads=1, beam_size=beam_size))
    jobs = jobs_of(files)
    engine.transcribe(jobs)
    meter = engine.decoder.whisper = Meter(engine.decoder.whisper)
    shares = []
    for _ in range(rounds):
        meter.seconds, start = 0.0, time.process_time()
        engine.transcribe(jobs)
        shares.append(meter.seconds / (time.process_time() - start))
    return shares


class Meter:
    """Passes calls on to CTranslate2 and adds up their processor seconds."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.seconds = 0.0

    def __getattr__(self, name: str) -> Any:
        def call(*given: Any, **named: Any) -> Any:
            start = time.process_time()
            answer = getattr(self.inner, name)(*given, **named)
            self.seconds += time.process_time() - start
            return answer

        return call


def fill(card: Any, files: Sequence[str]) -> list[Figure]:
    """R3 alone: pack the speech of `files`, as they are and joined to longer calls."""
    from speechqa.asr.models import ModelCard
    from speechqa.asr.windowing import Windowing
    from speechqa.settings import AsrSettings

    jobs = jobs_of(files)
    out = []
    for together in (1, 2, 4):
        calls = joined(jobs, together)
        minutes = np.mean([job.duration_ms for job in calls]) / 60_000
        speech_s = sum(int((job.speech[:, 1] - job.speech[:, 0]).sum()) for job in calls) / 1000
        for name, kind in (("exact", ModelCard()), ("the model's", card)):
            items = Windowing.of(kind, AsrSettings()).items(calls)
            share = speech_s / (sum(item.frames for item in items) / 100)
            what = f"speech / windows, {name}, calls of {minutes:.1f} min"
            out.append(Figure.of("R3", what, [share], ">= 0.70"))
    return out


def joined(jobs: Sequence[Any], together: int) -> list[Any]:
    """Return channels of longer calls: those of `together` calls, one after the other."""
    from speechqa.asr import SpeechJob

    out = []
    for side in (0, 1):
        channels = jobs[side::2]
        for first in range(0, len(channels) - together + 1, together):
            part = channels[first : first + together]
            starts = np.concatenate([[0], np.cumsum([job.duration_ms for job in part])])
            samples = [job.samples[: job.duration_ms * job.rate_hz // 1000] for job in part]
            spans = [job.spans + at for job, at in zip(part, starts, strict=False)]
            speech = [job.speech + at for job, at in zip(part, starts, strict=False)]
            out.append(
                SpeechJob(
                    key=f"{side}/{first}",
                    samples=np.concatenate(samples),
                    rate_hz=part[0].rate_hz,
                    spans=np.concatenate(spans),
                    speech=np.concatenate(speech),
                )
            )
    return out


def share_figures(shares: dict[str, list[float]]) -> list[Figure]:
    """Return R2."""
    return [
        Figure.of("R2", f"bare CTranslate2 / speechqa, {name}", values, ">= 0.95")
        for name, values in shares.items()
    ]
