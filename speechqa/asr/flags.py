"""Which words not to trust: loops, words without a voice under them, unsure ones.

A recogniser repeats itself and invents text where it hears none. Such words are kept, with a
flag: a flagged word fires no rule and counts in no rate. Knows nothing of models.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from speechqa.asr.interface import Spans

LOOP_REPEATS = {1: 6, 2: 4, 3: 3, 4: 3, 5: 3, 6: 3, 7: 3, 8: 3}
"""Words in a phrase: how often in a row people do not say it. Single words are said more often in
a row ("no, no, no, no", a row of zeros)."""

_FEWEST_REPEATS = min((times - 1) * length for length, times in LOOP_REPEATS.items())

VOICE_TOLERANCE_MS = 150
"""How far from voice activity a word may lie: the error of aligned word times."""

LONGEST_WORD_MS = 2500
"""Longer than any word is said, however slowly."""

CROWD_MS, CROWD_WORDS = 60, 3
"""More words than this within this distance of a word's start are not speech."""


def loops(texts: Sequence[str]) -> NDArray[np.bool_]:
    """Mark the words of phrases repeated without end; the first time is not marked.

    Parameters
    ----------
    texts
        Words in order; compared without case and surrounding punctuation.

    Examples
    --------
    >>> loops("thank you thank you thank you thank you bye".split()).astype(int).tolist()
    [0, 0, 1, 1, 1, 1, 1, 1, 0]
    >>> loops("no no no no sorry".split()).any()
    np.False_
    """
    return repeated(np.array([text.casefold().strip(" .,!?。，！？") for text in texts]))


def repeated(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Mark values of runs repeated more often than `LOOP_REPEATS` allows, but for the first.

    Examples
    --------
    >>> repeated(np.array([1, 2, 1, 2, 1, 2, 1, 2])).astype(int).tolist()
    [0, 0, 1, 1, 1, 1, 1, 1]
    """
    marked = np.zeros(len(values), np.bool_)
    if len(values) - len(np.unique(values)) < _FEWEST_REPEATS:
        return marked
    for length, repeats in LOOP_REPEATS.items():
        if len(values) < length * repeats:
            continue
        same = np.concatenate([values[length:] == values[:-length], [False]])
        edges = np.flatnonzero(np.diff(np.concatenate([[False], same, [False]])))
        for start, end in edges.reshape(-1, 2).tolist():
            if end - start >= length * (repeats - 1):
                marked[start + length : end + length] = True
    return marked


def without_voice(words: Spans, speech: Spans) -> NDArray[np.bool_]:
    """Mark the words that lie further than `VOICE_TOLERANCE_MS` from any voice activity.

    Parameters
    ----------
    words, speech
        Shape (n, 2) and (m, 2); speech is unpadded.

    Examples
    --------
    >>> without_voice(np.array([[0, 100], [900, 1000]]), np.array([[200, 700]])).tolist()
    [False, True]
    """
    if not len(speech):
        return np.ones(len(words), np.bool_)
    before = np.searchsorted(speech[:, 1] + VOICE_TOLERANCE_MS, words[:, 0], side="right")
    reaches = speech[np.minimum(before, len(speech) - 1), 0] - VOICE_TOLERANCE_MS < words[:, 1]
    voiced: NDArray[np.bool_] = (before < len(speech)) & reaches
    return ~voiced


def implausible(words: Spans) -> NDArray[np.bool_]:
    """Mark words that nobody can have said as they lie: too long, or too many at one instant.

    A recogniser that recites instead of listening finds no place in the audio for its words.

    Parameters
    ----------
    words
        Shape (n, 2), in order of start.

    Examples
    --------
    >>> said = np.array([[0, 300], [300, 4000]] + [[5000, 5020]] * 4)
    >>> implausible(said).tolist()
    [False, True, True, True, True, True]
    """
    starts = np.sort(words[:, 0])
    after = np.searchsorted(starts, words[:, 0] + CROWD_MS, side="left")
    before = np.searchsorted(starts, words[:, 0] - CROWD_MS, side="right")
    crowded = after - before > CROWD_WORDS
    return crowded | (words[:, 1] - words[:, 0] > LONGEST_WORD_MS)


def compression_ratio(text: str) -> float:
    """Return how many times shorter `text` becomes when compressed: repetition, in one figure.

    Source: Whisper (Radford et al., 2022), section 4.5.

    Examples
    --------
    >>> compression_ratio("thank you " * 30) > 2.4 > compression_ratio("how can I help you today?")
    True
    """
    raw = text.encode()
    return len(raw) / len(zlib.compress(raw)) if raw else 0.0
