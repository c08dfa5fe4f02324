"""The rules: each as a sentence, how often it hits, examples, and what people say of it."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from speechqa.web import verdicts
from speechqa.web.desk import Desk, listed
from speechqa.web.figures import Choice
from speechqa.web.moments import Moment
from speechqa.web.rows import Listed
from speechqa.web.snapshot import Snapshot
from speechqa.web.views import View, speaker_of, supervisor

EXAMPLES = 5
LOOKED_AT = 4 * EXAMPLES
"""Calls in which examples are looked for."""


class RulePages:
    """The handlers.

    Parameters
    ----------
    desk
        The running server's parts.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        desk.shared["rules.html"] = self._rules

    def rules(self, request: Request) -> Response:
        """Show each rule as a sentence, how often it hits, and what people say of it."""
        self._desk.log.note(supervisor(request), "view", "rules")
        return self._desk.shared_page(request, "rules.html", self._desk.archive.snapshot())

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
                    "sentence": self._desk.sentence(rule.id, view.language),
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
            "options": self._desk.options(picture),
            "book": self._desk.book,
        }

    def rule(self, request: Request) -> Response:
        """Show one rule with examples to listen to."""
        person, name = supervisor(request), request.path_params["rule"]
        picture = self._desk.archive.snapshot()
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
            sentence=self._desk.sentence(name, speaker_of(request).language),
            counts=self._desk.rule_counts(picture, Choice()).get(name, Counter()),
            violated=self._examples(hit, name, "violated"),
            met=self._examples(kept, name, "met"),
            precision=verdicts.precisions(picture.reviews).get(name),
            agreement=verdicts.agreements(picture.reviews).get(name),
        )

    def _examples(self, calls: list[Listed], rule: str, outcome: str) -> list[Moment]:
        texts = self._desk.archive.hits(calls)
        made: list[Moment] = []
        for call in calls:
            for hit in json.loads(texts.get(call.recorded.key, "[]")):
                if hit["rule"] == rule and hit["outcome"] == outcome:
                    made.append((call, hit))
                    break
            if len(made) == EXAMPLES:
                break
        return made
