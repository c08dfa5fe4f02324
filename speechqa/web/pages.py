"""Pages over many calls: team, agent, rules, night, search."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import Any

import numpy as np
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from speechqa.scorecard import NOBODY, RANKED_FROM
from speechqa.store.integrity import Integrity, integrity
from speechqa.web import draw, figures, languages, verdicts
from speechqa.web.desk import Desk, View, agent_url, choice_of, listed, person_of, supervisor
from speechqa.web.figures import Choice
from speechqa.web.moments import Moment, candidates, moments
from speechqa.web.rows import Listed
from speechqa.web.search import Searcher
from speechqa.web.snapshot import Snapshot
from speechqa.web.sums import Mask, Sums

NIGHT = "night"
SHOWN_CALLS = 300
SHOWN_DAYS = 31
SHOWN_ATTENTION = 8
EXAMPLES = 5
LOOKED_AT = 4 * EXAMPLES
"""Calls in which examples are looked for."""


class Pages:
    """The handlers.

    Parameters
    ----------
    desk
        The running server's parts.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._searcher = Searcher(desk.library)
        desk.shared.update(
            {
                "team.html": self._team,
                "agent.html": self._agent,
                "rules.html": self._rules,
            }
        )
        desk.library.prepare += [self._read, desk.prepare]

    def team(self, request: Request) -> Response:
        """Show every agent's card, the sections by day, and what needs attention."""
        person = person_of(request)
        if person.role == "agent":
            return RedirectResponse(agent_url(person.name), 303)
        self._desk.log.note(person, "view", "team")
        return self._desk.shared_page(request, "team.html", self._desk.library.snapshot())

    def _team(self, picture: Snapshot, view: View) -> dict[str, Any]:
        choice = view.choice
        cards, mask = self._desk.cards(picture, choice), self._desk.mask(picture, choice)
        heat = self._desk.sums(picture).heat(mask)
        return {
            "cards": cards,
            "choice": choice,
            "options": options(picture),
            "sections": self._sections(cards),
            "sparkline": draw.sparkline,
            "ranked_from": RANKED_FROM,
            "shown": SHOWN_ATTENTION,
            "found": int(mask.sum()),
            "heat": {day: heat[day] for day in list(heat)[-SHOWN_DAYS:]},
            "whole": self._desk.sums(picture).card("", mask),
            "attention": figures.attention(listed(picture, mask)),
        }

    def agent(self, request: Request) -> Response:
        """Show one agent: score over time, sections, moments, calls, the team beside."""
        person, name = person_of(request), request.path_params["agent"]
        if not person.may_see(name):
            raise HTTPException(403)
        picture = self._desk.library.snapshot()
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
            "chart": draw.chart(card.days if card else ()),
            "sections": self._sections([card] if card else []),
            "counts": self._met_and_due(sums, own),
            "worst": self._moments(shown, best=False),
            "best": self._moments(shown, best=True),
            "choice": choice,
            "options": options(picture),
            "calls": shown,
            "found": int(own.sum()),
            "corrected": self._desk.corrected(picture),
        }

    def _moments(self, calls: list[Listed], *, best: bool) -> list[Moment]:
        looked_at = candidates(calls, self._severity, best=best)
        return moments(looked_at, self._desk.library.hits(looked_at), best=best)

    def _severity(self, rule: str) -> str:
        known = self._desk.rule(rule)
        return str(known.severity) if known else ""

    def _read(self, picture: Snapshot, old: Snapshot | None) -> None:
        """Read the words of new calls, so that no search waits for them."""
        self._searcher.read(picture.calls)
        if old is not None and NIGHT in old.kept:
            self._integrity(picture)

    def warm(self) -> None:
        """Make what the first visitors would wait for."""
        picture = self._desk.library.snapshot()
        for language in languages.LANGUAGES:
            for template, path in (("team.html", "/"), ("rules.html", "/rules")):
                self._desk.shared_text(picture, template, View("supervisor", language, path, ""))
        self._read(picture, None)
        for call in picture.calls[:1]:
            self._desk.library.assessment(call)
            self._desk.library.facts(call)
            self._desk.library.hits([call])

    def rules(self, request: Request) -> Response:
        """Show each rule as a sentence, how often it hits, and what people say of it."""
        self._desk.log.note(supervisor(request), "view", "rules")
        return self._desk.shared_page(request, "rules.html", self._desk.library.snapshot())

    def _rules(self, picture: Snapshot, view: View) -> dict[str, Any]:
        counts = self._desk.rule_counts(picture, view.choice)
        precision = verdicts.precisions(picture.reviews)
        agreement = verdicts.agreements(picture.reviews)
        sections: dict[str, list[dict[str, Any]]] = {}
        for rule in self._desk.book.call_rules:
            found = counts.get(rule.id, Counter())
            sections.setdefault(rule.section, []).append(
                {
                    "id": rule.id,
                    "sentence": self._desk.sentence(rule.id),
                    "severity": rule.severity,
                    "counts": found,
                    "judged": found["violated"] + found["met"],
                    "precision": precision.get(rule.id),
                    "agreement": agreement.get(rule.id),
                }
            )
        return {
            "sections": sections,
            "choice": view.choice,
            "options": options(picture),
            "book": self._desk.book,
        }

    def rule(self, request: Request) -> Response:
        """Show one rule with examples to listen to."""
        person, name = supervisor(request), request.path_params["rule"]
        picture = self._desk.library.snapshot()
        rule = self._desk.rule(name)
        sums = self._desk.sums(picture)
        hit, kept = (
            listed(picture, sums.answered(name, kind), LOOKED_AT) for kind in ("violated", "met")
        )
        if rule is None and not hit and not kept:
            raise HTTPException(404)
        self._desk.log.note(person, "view", f"rule {name}")
        return self._desk.page(
            request,
            "rule.html",
            name=name,
            rule=rule,
            sentence=self._desk.sentence(name),
            counts=self._desk.rule_counts(picture, Choice()).get(name, Counter()),
            violated=self._examples(hit, name, "violated"),
            met=self._examples(kept, name, "met"),
            precision=verdicts.precisions(picture.reviews).get(name),
            agreement=verdicts.agreements(picture.reviews).get(name),
        )

    def night(self, request: Request) -> Response:
        """Show the integrity report: every recording accounted for."""
        person = supervisor(request)
        picture = self._desk.library.snapshot()
        report = self._integrity(picture)
        by_path = {call.recorded.path: call for call in picture.calls}
        self._desk.log.note(person, "view", "night")
        return self._desk.page(request, "night.html", report=report, by_path=by_path)

    def _integrity(self, picture: Snapshot) -> Integrity:
        return self._desk.kept(picture, NIGHT, lambda: integrity(self._desk.library.store))

    def search(self, request: Request) -> Response:
        """Find words over all transcripts."""
        person = supervisor(request)
        picture, choice = self._desk.library.snapshot(), choice_of(request)
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
            options=options(picture),
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

    def _examples(self, calls: list[Listed], rule: str, outcome: str) -> list[Moment]:
        texts = self._desk.library.hits(calls)
        made: list[Moment] = []
        for call in calls:
            for hit in json.loads(texts.get(call.recorded.key, "[]")):
                if hit["rule"] == rule and hit["outcome"] == outcome:
                    made.append((call, hit))
                    break
            if len(made) == EXAMPLES:
                break
        return made


def options(picture: Snapshot) -> dict[str, list[str]]:
    """Return what can be filtered by: agents, queues, languages, in order."""
    columns = picture.columns
    named = {"agent": columns.agents, "queue": columns.queues, "language": columns.languages}
    return {name: [one for one in names if one] for name, (_, names) in named.items()}


def _wanted(agent: str) -> str:
    """Return the agent as calls name it: those without one are listed as unknown."""
    return "" if agent == NOBODY else agent
