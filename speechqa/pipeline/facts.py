"""What a recording holds, as plain values: the expensive part, made once.

Facts know nothing of rules, scores or files: they are what the decoder, the voice-activity
detector and the recogniser found, with where it came from. Times are integer milliseconds from
the start of the recording; intervals are int64 arrays of shape (n, 2), half-open.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from speechqa.errors import CallError, CallStatus
from speechqa.transcript import Party, Word

IntervalArray = NDArray[np.int64]

FACTS_VERSION = 1
"""Raised when the same recording and settings would give other facts than before."""


def no_intervals() -> IntervalArray:
    """Return the empty interval set, shape (0, 2)."""
    return np.empty((0, 2), dtype=np.int64)


@dataclass(frozen=True)
class Source:
    """One recording as found on disk, before it is opened.

    Parameters
    ----------
    path
        As given or found, text (undecodable bytes as surrogate escapes).
    size_bytes, mtime_ns
        From the file system when it was found.
    audio_sha256
        Of the file's bytes; None while nobody has read them.
    """

    path: str
    size_bytes: int
    mtime_ns: int
    audio_sha256: str | None = None


@dataclass(frozen=True)
class CallFacts:
    """Everything known of one call before any rule is applied.

    Parameters
    ----------
    key
        Identity: the recording's content and the configuration that made these facts.
    call_id, agent_id, started_at, queue, direction, caller, answered_ms
        Metadata; None where nothing gave it.
    also_at
        Other paths with the same bytes.
    status, reason_code, reason
        How processing ended; the reasons are None for ``"scored"``.
    speech
        Party to talkspurts, unpadded.
    levels
        Party to its level figures (``level_dbfs``, ``snr_db``, ...).
    raised
        Party to stretches of raised voice.
    checks, damage
        Line checks and damage found, each a plain mapping for display.
    holds
        From telephony metadata.
    masked
        Party, start and end of what was masked in the words, to be muted in the audio.
    peaks
        Party to waveform peaks, 20 per second, 0 to 255, for drawing.
    """

    key: str
    call_id: str
    path: str
    size_bytes: int
    mtime_ns: int
    audio_sha256: str | None
    config: str
    status: CallStatus
    reason_code: str | None = None
    reason: str | None = None
    also_at: tuple[str, ...] = ()
    agent_id: str | None = None
    started_at: datetime | None = None
    queue: str | None = None
    direction: str | None = None
    caller: str | None = None
    answered_ms: int | None = None
    metadata: Mapping[str, str] = field(default_factory=dict)
    metadata_sources: Mapping[str, str] = field(default_factory=dict)
    duration_ms: int = 0
    rate_hz: int | None = None
    channels: int | None = None
    codec: str | None = None
    language: str | None = None
    language_probability: float | None = None
    grade: str = "D"
    speech: Mapping[Party, IntervalArray] = field(default_factory=dict)
    words: tuple[Word, ...] = ()
    holds: IntervalArray = field(default_factory=no_intervals)
    levels: Mapping[Party, Mapping[str, Any]] = field(default_factory=dict)
    raised: Mapping[Party, IntervalArray] = field(default_factory=dict)
    checks: tuple[Mapping[str, Any], ...] = ()
    damage: tuple[Mapping[str, Any], ...] = ()
    flags: tuple[str, ...] = ()
    masked: tuple[tuple[str, int, int], ...] = ()
    peaks: Mapping[Party, bytes] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)
    run_id: str = ""

    @property
    def measured(self) -> bool:
        """Whether there is something to measure and judge."""
        return self.status in ("scored", "damaged")

    @property
    def parties(self) -> tuple[Party, ...]:
        """The parties with a channel, agent first."""
        order: tuple[Party, ...] = ("agent", "customer", "mixed")
        return tuple(party for party in order if party in self.speech)


def digest(value: Any) -> str:
    """Return a short stable digest of a JSON-like value.

    Examples
    --------
    >>> digest({"b": 1, "a": 2}) == digest({"a": 2, "b": 1})
    True
    >>> len(digest([]))
    16
    """
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def call_key(source: Source, config: str) -> str:
    """Return the identity of a recording processed with one configuration.

    A file that nobody could read is identified by its path.

    Examples
    --------
    >>> one = Source("a.wav", 1, 2, audio_sha256="ff")
    >>> call_key(one, "c1") == call_key(Source("b.wav", 1, 9, audio_sha256="ff"), "c1")
    True
    >>> call_key(one, "c1") == call_key(one, "c2")
    False
    """
    content = source.audio_sha256 or "path:" + source.path
    return hashlib.sha256(f"{content}:{config}".encode("utf-8", "surrogateescape")).hexdigest()[:32]


def failed(source: Source, error: CallError, *, config: str, **known: Any) -> CallFacts:
    """Return the row of a call that could not be processed, so that none is ever missing."""
    call_id = known.pop("call_id", None) or source.path.rsplit("/", 1)[-1]
    return CallFacts(
        key=call_key(source, config),
        call_id=cast(str, call_id),
        path=source.path,
        size_bytes=source.size_bytes,
        mtime_ns=source.mtime_ns,
        audio_sha256=source.audio_sha256,
        config=config,
        status=error.status,
        reason_code=error.reason_code,
        reason=error.message if error.hint is None else f"{error.message}; {error.hint}",
        **known,
    )
