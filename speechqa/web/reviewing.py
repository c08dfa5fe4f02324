"""Writing reviews: on a finding, on a call, and blind for calibration."""

from __future__ import annotations

import random
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from speechqa.errors import UsageError
from speechqa.web import verdicts
from speechqa.web.access import Person
from speechqa.web.call_page import call_parts, findings
from speechqa.web.desk import Desk, call_for
from speechqa.web.forms import form_of
from speechqa.web.rows import Listed
from speechqa.web.views import call_url, person_of, speaker_of, supervisor


class Reviewing:
    """The handlers.

    Parameters
    ----------
    desk
        The running server's parts.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    async def add(self, request: Request) -> Response:
        """Add a review to a finding, or a comment to the call; show what stands now."""
        return await run_in_threadpool(self._add, request, await form_of(request))

    def _add(self, request: Request, form: dict[str, str]) -> Response:
        call = call_for(self._desk, request, request.path_params["call"])
        self._write(call, form, person_of(request), blind=False)
        if "hx-request" not in request.headers:
            return RedirectResponse(call_url(call), 303)
        return self._after(request, call)

    def blind(self, request: Request) -> Response:
        """Offer a finding that somebody else judged, without the answer."""
        person = supervisor(request)
        found = self._next(person, speaker_of(request).language)
        call = found["call"]
        what = f"calibrate call {call.recorded.key}" if call else "calibrate"
        self._desk.log.note(person, "view", what)
        return self._desk.page(request, "calibrate.html", **found)

    async def add_blind(self, request: Request) -> Response:
        """Add a blind verdict and offer the next finding."""
        supervisor(request)
        return await run_in_threadpool(self._add_blind, request, await form_of(request))

    def _add_blind(self, request: Request, form: dict[str, str]) -> Response:
        call = call_for(self._desk, request, form.get("call", ""))
        if form.get("verdict") not in ("confirm", "overturn"):
            raise UsageError("a blind review confirms or overturns", hint="choose one of the two")
        self._write(call, form, person_of(request), blind=True)
        return RedirectResponse("/calibrate", 303)

    def _write(self, call: Listed, form: dict[str, str], person: Person, *, blind: bool) -> None:
        verdict, rule = form.get("verdict", ""), form.get("rule", "")
        if person.role == "agent" and verdict not in ("dispute", "comment"):
            raise HTTPException(403, "an agent can dispute or comment, not decide")
        start_ms = _start(form.get("start_ms", ""))
        judged = self._desk.archive.assessment(call)
        known = {
            place
            for result in (judged.results if judged else ())
            if result["outcome"] == "violated"
            for place in verdicts.findings(judged, result["rule"])  # type: ignore[arg-type]
        }
        if (rule, start_ms) not in known and not (rule == "" and verdict in ("comment", "dispute")):
            raise UsageError(
                "there is no such finding on this call",
                hint="open the call again: it may have been judged anew",
            )
        row = verdicts.review_row(
            key=call.recorded.key,
            rule=rule,
            start_ms=start_ms,
            verdict=verdict,
            reviewer=f"agent {person.name}" if person.role == "agent" else person.name,
            comment=form.get("comment", ""),
            blind=blind,
        )
        self._desk.archive.store.append_reviews(row)
        self._desk.archive.renew()
        self._desk.log.note(person, f"review {verdict}", f"call {call.recorded.key}")

    def _after(self, request: Request, call: Listed) -> Response:
        again = self._desk.archive.snapshot().find(call.recorded.key)
        if again is None:
            raise HTTPException(404)
        return self._desk.page(request, "_reviewed.html", **call_parts(self._desk, again))

    def _next(self, person: Person, language: str) -> dict[str, Any]:
        """Return a finding to judge blind, and how many are left."""
        picture = self._desk.archive.snapshot()
        open_: list[tuple[Listed, verdicts.Place]] = []
        for key, reviews in picture.reviews.items():
            call = picture.by_key.get(key)
            if call is None:
                continue
            own = {
                (row["rule"], row["start_ms"]) for row in reviews if row["reviewer"] == person.name
            }
            open_ += [(call, place) for place in verdicts.standing(reviews) if place not in own]
        random.shuffle(open_)
        for call, place in open_:
            judged, facts = self._desk.archive.assessment(call), self._desk.archive.facts(call)
            found = findings(judged, ()) if judged else []
            one = next((f for f in found if (f["rule"], f["start_ms"]) == place), None)
            if one is not None and facts is not None:
                return {
                    "call": call,
                    "finding": one,
                    "left": len(open_),
                    "sentence": self._desk.sentence(one["rule"], language),
                }
        return {"call": None, "finding": None, "left": 0, "sentence": ""}


def _start(text: str) -> int | None:
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 12:
        raise UsageError("start_ms: not a time", hint="reload the page and try again")
    return int(text)
