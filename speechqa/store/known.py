"""What a run must know of stored recordings: the few columns that say what is done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class KnownInput:
    """What the store holds of one recording: enough to decide whether to process it."""

    key: str
    path: str
    also_at: tuple[str, ...]
    size_bytes: int
    mtime_ns: int
    audio_sha256: str | None
    config: str
    status: str
    call_id: str
    agent_id: str | None
    started_at: str | None
    queue: str | None
    direction: str | None
    caller: str | None
    answered_ms: int | None
    metadata: str

    @property
    def metadata_fields(self) -> tuple[Any, ...]:
        """Everything that metadata gave, for comparison."""
        return (
            self.call_id,
            self.agent_id,
            self.started_at,
            self.queue,
            self.direction,
            self.caller,
            self.answered_ms,
            self.metadata,
        )
