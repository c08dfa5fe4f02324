"""The speaking process: espeak-ng and flite behind a pipe, one fork for each utterance.

Run as ``python -m speechqa.render.synth``; `voices.Speaker` talks to it. It knows nothing of
calls, levels or 16 kHz: text in, the synthesiser's own samples and events out.

Both libraries keep state between utterances (flutter, excitation noise), so the same sentence
said twice differs in its samples. Here the libraries are loaded once and every utterance is said
by a fresh fork of that state: the same request always gives the same bytes, whatever was said
before. A crash inside a library ends the fork, not the program.

Protocol, one request after the other: a line of JSON in (`engine`, `voice`, `text`, `rate`,
`pitch`, `pitch_range`); out a line of JSON (`error`, or `rate_hz`, `samples`, `phones`, `words`,
`version`), then that many int16 samples. `phones` are ``[name, start_s, end_s]``, silences left
out; `words` are ``[first_character, start_s]``.
"""

from __future__ import annotations

import ctypes
import json
import os
import sys
from collections.abc import Callable
from typing import Any

ESPEAK_LIBRARY = "libespeak-ng.so.1"
FLITE_LIBRARY = "libflite.so.1"
FLITE_VOICES = ("slt", "rms", "awb", "kal16")

Request = dict[str, Any]
Reply = tuple[dict[str, Any], bytes]
Engine = Callable[[Request], Reply]


class _EventId(ctypes.Union):
    _fields_ = [
        ("number", ctypes.c_int),
        ("name", ctypes.c_void_p),
        ("string", ctypes.c_char * 8),
    ]


class _Event(ctypes.Structure):
    """`espeak_EVENT` of speak_lib.h."""

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


class _FliteVoice(ctypes.Structure):
    """The head of `cst_voice` of cst_voice.h."""

    _fields_ = [("name", ctypes.c_char_p), ("features", ctypes.c_void_p)]


class _FliteWave(ctypes.Structure):
    """`cst_wave` of cst_wave.h."""

    _fields_ = [
        ("type", ctypes.c_char_p),
        ("sample_rate", ctypes.c_int),
        ("num_samples", ctypes.c_int),
        ("num_channels", ctypes.c_int),
        ("samples", ctypes.POINTER(ctypes.c_short)),
    ]


_SYNCHRONOUS, _PHONEME_EVENTS, _NO_EXIT = 2, 1, 0x8000
_EVENT_END_OF_LIST, _EVENT_WORD, _EVENT_PHONEME = 0, 1, 7
_RATE, _PITCH, _PITCH_RANGE = 1, 3, 4
_CHARS_UTF8 = 1


def espeak() -> Engine:
    """Load espeak-ng and return what says a request with it. `OSError` when it is missing."""
    lib = ctypes.CDLL(ESPEAK_LIBRARY)
    callback_type = ctypes.CFUNCTYPE(
        ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
    )
    sound: list[bytes] = []
    events: list[tuple[int, int, int, float, str]] = []
    rate_hz = lib.espeak_Initialize(_SYNCHRONOUS, 0, None, _PHONEME_EVENTS | _NO_EXIT)
    if rate_hz <= 0:
        raise OSError(f"{ESPEAK_LIBRARY}: its data folder cannot be read")

    def collect(wave: Any, count: int, event: Any) -> int:
        if wave and count > 0:
            sound.append(ctypes.string_at(wave, 2 * count))
        at = 0
        while event[at].type != _EVENT_END_OF_LIST:
            each = event[at]
            name = ""
            if each.type == _EVENT_PHONEME:
                raw = ctypes.string_at(ctypes.addressof(each.id), 8)
                name = raw.split(b"\0")[0].decode("utf-8", "replace")
            start_s = each.sample / rate_hz
            events.append((each.type, each.text_position, each.length, start_s, name))
            at += 1
        return 0

    lib.espeak_Info.restype = ctypes.c_char_p
    version = "espeak-ng " + (lib.espeak_Info(None) or b"?").decode().split()[0]
    callback = callback_type(collect)
    lib.espeak_SetSynthCallback(callback)

    def say(request: Request) -> Reply:
        # The closure keeps `callback` alive for as long as the library may call it.
        assert callback is not None
        if lib.espeak_SetVoiceByName(request["voice"].encode()) != 0:
            return {"error": f"espeak-ng has no voice {request['voice']!r}"}, b""
        lib.espeak_SetParameter(_RATE, round(request["rate"]), 0)
        lib.espeak_SetParameter(_PITCH, round(request["pitch"]), 0)
        lib.espeak_SetParameter(_PITCH_RANGE, round(request["pitch_range"]), 0)
        text = request["text"].encode()
        lib.espeak_Synth(text, len(text) + 1, 0, 1, 0, _CHARS_UTF8, None, None)
        lib.espeak_Synchronize()
        pcm = b"".join(sound)
        marks = [(start_s, name) for kind, _, _, start_s, name in events if kind == _EVENT_PHONEME]
        ends = [start_s for start_s, _ in marks[1:]] + [len(pcm) / 2 / rate_hz]
        phones = [
            [name, start_s, end_s]
            for (start_s, name), end_s in zip(marks, ends, strict=True)
            # "_" and "_:" are pauses, "_|" a syllable's edge, "(en)" a change of language.
            if name and name[0] not in "_(" and start_s < end_s
        ]
        # A zero length marks the end of a clause, not a word.
        words = [[at - 1, s] for kind, at, n, s, _ in events if kind == _EVENT_WORD and n > 0]
        reply = {"rate_hz": rate_hz, "phones": phones, "words": words, "version": version}
        return reply, pcm

    return say


def _flite_library() -> Any:
    for name in ("libflite_usenglish.so.1", "libflite_cmulex.so.1"):
        ctypes.CDLL(name, mode=ctypes.RTLD_GLOBAL)
    lib = ctypes.CDLL(FLITE_LIBRARY, mode=ctypes.RTLD_GLOBAL)
    pointer, text, number = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_float
    signatures: dict[str, tuple[Any, list[Any]]] = {
        "flite_init": (ctypes.c_int, []),
        "flite_synth_text": (pointer, [text, pointer]),
        "utt_relation": (pointer, [pointer, text]),
        "utt_wave": (pointer, [pointer]),
        "relation_head": (pointer, [pointer]),
        "item_next": (pointer, [pointer]),
        "item_daughter": (pointer, [pointer]),
        "item_feat_string": (text, [pointer, text]),
        "item_feat_float": (number, [pointer, text]),
        "ffeature_float": (number, [pointer, text]),
        "feat_set_float": (None, [pointer, text, number]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(lib, name)
        function.restype, function.argtypes = result, arguments
    lib.flite_init()
    return lib


def _loaded_file(part: str) -> str:
    with open("/proc/self/maps") as maps:
        return next((line.split()[-1] for line in maps if part in line), ".so.?")


def flite() -> Engine:
    """Load flite and its voices and return what says a request. `OSError` when missing."""
    lib = _flite_library()
    # flite has no call that tells its version; the file that its name points to does.
    version = "flite " + _loaded_file("libflite.so").rpartition(".so.")[2]
    voices: dict[str, int] = {}
    for name in FLITE_VOICES:
        register = getattr(ctypes.CDLL(f"libflite_cmu_us_{name}.so.1"), f"register_cmu_us_{name}")
        register.restype, register.argtypes = ctypes.c_void_p, [ctypes.c_char_p]
        voices[name] = register(None)

    def items(item: int | None) -> list[int]:
        found = []
        while item:
            found.append(item)
            item = lib.item_next(item)
        return found

    def say(request: Request) -> Reply:
        voice = voices.get(request["voice"])
        if voice is None:
            return {"error": f"flite has no voice {request['voice']!r}"}, b""
        features = ctypes.cast(voice, ctypes.POINTER(_FliteVoice)).contents.features
        lib.feat_set_float(features, b"duration_stretch", request["rate"])
        if request["pitch"]:
            lib.feat_set_float(features, b"int_f0_target_mean", request["pitch"])
        utterance = lib.flite_synth_text(request["text"].encode(), voice)
        wave = ctypes.cast(lib.utt_wave(utterance), ctypes.POINTER(_FliteWave)).contents
        pcm = ctypes.string_at(wave.samples, 2 * wave.num_samples)
        names, ends = [], []
        for segment in items(lib.relation_head(lib.utt_relation(utterance, b"Segment"))):
            names.append(lib.item_feat_string(segment, b"name").decode())
            ends.append(lib.item_feat_float(segment, b"end"))
        # The diphone voice's segments are targets that its samples miss by 2 %.
        scale = wave.num_samples / wave.sample_rate / ends[-1] if ends else 1.0
        starts = [0.0, *ends[:-1]]
        phones = [
            [name, start * scale, end * scale]
            for name, start, end in zip(names, starts, ends, strict=True)
            if name != "pau"
        ]
        words, at = [], 0
        for token in items(lib.relation_head(lib.utt_relation(utterance, b"Token"))):
            written = lib.item_feat_string(token, b"name").decode()
            at = request["text"].find(written, at)
            first = lib.item_daughter(token)
            if first:
                path = b"R:SylStructure.daughter1.daughter1.R:Segment.p.end"
                words.append([at, lib.ffeature_float(first, path) * scale])
            at += len(written)
        reply = {"rate_hz": wave.sample_rate, "phones": phones, "words": words, "version": version}
        return reply, pcm

    return say


_LOADERS: dict[str, Callable[[], Engine]] = {"espeak": espeak, "flite": flite}


def _answer(say: Engine, request: Request, out: int) -> None:
    header, pcm = say(request)
    header["samples"] = len(pcm) // 2
    payload = memoryview(json.dumps(header).encode() + b"\n" + pcm)
    while payload:
        payload = payload[os.write(out, payload) :]


def serve() -> None:
    """Answer requests from standard input until it closes."""
    loaded: dict[str, Engine] = {}
    out = sys.stdout.fileno()
    for line in sys.stdin:
        request: Request = json.loads(line)
        try:
            if request["engine"] not in loaded:
                loaded[request["engine"]] = _LOADERS[request["engine"]]()
        except OSError as problem:
            reply = {"error": str(problem), "missing": request["engine"]}
            os.write(out, json.dumps(reply).encode() + b"\n")
            continue
        child = os.fork()
        if child == 0:
            try:
                # Both draw noise from the C library's one generator, and what is loaded with
                # them sometimes draws too: one utterance in five of flite came out different.
                ctypes.CDLL(None).srand(1)
                _answer(loaded[request["engine"]], request, out)
                os._exit(0)
            finally:
                os._exit(1)
        _, status = os.waitpid(child, 0)
        if status != 0:
            os.write(out, b'{"error": "the synthesiser crashed on this text"}\n')


if __name__ == "__main__":
    serve()
