"""The gate before any route: Host, cross-site requests, session, and the headers of every answer.

It runs as the outermost layer, before routing, so that a route that is added later is guarded
without anybody thinking of it. Everything but the entrance and the style sheet of the "no entry"
page needs a session.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from speechqa.web.access import Access
from speechqa.web.languages import speaker

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; media-src 'self'; "
    "connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
}
COOKIE = "speechqa"
OPEN_PATHS = frozenset({"/enter"})
SAFE_METHODS = frozenset({"GET", "HEAD"})
METHODS = SAFE_METHODS | {"POST"}


class Guard:
    """The gate.

    Parameters
    ----------
    app
        What it guards.
    access
        Sessions.
    hosts
        Values of the Host header that are answered, port included, lower case.
    """

    def __init__(self, app: ASGIApp, access: Access, hosts: Iterable[str]) -> None:
        self._app = app
        self._access = access
        self._hosts = frozenset(host.lower() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse the request, or pass it on with its person."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return  # no websocket here: the server closes what is not accepted
        refusal = self._refusal(scope)

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value if name != "Cache-Control" else headers.get(name, value)
            await send(message)

        await (refusal or self._app)(scope, receive, send_guarded)

    def _refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            return plainly(headers, "this server does not answer to that host name", 400)
        if scope["method"] not in METHODS:
            return plainly(headers, "method not allowed", 405)
        if scope["method"] not in SAFE_METHODS and not _same_site(headers, hosts[0]):
            return plainly(headers, "requests from other sites are refused", 403)
        person = self._access.person(cookie_of(headers))
        if person is None and scope["path"] not in OPEN_PATHS:
            return plainly(
                headers,
                "no entry without a link: use the one that `speechqa serve` printed, "
                "or ask for a new one (each works once)",
                401,
            )
        scope.setdefault("state", {})["person"] = person
        return None


def cookie_of(headers: Headers) -> str | None:
    """Return the session cookie of a request."""
    try:
        jar = SimpleCookie(headers.get("cookie", ""))
    except CookieError:
        return None
    return jar[COOKIE].value if COOKIE in jar else None


def _same_site(headers: Headers, host: str) -> bool:
    """Whether a changing request says that it comes from these very pages."""
    fetch, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if fetch is not None and fetch != "same-origin":
        return False
    if origin is None:
        return fetch == "same-origin"
    try:
        return urlsplit(origin).netloc.lower() == host.lower()
    except ValueError:
        return False


def plainly(headers: Headers, text: str, status: int) -> PlainTextResponse:
    """Answer without a page, in the reader's language."""
    say = speaker(headers.get("accept-language", ""))
    return PlainTextResponse(f"speechqa: {say(text)}\n", status)
