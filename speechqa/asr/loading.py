"""Load a recogniser by name: the built-in ones, or one that an installed package brings.

The model folder is checked before any heavy library is imported, no network is reached, and a
loaded model must answer a trial window before it is given a call. Knows nothing of calls.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches
from importlib.metadata import entry_points
from typing import Any

import numpy as np

from speechqa.asr.allocator import keep_large_buffers
from speechqa.asr.decoding import Decoder, rows_of
from speechqa.asr.device import Device, choose_device
from speechqa.asr.interface import Engine
from speechqa.asr.models import Model, find_model
from speechqa.asr.stub import StubEngine
from speechqa.asr.tokens import TokenText
from speechqa.asr.whisper import WhisperEngine
from speechqa.errors import ModelError, SpeechqaError, UsageError
from speechqa.settings import AsrSettings

GROUP = "speechqa.engines"
"""Entry-point group: each names a function from `AsrSettings` to an `Engine`."""


def load_engine(settings: AsrSettings) -> Engine:
    """Load the recogniser that `settings` name, ready for its first call.

    Raises
    ------
    ModelError
        The model is missing, broken or does not answer; the message names the file or folder.
    UsageError
        The engine or the language does not exist; the message lists those that do.
    """
    built_in: dict[str, Callable[[AsrSettings], Engine]] = {
        "whisper": load_whisper,
        "stub": lambda given: StubEngine("en" if given.language == "auto" else given.language),
    }
    if settings.engine in built_in:
        return built_in[settings.engine](settings)
    found = {point.name: point for point in entry_points(group=GROUP)}
    if settings.engine not in found:
        names = sorted({*built_in, *found})
        near = get_close_matches(settings.engine, names, n=1)
        raise UsageError(
            f"engine {settings.engine!r}: no installed package brings it"
            + (f" (did you mean {near[0]}?)" if near else ""),
            hint="engines installed: " + ", ".join(names),
        )
    engine = found[settings.engine].load()(settings)
    if not isinstance(engine, Engine):
        raise ModelError(
            f"engine {settings.engine!r} has no name or no transcribe method",
            hint="its package is broken: see speechqa.asr.interface.Engine",
        )
    return engine


def load_whisper(settings: AsrSettings) -> WhisperEngine:
    """Load a Whisper model from a folder on this machine.

    Raises
    ------
    ModelError, UsageError
        As `load_engine`.
    """
    model = find_model(settings.model)
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    keep_large_buffers()
    device = choose_device(settings)
    loaded = _open(model, device)
    with _blaming(model):
        texts = TokenText(
            loaded.hf_tokenizer,
            multilingual=loaded.model.is_multilingual,
            known=model.card.languages,
        )
    if settings.language != "auto":
        texts.start(settings.language)
    decoder = Decoder(
        whisper=loaded.model,
        texts=texts,
        settings=settings,
        beam_size=settings.beam_size or model.card.beam_size,
        encode_batch=device.encode_batch,
    )
    engine = WhisperEngine(
        name=f"whisper:{model.name}@{model.digest}",
        decoder=decoder,
        mel_filters=loaded.feature_extractor.mel_filters,
        card=model.card,
        device=device,
        settings=settings,
    )
    with _blaming(model):
        _try(model, engine, decoder)
    return engine


@contextmanager
def _blaming(model: Model) -> Iterator[None]:
    """Put what a library cannot do with a model's files down to them."""
    try:
        yield
    except (SpeechqaError, MemoryError):
        raise
    except Exception as error:  # the libraries raise RuntimeError, ValueError and their own
        raise ModelError(
            f"{model.path}: the model's files do not fit together: {error}",
            hint=f"copy the folder again, or run `speechqa model pull {model.name}`",
        ) from None


def _open(model: Model, device: Device) -> Any:
    from faster_whisper import WhisperModel

    try:
        return WhisperModel(
            str(model.path),
            device=device.kind,
            device_index=device.index,
            compute_type=device.compute_type,
            cpu_threads=1 if device.kind == "cpu" else 0,
            num_workers=device.replicas,
            local_files_only=True,
        )
    except Exception as error:  # the library raises RuntimeError, ValueError and its own
        raise ModelError(
            f"{model.path}: the model cannot be loaded on {device.kind} "
            f"({device.compute_type}): {error}",
            hint=f"copy the folder again, or run `speechqa model pull {model.name}`",
        ) from None


def _try(model: Model, engine: WhisperEngine, decoder: Decoder) -> None:
    """Recognise one window of noise: a broken library shows here, not as empty transcripts."""
    shape = (1, len(engine.mel_filters), engine.windowing.lengths_ms[0] // 10)
    noise = np.random.default_rng(1).standard_normal(shape, np.float32) / np.float32(4)
    encoded = decoder.encode(noise)
    values = rows_of(encoded)
    if not np.isfinite(values).all() or not np.ptp(values):
        raise ModelError(
            f"{model.path}: the encoder answers nothing on {engine.device.kind} "
            f"({engine.device.compute_type})",
            hint="try --device cpu; on a GPU check that CTranslate2's CUDA libraries are there",
        )
    language = decoder.texts.languages()[0]
    decoder.generate(encoded, [language], 1.0)
