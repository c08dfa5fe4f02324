"""Pages over many calls: team, agent, rules, night, search."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from speechqa.scorecard import NOBODY, RANKED_FROM
from speechqa.store.integrity import Integrity, account, last_run
from speechqa.web import draw, figures, languages
from speechqa.web.desk import Desk, listed
from speechqa.web.moments import Moment, candidates, moments
from speechqa.web.rows import Listed
from speechqa.web.search import Searcher
from speechqa.web.snapshot import Snapshot
from speechqa.web.sums import Mask, Sums
from speechqa.web.views import View, agent_url, choice_of, person_of, supervisor

NIGHT = "night"
ACCOUNTED = ("path", "also_at", "status", "reason_code", "reason", "grade", "duration_ms")
SHOWN_CALLS = 300
SHOWN_DAYS = 31
SHOWN_ATTENTION = 8
ATTENTION = {
    "fragile": (
        "Fragile verdicts",
        "≈",
        "A hair's breadth would change these answers: listen before you judge.",
    ),
    "critical": (
        "Critical violations",
        "◆",
        "Confirmed violations of a critical rule: they fail the call.",
    ),
    "quarantined": (
        "Not scored",
        "✕",
        "Recordings that could not be processed, with the reason.",
    ),
}
"""What needs a person, as `figures.attention` groups it: title, sign, what it means."""


class Pages:
    """The handlers.

    Parameters
    ----------
    desk
        The running server's parts.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._searcher = Searcher(desk.archive)
        desk.shared.update(
            {
                "team.html": self._team,
                "agent.html": self._agent,
            }
        )
        desk.archive.prepare += [self._read, desk.prepare]

    def team(self, request: Request) -> Response:
        """Show every agent's card, the sections by day, and what needs attention."""
        person = person_of(request)
        if person.role == "agent":
            return RedirectResponse(agent_url(person.name), 303)
        self._desk.log.note(person, "view", "team")
        return self._desk.shared_page(request, "team.html", self._desk.archive.snapshot())

    def _team(self, picture: Snapshot, view: View) -> dict[str, Any]:
        choice = view.choice
        cards, mask = self._desk.cards(picture, choice), self._desk.mask(picture, choice)
        heat = self._desk.sums(picture).heat(mask)
        return {
            "cards": cards,
            "choice": choice,
            "options": self._desk.options(picture),
            "sections": self._sections(cards),
            "sparkline": draw.sparkline,
            "ranked_from": RANKED_FROM,
            "found": int(mask.sum()),
            "heat": {day: heat[day] for day in list(heat)[-SHOWN_DAYS:]},
            "whole": self._desk.sums(picture).card("", mask),
            "attention": self._attention(picture, mask),
            "kinds": ATTENTION,
        }

    def _attention(self, picture: Snapshot, mask: Mask) -> dict[str, dict[str, Any]]:
        """Return kind to the calls to show first, how many there are, and those of the night."""
        since = self._night(picture)
        made = {}
        for kind, calls in figures.attention(listed(picture, mask), picture.reviews).items():
            new = [call for call in calls if call.recorded.processed_at >= since]
            old = [call for call in calls if call.recorded.processed_at < since]
            first = (new + old)[:SHOWN_ATTENTION]
            made[kind] = {"calls": first, "found": len(calls), "new": len(new)}
        return made

    def _night(self, picture: Snapshot) -> str:
        return self._desk.kept(picture, "last night", lambda: figures.last_night(picture.calls))

    def attention(self, request: Request) -> Response:
        """Show all calls of one kind that need attention, or those of the last night."""
        person, kind = supervisor(request), request.path_params["kind"]
        if kind not in ATTENTION:
            raise HTTPException(404)
        picture, choice = self._desk.archive.snapshot(), choice_of(request)
        calls = figures.attention(self._desk.chosen(picture, choice), picture.reviews)[kind]
        since = self._night(picture) if request.query_params.get("night") else ""
        calls = [call for call in calls if call.recorded.processed_at >= since]
        title, _, help_ = ATTENTION[kind]
        self._desk.log.note(person, "view", f"attention {kind}")
        return self._desk.page(
            request,
            "attention.html",
            kind=kind,
            title=title,
            help=help_,
            since=since,
            calls=calls[:SHOWN_CALLS],
            found=len(calls),
            corrected=self._desk.corrected(picture),
            choice=choice,
            options=self._desk.options(picture),
        )

    def agent(self, request: Request) -> Response:
        """Show one agent: score over time, sections, moments, calls, the team beside."""
        person, name = person_of(request), request.path_params["agent"]
        if not person.may_see(name):
            raise HTTPException(403)
        picture = self._desk.archive.snapshot()
        if _wanted(name) not in picture.columns.agents[1]:
            raise HTTPException(404)
        self._desk.log.note(person, "view", f"agent {name}")
        return self._desk.shared_page(request, "agent.html", picture)

    def _agent(self, picture: Snapshot, view: View) -> dict[str, Any]:
        """Return one agent's figures, and those of the others on the same queues."""
        name = view.path.removeprefix("/agents/")
        choice = replace(view.choice, agent="")
        mask, sums = self._desk.mask(picture, choice), self._desk.sums(picture)
        agents, agent_names = picture.columns.agents
        queues, queue_names = picture.columns.queues
        is_own = agents == agent_names.index(_wanted(name))
        own, ours = mask & is_own, np.unique(queues[mask & is_own])
        card = next((c for c in self._desk.cards(picture, choice) if c.name == name), None)
        shown = listed(picture, own, SHOWN_CALLS)
        return {
            "card": card or sums.card(name, own),
            "others": sums.card("", mask & ~is_own & np.isin(queues, ours)),
            "queues": [queue_names[at] for at in ours if queue_names[at]],
            "days": [day for day in (card.days if card else ()) if day.percent is not None],
            "sections": self._sections([card] if card else []),
            "counts": self._met_and_due(sums, own),
            "worst": self._moments(shown, best=False),
            "best": self._moments(shown, best=True),
            "choice": choice,
            "options": self._desk.options(picture),
            "calls": shown,
            "found": int(own.sum()),
            "corrected": self._desk.corrected(picture),
        }

    def _moments(self, calls: list[Listed], *, best: bool) -> list[Moment]:
        looked_at = candidates(calls, self._severity, best=best)
        return moments(looked_at, self._desk.archive.hits(looked_at), best=best)

    def _severity(self, rule: str) -> str:
        known = self._desk.rule(rule)
        return str(known.severity) if known else ""

    def _read(self, picture: Snapshot, old: Snapshot | None) -> None:
        """Read the words and hits of new calls, so that neither search nor moments wait."""
        del old
        self._searcher.read(picture.calls)
        self._desk.archive.read_hits(picture.calls)

    def warm(self) -> None:
        """Make what the first visitors would wait for."""
        picture = self._desk.archive.snapshot()
        for language in languages.LANGUAGES:
            for template, path in (("team.html", "/"), ("rules.html", "/rules")):
                self._desk.shared_text(picture, template, View("supervisor", language, path, ""))
        self._read(picture, None)
        for call in picture.calls[:1]:
            self._desk.archive.assessment(call)
            self._desk.archive.facts(call)

    def night(self, request: Request) -> Response:
        """Show the integrity report: every recording accounted for."""
        person = supervisor(request)
        picture = self._desk.archive.snapshot()
        report = self._integrity(picture)
        by_path = {call.recorded.path: call for call in picture.calls}
        self._desk.log.note(person, "view", "night")
        return self._desk.page(request, "night.html", report=report, by_path=by_path)

    def _integrity(self, picture: Snapshot) -> Integrity:
        return self._desk.kept(picture, NIGHT, lambda: self._account(picture))

    def _account(self, picture: Snapshot) -> Integrity:
        """Return what `integrity` reads of the store, from what the picture holds already."""
        calls = sorted(picture.calls, key=lambda call: (call.recorded.path, call.recorded.key))
        rows = [{name: getattr(call.recorded, name) for name in ACCOUNTED} for call in calls]
        assessed = int(picture.columns.is_judged.sum())
        return account(rows, assessed, last_run(self._desk.archive.store))

    def search(self, request: Request) -> Response:
        """Find words over all transcripts."""
        person = supervisor(request)
        picture, choice = self._desk.archive.snapshot(), choice_of(request)
        words = request.query_params.get("q", "").strip()[:200]
        party = request.query_params.get("party", "")
        calls = self._desk.chosen(picture, choice)
        found = None
        if words:
            found = self._desk.kept(
                picture,
                ("search", choice, words, party),
                lambda: self._searcher.search(calls, words, party=party),
            )
        self._desk.log.note(person, "search", f"{len(words)} characters")
        return self._desk.page(
            request,
            "search.html",
            words=words,
            party=party,
            found=found,
            searched=len(calls),
            choice=choice,
            options=self._desk.options(picture),
        )

    def _sections(self, cards: list[figures.Card]) -> list[str]:
        used = {name for card in cards for name in card.sections}
        known = self._desk.section_order
        return [name for name in known if name in used] + sorted(used - set(known))

    def _met_and_due(self, sums: Sums, mask: Mask) -> dict[str, dict[str, int]]:
        """Return section to how often its rules were met and judged."""
        found: dict[str, dict[str, int]] = {}
        for name, counts in sums.rule_counts(mask).items():
            rule = self._desk.rule(name)
            own = found.setdefault(rule.section if rule else "", {"met": 0, "due": 0})
            own["met"] += counts["met"]
            own["due"] += counts["met"] + counts["violated"]
        return found


def _wanted(agent: str) -> str:
    """Return the agent as calls name it: those without one are listed as unknown."""
    return "" if agent == NOBODY else agent
