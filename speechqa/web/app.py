"""The application: its routes, behind the gate."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route

from speechqa.errors import SpeechqaError
from speechqa.rulebook import Rulebook
from speechqa.settings import Settings
from speechqa.store import Store
from speechqa.web.access import Access, AccessLog
from speechqa.web.assets import Assets
from speechqa.web.call_page import CallPages
from speechqa.web.desk import Desk
from speechqa.web.entrance import Entrance
from speechqa.web.files import KEPT_BYTES
from speechqa.web.guard import Guard, plainly
from speechqa.web.pages import Pages
from speechqa.web.reviewing import Reviewing
from speechqa.web.rule_pages import RulePages
from speechqa.web.snapshot import LOOK_S, Archive
from speechqa.web.sound import Sounds


def create_app(
    store: Store,
    settings: Settings,
    book: Rulebook,
    *,
    access: Access,
    hosts: Iterable[str],
    log: Path | None = None,
    look_s: float = LOOK_S,
    kept_bytes: int = KEPT_BYTES,
) -> Starlette:
    """Return the pages of a store as an ASGI application.

    Parameters
    ----------
    store
        Whose calls are shown.
    settings
        For the decoder and the definitions of measures.
    book
        For the rules' titles and sentences.
    access
        Links and sessions; make the first link with it.
    hosts
        Values of the Host header that are answered, with the port.
    log
        File for the access log.
    look_s
        How often the store is looked at for new calls.
    kept_bytes
        Memory for rows of each table.

    Notes
    -----
    The state of the application has ``desk``, what the pages work with, and ``warm``, which makes
    what the first visitors would wait for.
    """
    desk = Desk(
        Archive(store, look_s=look_s, kept_bytes=kept_bytes),
        settings,
        book,
        access,
        AccessLog(log),
        Sounds(settings.audio),
    )
    pages = Pages(desk)

    def failed(request: Request, error: Exception) -> Response:
        return _failed(desk, request, error)

    app = Starlette(
        routes=_routes(desk, pages),
        middleware=[Middleware(Guard, access=access, hosts=tuple(hosts))],
        exception_handlers={
            HTTPException: failed,
            SpeechqaError: failed,
            Exception: lambda request, error: plainly(
                request.headers,
                "this page could not be made; the log of the server says where",
                500,
            ),
        },
    )
    app.state.warm, app.state.desk = pages.warm, desk
    return app


def _routes(desk: Desk, pages: Pages) -> list[Route | Mount]:
    rules, calls = RulePages(desk), CallPages(desk)
    reviewing, entrance = Reviewing(desk), Entrance(desk)
    return [
        Route("/", pages.team),
        Route("/attention/{kind}", pages.attention),
        Route("/agents/{agent:path}", pages.agent),
        Route("/calls/{call}", calls.call),
        Route("/calls/{call}/sound.wav", calls.sound),
        Route("/calls/{call}/why/{name}", calls.why),
        Route("/calls/{call}/reviews", reviewing.add, methods=["POST"]),
        Route("/rules", rules.rules),
        Route("/rules/{rule}", rules.rule),
        Route("/night", pages.night),
        Route("/search", pages.search),
        Route("/calibrate", reviewing.blind),
        Route("/calibrate", reviewing.add_blind, methods=["POST"]),
        Route("/people", entrance.people),
        Route("/people", entrance.invite, methods=["POST"]),
        Route("/enter", entrance.enter),
        Route("/leave", entrance.leave, methods=["POST"]),
        Mount("/static", Assets()),
    ]


def _failed(desk: Desk, request: Request, error: Exception) -> Response:
    """Answer an error as a page that says what to do next."""
    if isinstance(error, HTTPException):
        status, message, hint = error.status_code, error.detail, None
    else:
        status, message, hint = 400, str(error), getattr(error, "hint", None)
    if request.scope.get("state", {}).get("person") is None:
        return plainly(request.headers, message, status)
    return desk.page(request, "error.html", status, code=status, message=message, hint=hint)
