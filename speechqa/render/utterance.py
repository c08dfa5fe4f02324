"""What a voice said, with the times of its words and phones; knows nothing of synthesisers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from speechqa.intervals import IntervalArray, as_spans, bridge, drop_short, normalise

FloatArray = NDArray[np.float32]

RATE_HZ = 16000
BRIDGE_MS = 200
"""Pauses of one party shorter than this belong to the talkspurt (measures: talkspurts)."""
ISLAND_MS = 100
"""Talkspurts shorter than this are dropped (measures: talkspurts)."""


class SaidWord(NamedTuple):
    """One word, or one Chinese character, of an utterance; times in ms from its first sample."""

    text: str
    start_ms: int
    end_ms: int


class Phone(NamedTuple):
    """One phone of an utterance, named as the synthesiser names it."""

    name: str
    start_ms: int
    end_ms: int


@dataclass(frozen=True, eq=False)
class Utterance:
    """What a voice said.

    Parameters
    ----------
    text, voice
        As asked for.
    samples
        Shape (n,), float32 at 16 kHz; RMS over the phones is the level asked for.
    words
        Written words without outer punctuation; in Chinese one per character.
    phones
        Without the silences between them.
    made_with
        Synthesiser and version; samples are the same only for the same one.
    """

    text: str
    voice: str
    samples: FloatArray
    words: tuple[SaidWord, ...]
    phones: tuple[Phone, ...]
    made_with: str

    @property
    def duration_ms(self) -> int:
        """Length of the samples, silence at both ends included."""
        return round(1000 * len(self.samples) / RATE_HZ)

    @property
    def speech(self) -> IntervalArray:
        """Talkspurts, shape (n, 2), ms: phones, with pauses shorter than 200 ms bridged."""
        return talkspurts(as_spans([(p.start_ms, p.end_ms) for p in self.phones]))


def talkspurts(spans: IntervalArray) -> IntervalArray:
    """Return phones as talkspurts: bridge pauses < 200 ms, then drop islands < 100 ms.

    Examples
    --------
    >>> talkspurts(as_spans([(0, 150), (349, 500), (700, 760)])).tolist()
    [[0, 500]]
    """
    joined = bridge(normalise(spans), shorter_than_ms=BRIDGE_MS)
    return drop_short(joined, shorter_than_ms=ISLAND_MS)
