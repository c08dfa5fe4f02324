"""What a recogniser is: jobs of speech in, words with times out.

An engine receives channels of many calls at once and may batch them as it likes; what it returns
for one channel must not depend on which other channels came with it. It knows nothing of parties,
files or rules. Times are integer milliseconds on the channel's own clock, half-open.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from speechqa.transcript import Party, Word, WordFlag

Spans = NDArray[np.int64]
"""Interval set, shape (n, 2): sorted, disjoint, half-open, milliseconds."""


@dataclass(frozen=True)
class SpeechJob:
    """One channel of one call, with the speech that was found in it.

    Parameters
    ----------
    key
        Name of the channel, unique within one request, e.g. ``"call-17/agent"``.
    samples
        Shape (n,), float32 in [-1, 1] or int16. A memory map will do: only the pieces that hold
        speech are read.
    rate_hz
        Sampling rate of `samples`.
    spans
        Padded speech: what is sent to the recogniser.
    speech
        Unpadded speech: where words can be.
    language
        ISO 639-1 code; None detects it.
    call
        Name shared by the channels of one call: a channel whose own language is uncertain takes
        that of its call. Empty: the channel stands alone.

    Examples
    --------
    >>> speech = np.array([[200, 800]])
    >>> job = SpeechJob("a", np.zeros(8000, np.float32), 8000, speech, speech)
    >>> job.duration_ms
    1000
    """

    key: str
    samples: NDArray[Any]
    rate_hz: int
    spans: Spans
    speech: Spans
    language: str | None = None
    call: str = ""

    @property
    def duration_ms(self) -> int:
        """Length of the channel."""
        return int(len(self.samples) * 1000 // self.rate_hz)


@dataclass(frozen=True, slots=True)
class HeardWord:
    """A word whose party is not known yet: the engine hears channels, not people."""

    start_ms: int
    end_ms: int
    text: str
    probability: float
    flag: WordFlag = ""

    def said_by(self, party: Party) -> Word:
        """Return the word as said by `party`.

        Examples
        --------
        >>> HeardWord(100, 300, "hello", 0.9).said_by("agent").party
        'agent'
        """
        return Word(party, self.start_ms, self.end_ms, self.text, self.probability, self.flag)


@dataclass(frozen=True)
class ChannelTranscript:
    """What was heard on one channel.

    Parameters
    ----------
    key
        The job's.
    words
        In order of start.
    language
        ISO 639-1 code that the words were recognised in; None where nothing was sent.
    language_probability
        How sure the detection was, 0 to 1; 1.0 where the language was given; None where nothing
        was sent.
    flags
        What a person should know: ``"uncertain-language"``, ``"loop"``, ``"no-speech"``,
        ``"low-confidence"``, ``"speech-without-text"``; in alphabetical order.
    windows
        How many windows were recognised.
    window_ms
        Their total length as the recogniser saw them, padding included.
    """

    key: str
    words: tuple[HeardWord, ...]
    language: str | None
    language_probability: float | None
    flags: tuple[str, ...] = ()
    windows: int = 0
    window_ms: int = 0


@runtime_checkable
class Engine(Protocol):
    """A recogniser, loaded and ready."""

    @property
    def name(self) -> str:
        """Name and version for the record, e.g. ``"whisper:speechqa-tiny@3f2a91c0"``."""

    def transcribe(self, jobs: Sequence[SpeechJob]) -> list[ChannelTranscript]:
        """Recognise each channel; the answers come in the order of the jobs."""
