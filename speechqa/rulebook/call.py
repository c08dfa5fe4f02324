"""One call while it is being judged: its clock, what was said, and what was already looked up."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from speechqa.phrases import Heard, Lexicon
from speechqa.rulebook.clock import Clock
from speechqa.rulebook.view import CallView, Found, Hit, Span

_MIN_SPEECH_MS = 1000


@dataclass(frozen=True, slots=True)
class Listened:
    """Why a party's words cannot be judged, and which word lists may find something in them."""

    reason: str
    active: frozenset[int]


class Call:
    """A `CallView` with everything that is worked out once per call.

    Parameters
    ----------
    view
        The facts.
    lexicon
        The rulebook's word lists in the call's language; None when it has none.
    """

    def __init__(self, view: CallView, lexicon: Lexicon | None) -> None:
        self.view = view
        self.lexicon = lexicon
        self.clock = Clock(view)
        self.memo: dict[int, Found] = {}
        self.questions: dict[tuple[str, int], bool] = {}
        self.listened: dict[str, Listened] = {}

    @cached_property
    def heard(self) -> Heard:
        """What was said, searchable."""
        assert self.lexicon is not None
        return Heard(self.view.words, self.view.lang, self.lexicon)

    def listen(self, party: str) -> Listened:
        """Return what is known of a party's words before looking for any."""
        reason = self._why_unheard(party)
        active = frozenset[int]() if reason else self.heard.side(party).active
        self.listened[party] = made = Listened(reason, active)
        return made

    def unheard(self, party: str) -> str:
        """Return why nothing can be said about a party's words; empty when it can."""
        return (self.listened.get(party) or self.listen(party)).reason

    def _why_unheard(self, party: str) -> str:
        if self.view.unheard:
            return self.view.unheard
        if party == "any" or len(self.heard.stream(party)):
            return ""
        if any(word.party == "mixed" for word in self.view.words):
            return "one channel: the parties are not told apart"
        spoken = sum(end - start for start, end in self.clock.speech.get(party, ()))
        if party == "customer" and spoken < _MIN_SPEECH_MS:
            return ""  # a silent customer is a fact, not a gap in the transcript
        return f"no words recognised for the {party}"

    def hit(self, rule: Any, outcome: str, span: Span | None, **more: Any) -> Hit:
        """Return evidence in the shape of ``show --json``."""
        made: Hit = {
            "rule": rule.id,
            "outcome": outcome,
            "party": span.party if span else None,
            "start_ms": span.start if span else None,
            "end_ms": span.end if span else None,
            "quote": None,
            "similarity": None,
            "severity": rule.severity,
            "confidence": None,
        }
        if span is not None and span.first >= 0:
            stream = self.heard.stream(span.stream)
            made["quote"] = stream.quote(span.first, span.last)
            made["similarity"] = round(span.similarity, 1)
            made["confidence"] = round(span.confidence or 0.0, 3)
        elif span is not None and span.kind not in {"words", "call"}:
            made["quote"] = self._said_in(span) or f"[{span.kind}]"
        better = rule.better.of(self.view.lang)
        if better and outcome == "violated":
            made["better"] = better[0]
        return made | more

    def _said_in(self, span: Span) -> str:
        """Return what was said in a turn; nothing for other spans."""
        if span.kind != "turn" or self.lexicon is None:
            return ""
        stream = self.heard.stream(span.party or "any")
        first, last = stream.tokens_between(span.start - 300, span.end + 100)
        return stream.quote(first, last) if last > first else ""
