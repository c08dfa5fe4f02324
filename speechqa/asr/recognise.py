"""What is done with one batch of windows: encode, decode, align, and set aside what failed.

Holds what a pool's batches have in common; keeps nothing between batches but the encoder output of
windows that were probed for their language, which is used up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from speechqa.asr.decoding import Decoder, Encoded, Row, join, rows_of, take
from speechqa.asr.features import (
    FloatArray,
    log_mel,
    native_rate,
    padded_features,
    window_samples,
)
from speechqa.asr.interface import SpeechJob
from speechqa.asr.languages import LanguageChoice
from speechqa.asr.windowing import Item
from speechqa.asr.words import HeardWindow
from speechqa.settings import AsrSettings

Failed = tuple[Item, Row, NDArray[Any]]
"""A window to be tried again: its first row and its encoder output."""


@dataclass(frozen=True)
class Done:
    """A recognised batch: windows with words, and rows set aside to be tried again."""

    heard: list[tuple[Item, HeardWindow]]
    failed: list[Failed]


def features(
    jobs: Sequence[SpeechJob], items: Sequence[Item], mel_filters: FloatArray
) -> FloatArray:
    """Return the features of windows of one length, shape (windows, mel bands, frames)."""
    out = np.zeros((len(items), len(mel_filters), items[0].frames), np.float32)
    for item, row in zip(items, out, strict=True):
        job = jobs[item.job]
        samples = window_samples(job, item.window)
        mel = log_mel(samples, native_rate(job.rate_hz), mel_filters)
        padded_features(mel, item.frames, out=row)
    return out


@dataclass(frozen=True)
class Recogniser:
    """Recognises batches of one pool.

    Parameters
    ----------
    decoder, mel_filters, settings
        The model, and thresholds.
    trust_no_speech
        Whether the model's no-speech probability alone drops a window.
    jobs
        The pool's channels.
    languages
        Of each channel.
    known
        Encoder output of windows that were probed, by place.
    """

    decoder: Decoder
    mel_filters: FloatArray
    settings: AsrSettings
    trust_no_speech: bool
    jobs: Sequence[SpeechJob]
    languages: Sequence[LanguageChoice]
    known: dict[int, NDArray[Any]]

    def recognise(self, batch: Sequence[Item]) -> Done:
        """Recognise one batch; where memory runs out, each half by itself."""
        try:
            return self._whole(batch)
        except (MemoryError, RuntimeError) as error:
            no_room = isinstance(error, MemoryError) or "out of memory" in str(error).lower()
            if not no_room or len(batch) == 1:
                raise
        middle = len(batch) // 2
        parts = [self.recognise(half) for half in (batch[:middle], batch[middle:])]
        return Done(parts[0].heard + parts[1].heard, parts[0].failed + parts[1].failed)

    def _whole(self, batch: Sequence[Item]) -> Done:
        encoded = self._encoded(batch)
        spoken = [self.languages[item.job].language for item in batch]
        rows = self.decoder.generate(encoded, spoken, batch[0].frames / 100)
        bad = [i for i, row in enumerate(rows) if row.failed(self.settings)]
        good = [i for i in range(len(rows)) if i not in bad]
        kept = rows_of(encoded)[bad] if bad else np.zeros(0)
        failed = [(batch[i], rows[i], kept[n]) for n, i in enumerate(bad)]
        if not good:
            return Done([], failed)
        heard = self._align(
            take(encoded, good),
            [batch[i] for i in good],
            [rows[i] for i in good],
            [spoken[i] for i in good],
        )
        return Done(heard, failed)

    def _encoded(self, batch: Sequence[Item]) -> Encoded:
        known = self.known
        new = [item for item in batch if item.place not in known]
        if len(new) == len(batch):
            return self._encode(batch)
        rows = {item.place: known.pop(item.place) for item in batch if item.place in known}
        if new:
            encoded = rows_of(self._encode(new))
            rows.update((item.place, encoded[n]) for n, item in enumerate(new))
        return join([rows[item.place][None] for item in batch])

    def _encode(self, items: Sequence[Item]) -> Encoded:
        return self.decoder.encode(features(self.jobs, items, self.mel_filters))

    def retry(self, entries: Sequence[Failed]) -> Done:
        """Decode failed windows again, as one batch; what is better is kept."""
        items = [item for item, _, _ in entries]
        spoken = [self.languages[item.job].language for item in items]
        encoded = join([rows[None] for _, _, rows in entries])
        first = [row for _, row, _ in entries]
        best = self.decoder.retry(encoded, spoken, items[0].frames / 100, first)
        return Done(self._align(encoded, items, best, spoken), [])

    def _align(
        self, encoded: Encoded, items: Sequence[Item], rows: Sequence[Row], spoken: Sequence[str]
    ) -> list[tuple[Item, HeardWindow]]:
        frames = [min(item.frames, -(-item.window.end_ms // 10)) for item in items]
        aligned = self.decoder.align(encoded, rows, spoken, frames)
        return [
            (item, self._heard(item, row, language, times, probabilities))
            for item, row, language, (times, probabilities) in zip(
                items, rows, spoken, aligned, strict=True
            )
        ]

    def _heard(
        self,
        item: Item,
        row: Row,
        language: str,
        times: NDArray[np.int64],
        probabilities: NDArray[np.float64],
    ) -> HeardWindow:
        silent = row.no_speech_probability > self.settings.no_speech_probability and (
            self.trust_no_speech or row.silent(self.settings)
        )
        words = [] if silent else self.decoder.texts.words(row.tokens, language)
        first = np.array([word.first for word in words], np.int64)
        last = np.array([word.last for word in words], np.int64)
        sums = np.concatenate([[0.0], np.cumsum(probabilities)])
        return HeardWindow(
            window=item.window,
            texts=[word.text for word in words],
            times_ms=np.stack([times[first], times[last]], axis=1),
            probabilities=(sums[last] - sums[first]) / np.maximum(last - first, 1),
            flag="loop"
            if row.looped(self.settings)
            else "low-confidence"
            if row.failed(self.settings)
            else "",
        )
