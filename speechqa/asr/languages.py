"""Which language a channel speaks, from a few of its windows.

The longest windows of a channel are asked; their answers are averaged by seconds of speech. A
channel that stays unsure (a customer who says "yes" twice) takes the language of its call. Knows
nothing of models.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from speechqa.asr.interface import SpeechJob

_MOST_PROBES = 3
_ENOUGH_SPEECH_MS = 20_000
_FALLBACK = "en"


@dataclass(frozen=True)
class LanguageChoice:
    """A language code and its probability, 0 to 1."""

    language: str
    probability: float


def probed(jobs: Sequence[SpeechJob], windows: Sequence[tuple[int, int, int]]) -> list[int]:
    """Return the windows to ask for the language of their channels.

    Parameters
    ----------
    jobs
        Channels; those that name their language are not asked.
    windows
        (place, job, speech in ms) of each window.

    Returns
    -------
    list of int
        Places: of each channel the longest windows, until 20 s of speech or three are asked.
    """
    asked = [0] * len(jobs)
    speech = [0] * len(jobs)
    chosen = []
    for place, job, speech_ms in sorted(windows, key=lambda w: (w[1], -w[2], w[0])):
        enough = asked[job] >= _MOST_PROBES or speech[job] >= _ENOUGH_SPEECH_MS
        if jobs[job].language is None and not enough:
            chosen.append(place)
            asked[job] += 1
            speech[job] += speech_ms
    return sorted(chosen)


def choose_languages(
    jobs: Sequence[SpeechJob],
    evidence: Sequence[Sequence[tuple[int, dict[str, float]]]],
    *,
    allowed: Sequence[str],
    uncertain: float,
) -> list[LanguageChoice]:
    """Choose a language for each channel.

    Parameters
    ----------
    jobs
        Channels.
    evidence
        For each channel (speech in ms, probability of each language) of the windows asked.
    allowed
        Languages that the model knows; empty for all.
    uncertain
        A channel below this probability takes the language of its call, where that is surer.
    """
    own = [_mean(windows, allowed) for windows in evidence]
    calls: dict[str, list[tuple[int, dict[str, float]]]] = {}
    for job, windows in zip(jobs, evidence, strict=True):
        if job.call:
            calls.setdefault(job.call, []).extend(windows)
    of_call = {call: _mean(windows, allowed) for call, windows in calls.items()}
    choices = []
    for job, choice in zip(jobs, own, strict=True):
        if job.language is not None:
            choices.append(LanguageChoice(job.language, 1.0))
            continue
        shared = of_call.get(job.call, choice)
        better = choice.probability < uncertain and shared.probability > choice.probability
        choices.append(shared if better else choice)
    return choices


def _mean(
    windows: Sequence[tuple[int, dict[str, float]]], allowed: Sequence[str]
) -> LanguageChoice:
    totals: dict[str, float] = {}
    for speech_ms, probabilities in sorted(windows, key=lambda window: window[0]):
        for code, probability in probabilities.items():
            totals[code] = totals.get(code, 0.0) + speech_ms * probability
    # Over all languages: a language that the model does not know leaves it unsure.
    whole = sum(totals.values())
    known = sorted(code for code in totals if not allowed or code in allowed)
    if not whole or not known:
        return LanguageChoice(allowed[0] if allowed else _FALLBACK, 0.0)
    best = max(known, key=lambda code: totals[code])
    return LanguageChoice(best, round(totals[best] / whole, 4))
