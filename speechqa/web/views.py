"""One request as the pages see it: who asks, for what choice, in what language; and the answer."""

from __future__ import annotations

import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from speechqa.web import languages
from speechqa.web.access import Person, Role
from speechqa.web.figures import Choice
from speechqa.web.rows import Listed

PACKED_FROM = 1000
"""Bytes; under so many, packing saves nothing."""


@dataclass(frozen=True)
class View:
    """What a page depends on beside the picture: who looks, in what language, at what address."""

    role: Role
    language: str
    path: str
    query: str

    @classmethod
    def of(cls, request: Request) -> View:
        """Return the view of a request."""
        return cls(
            person_of(request).role,
            speaker_of(request).language,
            request.scope["path"],
            urlencode([(k, v) for k, v in request.query_params.multi_items() if v]),
        )

    @property
    def choice(self) -> Choice:
        """The filters in the address."""
        return choice_in(dict(parse_qsl(self.query)))


def answer(request: Request, text: str, status: int = 200) -> Response:
    """Send a page, packed where the browser takes that."""
    body, headers = text.encode("utf-8", "replace"), {"Vary": "Accept-Language, Accept-Encoding"}
    if len(body) > PACKED_FROM and "gzip" in request.headers.get("accept-encoding", ""):
        body = gzip.compress(body, 1, mtime=0)
        headers["Content-Encoding"] = "gzip"
    return HTMLResponse(body, status, headers)


def person_of(request: Request) -> Person:
    """Return who is asking; the gate lets nobody else come this far."""
    person = request.scope.get("state", {}).get("person")
    if not isinstance(person, Person):
        raise HTTPException(401)
    return person


def speaker_of(request: Request) -> languages.Speaker:
    """Return who says texts in the reader's language."""
    return languages.speaker(request.headers.get("accept-language", ""))


def supervisor(request: Request) -> Person:
    """Return who is asking; refused unless a supervisor."""
    person = person_of(request)
    if person.role != "supervisor":
        raise HTTPException(403)
    return person


def choice_of(request: Request) -> Choice:
    """Return the filters in the address."""
    return choice_in(request.query_params)


def choice_in(given: Mapping[str, str]) -> Choice:
    """Return the filters among the parts of a query."""
    names = ("since", "until", "queue", "language", "agent")
    return Choice(**{name: given.get(name, "").strip()[:200] for name in names})


def call_url(call: Listed, at_ms: int | None = None) -> str:
    """Return a call's lasting address; with a time, the sound of that moment."""
    return f"/calls/{call.recorded.key}" + ("" if at_ms is None else f"#t={at_ms}")


def agent_url(agent: str) -> str:
    """Return an agent's lasting address."""
    return "/agents/" + quote(agent, safe="")
