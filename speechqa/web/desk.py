"""What every page needs: the store's picture, the rulebook, templates, and who is asking."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar, cast
from urllib.parse import quote, urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import escape
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from speechqa.rulebook import Rulebook
from speechqa.rulebook.sentence import rule_sentence
from speechqa.settings import Settings
from speechqa.web import figures, languages, verdicts
from speechqa.web.access import Access, AccessLog, Person
from speechqa.web.figures import Choice, Corrected
from speechqa.web.formats import FILTERS
from speechqa.web.rows import Listed
from speechqa.web.snapshot import Library, Snapshot
from speechqa.web.sound import Sounds

KEPT_FIGURES = 200
Made = TypeVar("Made")
_NAME = "\ue000name\ue001"
"""Stands for the reader's name in a page that is kept."""


@dataclass(frozen=True)
class Desk:
    """The parts of a running server.

    Parameters
    ----------
    book
        For titles, sentences and better wordings; results name the rulebook that made them.
    """

    library: Library
    settings: Settings
    book: Rulebook
    access: Access
    log: AccessLog
    sounds: Sounds

    @cached_property
    def templates(self) -> Environment:
        """The templates; every value is escaped, and a missing one is an error."""
        made = Environment(
            loader=PackageLoader("speechqa.web"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        made.filters |= FILTERS
        made.globals |= {
            "call_url": call_url,
            "agent_url": agent_url,
            "rule_title": self.rule_title,
            "section_title": self.section_title,
        }
        return made

    def page(self, request: Request, template: str, status: int = 200, **known: Any) -> Response:
        """Render a page in the reader's language."""
        text = self._text(request, template, person_of(request), known)
        return HTMLResponse(text.encode("utf-8", "replace"), status, {"Vary": "Accept-Language"})

    def shared_page(
        self, request: Request, template: str, picture: Snapshot, make: Callable[[], dict[str, Any]]
    ) -> Response:
        """Render a page once per picture for all who ask for it; only their name differs."""
        person = person_of(request)
        nobody = Person(person.role, _NAME)
        language = languages.speaker(request.headers.get("accept-language", "")).language
        key = (template, person.role, language, request.url.path, request.url.query)
        text = self.kept(picture, key, lambda: self._text(request, template, nobody, make()))
        own = text.replace(_NAME, str(escape(person.name)))
        return HTMLResponse(own.encode("utf-8", "replace"), 200, {"Vary": "Accept-Language"})

    def _text(self, request: Request, template: str, person: Person, known: dict[str, Any]) -> str:
        say = languages.speaker(request.headers.get("accept-language", ""))
        return self.templates.get_template(template).render(
            t=say,
            lang=say.language,
            person=person,
            path=request.url.path,
            query=urlencode([(k, v) for k, v in request.query_params.multi_items() if v]),
            **known,
        )

    def rule_title(self, rule: str) -> str:
        """The rule's title; its id where the loaded rulebook does not know it."""
        known = self._rules.get(rule)
        return str(known.title or rule) if known else rule

    def section_title(self, section: str) -> str:
        """The section's title."""
        return self._sections.get(section, section)

    def sentence(self, rule: str) -> str:
        """The rule as a sentence; empty where the loaded rulebook does not know it."""
        return self._sentences.get(rule, "")

    @cached_property
    def _sentences(self) -> dict[str, str]:
        return {rule.id: rule_sentence(rule) for rule in self.book.call_rules}

    def rule(self, rule: str) -> Any:
        """The rule with this id in the loaded rulebook, or None."""
        return self._rules.get(rule)

    @cached_property
    def _rules(self) -> dict[str, Any]:
        return {rule.id: rule for rule in self.book.call_rules}

    @cached_property
    def _sections(self) -> dict[str, str]:
        return {one.id: one.title or one.id for one in self.book.form.form.sections}

    @cached_property
    def section_order(self) -> list[str]:
        """Sections in the order of the form."""
        return [one.id for one in self.book.form.form.sections]

    @cached_property
    def fails(self) -> dict[str, str]:
        """Critical rule to what it fails."""
        return {rule.id: rule.fails for rule in self.book.call_rules if rule.severity == "critical"}

    def corrected(self, picture: Snapshot) -> Corrected:
        """Return the points of the calls that people's verdicts change."""
        return self.kept(picture, "corrected", lambda: self._corrected(picture))

    def _corrected(self, picture: Snapshot) -> Corrected:
        found = {}
        for key, reviews in picture.reviews.items():
            call = picture.by_key.get(key)
            if call is None or "overturn" not in verdicts.standing(reviews).values():
                continue
            judged = self.library.assessment(call)
            new = judged and verdicts.adjusted(judged, reviews, self.fails)
            if new:
                found[key] = (new.points, new.potential)
        return found

    def kept(self, picture: Snapshot, key: Hashable, make: Callable[[], Made]) -> Made:
        """Return what `make` makes of a picture, made once per picture and key."""
        if key not in picture.cache:
            if len(picture.cache) > KEPT_FIGURES:
                picture.cache.clear()
            picture.cache[key] = make()
        return cast(Made, picture.cache[key])

    def rule_counts(self, picture: Snapshot, choice: Choice) -> dict[str, dict[str, int]]:
        """Return how often each rule was broken and met on the chosen calls."""
        return self.kept(
            picture,
            ("rules", choice),
            lambda: figures.rule_counts(self.chosen(picture, choice)),
        )

    def chosen(self, picture: Snapshot, choice: Choice) -> list[Listed]:
        """Return the chosen calls."""
        return self.kept(
            picture,
            ("calls", choice),
            lambda: [call for call in picture.calls if choice.takes(call)],
        )

    def cards(self, picture: Snapshot, choice: Choice) -> list[figures.Card]:
        """Return the chosen calls' cards by agent."""
        return self.kept(
            picture,
            ("cards", choice),
            lambda: figures.cards(self.chosen(picture, choice), self.corrected(picture)),
        )


def person_of(request: Request) -> Person:
    """Return who is asking; the gate lets nobody else come this far."""
    person = request.scope.get("state", {}).get("person")
    if not isinstance(person, Person):
        raise HTTPException(401)
    return person


def supervisor(request: Request) -> Person:
    """Return who is asking; refused unless a supervisor."""
    person = person_of(request)
    if person.role != "supervisor":
        raise HTTPException(403)
    return person


def call_for(desk: Desk, request: Request, name: str) -> Listed:
    """Return the named call if it exists and is this person's to see.

    A call that is somebody else's is answered like one that does not exist.
    """
    call = desk.library.snapshot().find(name)
    if call is None or not person_of(request).may_see(call.recorded.agent_id):
        raise HTTPException(404)
    return call


def choice_of(request: Request) -> Choice:
    """Return the filters in the address."""
    given = request.query_params
    names = ("since", "until", "queue", "language", "agent")
    return Choice(**{name: given.get(name, "").strip()[:200] for name in names})


def call_url(call: Listed, at_ms: int | None = None) -> str:
    """Return a call's lasting address; with a time, the sound of that moment."""
    return f"/calls/{call.recorded.key}" + ("" if at_ms is None else f"#t={at_ms}")


def agent_url(agent: str) -> str:
    """Return an agent's lasting address."""
    return "/agents/" + quote(agent, safe="")
