"""Stage 2: the speech of many calls becomes words on each call's clock.

The recogniser receives all channels of all calls of a batch at once and batches their windows
as it likes; what it hears on one channel does not depend on what came with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import speechqa
from speechqa import vad
from speechqa.asr import ChannelTranscript, Engine, SpeechJob
from speechqa.pipeline.facts import CallFacts
from speechqa.pipeline.prepare import Prepared
from speechqa.privacy import Masked, mask_numbers
from speechqa.settings import Settings
from speechqa.transcript import Party


def transcribe(calls: Sequence[Prepared], engine: Engine, settings: Settings) -> list[CallFacts]:
    """Return the calls' facts with words, language and provenance, in the same order."""
    jobs = [job for call in calls for job in _jobs(call, settings)]
    heard = {transcript.key: transcript for transcript in engine.transcribe(jobs)}
    return [_with_words(call, heard, engine, settings) for call in calls]


def _jobs(call: Prepared, settings: Settings) -> list[SpeechJob]:
    given = settings.asr.language
    return [
        SpeechJob(
            key=f"{call.facts.key}/{party}",
            samples=samples,
            rate_hz=call.rate_hz,
            spans=vad.asr_spans(call.heard[party], call.facts.duration_ms, settings.vad),
            speech=call.heard[party],
            language=None if given == "auto" else given,
            call=call.facts.key,
        )
        for party, samples in call.samples.items()
    ]


def _with_words(
    call: Prepared, heard: dict[str, ChannelTranscript], engine: Engine, settings: Settings
) -> CallFacts:
    of_party: dict[Party, ChannelTranscript] = {
        party: heard[f"{call.facts.key}/{party}"] for party in call.samples
    }
    said = [word.said_by(party) for party, t in of_party.items() for word in t.words]
    said.sort(key=lambda word: (word.start_ms, word.end_ms, word.party))
    kept = mask_numbers(said) if settings.privacy.mask_numbers else Masked(tuple(said), ())
    language, probability = _language(list(of_party.values()))
    return replace(
        call.facts,
        words=kept.words,
        masked=kept.spans,
        language=language,
        language_probability=probability,
        flags=tuple(sorted({flag for t in of_party.values() for flag in t.flags})),
        provenance={
            "speechqa": speechqa.__version__,
            "model": engine.name,
            "vad": settings.vad.detector,
            "settings": call.facts.config,
        },
    )


def _language(heard: Sequence[ChannelTranscript]) -> tuple[str | None, float | None]:
    """Return the call's language: that of the channel where most words were heard."""
    spoken = [t for t in heard if t.language is not None]
    if not spoken:
        return None, None
    most = max(spoken, key=lambda t: (len(t.words), t.language_probability or 0.0))
    return most.language, most.language_probability
