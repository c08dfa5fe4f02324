"""Who may see what: one-time links, sessions, roles, and the log of every view and play.

A link holds a token of 256 random bits, works once and within an hour, and is swapped for a
session cookie. Only digests are kept, so nothing here can be read back as a token. Sessions live
in memory: a restart asks everybody for a new link.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from speechqa.store.shared_lines import append_line

Role = Literal["supervisor", "agent"]
TOKEN_BYTES = 32
LINK_S = 3600
SESSION_S = 12 * 3600
MOST_SESSIONS = 10_000


@dataclass(frozen=True)
class Person:
    """Somebody who was given a link.

    Parameters
    ----------
    role
        A supervisor sees everything; an agent sees that agent only.
    name
        Who: written beside reviews and in the access log. An agent's name is the agent id.
    """

    role: Role
    name: str

    def may_see(self, agent: str | None) -> bool:
        """Whether calls of `agent` are this person's to see."""
        return self.role == "supervisor" or (agent is not None and agent == self.name)


class Access:
    """Links and sessions.

    Parameters
    ----------
    clock
        Seconds; monotonic.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._links: dict[str, tuple[Person, float]] = {}
        self._sessions: dict[str, tuple[Person, float]] = {}
        self._lock = threading.Lock()

    def new_link(self, person: Person) -> str:
        """Return a token that can be swapped once for a session."""
        token = secrets.token_urlsafe(TOKEN_BYTES)
        with self._lock:
            self._links[_digest(token)] = (person, self._clock() + LINK_S)
        return token

    def swap(self, token: str) -> str | None:
        """Return a new session's cookie for a link's token; None when it is unknown or used."""
        with self._lock:
            person, until = self._links.pop(_digest(token), (None, 0.0))
            if person is None or until < self._clock():
                return None
            now = self._clock()
            self._sessions = {k: v for k, v in self._sessions.items() if v[1] > now}
            if len(self._sessions) >= MOST_SESSIONS:
                return None
            cookie = secrets.token_urlsafe(TOKEN_BYTES)
            self._sessions[_digest(cookie)] = (person, now + SESSION_S)
            return cookie

    def person(self, cookie: str | None) -> Person | None:
        """Return whose session a cookie is; None when it is unknown or has ended."""
        if not cookie:
            return None
        found = self._sessions.get(_digest(cookie))
        return found[0] if found and found[1] > self._clock() else None

    def leave(self, cookie: str | None) -> None:
        """End a session."""
        if cookie:
            with self._lock:
                self._sessions.pop(_digest(cookie), None)


class AccessLog:
    """Who saw or heard what, one JSON object a line; never a token, never a word of a call.

    Parameters
    ----------
    file
        Appended to, readable by its owner only; None keeps no log.
    """

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._lock = threading.Lock()

    def note(self, person: Person, did: str, what: str) -> None:
        """Add one line."""
        if self._file is None:
            return
        line = json.dumps(
            {
                "at": datetime.now(UTC).isoformat(timespec="seconds"),
                "role": person.role,
                "who": person.name,
                "did": did,
                "what": what,
            },
            ensure_ascii=False,
        )
        with self._lock:
            append_line(self._file, line)


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
