"""Finders: what a rule looks for, and in which part of the call.

A finder is a mapping that is recognised by its key (``event:``, ``measure:``, ``column:`` ...; a
mapping of languages is words) or the name of one under ``words:``. `Where` is the one mechanism
for scope and for relations between things. These are the forms only; finding is in
`speechqa.rulebook.search`.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from speechqa.rulebook.quantities import LANGUAGES, Quantity, Seconds, Strict
from speechqa.rulebook.word_forms import Forms, WordForms

PartyName = Literal["agent", "customer", "any"]
EventKind = Literal[
    "silence", "hold", "interruption", "overtalk", "backchannel", "raised_voice",
    "fast", "slow", "monologue", "pause", "start", "end",
]  # fmt: skip
EVENT_KINDS: tuple[str, ...] = get_args(EventKind)


class Where(Strict):
    """The part of the call that counts; several keys must all hold."""

    first_s: Seconds | None = Field(None, description="First seconds of live time.")
    last_s: Seconds | None = Field(None, description="Last seconds of live time.")
    first_percent: float | None = Field(None, gt=0, le=100)
    last_percent: float | None = Field(None, gt=0, le=100)
    first_turns: int | None = Field(None, ge=1, description="First turns of the party.")
    last_turns: int | None = Field(None, ge=1, description="Last turns of the party.")
    after: Finder | None = None
    before: Finder | None = None
    around: Finder | None = None
    during: Finder | None = None
    same_turn: Finder | None = None
    not_after: Finder | None = None
    not_before: Finder | None = None
    not_during: Finder | None = None
    within_s: Seconds | None = None
    within_turns: int | None = Field(None, ge=1)
    nth: Literal["each", "first", "last"] | int = "each"

    @model_validator(mode="after")
    def _relation_has_an_anchor(self) -> Where:
        anchors = (
            self.after,
            self.before,
            self.around,
            self.not_after,
            self.not_before,
        )
        if (self.within_s is not None or self.within_turns) and not any(anchors):
            raise ValueError("within_s and within_turns need after, before or around beside them")
        if self.around is not None and self.within_s is None:
            raise ValueError("around needs within_s")
        return self


class _Finder(Strict):
    party: PartyName | None = Field(None, description="Whose; default: the rule's party.")
    where: Where | None = None


class Words(_Finder):
    """Words in one or more languages."""

    en: Forms | None = None
    zh: Forms | None = None
    de: Forms | None = None
    es: Forms | None = None
    fr: Forms | None = None
    it: Forms | None = None
    ja: Forms | None = None
    ko: Forms | None = None
    nl: Forms | None = None
    pt: Forms | None = None
    ru: Forms | None = None
    negated: Literal["keep", "drop"] = "keep"
    quoted: Literal["keep", "drop"] | None = None
    threshold: float | None = Field(None, ge=50, le=100, description="For similar, percent.")

    def forms(self, lang: str) -> WordForms | None:
        """Return what to look for in `lang`, or None."""
        return getattr(self, lang, None) if lang in LANGUAGES else None


class Named(_Finder):
    """A finder defined under ``words:``, by its name."""

    use: str


class AnyOf(_Finder):
    """Found when one of them is."""

    any: tuple[Finder, ...] = Field(min_length=1)


class AllOf(_Finder):
    """Found when all of them are, in one turn unless `within` or `within_s` says otherwise."""

    all: tuple[Finder, ...] = Field(min_length=1)
    within: Literal["utterance", "turn", "call"] = "turn"
    within_s: Seconds | None = None


class AtLeast(_Finder):
    """Found when so many of them are."""

    at_least: int = Field(ge=1)
    of: tuple[Finder, ...] = Field(min_length=1)
    within: Literal["utterance", "turn", "call"] = "turn"
    within_s: Seconds | None = None


class NoneOf(_Finder):
    """True when none of them is found; a condition, not a place."""

    none: tuple[Finder, ...] = Field(min_length=1)


class Event(_Finder):
    """An acoustic event."""

    event: EventKind
    min_s: Seconds | None = None
    max_s: Seconds | None = None
    owner: Literal["agent", "customer"] | None = None
    before: Literal["agent", "customer"] | None = None
    announced: bool | None = None
    successful: bool | None = None

    @model_validator(mode="after")
    def _keys_fit_the_event(self) -> Event:
        for name, value in (("owner", self.owner), ("before", self.before)):
            if value is not None and self.event != "silence":
                raise ValueError(f"{name} belongs to event: silence only")
        if self.successful is not None and self.event != "interruption":
            raise ValueError("successful belongs to event: interruption only")
        if self.announced is not None and self.event not in {"silence", "hold"}:
            raise ValueError("announced belongs to event: silence and event: hold only")
        if self.event in {"monologue", "pause"} and self.min_s is None:
            raise ValueError(f"event: {self.event} needs min_s")
        return self


class TurnFinder(_Finder):
    """A turn of a party."""

    turn: PartyName
    min_s: Seconds | None = None
    max_s: Seconds | None = None
    min_words: int | None = Field(None, ge=1)
    question: bool | None = None
    contains: Finder | None = None
    lacks: Finder | None = None


class Digits(_Finder):
    """A run of spoken digits."""

    digits: int = Field(ge=1)
    max: int | None = Field(None, ge=1)


class Repeats(_Finder):
    """A turn that says again what an earlier turn of the party said."""

    repeats: PartyName
    similarity: float = Field(90, ge=50, le=100)
    min_words: int = Field(6, ge=2)


class _Compare(_Finder):
    above: Quantity | None = None
    below: Quantity | None = None
    at_least: Quantity | None = None
    at_most: Quantity | None = None


class Measure(_Compare):
    """A figure of the call, compared."""

    measure: str

    @model_validator(mode="after")
    def _compares(self) -> Measure:
        if all(v is None for v in (self.above, self.below, self.at_least, self.at_most)):
            raise ValueError("a measure needs above, below, at_least or at_most")
        return self


Scalar = str | int | float | bool


class Column(_Compare):
    """A column of the call's metadata, tested."""

    column: str
    is_: Scalar | tuple[Scalar, ...] | None = Field(None, alias="is")
    is_not: Scalar | tuple[Scalar, ...] | None = None
    contains: str | None = None
    present: bool | None = None


class OptionIs(_Finder):
    """An option of the rulebook has one of these values."""

    option: str
    is_: Scalar | tuple[Scalar, ...] = Field(alias="is")


class LangIs(_Finder):
    """The call is in this language."""

    lang: str | tuple[str, ...]


_KEYS = {
    "use": "name",
    "any": "any",
    "all": "all",
    "of": "at least",
    "none": "none",
    "event": "event",
    "turn": "turn",
    "digits": "digits",
    "repeats": "repeats",
    "measure": "measure",
    "column": "column",
    "option": "option",
    "lang": "language",
}
FINDER_KEYS = (*_KEYS, *LANGUAGES)


def _finder_kind(value: Any) -> str | None:
    if isinstance(value, dict):
        for key, kind in _KEYS.items():
            if key in value:
                return kind
        return "words" if set(value) & set(LANGUAGES) else None
    return _KIND_OF.get(type(value))


Finder = Annotated[
    Annotated[Words, Tag("words")]
    | Annotated[Named, Tag("name")]
    | Annotated[AnyOf, Tag("any")]
    | Annotated[AllOf, Tag("all")]
    | Annotated[AtLeast, Tag("at least")]
    | Annotated[NoneOf, Tag("none")]
    | Annotated[Event, Tag("event")]
    | Annotated[TurnFinder, Tag("turn")]
    | Annotated[Digits, Tag("digits")]
    | Annotated[Repeats, Tag("repeats")]
    | Annotated[Measure, Tag("measure")]
    | Annotated[Column, Tag("column")]
    | Annotated[OptionIs, Tag("option")]
    | Annotated[LangIs, Tag("language")],
    Discriminator(_finder_kind),
    BeforeValidator(
        lambda value: {"use": value} if isinstance(value, str) else value,
        json_schema_input_type=Any,
    ),
]
"""Any finder; a plain string is the name of one under ``words:``."""

_KIND_OF: dict[type, str] = {
    Words: "words",
    Named: "name",
    AnyOf: "any",
    AllOf: "all",
    AtLeast: "at least",
    NoneOf: "none",
    Event: "event",
    TurnFinder: "turn",
    Digits: "digits",
    Repeats: "repeats",
    Measure: "measure",
    Column: "column",
    OptionIs: "option",
    LangIs: "language",
}
Finders = Annotated[
    tuple[Finder, ...],
    BeforeValidator(
        lambda value: value if isinstance(value, list | tuple) else [value],
        json_schema_input_type=Any,
    ),
    Field(min_length=1),
]
"""One finder, or a list of them."""

for _model in (Where, AnyOf, AllOf, AtLeast, NoneOf, TurnFinder):
    _model.model_rebuild()
