"""The sound of a call's findings as short MP3 files, silent where words were masked.

A clip begins three seconds before what it is about, or where the clip before it ends.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from speechqa.errors import CallError
from speechqa.pipeline import CallFacts
from speechqa.web.sound import Sounds

BEFORE_MS, AFTER_MS = 3000, 2000
LONGEST_MS = 20_000
MOST = 12
"""Clips of one call; findings after that are text only."""
SAMPLE_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)


@dataclass(frozen=True)
class Clip:
    """A piece of a call's sound.

    Parameters
    ----------
    sound
        An MP3 file in base64.
    """

    name: str
    start_ms: int
    end_ms: int
    sound: str


def spans(places: Iterable[tuple[int, int]], duration_ms: int) -> list[tuple[int, int]]:
    """Return what to cut out for places (start, end) in a call.

    Examples
    --------
    >>> spans([(5000, 6000), (9000, 9500), (60_000, 61_000)], 61_500)
    [(2000, 11500), (57000, 61500)]
    """
    made: list[tuple[int, int]] = []
    for start, end in sorted(places):
        first = max(0, start - BEFORE_MS)
        last = min(duration_ms, max(end, start) + AFTER_MS, first + LONGEST_MS)
        if made and first < made[-1][1] and last - made[-1][0] <= LONGEST_MS:
            made[-1] = (made[-1][0], max(last, made[-1][1]))
        else:
            first = max(first, made[-1][1]) if made else first
            if first < last:
                made.append((first, last))
    return made


def cut(facts: CallFacts, places: Sequence[tuple[int, int]], sounds: Sounds) -> list[Clip]:
    """Return the clips of a call; none when its recording cannot be read any more."""
    import soundfile

    wanted = spans(places, facts.duration_ms)[:MOST]
    if not wanted:
        return []
    try:
        samples, rate_hz = soundfile.read(io.BytesIO(sounds.wav(facts)), always_2d=True)
    except CallError:
        return []
    if rate_hz not in SAMPLE_RATES:
        import soxr

        target = next((rate for rate in SAMPLE_RATES if rate > rate_hz), SAMPLE_RATES[-1])
        samples, rate_hz = soxr.resample(samples, rate_hz, target), target
    made = []
    for start, end in wanted:
        file = io.BytesIO()
        piece = samples[start * rate_hz // 1000 : end * rate_hz // 1000]
        soundfile.write(file, piece, rate_hz, format="MP3", subtype="MPEG_LAYER_III")
        text = base64.b64encode(file.getvalue()).decode("ascii")
        made.append(Clip(f"{facts.key}/{start}", start, end, text))
    return made


def clip_at(clips: Sequence[Clip], ms: int) -> str | None:
    """Return the name of the clip that holds an instant."""
    return next((clip.name for clip in clips if clip.start_ms <= ms < clip.end_ms), None)
