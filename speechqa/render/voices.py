"""Say a text with a synthetic voice, and know exactly when each word and phone was said.

Two synthesisers, named before the colon of a voice: ``espeak:en-us+f2`` (espeak-ng; language,
then variant) and ``flite:slt`` (flite; slt, rms, awb, kal16; English only). Mandarin is
``espeak:cmn-latn-pinyin+f2``: plain ``cmn`` reads Latin letters as English. Times come from the
synthesiser's own phone and word events, never from a detector.

Texts should spell numbers as words: a numeral is one token here and several words when said.
"""

from __future__ import annotations

import atexit
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from functools import cache
from threading import Lock
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

from speechqa.errors import SpeechqaError, UsageError
from speechqa.render.utterance import (
    RATE_HZ,
    FloatArray,
    Phone,
    SaidWord,
    Utterance,
    talkspurts,
)

__all__ = [
    "RATE_HZ",
    "FloatArray",
    "Phone",
    "SaidWord",
    "Speaker",
    "Utterance",
    "installed",
    "language_of",
    "say",
    "talkspurts",
    "written_words",
]

INSTALL_HINT = "install it: apt-get install espeak-ng flite (only rendering needs it)"

# Words a minute of speech, measured over the talkspurts of two sentences of ordinary words:
# flite says 232 unstretched; espeak-ng's own unit of rate is 1.45 words, or 1.29 characters.
_FLITE_WPM = 232.0
_ESPEAK_UNITS_PER_MINUTE = {"en": 1.45, "zh": 1.29}
DEFAULT_RATE = {"en": 160, "zh": 210}

_TOKEN = re.compile(r"[㐀-䶿一-鿿]|[^\s㐀-䶿一-鿿]+")
_OUTER = re.compile(r"^\W+|\W+$")


def language_of(voice: str) -> str:
    """Return the language a voice speaks: "zh" for the Mandarin ones, else "en".

    Examples
    --------
    >>> language_of("espeak:cmn-latn-pinyin+f2"), language_of("flite:slt")
    ('zh', 'en')
    """
    name = voice.partition(":")[2].lower()
    return "zh" if name.startswith(("cmn", "sit/cmn")) else "en"


def say(
    text: str,
    *,
    voice: str,
    rate_wpm: float | None = None,
    pitch: float | None = None,
    pitch_range: float = 50,
    level_dbfs: float = -23.0,
) -> Utterance:
    """Say `text` and return its samples with the times of words and phones.

    The same arguments always give the same samples, whatever was said before.

    Parameters
    ----------
    text
        One or more sentences, numbers spelled as words.
    voice
        ``espeak:LANGUAGE[+VARIANT]`` or ``flite:NAME``.
    rate_wpm
        Words (Mandarin: characters) per minute of speech, kept to about 15 %; default 160 (210).
        A few espeak-ng variants (Andrea, anika, antonio) have a faster pace of their own.
    pitch
        espeak-ng: 0 to 99, default 50. flite: mean pitch in Hz, default the voice's own.
    pitch_range
        espeak-ng only: 0 (monotone) to 99.
    level_dbfs
        RMS over the phones.

    Raises
    ------
    UsageError
        The voice does not exist, or the text holds nothing to say.
    SpeechqaError
        The synthesiser is not installed.
    """
    engine, _, name = voice.partition(":")
    if engine not in ("espeak", "flite") or not name:
        raise UsageError(
            f"voice {voice!r}: no such synthesiser",
            hint="write espeak:LANGUAGE+VARIANT (espeak:en-us+f2) or flite:NAME (flite:slt)",
        )
    if not _TOKEN.search(text):
        raise UsageError(f"voice {voice!r}: the text is empty", hint="give words to say")
    language = language_of(voice)
    rate = rate_wpm or DEFAULT_RATE[language]
    header, raw = _speaker().ask(
        {
            "engine": engine,
            "voice": name,
            "text": text,
            "rate": _engine_rate(engine, language, rate),
            "pitch": pitch if pitch is not None else (50 if engine == "espeak" else 0),
            "pitch_range": pitch_range,
        }
    )
    phones = tuple(Phone(n, round(1000 * s), round(1000 * e)) for n, s, e in header["phones"])
    samples = soxr.resample(raw.astype(np.float64) / 32768, header["rate_hz"], RATE_HZ, "VHQ")
    return Utterance(
        text=text,
        voice=voice,
        samples=_at_level(samples, phones, level_dbfs),
        words=_words(text, header["words"], phones),
        phones=phones,
        made_with=header["version"],
    )


def _engine_rate(engine: str, language: str, rate_wpm: float) -> float:
    if engine == "flite":
        return _FLITE_WPM / rate_wpm
    return rate_wpm / _ESPEAK_UNITS_PER_MINUTE[language]


def _at_level(samples: NDArray[Any], phones: tuple[Phone, ...], level_dbfs: float) -> FloatArray:
    spoken = np.zeros(len(samples), dtype=bool)
    for phone in phones:
        spoken[phone.start_ms * RATE_HZ // 1000 : phone.end_ms * RATE_HZ // 1000] = True
    power = float(np.mean(samples[spoken] ** 2)) if spoken.any() else 0.0
    gain = 10 ** (level_dbfs / 20) / np.sqrt(power) if power > 0 else 0.0
    return (samples * gain).astype(np.float32)


def _tokens(text: str) -> Iterator[re.Match[str]]:
    return (m for m in _TOKEN.finditer(text) if _OUTER.sub("", m.group()))


def written_words(text: str) -> list[str]:
    """Return the words of a text as `Utterance.words` writes them.

    Examples
    --------
    >>> written_words("Good morning, it's me."), written_words("您好，OK吗？")
    (['Good', 'morning', "it's", 'me'], ['您', '好', 'OK', '吗'])
    """
    return [_OUTER.sub("", m.group()) for m in _tokens(text)]


def _words(
    text: str, events: list[tuple[int, float]], phones: tuple[Phone, ...]
) -> tuple[SaidWord, ...]:
    """Give every written token its time; tokens said as one (dictionary groups) share it evenly."""
    tokens = list(_tokens(text))
    starts: list[int | None] = []
    for token in tokens:
        inside = [s for at, s in events if token.start() <= at < token.end()]
        starts.append(round(1000 * min(inside)) if inside else None)
    if starts and starts[0] is None and phones:
        starts[0] = phones[0].start_ms
    words: list[SaidWord] = []
    first = 0
    while first < len(tokens):
        after = first + 1
        while after < len(tokens) and starts[after] is None:
            after += 1
        start = starts[first] or 0
        until = starts[after] if after < len(tokens) else None
        own = [p for p in phones if p.start_ms >= start and (until is None or p.start_ms < until)]
        # A word event can stand in the silence before the first phone of its word.
        begin, end = (own[0].start_ms, own[-1].end_ms) if own else (start, start)
        edges = np.linspace(begin, end, after - first + 1).round().astype(int).tolist()
        for k, token in enumerate(tokens[first:after]):
            words.append(SaidWord(_OUTER.sub("", token.group()), edges[k], edges[k + 1]))
        first = after
    return tuple(words)


class Speaker:
    """The speaking process and the pipe to it; see `speechqa.render.synth`."""

    def __init__(self, command: Sequence[str] | None = None) -> None:
        self._lock = Lock()
        self._process = subprocess.Popen(
            command or [sys.executable, "-m", "speechqa.render.synth"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        atexit.register(self.close)

    def ask(self, request: dict[str, Any]) -> tuple[dict[str, Any], NDArray[np.int16]]:
        """Send one request; return the reply's header and samples."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._lock:
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
            if not answer:
                raise SpeechqaError("the speaking process ended without an answer")
            header: dict[str, Any] = json.loads(answer)
            if "error" not in header:
                raw = self._process.stdout.read(2 * header["samples"])
                return header, np.frombuffer(raw, dtype="<i2")
        if "missing" in header:
            name = {"espeak": "espeak-ng", "flite": "flite"}[header["missing"]]
            raise SpeechqaError(f"{name} is not installed: {header['error']}", hint=INSTALL_HINT)
        raise UsageError(f"{header['error']}: {request['text']!r}", hint="see espeak-ng --voices")

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=10)


@cache
def _speaker() -> Speaker:
    return Speaker()


def installed(engine: str) -> bool:
    """Whether a synthesiser ("espeak" or "flite") can be loaded here."""
    voice = {"espeak": "espeak:en-us", "flite": "flite:kal16"}[engine]
    try:
        say("yes", voice=voice)
    except SpeechqaError:
        return False
    return True
