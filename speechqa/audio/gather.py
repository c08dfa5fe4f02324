"""Collecting a decoded recording: in memory while it is short, else in a file without a name.

The file has no name from the moment it exists, so it is gone when the process is, however that
ends: nothing to clear up after a kill, and nothing of a call for others to find. Only its owner
could read it. It is written, not mapped, while it grows, so that a full disk is an error and not
a signal. Samples are float32; what is read from the file is what would have been in memory.
"""

from __future__ import annotations

import mmap
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from speechqa.audio.recording import FloatArray
from speechqa.audio.stream import Timeline
from speechqa.errors import CallError
from speechqa.settings import AudioSettings

_SAMPLE = 4
"""Bytes of a float32."""


@dataclass(frozen=True)
class Room:
    """Where the samples of a long recording go.

    Parameters
    ----------
    memory_bytes
        Most that stays in memory.
    folder
        For what does not; None for the system's temporary folder.
    """

    memory_bytes: int
    folder: Path | None = None


def gather(timeline: Timeline, settings: AudioSettings, room: Room | None) -> FloatArray:
    """Return all samples of a recording, shape (channels, n), never more than the limit.

    Parameters
    ----------
    room
        None keeps everything in memory. The samples of a file can only be read.

    Raises
    ------
    CallError
        ``too-big-for-memory``: more than `settings` accept. ``no-room`` (deferred): the folder
        did not take the samples.
    """
    channels, rate_hz = timeline.channels, timeline.layout.rate_hz
    limit = settings.max_decoded_bytes // (_SAMPLE * channels)
    stated = timeline.layout.stated_frames or 0
    if stated > limit:
        raise _too_big(stated, channels, settings)
    least = limit if room is None else room.memory_bytes // (_SAMPLE * channels)
    blocks = _within(timeline, limit, settings)
    samples = np.empty((channels, min(limit, least, stated + rate_hz)), np.float32)
    filled = 0
    for block in blocks:
        end = filled + block.shape[1]
        if room is not None and max(end, stated) > least:
            return _in_file(room, limit, [samples[:, :filled], block], blocks)
        if end > samples.shape[1]:
            grown = np.empty((channels, min(limit, end + end // 2)), np.float32)
            grown[:, :filled] = samples[:, :filled]
            samples = grown
        samples[:, filled:end] = block
        filled = end
    return samples[:, :filled]


def _within(timeline: Timeline, limit: int, settings: AudioSettings) -> Iterator[FloatArray]:
    total = 0
    for block in timeline.blocks():
        total += block.shape[1]
        if total > limit:
            raise _too_big(total, timeline.channels, settings)
        yield block


def _in_file(
    room: Room, limit: int, begun: list[FloatArray], more: Iterator[FloatArray]
) -> FloatArray:
    """Write the blocks to a file, each channel in a stretch of its own, and map it."""
    channels = len(begun[0])
    # Channels begin on whole pages; between them the file has a hole that takes no room.
    stretch = -(-limit * _SAMPLE // mmap.PAGESIZE) * mmap.PAGESIZE
    frames = 0
    with _told(room), tempfile.TemporaryFile(dir=room.folder) as file:
        for block in chain(begun, more):
            for channel, samples in enumerate(block):
                _write_at(file.fileno(), samples, channel * stretch + frames * _SAMPLE)
            frames += block.shape[1]
        size = (channels - 1) * stretch + frames * _SAMPLE
        mapped = mmap.mmap(file.fileno(), size, access=mmap.ACCESS_READ)
    return np.ndarray((channels, frames), np.float32, mapped, strides=(stretch, _SAMPLE))


@contextmanager
def _told(room: Room) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CallError(
            "no-room",
            f"its samples could not be written to {room.folder or tempfile.gettempdir()}: "
            f"{error.strerror}",
            status="deferred",
            hint="free some space there, or name another folder with run.scratch",
        ) from None


def _write_at(descriptor: int, samples: FloatArray, at: int) -> None:
    left = memoryview(np.ascontiguousarray(samples).data).cast("B")
    while left:
        written = os.pwrite(descriptor, left, at)
        left, at = left[written:], at + written


def _too_big(frames: int, channels: int, settings: AudioSettings) -> CallError:
    return CallError(
        "too-big-for-memory",
        f"decoded it takes {frames * channels * _SAMPLE / 1e6:.0f} MB; at most "
        f"{settings.max_decoded_bytes / 1e6:.0f} MB are taken for one recording",
        hint="raise audio.max_decoded_bytes, or store recordings at 8 or 16 kHz",
    )
