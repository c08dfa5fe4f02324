"""Stage 2: the speech of many calls becomes words on each call's clock.

The recogniser receives all channels of all calls of a batch at once and batches their windows
as it likes; what it hears on one channel does not depend on what came with it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import TypeVar, cast

import numpy as np

import speechqa
from speechqa import line, vad
from speechqa.asr import ChannelTranscript, Engine, SpeechJob
from speechqa.pipeline.facts import CallFacts, IntervalArray
from speechqa.pipeline.prepare import Prepared
from speechqa.privacy import Masked, mask_numbers
from speechqa.settings import Settings
from speechqa.transcript import Party, Word

T = TypeVar("T")


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
    if "mixed" in call.facts.speech and "agent" in call.facts.speech:
        said = told_apart(said, call.facts.speech)
    said.sort(key=lambda word: (word.start_ms, word.end_ms, word.party))
    kept = mask_numbers(said) if settings.privacy.mask_numbers else Masked(tuple(said), ())
    language, probability = _language(list(of_party.values()))
    facts = replace(
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
    return with_parties_checked(facts, decide=settings.run.agent_channel == "auto")


def with_parties_checked(facts: CallFacts, *, decide: bool) -> CallFacts:
    """Return the facts with a warning where the greeting is heard on the customer's side.

    Parameters
    ----------
    decide
        Exchange the parties instead of warning (``--agent-channel auto``); that is noted, too.
    """
    found = line.check_parties(facts.words) if facts.channels == 2 else None
    if found is None:
        return facts
    if not decide:
        return replace(facts, checks=(*facts.checks, asdict(found)))
    note = asdict(found) | {
        "name": "agent-channel",
        "severity": "info",
        "message": "the agent is on the right channel: the greeting is heard there",
    }
    other: dict[Party, Party] = {"agent": "customer", "customer": "agent", "mixed": "mixed"}
    return replace(
        facts,
        checks=(*facts.checks, note),
        words=tuple(replace(word, party=other[word.party]) for word in facts.words),
        masked=tuple((other[cast(Party, p)], a, b) for p, a, b in facts.masked),
        speech=_exchanged(facts.speech, other),
        levels=_exchanged(facts.levels, other),
        raised=_exchanged(facts.raised, other),
        peaks=_exchanged(facts.peaks, other),
    )


def _exchanged(by_party: Mapping[Party, T], other: Mapping[Party, Party]) -> dict[Party, T]:
    return {party: by_party[other[party]] for party in by_party}


def told_apart(words: Sequence[Word], speech: Mapping[Party, IntervalArray]) -> list[Word]:
    """Give the words of a one-channel recording to the parties whose segments hold their middle.

    A word in both parties' segments, or in neither's, stays ``"mixed"``.

    Examples
    --------
    >>> import numpy as np
    >>> speech = {"agent": np.array([[0, 500]]), "customer": np.array([[400, 900]])}
    >>> words = [Word("mixed", at, at + 100, "yes", 0.9) for at in (0, 400, 700, 950)]
    >>> [word.party for word in told_apart(words, speech)]
    ['agent', 'mixed', 'customer', 'mixed']
    """
    middle = np.array([(word.start_ms + word.end_ms) // 2 for word in words], dtype=np.int64)
    inside = {
        party: np.searchsorted(speech[party].ravel(), middle, side="right") % 2 == 1
        for party in ("agent", "customer")
    }
    agent, customer = inside["agent"], inside["customer"]
    return [
        word
        if agent[i] == customer[i]
        else replace(word, party="agent" if agent[i] else "customer")
        for i, word in enumerate(words)
    ]


def _language(heard: Sequence[ChannelTranscript]) -> tuple[str | None, float | None]:
    """Return the call's language: that of the channel where most words were heard."""
    spoken = [t for t in heard if t.language is not None]
    if not spoken:
        return None, None
    most = max(spoken, key=lambda t: (len(t.words), t.language_probability or 0.0))
    return most.language, most.language_probability
