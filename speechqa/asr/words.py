"""From what was heard in windows to the words of a channel.

Times are mapped to the channel's clock per window, clamped to the piece they came from and then
to the voice activity in it, since alignment lets a word stretch over the pause beside it. Flags
say which words not to trust. Knows nothing of models.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from speechqa.asr.flags import implausible, loops, without_voice
from speechqa.asr.interface import ChannelTranscript, HeardWord, Spans, SpeechJob
from speechqa.asr.packing import Window
from speechqa.transcript import WordFlag

SHORTEST_WORD_MS = 20
"""The step of the recogniser's clock: no word is shorter."""

_PAUSE_IN_WORD_MS = 200
_NEAR_WORD_MS = 500
_SILENT_SHARE = 0.10
_UNSURE_SHARE = 0.25


@dataclass(frozen=True)
class HeardWindow:
    """What one window said.

    Parameters
    ----------
    window
        Where its pieces came from.
    texts
        Words in order.
    times_ms
        Shape (words, 2), within the window.
    probabilities
        Shape (words,).
    flag
        Why no word of it is to be trusted; empty when they may be.
    """

    window: Window
    texts: Sequence[str]
    times_ms: NDArray[np.int64]
    probabilities: NDArray[np.float64]
    flag: WordFlag = ""


def channel_transcript(
    job: SpeechJob,
    heard: Sequence[HeardWindow],
    *,
    language: str | None,
    language_probability: float | None,
    low_confidence: float,
    uncertain_language: float,
    window_ms: int,
) -> ChannelTranscript:
    """Return the words of one channel from its windows, in any order of windows.

    Parameters
    ----------
    job
        The channel.
    heard
        Its windows.
    language, language_probability
        What it was recognised in, and how sure that is.
    low_confidence, uncertain_language
        Limits below which a word or the language is flagged.
    window_ms
        Total length of its windows as they were recognised.
    """
    windows = [w for w in sorted(heard, key=lambda w: int(w.window.source_ms[0])) if len(w.texts)]
    words = _flagged_words(job, windows, low_confidence) if windows else ()
    flags = _channel_flags(job, words, any_window=bool(heard))
    if language_probability is not None and language_probability < uncertain_language:
        flags.add("uncertain-language")
    return ChannelTranscript(
        key=job.key,
        words=words,
        language=language,
        language_probability=language_probability,
        flags=tuple(sorted(flags)),
        windows=len(heard),
        window_ms=window_ms,
    )


def trim_to_voice(words: Spans, speech: Spans) -> Spans:
    """Return `words` without the silence that they stretch over.

    A word that reaches over a pause keeps the side with more of it. A word without any voice
    under it stays as it is.

    Parameters
    ----------
    words, speech
        Shape (n, 2) in any order, and (m, 2) unpadded voice activity.

    Examples
    --------
    >>> speech = np.array([[500, 900], [2000, 3000]])
    >>> trim_to_voice(np.array([[100, 700], [850, 2500], [1000, 1200]]), speech).tolist()
    [[500, 700], [2000, 2500], [1000, 1200]]
    """
    out = words.copy()
    if not len(speech):
        return out
    first = np.searchsorted(speech[:, 1], words[:, 0], side="right")
    last = np.searchsorted(speech[:, 0], words[:, 1], side="left") - 1
    voiced = np.flatnonzero(first <= last)
    out[voiced, 0] = np.maximum(words[voiced, 0], speech[first[voiced], 0])
    out[voiced, 1] = np.minimum(words[voiced, 1], speech[last[voiced], 1])
    for i in voiced[last[voiced] > first[voiced]].tolist():
        out[i] = _larger_side(out[i], speech[first[i] : last[i] + 1])
    return out


def _larger_side(word: NDArray[np.int64], speech: Spans) -> NDArray[np.int64]:
    inside = np.clip(speech, word[0], word[1])
    breaks = np.flatnonzero(inside[1:, 0] - inside[:-1, 1] >= _PAUSE_IN_WORD_MS) + 1
    if not len(breaks):
        return word
    parts = np.split(inside, breaks)
    voiced = [int((part[:, 1] - part[:, 0]).sum()) for part in parts]
    best = parts[int(np.argmax(voiced))]
    return np.array([best[0, 0], best[-1, 1]])


def _flagged_words(
    job: SpeechJob, windows: Sequence[HeardWindow], low_confidence: float
) -> tuple[HeardWord, ...]:
    mapped = np.concatenate([w.window.to_source(w.times_ms) for w in windows])
    texts = [text for w in windows for text in w.texts]
    probabilities = np.concatenate([w.probabilities for w in windows])
    from_window = np.array([w.flag for w in windows for _ in w.texts], object)
    times = trim_to_voice(mapped, job.speech)
    ends = np.concatenate([w.window.source_ms + w.window.length_ms for w in windows])
    # A word clamped to the end of its piece grows backwards, so that it stays in the piece.
    late = np.isin(times[:, 0], ends)
    times[late, 0] = np.maximum(times[late, 0] - SHORTEST_WORD_MS, 0)
    times[:, 1] = np.maximum(times[:, 1], times[:, 0] + SHORTEST_WORD_MS)
    order = np.argsort(times[:, 0], kind="stable")
    unsure = (probabilities < low_confidence) | implausible(times)
    flags = np.where(unsure, "low-confidence", "").astype(object)
    flags = np.where(loops(texts), "loop", flags)
    flags = np.where(from_window != "", from_window, flags)
    flags = np.where(without_voice(times, job.speech), "no-speech", flags)
    return tuple(
        HeardWord(
            int(times[i, 0]),
            int(times[i, 1]),
            texts[i],
            round(float(probabilities[i]), 4),
            flags[i],
        )
        for i in order.tolist()
    )


def _channel_flags(job: SpeechJob, words: Sequence[HeardWord], *, any_window: bool) -> set[str]:
    counts = {flag: sum(word.flag == flag for word in words) for flag in ("loop", "no-speech")}
    flags = {flag for flag, count in counts.items() if count}
    if words and sum(word.flag == "low-confidence" for word in words) > _UNSURE_SHARE * len(words):
        flags.add("low-confidence")
    if any_window and untold_share(job.speech, words) > _SILENT_SHARE:
        flags.add("speech-without-text")
    return flags


def untold_share(speech: Spans, words: Sequence[HeardWord]) -> float:
    """Return the share of `speech` further than 500 ms from any word that may be trusted.

    Examples
    --------
    >>> untold_share(np.array([[0, 1000], [5000, 6000]]), [HeardWord(100, 800, "yes", 0.9)])
    0.5
    """
    total = int((speech[:, 1] - speech[:, 0]).sum()) if len(speech) else 0
    if not total:
        return 0.0
    told, reach = 0, -1
    trusted = sorted((w.start_ms, w.end_ms) for w in words if not w.flag)
    for start, end in trusted:
        low, high = max(start - _NEAR_WORD_MS, reach), end + _NEAR_WORD_MS
        if high > low:
            covered = np.minimum(speech[:, 1], high) - np.maximum(speech[:, 0], low)
            told += int(np.maximum(covered, 0).sum())
            reach = high
    return 1 - told / total
