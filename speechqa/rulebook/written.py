"""Texts of a rulebook in several languages, and the examples it gives: sentences and dialogues."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from speechqa.rulebook.finders import Scalar
from speechqa.rulebook.quantities import LANGUAGES, Seconds, Strict

_TEXTS = Annotated[
    tuple[str, ...],
    BeforeValidator(
        lambda value: [value] if isinstance(value, str) else value,
        json_schema_input_type=list[str] | str,
    ),
]


class Texts(Strict):
    """Texts in several languages."""

    en: _TEXTS = ()
    zh: _TEXTS = ()
    de: _TEXTS = ()
    es: _TEXTS = ()
    fr: _TEXTS = ()
    it: _TEXTS = ()
    ja: _TEXTS = ()
    ko: _TEXTS = ()
    nl: _TEXTS = ()
    pt: _TEXTS = ()
    ru: _TEXTS = ()

    def of(self, lang: str) -> tuple[str, ...]:
        """Return the texts in `lang`."""
        found: tuple[str, ...] = getattr(self, lang, ())
        return found

    def languages(self) -> list[str]:
        """Return the languages that have a text."""
        return [lang for lang in LANGUAGES if self.of(lang)]


class Turn(Strict):
    """One line of a written dialogue: a party speaks, or nobody does."""

    agent: str | None = None
    customer: str | None = None
    pause: Seconds | None = Field(None, description="Seconds of silence.")
    hold: Seconds | None = Field(None, description="Seconds on hold.")
    at_s: Seconds | None = None
    for_s: Seconds | None = None

    @model_validator(mode="after")
    def _one_thing(self) -> Turn:
        given = [self.agent, self.customer, self.pause, self.hold]
        if sum(value is not None for value in given) != 1:
            raise ValueError("a turn has exactly one of agent, customer, pause, hold")
        return self


class GivenEvent(Strict):
    """An acoustic event of a written dialogue."""

    kind: str
    party: Literal["agent", "customer"] | None = None
    start_s: Seconds
    end_s: Seconds
    detail: dict[str, Any] = Field(default_factory=dict)


class Expected(Strict):
    """What a rule must answer; met and due only where given."""

    outcome: Literal["met", "violated", "not_applicable", "unknown"]
    met: int | None = None
    due: int | None = None


class Dialogue(Strict):
    """A written dialogue and what the rule must answer on it."""

    lang: str
    expect: Annotated[
        Expected,
        BeforeValidator(
            lambda value: {"outcome": value} if isinstance(value, str) else value,
            json_schema_input_type=Expected | str,
        ),
    ]
    turns: tuple[Turn, ...] = ()
    metadata: dict[str, str] = Field(default_factory=dict)
    measures: dict[str, float] = Field(default_factory=dict)
    events: tuple[GivenEvent, ...] = ()
    grade: Literal["A", "B", "C", "D"] = "B"
    options: dict[str, Scalar] = Field(default_factory=dict)
    about: str = ""


class Examples(Strict):
    """Sentences the words of a rule must and must not catch, and dialogues with the answer."""

    hit: Texts = Texts()
    miss: Texts = Texts()
    dialogues: tuple[Dialogue, ...] = ()
