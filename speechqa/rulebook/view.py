"""What a rule sees of a call, and what it answers.

`CallView` is facts only; nothing here reads audio. Times are integer milliseconds from the start
of the recording. A hit is a plain dict in the shape of ``show --json``, ready to be stored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from speechqa.transcript import Word

Outcome = Literal["met", "violated", "not_applicable", "unknown"]
Intervals = Sequence[Sequence[int]]
Hit = dict[str, Any]


@dataclass(frozen=True)
class CallView:
    """One call, as rules see it.

    Parameters
    ----------
    call_id, lang, grade
        Identity, ISO 639-1 code of what is spoken, evidence grade A to D.
    duration_ms
        Length of the recording.
    conversation
        From the first to the end of the last talkspurt.
    words
        In order of start; flagged ones never fire a rule.
    speech
        Talkspurts by party.
    measures, events
        As in ``show --json``.
    metadata
        Columns of the call's metadata, by name.
    unheard
        Why no words can be searched although some were said; empty when they can.
    """

    call_id: str
    lang: str
    grade: str = "B"
    duration_ms: int = 0
    conversation: tuple[int, int] = (0, 0)
    words: Sequence[Word] = ()
    speech: Mapping[str, Intervals] = field(default_factory=dict)
    measures: Mapping[str, Any] = field(default_factory=dict)
    events: Sequence[Mapping[str, Any]] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    unheard: str = ""


@dataclass(frozen=True, slots=True)
class RuleResult:
    """What one rule answers on one call.

    Parameters
    ----------
    rule
        Its id.
    outcome
        One of four; ``unknown`` and ``not_applicable`` never cost points.
    reason
        Why, in a few words; never quotes what was said.
    met, due
        How often it was satisfied, of how often it had to be.
    hits
        Evidence: what was found or what was missing where.
    fragile
        The verdict flips when boundaries move by 100 ms, a similarity limit by 3 points, or the
        word confidence by 0.1; it never fails a call by itself.
    value
        The figure of a limit rule.
    share
        Points earned, 0 to 1; None follows from outcome, `met` and `due`.
    lacking
        It should have been judged, but the evidence was not there (grade, language, figure).
    by_absence
        Violated, or met only in part, because something was not found: missing words or audio may
        be the reason.
    """

    rule: str
    outcome: Outcome
    reason: str = ""
    met: int = 0
    due: int = 0
    hits: tuple[Hit, ...] = ()
    fragile: bool = False
    value: float | None = None
    share: float | None = None
    lacking: bool = False
    by_absence: bool = False

    @property
    def earned(self) -> float:
        """Share of the rule's points that were earned, 0 to 1."""
        if self.share is not None:
            return self.share
        if self.outcome == "met" or not self.due:
            return 1.0
        return self.met / self.due

    def as_dict(self) -> dict[str, Any]:
        """Return the result as stored and shown."""
        made: dict[str, Any] = {
            "rule": self.rule,
            "outcome": self.outcome,
            "reason": self.reason,
            "met": self.met,
            "due": self.due,
            "fragile": self.fragile,
        }
        if self.value is not None:
            made["value"] = round(self.value, 4)
        return made


@dataclass(slots=True)
class Span:
    """Something found: where, and how sure.

    `first` and `last` are token numbers in the stream of that name, -1 when there are no words.
    ``near`` spans just miss a limit and do not count; ``edge`` spans count but only just. Both
    exist so that fragile verdicts can be told.
    """

    start: int
    end: int
    party: str | None = None
    first: int = -1
    last: int = -1
    similarity: float = 100.0
    confidence: float | None = None
    near: bool = False
    edge: bool = False
    kind: str = "words"
    stream: str = ""


class Found(NamedTuple):
    """Spans in order of start, or why there can be none.

    `missing` leads to ``not_applicable`` (a column, language or measure is not there), `unknown`
    to ``unknown`` (no words, a stopped pattern).
    """

    spans: tuple[Span, ...] = ()
    missing: str = ""
    unknown: str = ""

    @property
    def sure(self) -> list[Span]:
        """The spans that count."""
        return [span for span in self.spans if not span.near] if self.spans else []


NONE_FOUND = Found()
