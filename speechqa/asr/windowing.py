"""How long windows are, and how the windows of many calls become batches.

A window's length follows from its own speech and the model's advice alone, never from what else
is recognised with it. Knows nothing of the recogniser.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from speechqa.asr.features import quietest_ms
from speechqa.asr.gate import voiced_spans
from speechqa.asr.interface import Spans, SpeechJob
from speechqa.asr.models import ModelCard
from speechqa.asr.packing import Window, fill, pack, split_long
from speechqa.intervals import bridge
from speechqa.settings import AsrSettings

_STOCK_SPARE_S = 2.56  # 128 positions: with less, stock Whisper drops or repeats words
_SHORTEST_FRAMES = 100


@dataclass(frozen=True)
class Item:
    """One window of a pool of calls.

    Parameters
    ----------
    place
        Its number in the pool.
    job
        Number of its channel in the pool.
    window
        Its pieces.
    frames
        Its length as recognised, in frames of 10 ms.
    """

    place: int
    job: int
    window: Window
    frames: int


@dataclass(frozen=True)
class Windowing:
    """Lengths of windows under a model's card and the user's settings.

    Parameters
    ----------
    lengths_ms
        Lengths that windows have, rising; one where windows are exact.
    spare_ms
        Empty room wanted after the speech.
    gap_ms
        Silence between two pieces.
    max_pieces
        Most pieces in one window; 0 for no limit.
    pack_to_ms
        Length up to which pieces are added to a window.
    """

    lengths_ms: tuple[int, ...]
    spare_ms: int
    gap_ms: int
    max_pieces: int
    pack_to_ms: int

    @classmethod
    def of(cls, card: ModelCard, settings: AsrSettings) -> Windowing:
        """Choose lengths: buckets where the model is made for them or the user asks.

        Examples
        --------
        >>> Windowing.of(ModelCard(), AsrSettings()).lengths_ms
        (30000,)
        """
        buckets = settings.window == "buckets" or (settings.window == "auto" and card.short_windows)
        longest = card.max_window_s
        lengths = card.buckets_s if buckets else (longest,)
        spare = card.spare_s if card.short_windows or not buckets else _STOCK_SPARE_S
        return cls(
            lengths_ms=tuple(round(length * 1000) for length in lengths),
            spare_ms=round(spare * 1000) if buckets else 0,
            gap_ms=settings.gap_ms if card.gap_ms is None else card.gap_ms,
            max_pieces=card.max_pieces,
            pack_to_ms=round(1000 * (card.pack_to_s if buckets and card.pack_to_s else longest)),
        )

    def frames(self, end_ms: int) -> int:
        """Return the frames of a window whose speech ends at `end_ms`.

        Examples
        --------
        >>> Windowing((5000, 10_000), 200, 300, 0, 10_000).frames(4900)
        1000
        """
        wanted = end_ms + self.spare_ms
        fits = [length for length in self.lengths_ms if length >= wanted]
        return max(_SHORTEST_FRAMES, (fits[0] if fits else self.lengths_ms[-1]) // 10)

    def windows(self, job: SpeechJob) -> list[Window]:
        """Pack the speech of one channel; spans that hold no voice are left out.

        Where spans share windows, a pause shorter than the gap that would replace it is left as
        it is; where all windows have one length, they are filled by cutting spans in pauses.
        """
        spans = voiced_spans(job, spoken(job))
        longest = self.lengths_ms[-1]
        if not self.max_pieces:
            spans = bridge(spans, shorter_than_ms=self.gap_ms + 1)
        pieces = split_long(
            spans, job.speech, window_ms=longest, quietest=partial(quietest_ms, job)
        )
        if not self.max_pieces and len(self.lengths_ms) == 1:
            return fill(pieces, job.speech, window_ms=longest, gap_ms=self.gap_ms)
        return pack(
            pieces, window_ms=self.pack_to_ms, gap_ms=self.gap_ms, max_pieces=self.max_pieces
        )

    def items(self, jobs: Sequence[SpeechJob]) -> list[Item]:
        """Return the windows of all `jobs`, channel by channel."""
        items: list[Item] = []
        for number, job in enumerate(jobs):
            for window in self.windows(job):
                items.append(Item(len(items), number, window, self.frames(window.end_ms)))
        return items


def spoken(job: SpeechJob) -> Spans:
    """Return the spans of `job` that hold voice activity, within its samples."""
    spans = np.clip(np.asarray(job.spans, np.int64).reshape(-1, 2), 0, job.duration_ms)
    speech = np.asarray(job.speech, np.int64).reshape(-1, 2)
    begun = np.searchsorted(speech[:, 0], spans[:, 1], side="left")
    ended = np.searchsorted(speech[:, 1], spans[:, 0], side="right")
    return spans[(begun > ended) & (spans[:, 1] > spans[:, 0])]


def batches(items: Iterable[Item], *, most: int, workers: int) -> list[list[Item]]:
    """Cut windows, longest first, into batches of one length that keep all workers busy.

    Parameters
    ----------
    items
        In any order.
    most
        Most windows in a batch.
    workers
        Batches that run at the same time.
    """
    ordered = sorted(items, key=lambda item: (-item.frames, -item.window.speech_ms, item.place))
    size = max(1, min(most, -(-len(ordered) // workers)))
    out: list[list[Item]] = []
    for item in ordered:
        if not out or len(out[-1]) >= size or out[-1][0].frames != item.frames:
            out.append([])
        out[-1].append(item)
    return out


def pools(jobs: Sequence[SpeechJob], pool_ms: int) -> Iterator[list[SpeechJob]]:
    """Cut `jobs` into runs of whole channels with about `pool_ms` of speech.

    One call's channels stay together.

    Examples
    --------
    >>> span, audio = np.array([[0, 900]]), np.zeros(8000)
    >>> jobs = [SpeechJob(k, audio, 8000, span, span, call=k[0]) for k in ("a1", "a2", "b1")]
    >>> [[job.key for job in pool] for pool in pools(jobs, 800)]
    [['a1', 'a2'], ['b1']]
    """
    pool: list[SpeechJob] = []
    total = 0
    for job in jobs:
        spans = np.asarray(job.spans).reshape(-1, 2)
        same_call = bool(pool and job.call and pool[-1].call == job.call)
        if pool and total >= pool_ms and not same_call:
            yield pool
            pool, total = [], 0
        pool.append(job)
        total += int((spans[:, 1] - spans[:, 0]).sum())
    if pool:
        yield pool
