"""What every page needs: the store's picture, the rulebook, templates, and who is asking."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeGuard, TypeVar, cast

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined, pass_context
from markupsafe import escape
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from speechqa.rulebook import Rulebook
from speechqa.scorecard import NOBODY
from speechqa.settings import Settings
from speechqa.store.rulebooks import kept_rulebook
from speechqa.web import figures, languages, verdicts
from speechqa.web.access import Access, AccessLog, Person
from speechqa.web.assets import asset
from speechqa.web.figures import Choice, Corrected
from speechqa.web.formats import FILTERS
from speechqa.web.kept import Kept
from speechqa.web.languages import LANGUAGES
from speechqa.web.rows import Listed
from speechqa.web.sayings import Sayings
from speechqa.web.snapshot import Archive, Snapshot
from speechqa.web.sound import Sounds
from speechqa.web.sums import Mask, Sums
from speechqa.web.views import View, agent_url, answer, call_url, person_of

KEPT_PAIRS = 10_000
KEPT_BOOKS = 8
PREPARED_PAGES = 4
"""Pages made ahead for a new picture: those that are looked at now, not all that ever were."""
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
    shared
        Template to what it shows of a picture, for pages that all readers share.
    adjusted
        Points with people's verdicts, by call and number of reviews.
    sentences
        Rules as sentences, by language.
    books
        Rulebooks by digest, as the store kept them.
    """

    archive: Archive
    settings: Settings
    book: Rulebook
    access: Access
    log: AccessLog
    sounds: Sounds
    shared: dict[str, Callable[[Snapshot, View], dict[str, Any]]] = field(default_factory=dict)
    adjusted: Kept[tuple[float, float] | None] = field(default_factory=lambda: Kept(KEPT_PAIRS))
    sentences: Kept[dict[str, str]] = field(default_factory=lambda: Kept(2))
    books: Kept[Rulebook | None] = field(default_factory=lambda: Kept(KEPT_BOOKS))

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
            "asset": asset,
            "call_url": call_url,
            "agent_url": agent_url,
            "rule_title": pass_context(lambda known, rule: known["t"].title(self.rule_title(rule))),
            "figure_name": pass_context(
                lambda known, name: known["t"].figure(self.rule_title(name))
            ),
            "section_title": pass_context(
                lambda known, section: known["t"].title(self.section_title(section))
            ),
            "agent_name": pass_context(
                lambda known, name: known["t"]("unknown agent") if name == NOBODY else name
            ),
            "said": pass_context(lambda known, text: self.said(text, known["t"])),
        }
        return made

    def page(self, request: Request, template: str, status: int = 200, **known: Any) -> Response:
        """Render a page in the reader's language."""
        view = View.of(request)
        return answer(
            request, self.rendered(template, view, person_of(request).name, known), status
        )

    def shared_page(self, request: Request, template: str, picture: Snapshot) -> Response:
        """Send a page that is rendered once per picture for all; only the reader's name differs.

        Parameters
        ----------
        template
            One of those in `shared`, which say what it shows.
        """
        text = self.shared_text(picture, template, View.of(request))
        return answer(request, text.replace(_NAME, str(escape(person_of(request).name))))

    def shared_text(self, picture: Snapshot, template: str, view: View) -> str:
        """Return a shared page with a mark in place of the reader's name."""
        make = self.shared[template]
        return self.kept(
            picture,
            ("page", template, view),
            lambda: self.rendered(template, view, _NAME, make(picture, view)),
        )

    def prepare(self, picture: Snapshot, old: Snapshot | None) -> None:
        """Make for a new picture the pages that people looked at on the old one, newest first."""
        self.cards(picture, Choice())
        seen = [key[1:] for key in (old.kept.keys() if old else ()) if _is_page(key)]
        for template, view in seen[: -PREPARED_PAGES - 1 : -1]:
            self.shared_text(picture, template, view)

    def rendered(self, template: str, view: View, name: str, known: Mapping[str, Any]) -> str:
        """Return a template's text."""
        return self.templates.get_template(template).render(
            t=languages.Speaker(view.language),
            lang=view.language,
            person=Person(view.role, name),
            path=view.path,
            query=view.query,
            **known,
        )

    def rule_title(self, rule: str) -> str:
        """The rule's title; its id where the loaded rulebook does not know it."""
        known = self._rules.get(rule)
        return str(known.title or rule) if known else rule

    def section_title(self, section: str) -> str:
        """The section's title."""
        return self._sections.get(section, section)

    def sentence(self, rule: str, language: str) -> str:
        """The rule as a sentence; empty where the loaded rulebook does not know it."""
        return self.sentences.get(language, lambda: self._sentences(language)).get(rule, "")

    def _sentences(self, language: str) -> dict[str, str]:
        say = languages.Speaker(language)
        return {rule.id: say.sentence(rule) for rule in self.book.call_rules}

    @cached_property
    def _sayings(self) -> dict[str, Sayings]:
        return {language: self._saying(languages.Speaker(language)) for language in LANGUAGES}

    def _saying(self, say: languages.Speaker) -> Sayings:
        return Sayings(
            say.language,
            lambda name: say.figure(self.rule_title(name)),
            lambda name: say.title(self.section_title(name)),
        )

    def said(self, text: object, say: languages.Speaker) -> str:
        """What the engine said of a call, in the reader's language."""
        return self._sayings[say.language](str(text))

    def judged_by(self, digest: str) -> Rulebook | None:
        """The rulebook of that digest; None where the store did not keep it."""
        if digest == self.book.digest:
            return self.book
        return self.books.get(digest, lambda: kept_rulebook(self.archive.store, digest))

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
            known = (key, call.judged_in, len(reviews))
            pair = self.adjusted.get(known, lambda c=call, r=reviews: self._pair(c, r))  # type: ignore[misc]
            if pair is not None:
                found[key] = pair
        return found

    def _pair(
        self, call: Listed, reviews: Sequence[Mapping[str, Any]]
    ) -> tuple[float, float] | None:
        judged = self.archive.assessment(call)
        new = judged and verdicts.adjusted(judged, reviews, self.fails)
        return (new.points, new.potential) if new else None

    def kept(self, picture: Snapshot, key: Hashable, make: Callable[[], Made]) -> Made:
        """Return what `make` makes of a picture, made once per picture and key."""
        return cast(Made, picture.kept.get(key, make))

    def sums(self, picture: Snapshot) -> Sums:
        """Return the sums over a picture's calls."""
        return self.kept(picture, "sums", lambda: Sums(picture.columns, self.corrected(picture)))

    def mask(self, picture: Snapshot, choice: Choice) -> Mask:
        """Return which calls are chosen."""
        return self.kept(picture, ("mask", choice), lambda: self.sums(picture).mask(choice))

    def rule_counts(self, picture: Snapshot, choice: Choice) -> dict[str, Counter[str]]:
        """Return how often each rule was broken and met on the chosen calls."""
        return self.kept(
            picture,
            ("rules", choice),
            lambda: self.sums(picture).rule_counts(self.mask(picture, choice)),
        )

    def options(self, picture: Snapshot) -> dict[str, list[str]]:
        """Return what can be filtered by: agents, queues, languages, in order."""
        columns = picture.columns
        named = {"agent": columns.agents, "queue": columns.queues, "language": columns.languages}
        return {name: [one for one in names if one] for name, (_, names) in named.items()}

    def chosen(self, picture: Snapshot, choice: Choice) -> list[Listed]:
        """Return the chosen calls."""
        return listed(picture, self.mask(picture, choice))

    def cards(self, picture: Snapshot, choice: Choice) -> list[figures.Card]:
        """Return the chosen calls' cards by agent."""
        return self.kept(
            picture,
            ("cards", choice),
            lambda: self.sums(picture).cards(self.mask(picture, choice)),
        )


def listed(picture: Snapshot, mask: Mask, most: int | None = None) -> list[Listed]:
    """Return the masked calls, the newest `most` of them."""
    return [picture.calls[at] for at in np.flatnonzero(mask)[:most]]


def _is_page(key: Hashable) -> TypeGuard[tuple[Any, ...]]:
    return isinstance(key, tuple) and key[0] == "page"


def call_for(desk: Desk, request: Request, name: str) -> Listed:
    """Return the named call if it exists and is this person's to see.

    A call that is somebody else's is answered like one that does not exist.
    """
    call = desk.archive.snapshot().find(name)
    if call is None or not person_of(request).may_see(call.recorded.agent_id):
        raise HTTPException(404)
    return call
