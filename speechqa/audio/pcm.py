"""Uncompressed audio through libsndfile, block by block: WAV, AIFF, AU."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np

from speechqa.audio.recording import Damage, FloatArray
from speechqa.audio.stream import Layout
from speechqa.errors import CallError

_BLOCK_FRAMES = 65_536


class SndfileDecoder:
    """One file through libsndfile."""

    def __init__(self, file: io.RawIOBase | io.BufferedReader, name: str) -> None:
        import soundfile

        self.damage: list[Damage] = []
        try:
            self._sound = soundfile.SoundFile(file)
        except (soundfile.SoundFileError, RuntimeError, TypeError, ValueError) as error:
            raise CallError(
                "unreadable-header",
                f"it begins like {name}, but its header cannot be read ({error})",
                hint="fetch the recording again from the recorder",
            ) from None
        self.layout = Layout(
            rate_hz=self._sound.samplerate,
            channels=self._sound.channels,
            codec=self._sound.subtype.lower(),
            container=name,
            stated_frames=self._sound.frames,
        )

    def pieces(self) -> Iterator[tuple[int | None, FloatArray]]:
        """Yield (None, (channels, n) float32)."""
        while True:
            block = self._sound.read(_BLOCK_FRAMES, dtype="float32", always_2d=True)
            if len(block) == 0:
                return
            yield None, np.ascontiguousarray(block.T)
