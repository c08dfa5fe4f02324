"""Coming in and going out: one-time links, sessions, and links for others."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from speechqa.errors import UsageError
from speechqa.web.access import SESSION_S, Person
from speechqa.web.desk import Desk
from speechqa.web.forms import form_of
from speechqa.web.guard import COOKIE, cookie_of, plainly
from speechqa.web.views import supervisor

MOST_NAME = 100


class Entrance:
    """The handlers.

    Parameters
    ----------
    desk
        The running server's parts.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def enter(self, request: Request) -> Response:
        """Swap a one-time link for a session.

        The answer is a page that goes on by itself and no redirect: a SameSite=Strict cookie is
        not sent along a redirect that began on another site, e.g. in a mail.
        """
        cookie = self._desk.access.swap(request.query_params.get("token", ""))
        if cookie is None:
            told = "this link was used already, is too old, or is none; ask for a new one"
            return plainly(request.headers, told, 403)
        text = self._desk.templates.get_template("enter.html").render()
        response = Response(text, 200, {"Refresh": "0; url=/"}, "text/html; charset=utf-8")
        response.set_cookie(
            COOKIE,
            cookie,
            max_age=SESSION_S,
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
        return response

    def leave(self, request: Request) -> Response:
        """End the session."""
        self._desk.access.leave(cookie_of(request.headers))
        response = plainly(request.headers, "the session has ended", 200)
        response.delete_cookie(COOKIE, httponly=True, samesite="strict")
        return response

    def people(self, request: Request) -> Response:
        """Offer links for others."""
        self._desk.log.note(supervisor(request), "view", "people")
        agents = self._agents()
        return self._desk.page(request, "people.html", agents=agents, link=None, invited=None)

    def _agents(self) -> list[str]:
        return [name for name in self._desk.archive.snapshot().columns.agents[1] if name]

    async def invite(self, request: Request) -> Response:
        """Make a link for another supervisor or an agent; it is shown once."""
        person = supervisor(request)
        return await run_in_threadpool(self._invite, request, person, await form_of(request))

    def _invite(self, request: Request, person: Person, form: Mapping[str, str]) -> Response:
        role, name = form.get("role", ""), form.get("name", "").strip()
        if role not in ("supervisor", "agent") or not 0 < len(name) <= MOST_NAME:
            raise UsageError(
                "a link is for a supervisor or an agent with a name",
                hint=f"give a role and a name of at most {MOST_NAME} characters",
            )
        agents = self._agents()
        if role == "agent" and name not in agents:
            raise UsageError("no such agent in this store", hint="choose one of the list")
        invited = Person("agent" if role == "agent" else "supervisor", name)
        token = self._desk.access.new_link(invited)
        self._desk.log.note(person, "invite", f"{role} {name}")
        link = f"{request.url.scheme}://{request.headers['host']}/enter?token={token}"
        return self._desk.page(request, "people.html", agents=agents, link=link, invited=invited)
