"""Whisper models on CTranslate2, fed with windows of many calls at once.

The speech of each channel is packed into windows; the windows of a pool of calls are sorted by
length, cut into batches and recognised by as many workers as the device has. A window's features,
length, language and thresholds follow from its own channel alone, so its words do not depend on
what shares its batch. Knows nothing of files, parties or rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from speechqa.asr.decoding import Decoder, rows_of
from speechqa.asr.device import Device
from speechqa.asr.features import FloatArray
from speechqa.asr.interface import ChannelTranscript, SpeechJob
from speechqa.asr.languages import LanguageChoice, choose_languages, probed
from speechqa.asr.models import ModelCard
from speechqa.asr.recognise import Done, Failed, Recogniser, features
from speechqa.asr.windowing import Item, Windowing, batches, pools
from speechqa.asr.words import HeardWindow, channel_transcript
from speechqa.settings import AsrSettings


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
        recogniser = Recogniser(
            self.decoder,
            self.mel_filters,
            self._settings,
            self.card.trust_no_speech,
            jobs,
            languages,
            known,
        )
        heard: list[list[HeardWindow]] = [[] for _ in jobs]
        for item, window in self._drive(workers, recogniser, self._batches(items)):
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
        encoded = self.decoder.encode(features(jobs, batch, self.mel_filters))
        return rows_of(encoded), self.decoder.language_probabilities(encoded)

    def _drive(
        self,
        workers: ThreadPoolExecutor,
        recogniser: Recogniser,
        todo: Sequence[list[Item]],
    ) -> Iterator[tuple[Item, HeardWindow]]:
        """Yield each window once it is recognised, failed rows after their retry.

        Few batches are in flight and failed rows are retried as soon as they fill a batch, so
        memory does not grow with the pool.
        """
        waiting = list(reversed(todo))
        failed: dict[int, list[Failed]] = {}
        running: set[Future[Done]] = set()
        while waiting or running or failed:
            while waiting and len(running) < 2 * self.device.workers:
                running.add(workers.submit(recogniser.recognise, waiting.pop()))
            full = [n for n, rows in failed.items() if len(rows) >= self.device.decode_batch]
            for frames in full or (list(failed) if not waiting and not running else []):
                rows = sorted(failed.pop(frames), key=lambda entry: entry[0].place)
                running.add(workers.submit(recogniser.retry, rows))
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                result = future.result()
                yield from result.heard
                for entry in result.failed:
                    failed.setdefault(entry[0].frames, []).append(entry)
