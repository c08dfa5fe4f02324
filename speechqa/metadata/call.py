"""What is known of a call besides its audio, and where each field came from."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

Origin = Literal["csv", "json", "name", "path"]

_HALF = re.compile("[\ud800-\udfff]")

FIELDS = (
    "call_id",
    "agent_id",
    "started_at",
    "queue",
    "direction",
    "caller",
    "answered_ms",
    "holds",
)

ALIASES = {
    "id": "call_id",
    "callid": "call_id",
    "call": "call_id",
    "guid": "call_id",
    "agent": "agent_id",
    "agentid": "agent_id",
    "agent_name": "agent_id",
    "start": "started_at",
    "start_time": "started_at",
    "started": "started_at",
    "date": "started_at",
    "datetime": "started_at",
    "queue_name": "queue",
    "filename": "file",
    "file_name": "file",
    "path": "file",
    "recording": "file",
}


@dataclass(frozen=True)
class CallMetadata:
    """Facts of one call that the audio does not hold.

    Attributes
    ----------
    call_id
        From the CSV, the JSON or the name; else the file's stem.
    started_at
        With its UTC offset when one was given or declared; else naive, never guessed.
    answered_ms
        When the call was answered, from the start of the recording.
    holds
        (start, end) ms that the telephone system reports as hold.
    columns
        Every other column or key, as text.
    sources
        Per field: csv, json, name, or path (the stem).
    """

    call_id: str
    agent_id: str | None = None
    started_at: datetime | None = None
    queue: str | None = None
    direction: str | None = None
    caller: str | None = None
    answered_ms: int | None = None
    holds: tuple[tuple[int, int], ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict)
    sources: Mapping[str, Origin] = field(default_factory=dict)

    def stored_fields(self) -> dict[str, Any]:
        """Return what a call's row keeps of it, by the row's names; holds are kept as intervals.

        >>> CallMetadata("7", columns={"site": "Leeds"}).stored_fields()["metadata"]
        {'site': 'Leeds'}
        """
        return {
            "call_id": self.call_id,
            "agent_id": self.agent_id,
            "started_at": self.started_at,
            "queue": self.queue,
            "direction": self.direction,
            "caller": self.caller,
            "answered_ms": self.answered_ms,
            "metadata": dict(self.columns),
            "metadata_sources": dict(self.sources),
        }


def field_name(name: str) -> str:
    """Return the field that a column, key or group name means; itself when none.

    >>> field_name(" Agent "), field_name("Start Time"), field_name("Region")
    ('agent_id', 'started_at', 'region')
    """
    plain = name.strip().lower().replace(" ", "_").replace("-", "_")
    return ALIASES.get(plain, plain)


def storable(text: str) -> str:
    r"""Return `text` as every table takes it: halves of letters are written out.

    They come from names that are no UTF-8, and from escapes in JSON.

    >>> storable("Zo\udceb"), storable("\ud83d!"), storable("Zoë")
    ('Zo\\xeb', '\\ud83d!', 'Zoë')
    """
    return _HALF.sub(_written_out, text)


def _written_out(found: re.Match[str]) -> str:
    code = ord(found.group())
    return f"\\x{code - 0xDC00:02x}" if 0xDC80 <= code <= 0xDCFF else f"\\u{code:04x}"
