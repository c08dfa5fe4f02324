"""A rulebook: options, named finders, allow-list, form and rules, as one frozen value.

`RulebookForm` is the file as written and checked; `Rulebook` is it with its digest and, made on
first use, what judging needs. Only the form travels between processes.
"""

from __future__ import annotations

import hashlib
import json
from functools import cached_property
from typing import TYPE_CHECKING, Any

from pydantic import Field, model_validator

from speechqa.rulebook.finders import Finder, Finders, Scalar
from speechqa.rulebook.quantities import Strict
from speechqa.rulebook.rules import AnyRule, Team
from speechqa.rulebook.written import Texts

if TYPE_CHECKING:
    from speechqa.rulebook.compiled import CompiledBook


class Option(Strict):
    """A switch that a site chooses."""

    values: tuple[Scalar, ...] = Field(min_length=1)
    value: Scalar
    about: str = ""

    @model_validator(mode="after")
    def _value_is_one_of(self) -> Option:
        if self.value not in self.values:
            raise ValueError(f"value {self.value!r} is none of {list(self.values)}")
        return self


class Allowed(Texts):
    """Prescribed wording that the named rules must not charge."""

    masks: tuple[str, ...] | str
    when: Finders | None = Field(None, description="Only where all of these are found.")


class Section(Strict):
    """A part of the form."""

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    title: str = ""
    weight: float | None = Field(None, ge=0)


class Form(Strict):
    """How the parts of the score hang together."""

    sections: tuple[Section, ...] = Field(min_length=1)
    pass_percent: float | None = Field(None, ge=0, le=100)


class RulebookForm(Strict):
    """A rulebook file."""

    rulebook: str = Field(pattern=r"^[^\s/]+$", description="Name.")
    version: str
    about: str = ""
    languages: tuple[str, ...] = Field(min_length=1)
    include: tuple[str, ...] = ()
    options: dict[str, Option] = Field(default_factory=dict)
    slots: dict[str, Texts] = Field(default_factory=dict)
    words: dict[str, Finder] = Field(default_factory=dict)
    allow_list: tuple[Allowed, ...] = ()
    form: Form
    rules: tuple[AnyRule, ...] = Field(min_length=1)


class Rulebook:
    """A checked rulebook, ready to judge calls.

    Parameters
    ----------
    form
        What the file says.
    """

    def __init__(self, form: RulebookForm) -> None:
        self.form = form

    @property
    def name(self) -> str:
        """The rulebook's name."""
        return self.form.rulebook

    @property
    def version(self) -> str:
        """The rulebook's version, as written."""
        return self.form.version

    @property
    def rules(self) -> tuple[Any, ...]:
        """All rules, in the order of the file."""
        return self.form.rules

    @cached_property
    def call_rules(self) -> tuple[Any, ...]:
        """The rules that judge one call."""
        return tuple(rule for rule in self.form.rules if not isinstance(rule, Team))

    @cached_property
    def team_rules(self) -> tuple[Team, ...]:
        """The rules about many calls or cases."""
        return tuple(rule for rule in self.form.rules if isinstance(rule, Team))

    def rule(self, rule_id: str) -> Any:
        """Return a rule by id; `KeyError` when there is none."""
        return self._by_id[rule_id]

    @cached_property
    def _by_id(self) -> dict[str, Any]:
        return {rule.id: rule for rule in self.form.rules}

    @cached_property
    def digest(self) -> str:
        """SHA-256 of everything that can change a result (examples and notes cannot)."""
        data = self.form.model_dump(mode="json", by_alias=True, exclude_none=True)
        for rule in data["rules"]:
            for name in ("examples", "note", "source"):
                rule.pop(name, None)
        text = json.dumps(data, sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()

    @cached_property
    def compiled(self) -> CompiledBook:
        """What judging needs; built once per process."""
        from speechqa.rulebook.compiled import CompiledBook

        return CompiledBook(self.form)

    def with_options(self, values: dict[str, Any]) -> Rulebook:
        """Return the same rulebook with some options set to other values."""
        options = {
            name: option.model_copy(update={"value": values.get(name, option.value)})
            for name, option in self.form.options.items()
        }
        return Rulebook(self.form.model_copy(update={"options": options}))

    def with_slots(self, values: dict[str, dict[str, list[str]]]) -> Rulebook:
        """Return the same rulebook with some slots filled otherwise, e.g. the company's names."""
        slots = dict(self.form.slots)
        for name, texts in values.items():
            slots[name] = Texts.model_validate(slots[name].model_dump(exclude_none=True) | texts)
        return Rulebook(self.form.model_copy(update={"slots": slots}))

    def __getstate__(self) -> dict[str, Any]:
        return {"form": self.form}

    def __repr__(self) -> str:
        return f"Rulebook({self.name!r}, {self.version!r}, {len(self.rules)} rules)"
