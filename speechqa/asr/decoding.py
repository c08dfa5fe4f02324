"""Rows of audio features in, rows of tokens out: the part that runs on CTranslate2.

Encodes once; detection, generation and alignment all read the kept encoder output. Every choice
is made row by row and without chance, so a row's tokens do not depend on its neighbours (but for
the last bits of floating point, see docs/performance.md). Knows nothing of words or calls.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from speechqa.asr.features import FloatArray
from speechqa.asr.flags import compression_ratio, repeated
from speechqa.asr.tokens import TokenText
from speechqa.settings import AsrSettings

Encoded = Any
"""A ``ctranslate2.StorageView`` of shape (rows, positions, width)."""

_MOST_TOKENS = 224  # half of the decoder's context; the other half is the prompt's
_TOKENS_PER_S = 15  # fast Mandarin stays under 10
_RETRIES: tuple[dict[str, Any], ...] = (
    {"repetition_penalty": 1.1, "no_repeat_ngram_size": 3},
    {"repetition_penalty": 1.3, "no_repeat_ngram_size": 2},
)


@dataclass(frozen=True)
class Row:
    """What was generated for one window."""

    tokens: tuple[int, ...]
    log_probability: float
    no_speech_probability: float
    compression: float
    repeats: bool

    def failed(self, settings: AsrSettings) -> bool:
        """Whether the row is to be tried again."""
        unsure = self.log_probability < settings.log_probability
        return not self.silent(settings) and (unsure or self.looped(settings))

    def looped(self, settings: AsrSettings) -> bool:
        """Whether the text repeats itself more than people do."""
        return self.repeats or self.compression > settings.compression_ratio

    def silent(self, settings: AsrSettings) -> bool:
        """Whether the model hears no speech and is unsure of its text."""
        return (
            self.no_speech_probability > settings.no_speech_probability
            and self.log_probability < settings.log_probability
        )


@dataclass
class Decoder:
    """CTranslate2's Whisper with the settings that hold for every row.

    Parameters
    ----------
    whisper
        ``ctranslate2.models.Whisper``.
    texts
        Its tokenizer.
    settings
        Thresholds.
    beam_size
        Hypotheses kept.
    encode_batch
        Windows encoded at once.
    suppressed
        Tokens never generated.
    """

    whisper: Any
    texts: TokenText
    settings: AsrSettings
    beam_size: int
    encode_batch: int
    suppressed: Sequence[int] = field(default_factory=list)

    def encode(self, features: FloatArray) -> Encoded:
        """Encode windows of one length, shape (rows, mel bands, frames)."""
        import ctranslate2

        step = self.encode_batch
        parts = [
            self.whisper.encode(
                ctranslate2.StorageView.from_array(np.ascontiguousarray(features[i : i + step])),
                to_cpu=len(features) > step,
            )
            for i in range(0, len(features), step)
        ]
        return parts[0] if len(parts) == 1 else join([rows_of(part) for part in parts])

    def language_probabilities(self, encoded: Encoded) -> list[dict[str, float]]:
        """Return the probability of each language, row by row."""
        rows = self.whisper.detect_language(encoded)
        return [{token[2:-2]: float(p) for token, p in row} for row in rows]

    def generate(self, encoded: Encoded, languages: Sequence[str], window_s: float) -> list[Row]:
        """Generate text for each row in its language; `window_s` bounds its length."""
        return self._generate(encoded, languages, window_s, {"beam_size": self.beam_size})

    def retry(
        self, encoded: Encoded, languages: Sequence[str], window_s: float, first: Sequence[Row]
    ) -> list[Row]:
        """Generate failed rows again with repetition made dear; keep each row's best attempt.

        The best is the likeliest of those that do not repeat themselves; a row that fails every
        time keeps its likeliest attempt, and its words will be flagged.
        """
        attempts = [[row] for row in first]
        for how in _RETRIES:
            open_rows = [i for i, tried in enumerate(attempts) if tried[-1].failed(self.settings)]
            if not open_rows:
                break
            again = self._generate(
                take(encoded, open_rows),
                [languages[i] for i in open_rows],
                window_s,
                {"beam_size": max(5, self.beam_size), **how},
            )
            for i, row in zip(open_rows, again, strict=True):
                attempts[i].append(row)
        return [self._best(tried) for tried in attempts]

    def forced(
        self, encoded: Encoded, languages: Sequence[str], tokens: int
    ) -> list[tuple[int, ...]]:
        """Generate about `tokens` tokens in each row, whatever is heard: for timing."""
        results = self.whisper.generate(
            encoded,
            [self.texts.prompt(language) for language in languages],
            beam_size=self.beam_size,
            max_length=2 * tokens,
            suppress_tokens=[*self.suppressed, self.texts.end],
        )
        rows = [result.sequences_ids[0] for result in results]
        return [tuple(token for token in row if token < self.texts.end) for row in rows]

    def align(
        self, encoded: Encoded, rows: Sequence[Row], languages: Sequence[str], frames: Sequence[int]
    ) -> list[tuple[NDArray[np.int64], NDArray[np.float64]]]:
        """Return, for each row, when each token begins and how probable it is.

        Returns
        -------
        list of (times, probabilities)
            Times in ms within the window, shape (tokens + 1,): the last is where the text ends.
            Probabilities of shape (tokens,).
        """
        empty = (np.zeros(1, np.int64), np.zeros(0))
        out: list[tuple[NDArray[np.int64], NDArray[np.float64]]] = [empty] * len(rows)
        for language in sorted(set(languages)):
            group = [i for i, row in enumerate(rows) if row.tokens and languages[i] == language]
            if not group:
                continue
            # The answer for a row depends on the widest row beside it only through padding.
            results = self.whisper.align(
                take(encoded, group),
                self.texts.start(language),
                [list(rows[i].tokens) for i in group],
                [int(frames[i]) for i in group],
                median_filter_width=7,
            )
            for i, result in zip(group, results, strict=True):
                out[i] = _token_times(result, len(rows[i].tokens))
        return out

    def _generate(
        self, encoded: Encoded, languages: Sequence[str], window_s: float, how: dict[str, Any]
    ) -> list[Row]:
        most = min(_MOST_TOKENS, 24 + int(_TOKENS_PER_S * window_s))
        results = self.whisper.generate(
            encoded,
            [self.texts.prompt(language) for language in languages],
            max_length=2 * most,
            return_scores=True,
            return_no_speech_prob=True,
            suppress_blank=True,
            suppress_tokens=list(self.suppressed),
            **how,
        )
        return [self._row(result) for result in results]

    def _row(self, result: Any) -> Row:
        tokens = tuple(token for token in result.sequences_ids[0] if token < self.texts.end)
        length = len(result.sequences_ids[0])
        return Row(
            tokens=tokens,
            log_probability=result.scores[0] * length / (length + 1),
            no_speech_probability=float(result.no_speech_prob),
            compression=compression_ratio(self.texts.text(tokens).strip()),
            repeats=bool(repeated(np.array(tokens)).any()),
        )

    def _best(self, tried: Sequence[Row]) -> Row:
        if not tried[-1].failed(self.settings):
            return tried[-1]
        plain = [row for row in tried if not row.looped(self.settings)]
        return max(plain or tried, key=lambda row: row.log_probability)


def rows_of(encoded: Encoded) -> NDArray[Any]:
    """Return the encoder output as an array on the CPU, without a copy where it lies there."""
    if encoded.device != "cpu":
        import ctranslate2

        encoded = encoded.to_device(ctranslate2.Device.cpu)
    return np.asarray(encoded)


def join(parts: Sequence[NDArray[Any]]) -> Encoded:
    """Return encoder outputs of one length as one batch."""
    import ctranslate2

    return ctranslate2.StorageView.from_array(np.ascontiguousarray(np.concatenate(parts)))


def take(encoded: Encoded, rows: Sequence[int]) -> Encoded:
    """Return some rows of an encoder output; all of them cost nothing."""
    if len(rows) == encoded.shape[0]:
        return encoded
    return join([rows_of(encoded)[list(rows)]])


def _token_times(result: Any, tokens: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    pairs = np.array(result.alignments, np.int64).reshape(-1, 2)
    first = np.searchsorted(pairs[:, 0], np.arange(tokens + 1), side="left")
    times = pairs[np.minimum(first, len(pairs) - 1), 1] * 20
    return times, np.array(result.text_token_probs, np.float64)[:tokens]
