"""Speech for training: the project's own voices, with times as the windows want them.

The same synthesisers, levels and times as in rendered calls (`speechqa.render.voices`), so what the
model learns from is what the fixtures are made of. Mono float32 at 16 kHz, times in seconds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from speechqa.errors import UsageError
from speechqa.render.voices import RATE_HZ, FloatArray, Phone, say

__all__ = ["RATE_HZ", "FloatArray", "Speech", "speak", "text_units"]

_HAN = re.compile(r"[\u4e00-\u9fff]")
_WORD = re.compile(r"\S*\w\S*")
_PREFIX = {"flite": "fl_", "en": "e_", "zh": "z_"}


@dataclass(frozen=True, slots=True)
class Speech:
    """One synthesised utterance.

    Attributes
    ----------
    samples : mono float32 at 16 kHz
    words : ``(first_char, end_char, start_s, end_s)`` per word or Han character of the text
    phones : ``(start_s, name)``; the empty name is silence; each lasts until the next
    """

    samples: FloatArray
    words: tuple[tuple[int, int, float, float], ...]
    phones: tuple[tuple[float, str], ...]

    @property
    def duration_s(self) -> float:
        """Length of the samples."""
        return len(self.samples) / RATE_HZ


def text_units(text: str, lang: str) -> list[tuple[int, int]]:
    """Character ranges of the units that get a time: words, or Han characters for ``zh``.

    >>> text_units("hold on - now", "en")
    [(0, 4), (5, 7), (10, 13)]
    >>> text_units("您好，再见", "zh")
    [(0, 1), (1, 2), (3, 4), (4, 5)]
    """
    pattern = _HAN if lang == "zh" else _WORD
    return [match.span() for match in pattern.finditer(text)]


def speak(
    text: str,
    lang: str,
    *,
    voice: str,
    rate_wpm: float,
    pitch: float | None = None,
    pitch_range: float = 50,
) -> Speech | None:
    """Read `text` as `speechqa.render.voices.say` does; None when a unit has no time of its own."""
    try:
        said = say(text, voice=voice, rate_wpm=rate_wpm, pitch=pitch, pitch_range=pitch_range)
    except UsageError:
        return None
    units = text_units(text, lang)
    spans = [(word.start_ms / 1000, word.end_ms / 1000) for word in said.words]
    if len(spans) != len(units) or any(end <= start for start, end in spans):
        return None
    words = tuple((a, b, s, e) for (a, b), (s, e) in zip(units, spans, strict=True))
    return Speech(said.samples, words, _with_silences(said.phones, voice.partition(":")[0], lang))


def _with_silences(
    phones: tuple[Phone, ...], engine: str, lang: str
) -> tuple[tuple[float, str], ...]:
    prefix = _PREFIX["flite" if engine == "flite" else lang]
    marks: list[tuple[float, str]] = []
    at = 0
    for phone in phones:
        if phone.start_ms > at:
            marks.append((at / 1000, ""))
        marks.append((phone.start_ms / 1000, prefix + phone.name))
        at = phone.end_ms
    return (*marks, (at / 1000, ""))
