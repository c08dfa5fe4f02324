"""Stage 1: a path becomes decoded channels, line checks, speech intervals.

Works on one recording at a time, on a CPU. Channels are kept apart from here on: nothing ever
mixes them. What a stereo recording's channels mean comes from the settings (agent left or
right), never from their sound.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from speechqa import line, vad
from speechqa.audio import Recording, Room, read_recording
from speechqa.errors import CallError, SpeechqaError
from speechqa.intervals import clip, subtract
from speechqa.metadata import CallMetadata
from speechqa.pipeline.facts import CallFacts, IntervalArray, Source, call_key, no_intervals
from speechqa.settings import Settings
from speechqa.transcript import Party

PEAKS_PER_S = 20
PEAKS_AT_ONCE = 1200
"""A minute: a long call is looked at piece by piece."""
SEGMENT_SUFFIXES = (".rttm", ".segments.json")
"""Files beside a one-channel recording that may say who speaks when."""


@dataclass(frozen=True)
class Prepared:
    """A call ready for the recogniser: its facts so far and the audio of its channels.

    Parameters
    ----------
    facts
        Everything but words and language.
    samples
        Party to shape (n,) float32 in [-1, 1] at the native rate; of a long call they lie in a
        file, can only be read, and go with this object.
    rate_hz
        Of `samples`.
    heard
        Party to all its speech. What is measured may be less: times that cannot be trusted are
        left out of timing, but the words there still count.
    """

    facts: CallFacts
    samples: Mapping[Party, NDArray[np.float32]]
    rate_hz: int
    heard: Mapping[Party, IntervalArray]


def prepare(
    source: Source,
    metadata: CallMetadata,
    settings: Settings,
    *,
    config: str,
    segments: str | None = None,
    on_length: Callable[[int], None] = lambda duration_ms: None,
) -> Prepared:
    """Decode one recording, check its line and find its speech.

    Parameters
    ----------
    source, metadata
        The recording and what is known of it.
    config
        Digest of everything that shapes the facts; part of the call's identity.
    segments
        File that says who speaks when, for a one-channel recording.
    on_length
        Is told the length (ms) as soon as it is known: what follows takes its time.

    Raises
    ------
    CallError
        The recording cannot be processed; the reason is in the error.
    """
    recording = read_recording(source.path, settings.audio, room=scratch_room(settings))
    on_length(recording.duration_ms)
    _refuse_moving_target(source, recording)
    parties = _parties(recording, settings)
    found = vad.speech_of_channels(recording.samples, recording.rate_hz, settings.vad)
    found = [subtract(spans, recording.lost) for spans in found]
    told, notes = _told_apart(source.path, parties, recording.duration_ms, segments)
    heard = dict(zip(parties, found, strict=True))
    reliable_ms = recording.unreliable_from_ms
    speech = {
        party: spans if reliable_ms is None else clip(spans, 0, reliable_ms)
        for party, spans in heard.items()
    }
    on_the_line = _of_line(recording, parties, found, metadata, settings)
    on_the_line["checks"] = (*on_the_line["checks"], *notes)
    samples = dict(zip(parties, recording.samples, strict=True))
    facts = CallFacts(
        **metadata.stored_fields(),
        **_of_file(source, recording, config),
        **on_the_line,
        speech=speech | told,
        holds=_holds(metadata),
        peaks={p: peaks(channel, recording.rate_hz) for p, channel in samples.items()},
    )
    return Prepared(facts, samples, recording.rate_hz, heard)


def scratch_room(settings: Settings) -> Room:
    """Return where the samples of long calls go: the folder named, the store's, or TMPDIR."""
    run, store = settings.run, Path(settings.store.path)
    if run.scratch:
        folder: Path | None = Path(run.scratch)
    else:
        folder = store if store.is_dir() and os.access(store, os.W_OK) else None
    return Room(run.call_memory_mb * 1000**2, folder)


def peaks(samples: NDArray[np.float32], rate_hz: int) -> bytes:
    """Return the waveform's peaks, 20 per second, one byte each, for drawing.

    Examples
    --------
    >>> list(peaks(np.array([0.0, 0.5] * 400, dtype=np.float32), 8000))
    [128, 128]
    """
    size = max(1, rate_hz // PEAKS_PER_S)
    together = size * PEAKS_AT_ONCE
    return b"".join(
        _heights(samples[at : at + together], size) for at in range(0, len(samples), together)
    )


def _heights(samples: NDArray[np.float32], size: int) -> bytes:
    blocks = np.pad(np.abs(samples), (0, -len(samples) % size)).reshape(-1, size)
    return bytes(np.clip(np.rint(blocks.max(axis=1) * 255), 0, 255).astype(np.uint8))


def _of_file(source: Source, recording: Recording, config: str) -> dict[str, Any]:
    """Return the facts that the file itself tells."""
    damage = recording.damage
    return {
        "key": call_key(replace(source, audio_sha256=recording.sha256), config),
        "path": source.path,
        "size_bytes": recording.size_bytes,
        "mtime_ns": recording.mtime_ns,
        "audio_sha256": recording.sha256,
        "config": config,
        "status": "damaged" if damage else "scored",
        "reason_code": damage[0].kind if damage else None,
        "reason": "; ".join(one.detail for one in damage) or None,
        "duration_ms": recording.duration_ms,
        "rate_hz": recording.rate_hz,
        "channels": recording.channels,
        "codec": recording.codec,
        "damage": tuple(asdict(one) for one in damage),
    }


def _of_line(
    recording: Recording,
    parties: tuple[Party, ...],
    found: list[IntervalArray],
    metadata: CallMetadata,
    settings: Settings,
) -> dict[str, Any]:
    """Return the facts of the line: its checks, its levels, and the grade."""
    checks = line.check(recording.samples, recording.rate_hz, found, settings.line)
    levels = line.levels(recording.samples, recording.rate_hz, found, settings.line)
    telephony = metadata.answered_ms is not None or bool(metadata.holds)
    of_party = dict(zip(parties, levels, strict=True))
    return {
        "grade": line.grade(recording.channels, checks, telephony),
        "checks": tuple(asdict(check) for check in checks),
        "levels": {p: _level(level) for p, level in of_party.items()},
        "raised": {
            p: np.asarray(level.raised_voice, dtype=np.int64).reshape(-1, 2)
            for p, level in of_party.items()
        },
    }


def _parties(recording: Recording, settings: Settings) -> tuple[Party, ...]:
    if recording.channels == 1:
        return ("mixed",)
    if recording.channels == 2:
        left = settings.run.agent_channel != "right"
        return ("agent", "customer") if left else ("customer", "agent")
    raise CallError(
        "too-many-channels",
        f"{recording.channels} channels, where one or two are understood",
        hint="export the call with the agent on one channel and the customer on the other",
    )


def _refuse_moving_target(source: Source, recording: Recording) -> None:
    """Refuse a file that changed between being found and being read: two contents, one score."""
    found = (source.size_bytes, source.mtime_ns)
    read = (recording.size_bytes, recording.mtime_ns)
    if found != read or source.audio_sha256 not in (None, recording.sha256):
        raise CallError(
            "changed-while-reading",
            f"the file changed before it was read ({source.size_bytes} to {read[0]} bytes)",
            status="deferred",
            hint="the next run picks it up when it is complete",
        )


def _told_apart(
    path: str, parties: tuple[Party, ...], duration_ms: int, given: str | None
) -> tuple[dict[Party, IntervalArray], list[dict[str, Any]]]:
    """Return party segments that a person or another tool made for a one-channel recording.

    A file that was named must be right; one that merely lies beside the recording is passed over
    with a note when it is not.
    """
    if parties != ("mixed",):
        return {}, []
    stem = str(Path(path).with_suffix(""))
    beside = [stem + suffix for suffix in SEGMENT_SUFFIXES if Path(stem + suffix).is_file()]
    file = given or next(iter(beside), None)
    if file is None:
        return {}, []
    from speechqa.rttm import read_segments

    try:
        segments = read_segments(file)
    except SpeechqaError as error:
        if given:
            raise CallError("bad-segments", error.message, hint=error.hint) from None
        message = f"segments beside the recording were not used: {error.message}"
        return {}, [_note("segments-not-used", message)]
    notes = [_note("segments", f"{file}: {note}") for note in segments.notes]
    told: dict[Party, IntervalArray] = {
        "agent": clip(segments.agent, 0, duration_ms),
        "customer": clip(segments.customer, 0, duration_ms),
    }
    return told, notes


def _note(name: str, message: str) -> dict[str, Any]:
    return {"name": name, "channel": None, "severity": "info", "message": message, "detail": {}}


def _holds(metadata: CallMetadata) -> IntervalArray:
    if not metadata.holds:
        return no_intervals()
    return np.asarray(metadata.holds, dtype=np.int64).reshape(-1, 2)


def _level(level: line.Levels) -> dict[str, Any]:
    figures = asdict(level)
    del figures["raised_voice"]
    return figures
