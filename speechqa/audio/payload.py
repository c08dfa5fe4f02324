"""Stretches of a WAV payload that cannot be audio: blank blocks and random bytes.

Samples of fixed width have no checksum, so a lost disk block is decoded like anything else. Two
things give it away. Zero bytes are full scale in mu-law, A-law and 8-bit PCM, where audio never
stays; in 16 bits and more they are silence, and count as lost only where both ends lie on the
borders of disk sectors. Random bytes use all 256 values alike and none tells of the next; a loud
tone may do the first, but never both.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from speechqa.audio.source import Source

WINDOW = 1024
SECTOR = 512
MIN_BYTES = 4096
_SLACK = 8
_READ = 1 << 20
_LAGS = 8
_RELATED = 0.35
_CHI_SQUARE = 390.0
"""255 degrees of freedom: 255 on average with a deviation of 22.6 for random bytes, so this is
six deviations. Speech measures in the thousands in each coding."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Bytes [start, stop) of a file, and what is there instead of audio."""

    start: int
    stop: int
    what: str


@dataclass(frozen=True, slots=True)
class Payload:
    """What was found: stretches that are no audio, and one stretch of zeros that may be none."""

    lost: tuple[Stretch, ...]
    silent: Stretch | None = None


def scan(
    source: Source, start: int, stop: int, *, width: int, channels: int, min_silent: int
) -> Payload:
    """Look through the bytes [start, stop) of a payload.

    Parameters
    ----------
    width, channels
        Bytes per sample, and samples per frame. In one byte a zero is full scale, not silence.
    min_silent
        Shortest stretch of zeros, in bytes, worth naming where zeros are silence.
    """
    blank: list[bool] = []
    random: list[bool] = []
    at = start
    while at < stop:
        raw = np.frombuffer(source.read_at(at, min(_READ, stop - at)), np.uint8)
        if raw.size == 0:
            break
        windows = raw[: raw.size // WINDOW * WINDOW].reshape(-1, WINDOW)
        blank.extend(np.logical_not(windows.any(axis=1)).tolist())
        even = _is_even(windows)
        if even.any():
            even[even] = _is_white(windows[even], width, channels)
        random.extend(even.tolist())
        at += raw.size
    lost = [
        Stretch(start + first * WINDOW, start + last * WINDOW, "random bytes")
        for first, last in _widened(_runs(random, 3), len(random))
    ]
    silent: list[Stretch] = []
    for first, last in _runs(blank, 2):
        begin, end = _grow(source, start + first * WINDOW, start + last * WINDOW, start, stop)
        stretch = Stretch(begin, end, "zero bytes")
        if end - begin < MIN_BYTES:
            continue
        if width > 1 and (begin == start or end >= stop):
            continue  # recorders begin and end with silence
        if width == 1 or (_near_sector(begin, 1) and _near_sector(end, -1)):
            lost.append(stretch)
        else:
            silent.append(stretch)
    alone = len(silent) == 1 and sum(blank) * WINDOW <= silent[0].stop - silent[0].start
    long_enough = alone and silent[0].stop - silent[0].start >= min_silent
    return Payload(tuple(sorted(lost, key=lambda s: s.start)), silent[0] if long_enough else None)


def _is_even(windows: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """Tell for each row whether its bytes are spread evenly over all 256 values."""
    rows = windows.shape[0]
    if rows == 0:
        return np.zeros(0, np.bool_)
    flat = windows + (256 * np.arange(rows))[:, None]
    counts = np.bincount(flat.ravel(), minlength=256 * rows).reshape(rows, 256)
    expected = WINDOW // 256
    squares = np.einsum("ij,ij->i", counts - expected, counts - expected)
    return np.asarray(squares < expected * _CHI_SQUARE)


def _is_white(windows: npt.NDArray[np.uint8], width: int, channels: int) -> npt.NDArray[np.bool_]:
    """Tell for each row whether the top byte of each sample tells nothing of the next ones."""
    loudest = windows[:, width - 1 :: width].astype(np.float32)
    if width > 1:  # signed
        loudest = np.where(loudest > 127, loudest - 256, loudest)
    loudest = loudest - loudest.mean(axis=1, keepdims=True)
    energy = (loudest**2).sum(axis=1) + 1.0
    white = np.ones(len(windows), np.bool_)
    for lag in (channels * step for step in range(1, _LAGS + 1)):
        if lag < loudest.shape[1]:
            white &= np.abs((loudest[:, lag:] * loudest[:, :-lag]).sum(axis=1)) < energy * _RELATED
    return white


def _runs(flags: list[bool], shortest: int) -> list[tuple[int, int]]:
    """Return [first, last) of each run of at least `shortest` set flags.

    >>> _runs([False, True, True, False, True], 2)
    [(1, 3)]
    """
    edges = np.flatnonzero(np.diff(np.concatenate(([0], np.asarray(flags, np.int8), [0]))))
    pairs = edges.reshape(-1, 2)
    return [(int(a), int(b)) for a, b in pairs if b - a >= shortest]


def _widened(runs: list[tuple[int, int]], windows: int) -> list[tuple[int, int]]:
    """Take in the neighbours of each run: they are random in part."""
    return [(max(0, first - 1), min(windows, last + 1)) for first, last in runs]


def _grow(source: Source, begin: int, end: int, start: int, stop: int) -> tuple[int, int]:
    """Move the borders of a stretch of zero windows out to the last zero byte."""
    before = source.read_at(max(start, begin - WINDOW), begin - max(start, begin - WINDOW))
    after = source.read_at(end, min(WINDOW, stop - end))
    begin -= len(before) - len(before.rstrip(b"\0"))
    end += len(after) - len(after.lstrip(b"\0"))
    return begin, end


def _near_sector(place: int, towards: int) -> bool:
    """Tell whether a sector border lies at `place` or up to a sample or two inside."""
    return any((place + towards * step) % SECTOR == 0 for step in range(_SLACK))
