"""What a run has to do: recordings found, less those whose result is already stored.

A recording is done when the store holds a final row for the same bytes under the same
configuration. Bytes are compared by size and modification time first and by content second, so
that a night of known calls is skipped without being read.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from speechqa import audio
from speechqa.errors import CallError, InputMissing
from speechqa.pipeline.facts import FACTS_VERSION, Source, digest
from speechqa.settings import Settings
from speechqa.store import KnownInput
from speechqa.store.plain import text_of_path

FINAL = frozenset({"scored", "damaged", "refused", "quarantined"})
"""Statuses that a later run leaves alone, unless told to retry."""

_SPEED_ONLY = frozenset(
    {"device", "device_index", "threads", "pool_s", "encode_batch", "decode_batch", "model"}
)
"""Recogniser options that change how fast words are found, not which."""


@dataclass
class Plan:
    """A run's work, by what must be done with each recording found.

    Parameters
    ----------
    known
        Path to the stored row: nothing to do.
    fresh
        To be processed, not read yet.
    gone
        Path to the error of a path that cannot even be looked at.
    """

    known: dict[str, KnownInput] = field(default_factory=dict)
    fresh: list[Source] = field(default_factory=list)
    gone: list[tuple[Source, CallError]] = field(default_factory=list)

    @property
    def found(self) -> int:
        """How many recordings were found."""
        return len(self.known) + len(self.fresh) + len(self.gone)

    @property
    def paths(self) -> list[str]:
        """All of them."""
        return [*self.known, *(s.path for s in self.fresh), *(s.path for s, _ in self.gone)]


def config_digest(settings: Settings, model: str, *, segments: str | None = None) -> str:
    """Return the digest of everything that shapes facts: settings, model, our own version.

    Parameters
    ----------
    model
        Name and content digest of the recogniser's model.
    segments
        Digest of a file that was given to tell the parties apart.

    Examples
    --------
    >>> from speechqa.settings import load_settings
    >>> one = config_digest(load_settings(), "m1")
    >>> one == config_digest(load_settings(run={"workers": 7}, asr={"threads": 2}), "m1")
    True
    >>> one == config_digest(load_settings(vad={"aggressiveness": 3}), "m1")
    False
    """
    asr = {k: v for k, v in settings.asr.model_dump().items() if k not in _SPEED_ONLY}
    return digest(
        {
            "facts": FACTS_VERSION,
            "model": model,
            "asr": asr,
            "vad": settings.vad.model_dump(),
            "line": settings.line.model_dump(),
            "audio": settings.audio.model_dump(),
            "privacy": settings.privacy.model_dump(),
            "agent_channel": settings.run.agent_channel,
        }
        | ({"segments": segments} if segments else {})
    )


def segments_digest(file: str | None) -> str | None:
    """Return the digest of a segments file that was named; None without one.

    Raises
    ------
    InputMissing
        It cannot be read.
    """
    if file is None:
        return None
    try:
        return hashlib.sha256(Path(file).read_bytes()).hexdigest()[:16]
    except OSError as error:
        raise InputMissing(f"{file}: {error.strerror}", hint="check --segments") from None


def plan(
    paths: Iterable[str],
    stored: Sequence[KnownInput],
    *,
    config: str,
    retry: frozenset[str] = frozenset(),
) -> Plan:
    """Sort the recordings found into known ones and fresh ones.

    Parameters
    ----------
    paths
        Recordings found, each once.
    stored
        What the store holds.
    config
        Digest of this run's configuration.
    retry
        Statuses to be processed again although they are final.
    """
    done = [row for row in stored if row.config == config and row.status in FINAL - retry]
    by_file = {
        (path, row.size_bytes, row.mtime_ns): row
        for row in done
        for path in (row.path, *row.also_at)
    }
    result = Plan()
    for path in paths:
        try:
            stat = os.stat(path)
        except (OSError, ValueError) as error:
            result.gone.append((Source(path, 0, 0), audio.cannot_open(error)))
            continue
        source = Source(path, stat.st_size, audio.mtime_ns_of(stat))
        row = by_file.get((text_of_path(path), source.size_bytes, source.mtime_ns))
        if row is not None:
            result.known[path] = row
        else:
            result.fresh.append(source)
    return result


def identify(source: Source) -> Source:
    """Read the file once and return the source with its content's SHA-256.

    Raises
    ------
    CallError
        The file cannot be read, or it is still being written (deferred).
    """
    identity = audio.identify(source.path)
    if (identity.size_bytes, identity.mtime_ns) != (source.size_bytes, source.mtime_ns):
        raise CallError(
            "changed-while-reading",
            f"the file is still being written ({source.size_bytes} to {identity.size_bytes} bytes)",
            status="deferred",
            hint="the next run picks it up when it is complete",
        )
    return replace(source, audio_sha256=identity.sha256)
