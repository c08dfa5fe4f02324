"""An engine that needs no model: the words follow from the samples alone.

For tests of everything that is not about recognition. The same samples and spans always give the
same words, so two runs can be compared byte for byte. It knows nothing of speech.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from speechqa.asr.interface import ChannelTranscript, HeardWord, SpeechJob

_WORDS = {
    "en": ("good", "morning", "how", "can", "i", "help", "you", "please", "hold", "the", "line"),
    "zh": tuple("您好请问有什么可以帮您的"),
}
_WORD_MS = 300


class StubEngine:
    """Turn a hash of each span's samples into words of 300 ms each.

    Parameters
    ----------
    language
        What to answer where a job does not name its language.

    Examples
    --------
    >>> import numpy as np
    >>> span = np.array([[0, 650]])
    >>> job = SpeechJob("a", np.ones(8000, np.float32), 8000, span, span)
    >>> [(word.start_ms, word.end_ms) for word in StubEngine().transcribe([job])[0].words]
    [(0, 300), (300, 600)]
    """

    def __init__(self, language: str = "en") -> None:
        self.name = "stub"
        self._language = language

    def transcribe(self, jobs: Sequence[SpeechJob]) -> list[ChannelTranscript]:
        """Return words that depend on the samples under each job's speech, and on nothing else."""
        return [self._one(job) for job in jobs]

    def _one(self, job: SpeechJob) -> ChannelTranscript:
        language = job.language or self._language
        vocabulary = _WORDS.get(language, _WORDS["en"])
        words: list[HeardWord] = []
        for start_ms, end_ms in job.speech.tolist():
            first, last = (edge * job.rate_hz // 1000 for edge in (start_ms, end_ms))
            digest = hashlib.sha256(job.samples[first:last].tobytes()).digest()
            for place in range((end_ms - start_ms) // _WORD_MS):
                at = start_ms + place * _WORD_MS
                text = vocabulary[digest[place % len(digest)] % len(vocabulary)]
                words.append(HeardWord(at, at + _WORD_MS, text, 0.9))
        if not len(job.speech):
            return ChannelTranscript(job.key, (), None, None)
        return ChannelTranscript(job.key, tuple(words), language, 1.0)
