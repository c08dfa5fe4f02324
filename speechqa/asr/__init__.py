"""Recognisers: speech of many calls in, words with times out.

`load_engine` gives an `Engine`; its `transcribe` takes `SpeechJob` and returns
`ChannelTranscript`. Nothing heavy is imported before an engine is loaded.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from speechqa.asr.interface import ChannelTranscript, Engine, HeardWord, SpeechJob
from speechqa.asr.models import Model, ModelCard, find_model, find_models
from speechqa.asr.stub import StubEngine

if TYPE_CHECKING:
    from speechqa.settings import AsrSettings

__all__ = [
    "ChannelTranscript",
    "Engine",
    "HeardWord",
    "Model",
    "ModelCard",
    "SpeechJob",
    "StubEngine",
    "find_model",
    "find_models",
    "load_engine",
]


def load_engine(settings: AsrSettings) -> Engine:
    """Load the recogniser that `settings` name; see `speechqa.asr.loading.load_engine`."""
    from speechqa.asr import loading

    return loading.load_engine(settings)
