"""Team rules: figures over many calls or cases, from columns; never part of a call's score.

`calls` is one row per call (its metadata columns), `cases` one row per case of the case CSV.
A column that is missing makes the figure not applicable, with the columns named; a row that
lacks a value counts only where the rule says what an empty value means.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Discriminator, Field, Tag, model_validator

from speechqa.rulebook.finders import Scalar
from speechqa.rulebook.quantities import Quantity, Strict


class ColumnTest(Strict):
    """A column's value, tested."""

    column: str
    is_: Scalar | tuple[Scalar, ...] | None = Field(None, alias="is")
    is_not: Scalar | tuple[Scalar, ...] | None = None
    above: Quantity | None = None
    below: Quantity | None = None
    at_least: Quantity | None = None
    at_most: Quantity | None = None
    contains: str | None = None
    present: bool | None = None


class Span(Strict):
    """Time between two date columns."""

    from_: str = Field(alias="from")
    to: str
    at_most: Quantity | None = None
    at_least: Quantity | None = None
    limit_column: str | None = Field(None, description="Column with the limit in hours.")

    @model_validator(mode="after")
    def _has_limit(self) -> Span:
        if self.at_most is None and self.at_least is None and self.limit_column is None:
            raise ValueError("from/to needs at_most, at_least or limit_column")
        return self


class Filled(Strict):
    """All of these columns have a value."""

    filled: tuple[str, ...] = Field(min_length=1)


class RepeatOf(Strict):
    """An earlier row within the time has equal values in these columns."""

    repeat_of: tuple[str, ...] = Field(min_length=1)
    within: Quantity = "7 days"
    time: str = "started_at"


class MatchedIn(Strict):
    """A row of the other table matches: equal columns, a test, and a time after one of ours."""

    matched_in: Literal["calls", "cases"]
    on: dict[str, str] = Field(min_length=1, description="our column: their column")
    where: RowTests | None = None
    after: str | None = None
    within: Quantity | None = None
    time: str = "started_at"


class AllTests(Strict):
    """All of them hold."""

    all: tuple[RowTest, ...] = Field(min_length=1)


class AnyTests(Strict):
    """One of them holds."""

    any: tuple[RowTest, ...] = Field(min_length=1)


class NotTest(Strict):
    """It does not hold."""

    not_: RowTest = Field(alias="not")


_KEYS = {
    "column": "column",
    "from": "time between",
    "filled": "filled",
    "repeat_of": "repeat",
    "matched_in": "matched",
    "all": "all",
    "any": "any",
    "not": "not",
}
TEST_KEYS = tuple(_KEYS)


def _test_kind(value: Any) -> str | None:
    if isinstance(value, dict):
        return next((kind for key, kind in _KEYS.items() if key in value), None)
    return _KIND_OF.get(type(value))


RowTest = Annotated[
    Annotated[ColumnTest, Tag("column")]
    | Annotated[Span, Tag("time between")]
    | Annotated[Filled, Tag("filled")]
    | Annotated[RepeatOf, Tag("repeat")]
    | Annotated[MatchedIn, Tag("matched")]
    | Annotated[AllTests, Tag("all")]
    | Annotated[AnyTests, Tag("any")]
    | Annotated[NotTest, Tag("not")],
    Discriminator(_test_kind),
]
_KIND_OF: dict[type, str] = {
    ColumnTest: "column",
    Span: "time between",
    Filled: "filled",
    RepeatOf: "repeat",
    MatchedIn: "matched",
    AllTests: "all",
    AnyTests: "any",
    NotTest: "not",
}
RowTests = Annotated[
    tuple[RowTest, ...],
    BeforeValidator(
        lambda value: value if isinstance(value, list | tuple) else [value],
        json_schema_input_type=Any,
    ),
    Field(min_length=1),
]
"""One test, or a list of which all must hold."""

Figure = Literal[
    "share", "mean", "sum", "min", "max", "median", "p90", "distinct", "count", "all_values"
]


class TeamRule(Strict):
    """The part of a team rule that is about rows."""

    table: Literal["calls", "cases"]
    needs: tuple[str, ...] = ()
    rows: RowTests | None = None
    figure: Figure
    test: RowTests | None = None
    value: str | None = Field(None, description="Column; .hour .date .month of a date column.")
    among: tuple[Scalar, ...] | None = None
    by: str | None = None
    period: Literal["day", "month"] | None = None
    time: str = "started_at"
    at_least: Quantity | None = None
    at_most: Quantity | None = None

    @model_validator(mode="after")
    def _figure_has_its_parts(self) -> TeamRule:
        if self.figure == "share" and self.test is None:
            raise ValueError("figure: share needs test (which rows count as good)")
        if self.figure not in {"share", "count"} and self.value is None:
            raise ValueError(f"figure: {self.figure} needs value (a column)")
        if self.figure == "all_values" and not self.among:
            raise ValueError("figure: all_values needs among (the values that must all occur)")
        if self.figure != "all_values" and self.at_least is None and self.at_most is None:
            raise ValueError("kind: team needs at_least or at_most")
        return self


for _model in (MatchedIn, AllTests, AnyTests, NotTest, TeamRule):
    _model.model_rebuild()
