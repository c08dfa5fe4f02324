"""Decoding recordings: what a file holds, and everything that is wrong with it."""

from speechqa.audio.gather import Room
from speechqa.audio.read import iter_blocks, open_recording, read_recording
from speechqa.audio.recording import Damage, FloatArray, IntervalArray, Recording
from speechqa.audio.resample import resample
from speechqa.audio.source import (
    Identity,
    cannot_open,
    identify,
    mtime_ns_of,
    refuse_too_large,
)

__all__ = [
    "Damage",
    "FloatArray",
    "Identity",
    "IntervalArray",
    "Recording",
    "Room",
    "cannot_open",
    "identify",
    "iter_blocks",
    "mtime_ns_of",
    "open_recording",
    "read_recording",
    "refuse_too_large",
    "resample",
]
