"""Whisper models on CTranslate2, fed with windows of many calls at once.

The speech of each channel is packed into windows; the windows of a pool of calls are sorted by
length, cut into batches and recognised by as many workers as the device has. A window's features,
length, language and thresholds follow from its own channel alone, so its words do not depend on
what shares its batch. Knows nothing of files, parties or rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from speechqa.asr.decoding import Decoder, Encoded, Row, join, rows_of, take
from speechqa.asr.device import Device
from speechqa.asr.features import (
    FloatArray,
    log_mel,
    native_rate,
    padded_features,
    window_samples,
)
from speechqa.asr.interface import ChannelTranscript, SpeechJob
from speechqa.asr.languages import LanguageChoice, choose_languages, probed
from speechqa.asr.models import ModelCard
from speechqa.asr.windowing import Item, Windowing, batches, pools
from speechqa.asr.words import HeardWindow, channel_transcript
from speechqa.settings import AsrSettings


@dataclass(frozen=True)
class Done:
    """A recognised batch: windows with words, and rows set aside to be tried again."""

    heard: list[tuple[Item, HeardWindow]]
    failed: list[tuple[Item, Row, NDArray[Any]]]


class WhisperEngine:
    """A loaded Whisper model.

    Parameters
    ----------
    name
        For the record.
    decoder
        The model on its device.
    mel_filters
        Shape (mel bands, 201).
    card
        How the model wants to be used.
    device
        How it is fed.
    settings
        Thresholds.
    """

    def __init__(
        self,
        name: str,
        decoder: Decoder,
        mel_filters: FloatArray,
        card: ModelCard,
        device: Device,
        settings: AsrSettings,
    ) -> None:
        self.name = name
        self.card = card
        self.device = device
        self.decoder = decoder
        self.mel_filters = mel_filters
        self._settings = settings
        self.windowing = Windowing.of(card, settings)

    def transcribe(self, jobs: Sequence[SpeechJob]) -> list[ChannelTranscript]:
        """Recognise each channel; the answers come in the order of the jobs.

        Raises
        ------
        UsageError
            A job names a language that the model does not have.
        """
        for language in {job.language for job in jobs if job.language}:
            self.decoder.texts.start(language)
        with ThreadPoolExecutor(self.device.workers, "recognise") as workers:
            return [
                transcript
                for pool in pools(jobs, self._settings.pool_s * 1000)
                for transcript in self._pool(pool, workers)
            ]

    def _pool(
        self, jobs: Sequence[SpeechJob], workers: ThreadPoolExecutor
    ) -> Iterator[ChannelTranscript]:
        items = self.windowing.items(jobs)
        languages, known = self._languages(jobs, items, workers)
        run = partial(self._recognise, jobs, languages, known)
        heard: list[list[HeardWindow]] = [[] for _ in jobs]
        for item, window in self._drive(workers, run, self._batches(items), languages):
            heard[item.job].append(window)
        window_ms = np.zeros(len(jobs), np.int64)
        for item in items:
            window_ms[item.job] += item.frames * 10
        low = self.card.low_confidence
        for place, job in enumerate(jobs):
            choice = languages[place]
            yield channel_transcript(
                job,
                heard[place],
                language=choice.language if heard[place] else None,
                language_probability=choice.probability if heard[place] else None,
                low_confidence=self._settings.low_confidence if low is None else low,
                uncertain_language=self._settings.uncertain_language,
                window_ms=int(window_ms[place]),
            )

    def features(self, jobs: Sequence[SpeechJob], items: Sequence[Item]) -> FloatArray:
        """Return the features of windows of one length, shape (windows, mel bands, frames)."""
        out = np.zeros((len(items), len(self.mel_filters), items[0].frames), np.float32)
        for item, row in zip(items, out, strict=True):
            job = jobs[item.job]
            samples = window_samples(job, item.window)
            mel = log_mel(samples, native_rate(job.rate_hz), self.mel_filters)
            padded_features(mel, item.frames, out=row)
        return out

    def _batches(self, items: Iterable[Item]) -> list[list[Item]]:
        return batches(items, most=self.device.decode_batch, workers=self.device.workers)

    def _languages(
        self, jobs: Sequence[SpeechJob], items: Sequence[Item], workers: ThreadPoolExecutor
    ) -> tuple[list[LanguageChoice], dict[int, NDArray[Any]]]:
        """Choose each channel's language; also return the encoder output of windows probed."""
        supported = self.decoder.texts.languages()
        if len(supported) == 1:
            return [LanguageChoice(supported[0], 1.0) for _ in jobs], {}
        by_place = {item.place: item for item in items}
        wanted = probed(jobs, [(item.place, item.job, item.window.speech_ms) for item in items])
        probes = self._batches(by_place[place] for place in wanted)
        known: dict[int, NDArray[Any]] = {}
        evidence: list[list[tuple[int, dict[str, float]]]] = [[] for _ in jobs]
        for batch, (rows, found) in zip(
            probes, workers.map(partial(self._probe, jobs), probes), strict=True
        ):
            for item, row, probabilities in zip(batch, rows, found, strict=True):
                known[item.place] = row
                evidence[item.job].append((item.window.speech_ms, probabilities))
        choices = choose_languages(
            jobs,
            evidence,
            allowed=self.card.languages,
            uncertain=self._settings.uncertain_language,
        )
        return choices, known

    def _probe(
        self, jobs: Sequence[SpeechJob], batch: Sequence[Item]
    ) -> tuple[NDArray[Any], list[dict[str, float]]]:
        encoded = self.decoder.encode(self.features(jobs, batch))
        return rows_of(encoded), self.decoder.language_probabilities(encoded)

    def _drive(
        self,
        workers: ThreadPoolExecutor,
        run: partial[Done],
        todo: Sequence[list[Item]],
        languages: Sequence[LanguageChoice],
    ) -> Iterator[tuple[Item, HeardWindow]]:
        """Yield each window once it is recognised, failed rows after their retry.

        Few batches are in flight and failed rows are retried as soon as they fill a batch, so
        memory does not grow with the pool.
        """
        waiting = list(reversed(todo))
        failed: dict[int, list[tuple[Item, Row, NDArray[Any]]]] = {}
        running: set[Future[Done]] = set()
        while waiting or running or failed:
            while waiting and len(running) < 2 * self.device.workers:
                running.add(workers.submit(run, waiting.pop()))
            full = [n for n, rows in failed.items() if len(rows) >= self.device.decode_batch]
            for frames in full or (list(failed) if not waiting and not running else []):
                rows = sorted(failed.pop(frames), key=lambda entry: entry[0].place)
                running.add(workers.submit(self._retry, languages, rows))
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                result = future.result()
                yield from result.heard
                for entry in result.failed:
                    failed.setdefault(entry[0].frames, []).append(entry)

    def _recognise(
        self,
        jobs: Sequence[SpeechJob],
        languages: Sequence[LanguageChoice],
        known: dict[int, NDArray[Any]],
        batch: Sequence[Item],
    ) -> Done:
        """Recognise one batch; where memory runs out, each half by itself."""
        try:
            return self._whole(jobs, languages, known, batch)
        except (MemoryError, RuntimeError) as error:
            no_room = isinstance(error, MemoryError) or "out of memory" in str(error).lower()
            if not no_room or len(batch) == 1:
                raise
        middle = len(batch) // 2
        parts = [
            self._recognise(jobs, languages, known, half)
            for half in (batch[:middle], batch[middle:])
        ]
        return Done(parts[0].heard + parts[1].heard, parts[0].failed + parts[1].failed)

    def _whole(
        self,
        jobs: Sequence[SpeechJob],
        languages: Sequence[LanguageChoice],
        known: dict[int, NDArray[Any]],
        batch: Sequence[Item],
    ) -> Done:
        encoded = self._encoded(jobs, known, batch)
        spoken = [languages[item.job].language for item in batch]
        rows = self.decoder.generate(encoded, spoken, batch[0].frames / 100)
        bad = [i for i, row in enumerate(rows) if row.failed(self._settings)]
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

    def _encoded(
        self, jobs: Sequence[SpeechJob], known: dict[int, NDArray[Any]], batch: Sequence[Item]
    ) -> Encoded:
        new = [item for item in batch if item.place not in known]
        if len(new) == len(batch):
            return self.decoder.encode(self.features(jobs, batch))
        rows = {item.place: known.pop(item.place) for item in batch if item.place in known}
        if new:
            encoded = rows_of(self.decoder.encode(self.features(jobs, new)))
            rows.update((item.place, encoded[n]) for n, item in enumerate(new))
        return join([rows[item.place][None] for item in batch])

    def _retry(
        self,
        languages: Sequence[LanguageChoice],
        entries: Sequence[tuple[Item, Row, NDArray[Any]]],
    ) -> Done:
        items = [item for item, _, _ in entries]
        spoken = [languages[item.job].language for item in items]
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
        silent = row.no_speech_probability > self._settings.no_speech_probability and (
            self.card.trust_no_speech or row.silent(self._settings)
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
            if row.looped(self._settings)
            else "low-confidence"
            if row.failed(self._settings)
            else "",
        )
