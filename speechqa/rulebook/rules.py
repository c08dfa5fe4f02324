"""Rules: what it means when a finder finds something. One class for each `kind`.

These are the forms as written; judging is in `speechqa.rulebook.judge`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from speechqa.rulebook.finders import Finder, Finders, PartyName, Where
from speechqa.rulebook.quantities import Bound, Seconds, Strict
from speechqa.rulebook.team import TeamRule
from speechqa.rulebook.written import Examples, Texts

Severity = Literal["critical", "major", "minor"]
DEFAULT_WEIGHT = {"critical": 10.0, "major": 5.0, "minor": 2.0}


class Rule(Strict):
    """What every rule has."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=80)
    title: str = ""
    section: str
    severity: Severity = "minor"
    fails: Literal["form", "section"] = "form"
    weight: float | None = Field(None, gt=0, le=1000)
    report_only: bool = False
    party: PartyName = "agent"
    languages: tuple[str, ...] | None = None
    when: Finders | None = None
    where: Where | None = None
    needs_grade: Literal["A", "B", "C", "D"] = "D"
    least_confidence: float | None = Field(None, ge=0, le=1)
    better: Texts = Texts()
    note: str = ""
    source: tuple[str, ...] = ()
    examples: Examples = Examples()

    @property
    def points(self) -> float:
        """The rule's weight: as written, or by severity."""
        return DEFAULT_WEIGHT[self.severity] if self.weight is None else self.weight

    def word_finders(self) -> tuple[Any, ...]:
        """Return the finders whose words the example sentences are about."""
        return ()

    @model_validator(mode="after")
    def _critical_only(self) -> Rule:
        if self.fails == "section" and self.severity != "critical":
            raise ValueError("fails belongs to severity: critical only")
        return self


class Forbidden(Rule):
    """`find` must be absent."""

    kind: Literal["forbidden"]
    find: Finders
    allow: int = Field(0, ge=0, description="So many occurrences are fine.")

    def word_finders(self) -> tuple[Any, ...]:
        """Return what is forbidden."""
        return self.find


class Required(Rule):
    """`find` must occur; a list is elements, of which `at_least` are needed."""

    kind: Literal["required"]
    find: Finders
    at_least: int | None = Field(None, ge=1)
    together: Literal["utterance", "turn"] | None = None

    def word_finders(self) -> tuple[Any, ...]:
        """Return what is required."""
        return self.find

    @model_validator(mode="after")
    def _enough_elements(self) -> Required:
        if self.at_least is not None and self.at_least > len(self.find):
            raise ValueError(f"at_least {self.at_least} of only {len(self.find)} elements")
        return self


class Each(Rule):
    """Every time `each` happens, `then` must follow, `first` precede, or `with` go along."""

    kind: Literal["each"]
    each: Finder
    then: Finders | None = None
    first: Finders | None = None
    with_: Finders | None = Field(None, alias="with")
    within_s: Seconds | None = None
    within_turns: int | None = Field(None, ge=1)
    at_least: int | None = Field(None, ge=1)
    at_least_share: float = Field(1.0, gt=0, le=1)

    def word_finders(self) -> tuple[Any, ...]:
        """Return what must go with each."""
        return self.then or self.first or self.with_ or ()

    @model_validator(mode="after")
    def _one_place(self) -> Each:
        if sum(value is not None for value in (self.then, self.first, self.with_)) != 1:
            raise ValueError("kind: each needs exactly one of then, first, with")
        return self


SPAN_FIGURES = (
    "length_s",
    "gap_before_s",
    "gap_after_s",
    "units_per_min",
    "digits_per_s",
    "words",
    "overlap_words",
)


class Limit(Rule):
    """A figure within bounds."""

    kind: Literal["limit"]
    measure: str | None = None
    column: str | None = None
    count: Finders | None = None
    distinct: Finders | None = None
    variants: Finders | None = None
    each: Finder | None = None
    span: (
        Literal[
            "length_s",
            "gap_before_s",
            "gap_after_s",
            "units_per_min",
            "digits_per_s",
            "words",
            "overlap_words",
        ]
        | None
    ) = None
    between: tuple[Finder, Finder] | None = None
    of: Finder | None = None
    per: Literal["call", "minute", "minute_of_speech", "100_words", "each"] = "call"
    least_count: int = Field(1, ge=1)
    at_most: Bound | None = None
    at_least: Bound | None = None

    def word_finders(self) -> tuple[Any, ...]:
        """Return what is counted."""
        return self.count or self.distinct or self.variants or ()

    @model_validator(mode="after")
    def _one_figure(self) -> Limit:
        figures = ("measure", "column", "count", "distinct", "variants", "span", "between")
        given = [name for name in figures if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(
                f"kind: limit needs exactly one figure of {', '.join(figures)}; got "
                f"{', '.join(given) or 'none'}"
            )
        if (self.span is not None) != (self.each is not None):
            raise ValueError("span and each belong together: the figure of each span found")
        if (self.per == "each") != (self.of is not None):
            raise ValueError("per: each and of belong together: a count per number of something")
        if self.per != "call" and self.count is None:
            raise ValueError("per belongs to count")
        if self.at_most is None and self.at_least is None:
            raise ValueError("kind: limit needs at_most or at_least")
        return self


class Step(Strict):
    """One step of a sequence: something found, or a pause of both parties."""

    name: str = ""
    find: Finders | None = None
    pause_s: Seconds | None = None
    within_s: Seconds | None = None
    after_s: Seconds | None = None
    optional: bool = False

    @model_validator(mode="after")
    def _one_thing(self) -> Step:
        if (self.find is None) == (self.pause_s is None):
            raise ValueError("a step has exactly one of find, pause_s")
        return self


class Sequence(Rule):
    """Steps in order, with times."""

    kind: Literal["sequence"]
    start: Finder | None = None
    abort: Finder | None = None
    tolerance_s: Seconds = 0
    steps: tuple[Step, ...] = Field(min_length=1)
    at_least: int | None = Field(None, ge=1)
    first_breaks: bool = False

    def word_finders(self) -> tuple[Any, ...]:
        """Return what the steps look for."""
        return tuple(finder for step in self.steps for finder in step.find or ())

    @model_validator(mode="after")
    def _enough_steps(self) -> Sequence:
        if self.at_least is not None and self.at_least > len(self.steps):
            raise ValueError(f"at_least {self.at_least} of only {len(self.steps)} steps")
        return self


class Team(Rule, TeamRule):
    """A figure over many calls or cases; never in a call's score."""

    kind: Literal["team"]
    section: str = "team"


KINDS = {
    "forbidden": Forbidden,
    "required": Required,
    "each": Each,
    "limit": Limit,
    "sequence": Sequence,
    "team": Team,
}


def _rule_kind(value: Any) -> str | None:
    kind = value.get("kind") if isinstance(value, dict) else getattr(value, "kind", None)
    return kind if isinstance(kind, str) else None


AnyRule = Annotated[
    Annotated[Forbidden, Tag("forbidden")]
    | Annotated[Required, Tag("required")]
    | Annotated[Each, Tag("each")]
    | Annotated[Limit, Tag("limit")]
    | Annotated[Sequence, Tag("sequence")]
    | Annotated[Team, Tag("team")],
    Discriminator(_rule_kind),
]
