"""Pages over many calls: team, agent, rules, night, search."""

from __future__ import annotations

from collections import Counter
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from speechqa.scorecard import NOBODY, RANKED_FROM
from speechqa.store.integrity import integrity
from speechqa.web import draw, figures, verdicts
from speechqa.web.desk import Desk, agent_url, choice_of, person_of, supervisor
from speechqa.web.figures import Choice
from speechqa.web.rows import Listed
from speechqa.web.search import Searcher
from speechqa.web.snapshot import Snapshot

SHOWN_CALLS = 300
SHOWN_DAYS = 31
SHOWN_ATTENTION = 8
EXAMPLES = 5


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

    def team(self, request: Request) -> Response:
        """Show every agent's card, the sections by day, and what needs attention."""
        person = person_of(request)
        if person.role == "agent":
            return RedirectResponse(agent_url(person.name), 303)
        picture, choice = self._desk.library.snapshot(), choice_of(request)
        self._desk.log.note(person, "view", "team")
        return self._desk.shared_page(
            request, "team.html", picture, lambda: self._team(picture, choice)
        )

    def _team(self, picture: Snapshot, choice: Choice) -> dict[str, Any]:
        cards = self._desk.cards(picture, choice)
        return {
            "cards": cards,
            "choice": choice,
            "options": self._options(picture),
            "sections": self._sections(cards),
            "sparkline": draw.sparkline,
            "ranked_from": RANKED_FROM,
            "shown": SHOWN_ATTENTION,
            "found": len(self._desk.chosen(picture, choice)),
            **self._whole(picture, choice),
        }

    def _whole(self, picture: Snapshot, choice: Choice) -> dict[str, Any]:
        """Return the figures of all chosen calls together."""
        calls = self._desk.chosen(picture, choice)
        heat = figures.heat(calls)
        return {
            "heat": {day: heat[day] for day in list(heat)[-SHOWN_DAYS:]},
            "whole": figures.card("", calls, self._desk.corrected(picture)),
            "attention": figures.attention(calls),
        }

    def agent(self, request: Request) -> Response:
        """Show one agent: score over time, sections, moments, calls, the team beside."""
        person, name = person_of(request), request.path_params["agent"]
        if not person.may_see(name):
            raise HTTPException(403)
        picture, choice = self._desk.library.snapshot(), choice_of(request)
        wanted = "" if name == NOBODY else name
        others = Choice(choice.since, choice.until, choice.queue, choice.language)
        team_calls = self._desk.chosen(picture, others)
        own = [call for call in team_calls if call.agent == wanted]
        if not own and not any(call.agent == wanted for call in picture.calls):
            raise HTTPException(404)
        made = self._desk.kept(
            picture, ("agent", name, others), lambda: self._one(picture, name, own, team_calls)
        )
        self._desk.log.note(person, "view", f"agent {name}")
        return self._desk.page(
            request,
            "agent.html",
            ranked=next(
                (c.rank for c in self._desk.cards(picture, others) if c.name == name), None
            ),
            choice=choice,
            options=self._options(picture),
            calls=own[:SHOWN_CALLS],
            found=len(own),
            corrected=self._desk.corrected(picture),
            **made,
        )

    def _one(
        self, picture: Snapshot, name: str, own: list[Listed], team_calls: list[Listed]
    ) -> dict[str, Any]:
        """Return one agent's figures, and those of the others on the same queues."""
        queues = {call.recorded.queue for call in own}
        agent = "" if name == NOBODY else name
        same = [c for c in team_calls if c.recorded.queue in queues and c.agent != agent]
        corrected = self._desk.corrected(picture)
        card = figures.card(name, own, corrected)
        hits = self._desk.library.columns(own[:SHOWN_CALLS], "assessments", ["hits"])
        return {
            "card": card,
            "others": figures.card("", same, corrected),
            "queues": sorted(queue for queue in queues if queue),
            "chart": draw.chart(card.days),
            "sections": self._sections([card]),
            "counts": self._met_and_due(own),
            "worst": figures.moments(own[:SHOWN_CALLS], hits, best=False),
            "best": figures.moments(own[:SHOWN_CALLS], hits, best=True),
        }

    def warm(self) -> None:
        """Read what the first visitors would wait for."""
        picture = self._desk.library.snapshot()
        self._desk.cards(picture, Choice())
        self._searcher.search(picture.calls, "speechqa")
        if picture.calls:
            self._desk.library.columns(picture.calls[:1], "assessments", ["hits"])
            self._desk.library.assessment(picture.calls[0])
            self._desk.library.facts(picture.calls[0])

    def rules(self, request: Request) -> Response:
        """Show each rule as a sentence, how often it hits, and what people say of it."""
        person = supervisor(request)
        picture, choice = self._desk.library.snapshot(), choice_of(request)
        counts = self._desk.rule_counts(picture, choice)
        precision = verdicts.precisions(picture.reviews)
        agreement = verdicts.agreements(picture.reviews)
        sections: dict[str, list[dict[str, Any]]] = {}
        for rule in self._desk.book.call_rules:
            found = counts.get(rule.id, Counter())
            sections.setdefault(rule.section, []).append(
                {
                    "id": rule.id,
                    "title": rule.title or rule.id,
                    "sentence": self._desk.sentence(rule.id),
                    "severity": rule.severity,
                    "counts": found,
                    "judged": found["violated"] + found["met"],
                    "precision": precision.get(rule.id),
                    "agreement": agreement.get(rule.id),
                }
            )
        self._desk.log.note(person, "view", "rules")
        return self._desk.page(
            request,
            "rules.html",
            sections=sections,
            choice=choice,
            options=self._options(picture),
            book=self._desk.book,
        )

    def rule(self, request: Request) -> Response:
        """Show one rule with examples to listen to."""
        person, name = supervisor(request), request.path_params["rule"]
        picture = self._desk.library.snapshot()
        rule = self._desk.rule(name)
        hit = [c for c in picture.calls if c.judged is not None and name in c.judged.violated]
        kept = [c for c in picture.calls if c.judged is not None and name in c.judged.met]
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
        report = self._desk.kept(picture, "night", lambda: integrity(self._desk.library.store))
        by_path = {call.recorded.path: call for call in picture.calls}
        self._desk.log.note(person, "view", "night")
        return self._desk.page(request, "night.html", report=report, by_path=by_path)

    def search(self, request: Request) -> Response:
        """Find words over all transcripts."""
        person = supervisor(request)
        picture, choice = self._desk.library.snapshot(), choice_of(request)
        words = request.query_params.get("q", "").strip()[:200]
        party = request.query_params.get("party", "")
        calls = self._desk.chosen(picture, choice)
        found = self._searcher.search(calls, words, party=party) if words else None
        self._desk.log.note(person, "search", f"{len(words)} characters")
        return self._desk.page(
            request,
            "search.html",
            words=words,
            party=party,
            found=found,
            searched=len(calls),
            choice=choice,
            options=self._options(picture),
        )

    def _options(self, picture: Snapshot) -> dict[str, list[str]]:
        return self._desk.kept(picture, "options", lambda: figures.options(picture.calls))

    def _sections(self, cards: list[figures.Card]) -> list[str]:
        used = {name for card in cards for name in card.sections}
        known = self._desk.section_order
        return [name for name in known if name in used] + sorted(used - set(known))

    def _met_and_due(self, calls: list[Listed]) -> dict[str, dict[str, int]]:
        """Return section to how often its rules were met and judged."""
        found: dict[str, dict[str, int]] = {}
        for name, counts in figures.rule_counts(calls).items():
            rule = self._desk.rule(name)
            own = found.setdefault(rule.section if rule else "", {"met": 0, "due": 0})
            own["met"] += counts["met"]
            own["due"] += counts["met"] + counts["violated"]
        return found

    def _examples(self, calls: list[Listed], rule: str, outcome: str) -> list[Any]:
        import json

        shown = calls[: EXAMPLES * 4]
        columns = self._desk.library.columns(shown, "assessments", ["hits"])
        made = []
        for call in shown:
            hits = json.loads(columns[call.recorded.key]["hits"]) if columns else []
            for hit in hits:
                if hit["rule"] == rule and hit["outcome"] == outcome:
                    made.append((call, hit))
                    break
            if len(made) == EXAMPLES:
                break
        return made
