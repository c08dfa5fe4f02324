"""Asks the pages of the application itself, in this process: no port, no network."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import unquote, urlsplit

from starlette.types import ASGIApp, Message

from speechqa.errors import SpeechqaError
from speechqa.web.access import Access, Person
from speechqa.web.guard import COOKIE

HOST = "report"


class Reader:
    """One person's session.

    Parameters
    ----------
    app
        Answers to the host name `HOST`.
    access
        Of the application.
    person
        Whose eyes the pages are for.
    language
        ``"en"`` or ``"zh"``.
    """

    def __init__(self, app: ASGIApp, access: Access, person: Person, language: str) -> None:
        self._app = app
        cookie = access.swap(access.new_link(person))
        self._headers = [
            (b"host", HOST.encode()),
            (b"cookie", f"{COOKIE}={cookie}".encode()),
            (b"accept-language", language.encode()),
        ]

    def page(self, url: str) -> str | None:
        """Return a page's HTML; None when there is no such page.

        Raises
        ------
        SpeechqaError
            The page could not be made.
        """
        status, body = asyncio.run(self._ask(url))
        if status == 404:
            return None
        if status != 200:
            raise SpeechqaError(
                f"the page {url} could not be made: status {status}",
                hint="look at it with `speechqa serve`, and please report it",
            )
        return body.decode("utf-8")

    async def _ask(self, url: str) -> tuple[int, bytes]:
        parts = urlsplit(url)
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": unquote(parts.path),
            "raw_path": parts.path.encode(),
            "query_string": parts.query.encode(),
            "root_path": "",
            "headers": self._headers,
            "client": None,
            "server": (HOST, 80),
        }
        status, body = 0, bytearray()

        async def receive() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            body.extend(message.get("body", b""))

        await self._app(dict[str, Any](scope), receive, send)
        return status, bytes(body)
