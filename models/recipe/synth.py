"""Speech with exact word and phone times from espeak-ng and flite, in process through ctypes.

Both synthesisers tell when every word and phone begins, so the training targets need no forced
alignment. The module knows nothing of telephone lines or features: it returns clean mono samples
at 16 kHz and times in seconds from the first sample.

espeak-ng keeps one global state per process: use one `Espeak` per process. Chinese must be read
by ``cmn-Latn-pinyin``; the plain ``cmn`` voice of version 1.51 reads pinyin as English.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import soxr

RATE_HZ = 16_000
FloatArray = npt.NDArray[np.float32]

_EVENT_END, _EVENT_WORD, _EVENT_PHONE = 0, 1, 7
_HAN = re.compile(r"[\u4e00-\u9fff]")
_WORD = re.compile(r"\S+")


@dataclass(frozen=True, slots=True)
class Utterance:
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

    >>> text_units("hold on", "en")
    [(0, 4), (5, 7)]
    >>> text_units("您好，再见", "zh")
    [(0, 1), (1, 2), (3, 4), (4, 5)]
    """
    pattern = _HAN if lang == "zh" else _WORD
    return [match.span() for match in pattern.finditer(text)]


class _EventId(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_void_p), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _EventId),
    ]


_SynthCallback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


class Espeak:
    """espeak-ng as a function from text to `Utterance`."""

    def __init__(self) -> None:
        self._lib = ctypes.CDLL("libespeak-ng.so.1")
        self._chunks: list[npt.NDArray[np.int16]] = []
        self._events: list[tuple[int, int, float, str]] = []
        self._callback: Any = _SynthCallback(self._collect)
        # Output mode 2 (synchronous) with option 1 (phone events).
        self._rate_hz = int(self._lib.espeak_Initialize(2, 200, None, 1))
        if self._rate_hz <= 0:
            raise RuntimeError("espeak-ng did not start: install the package espeak-ng-data")
        self._lib.espeak_SetSynthCallback(self._callback)
        # The first synthesis after a voice change loses events; one dry run per language.
        for voice, text in (("gmw/en-US", "hello there"), ("sit/cmn-Latn-pinyin", "你好")):
            self._synthesise(voice, text, rate_wpm=170, pitch=50, pitch_range=50)

    def _collect(self, samples: Any, count: int, events: Any) -> int:
        if samples and count > 0:
            self._chunks.append(np.ctypeslib.as_array(samples, (count,)).copy())
        i = 0
        while events[i].type != _EVENT_END:
            event = events[i]
            name = ""
            if event.type == _EVENT_PHONE:
                raw = ctypes.string_at(ctypes.addressof(event.id), 8)
                name = raw.split(b"\0")[0].decode("utf-8", "ignore")
            self._events.append(
                (event.type, event.text_position, event.audio_position / 1000, name)
            )
            i += 1
        return 0

    def has_voice(self, voice: str) -> bool:
        """Whether espeak-ng knows a voice; it becomes the present one."""
        return int(self._lib.espeak_SetVoiceByName(voice.encode())) == 0

    def _synthesise(
        self, voice: str, text: str, *, rate_wpm: int, pitch: int, pitch_range: int
    ) -> FloatArray:
        self._chunks.clear()
        self._events.clear()
        if not self.has_voice(voice):
            raise ValueError(f"espeak-ng has no voice {voice!r}")
        for parameter, value in ((1, rate_wpm), (3, pitch), (4, pitch_range)):
            self._lib.espeak_SetParameter(parameter, value, 0)
        raw = text.encode()
        self._lib.espeak_Synth(raw, len(raw) + 1, 0, 1, 0, 1, None, None)
        self._lib.espeak_Synchronize()
        if not self._chunks:
            return np.zeros(0, np.float32)
        samples = np.concatenate(self._chunks).astype(np.float32) / 32768
        return np.asarray(soxr.resample(samples, self._rate_hz, RATE_HZ), np.float32)

    def speak(
        self,
        voice: str,
        text: str,
        lang: str,
        *,
        rate_wpm: int = 170,
        pitch: int = 50,
        pitch_range: int = 50,
    ) -> Utterance | None:
        """Read `text`; None when espeak-ng gives no time for its first unit."""
        samples = self._synthesise(
            voice, text, rate_wpm=rate_wpm, pitch=pitch, pitch_range=pitch_range
        )
        duration_s = len(samples) / RATE_HZ
        prefix = "z_" if lang == "zh" else "e_"
        phones = tuple(
            (at, "" if not name or name.startswith("_") else prefix + name)
            for kind, _, at, name in self._events
            if kind == _EVENT_PHONE
        )
        starts_at = [(pos - 1, at) for kind, pos, at, _ in self._events if kind == _EVENT_WORD]
        words = _place(text_units(text, lang), starts_at, phones, duration_s)
        if words is None:
            return None
        return Utterance(samples, words, phones)


def _place(
    units: list[tuple[int, int]],
    starts_at: list[tuple[int, float]],
    phones: tuple[tuple[float, str], ...],
    duration_s: float,
) -> tuple[tuple[int, int, float, float], ...] | None:
    """Times of the units; units that espeak-ng reads as one share its span by length."""
    starts = [next((at for pos, at in starts_at if a <= pos < b), None) for a, b in units]
    if not starts or starts[0] is None:
        return None
    placed: list[tuple[int, int, float, float]] = []
    i = 0
    while i < len(units):
        j = i + 1
        while j < len(units) and starts[j] is None:
            j += 1
        start = starts[i]
        limit = starts[j] if j < len(units) else duration_s
        assert start is not None
        assert limit is not None
        end = _voiced_end(phones, start, limit, duration_s)
        total = sum(b - a for a, b in units[i:j])
        at = start
        for a, b in units[i:j]:
            step = (end - start) * (b - a) / total
            placed.append((a, b, at, at + step))
            at += step
        i = j
    return tuple(placed)


def _voiced_end(
    phones: tuple[tuple[float, str], ...], start: float, limit: float, duration_s: float
) -> float:
    """End of the last phone that is no silence within ``[start, limit)``."""
    end = start
    for i, (at, name) in enumerate(phones):
        until = phones[i + 1][0] if i + 1 < len(phones) else duration_s
        if name and at < limit - 1e-6 and until > start:
            end = max(end, min(until, limit))
    return end if end > start else limit


class _Voice(ctypes.Structure):
    _fields_ = [("name", ctypes.c_char_p), ("features", ctypes.c_void_p)]


class _Wave(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_char_p),
        ("sample_rate", ctypes.c_int),
        ("num_samples", ctypes.c_int),
        ("num_channels", ctypes.c_int),
        ("samples", ctypes.POINTER(ctypes.c_short)),
    ]


class Flite:
    """flite as a function from English text to `Utterance`."""

    VOICES: ClassVar = {
        "slt": "cmu_us_slt",
        "rms": "cmu_us_rms",
        "awb": "cmu_us_awb",
        "kal16": "cmu_us_kal16",
    }
    _MEAN_F0_HZ: ClassVar = {"slt": 180.0, "rms": 100.0, "awb": 130.0, "kal16": 110.0}

    def __init__(self) -> None:
        self._lib = ctypes.CDLL("libflite.so.1", mode=ctypes.RTLD_GLOBAL)
        for library in ("libflite_usenglish.so.1", "libflite_cmulex.so.1"):
            ctypes.CDLL(library, mode=ctypes.RTLD_GLOBAL)
        self._declare()
        self._lib.flite_init()
        self._voices: dict[str, Any] = {}
        for short, name in self.VOICES.items():
            loaded = ctypes.CDLL(f"libflite_{name}.so.1", mode=ctypes.RTLD_GLOBAL)
            register = getattr(loaded, f"register_{name}")
            register.restype, register.argtypes = ctypes.POINTER(_Voice), [ctypes.c_char_p]
            self._voices[short] = register(None)

    def _declare(self) -> None:
        pointer, text = ctypes.c_void_p, ctypes.c_char_p
        signatures: dict[str, tuple[Any, list[Any]]] = {
            "flite_synth_text": (pointer, [text, ctypes.POINTER(_Voice)]),
            "utt_relation": (pointer, [pointer, text]),
            "relation_head": (pointer, [pointer]),
            "item_next": (pointer, [pointer]),
            "ffeature_float": (ctypes.c_float, [pointer, text]),
            "ffeature_string": (text, [pointer, text]),
            "utt_wave": (ctypes.POINTER(_Wave), [pointer]),
            "delete_utterance": (None, [pointer]),
            "feat_set_float": (None, [pointer, text, ctypes.c_float]),
        }
        for name, (restype, argtypes) in signatures.items():
            function = getattr(self._lib, name)
            function.restype, function.argtypes = restype, argtypes

    def speak(
        self, voice: str, text: str, *, stretch: float = 1.0, pitch_factor: float = 1.0
    ) -> Utterance | None:
        """Read `text`; None when flite splits it into other words than we do."""
        handle = self._voices[voice]
        features = handle.contents.features
        self._lib.feat_set_float(features, b"duration_stretch", stretch)
        mean_hz = self._MEAN_F0_HZ[voice] * pitch_factor
        self._lib.feat_set_float(features, b"int_f0_target_mean", mean_hz)
        utterance = self._lib.flite_synth_text(text.encode("ascii", "ignore"), handle)
        try:
            wave = self._lib.utt_wave(utterance).contents
            raw = np.ctypeslib.as_array(wave.samples, (wave.num_samples,))
            samples: FloatArray = raw.astype(np.float32) / np.float32(32768)
            if wave.sample_rate != RATE_HZ:
                samples = np.asarray(soxr.resample(samples, wave.sample_rate, RATE_HZ), np.float32)
            words = self._words(utterance, text)
            phones = tuple(self._phones(utterance))
        finally:
            self._lib.delete_utterance(utterance)
        return None if words is None else Utterance(samples, words, phones)

    def _items(self, utterance: int, relation: bytes) -> list[int]:
        item = self._lib.relation_head(self._lib.utt_relation(utterance, relation))
        items = []
        while item:
            items.append(item)
            item = self._lib.item_next(item)
        return items

    def _phones(self, utterance: int) -> list[tuple[float, str]]:
        phones, start = [], 0.0
        for item in self._items(utterance, b"Segment"):
            name = self._lib.ffeature_string(item, b"name").decode()
            phones.append((start, "" if name == "pau" else "fl_" + name))
            start = float(self._lib.ffeature_float(item, b"end"))
        return phones

    def _words(self, utterance: int, text: str) -> tuple[tuple[int, int, float, float], ...] | None:
        feature: Callable[[int, bytes], float] = self._lib.ffeature_float
        times = [
            (
                float(feature(item, b"R:SylStructure.daughter1.daughter1.R:Segment.p.end")),
                float(feature(item, b"R:SylStructure.daughtern.daughtern.R:Segment.end")),
            )
            for item in self._items(utterance, b"Word")
        ]
        units = text_units(text, "en")
        if len(times) != len(units) or any(end <= start for start, end in times):
            return None
        return tuple((a, b, s, e) for (a, b), (s, e) in zip(units, times, strict=True))
