"""What a measure is: a function of the facts, with its unit, direction and requirements.

A measure's docstring is its definition; that is what ``explain`` and the pages show. To add one,
write a function under `measure` in `call_measures` or `party_measures`: the row, the columns,
the explanation and the "batch equals alone" test follow.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from speechqa.settings import TimingSettings
from speechqa.timing.call import Layout
from speechqa.timing.facts import Facts

Unit = Literal["ms", "count", "share", "per minute", "units", "units/min", "dBFS", "dB"]
Better = Literal["higher", "lower", "neutral"]


class Reason(IntEnum):
    """Why a measure is None."""

    MEASURED = 0
    NO_SPEECH = 1
    NO_LIVE_TIME = 2
    NOT_TOLD_APART = 3
    TOLD_APART_BY_SOFTWARE = 4
    NO_AGENT = 5
    NO_CUSTOMER = 6
    LOW_GRADE = 7
    NO_TRANSCRIPT = 8
    LITTLE_SPEECH = 9
    FEW_UNITS = 10
    NO_LIMITS = 11
    NO_LEVEL = 12
    NEVER_TOOK_THE_FLOOR = 13
    NO_TURN = 14
    SILENT_AGENT = 15
    NO_NOISE = 16
    NOT_LISTENED = 17


class Needs(IntEnum):
    """What a call must have for a measure to be made."""

    RECORDING = 0
    """Nothing but the recording."""
    SPEECH = 1
    """All speech of the call, parties told apart or not."""
    OWN_CHANNEL = 2
    """The party's own speech."""
    PARTIES = 3
    """Both parties, told apart."""
    CHANNELS = 4
    """Both parties, each on a channel of its own."""


@dataclass(frozen=True, eq=False)
class Ratio:
    """Numerator and denominator, which add up over calls; the figure is ``scale * n / d``.

    Parameters
    ----------
    numerator, denominator
        Integers, shape (calls,) or (calls, 2).
    scale
        60 000 for a figure per minute.
    why
        `Reason` per figure where more than an empty denominator can stop it; same shape.
    """

    numerator: NDArray[np.int64]
    denominator: NDArray[np.int64]
    scale: int = 1
    why: NDArray[np.int8] | None = None


@dataclass(frozen=True, eq=False)
class Figures:
    """Values, and the `Reason` why each is not measured (0: it is); same shape."""

    values: NDArray[Any]
    why: NDArray[np.int8]


@dataclass(frozen=True, eq=False)
class Column:
    """One measure of many calls.

    Parameters
    ----------
    values
        Shape (calls,) or (calls, 2) for agent and customer; meaningless where `why` is not 0.
    why
        `Reason` of each value.
    numerator, denominator
        Of a ratio; 0 where the call has nothing to add to a pool.
    scale
        Of a ratio.
    """

    values: NDArray[Any]
    why: NDArray[np.int8]
    numerator: NDArray[np.int64] | None = None
    denominator: NDArray[np.int64] | None = None
    scale: int = 1


@dataclass(frozen=True)
class Measure:
    """One registered measure.

    Parameters
    ----------
    name
        As in ``show --json``.
    unit
        Of its values.
    better
        Whether a higher or a lower figure is better.
    per_party
        Whether each party has its own.
    needs
        What the call must have.
    empty
        The reason where the function yields NaN or a ratio's denominator is 0.
    good
        Typical good range, both ends included; None where an end is open or there is none.
    lowest_grade
        Lowest evidence grade at which the figure is made.
    thresholds
        Names of the settings in it.
    evidence
        Which intervals ``explain`` shows.
    listed
        Whether it is part of a call's row; the others are there as columns and explained.
    compute
        The function; its docstring is the definition.
    """

    name: str
    unit: Unit
    better: Better
    per_party: bool
    needs: Needs
    empty: Reason
    good: tuple[float | None, float | None]
    lowest_grade: str
    thresholds: tuple[str, ...]
    evidence: str
    listed: bool
    compute: Callable[[Facts], NDArray[Any] | Figures | Ratio]

    @property
    def definition(self) -> str:
        """The definition, as written at the function."""
        return inspect.cleandoc(self.compute.__doc__ or "")


def measure(
    *,
    unit: Unit,
    better: Better = "neutral",
    per_party: bool = False,
    needs: Needs = Needs.SPEECH,
    empty: Reason = Reason.NO_SPEECH,
    good: tuple[float | None, float | None] = (None, None),
    lowest_grade: str = "D",
    thresholds: tuple[str, ...] = (),
    evidence: str = "",
    listed: bool = True,
) -> Callable[[Callable[[Facts], NDArray[Any] | Figures | Ratio]], Measure]:
    """Turn a function of the facts into a `Measure`; see there for the arguments."""

    def wrap(compute: Callable[[Facts], NDArray[Any] | Figures | Ratio]) -> Measure:
        return Measure(
            compute.__name__,
            unit,
            better,
            per_party,
            needs,
            empty,
            good,
            lowest_grade,
            thresholds,
            evidence,
            listed,
            compute,
        )

    return wrap


def evaluate(one: Measure, facts: Facts, refused: NDArray[np.int8]) -> Column:
    """Make one measure of a block; `refused` is `refusals` for its needs."""
    found = one.compute(facts)
    if isinstance(found, Ratio):
        return _divided(found, one, refused)
    if isinstance(found, Figures):
        return Column(found.values, np.where(refused, refused, found.why))
    if found.dtype.kind != "f":
        return Column(found, refused)
    return Column(found, _first_reason(refused, np.isnan(found), one.empty))


def _divided(ratio: Ratio, one: Measure, refused: NDArray[np.int8]) -> Column:
    unfit = ratio.denominator == 0
    numerator, denominator = ratio.numerator, ratio.denominator
    values = ratio.scale * numerator / np.maximum(denominator, 1)
    given = refused
    if ratio.why is not None:
        given = np.where(refused, refused, ratio.why)
    out = (given == Reason.NO_TRANSCRIPT) | (refused != 0)
    if out.any():
        numerator, denominator = numerator * ~out, denominator * ~out
    why = _first_reason(given, unfit, one.empty)
    return Column(values, why, numerator, denominator, ratio.scale)


def _first_reason(
    given: NDArray[np.int8], unknown: NDArray[np.bool_], empty: Reason
) -> NDArray[np.int8]:
    """Return the reasons `given`, and where there is none, `empty` for what is `unknown`."""
    return np.where(given, given, unknown * np.int8(empty)) if unknown.any() else given


_BY_LAYOUT: dict[Needs, dict[Layout, Reason]] = {
    Needs.RECORDING: {},
    Needs.SPEECH: {Layout.AGENT_ONLY: Reason.NO_CUSTOMER, Layout.CUSTOMER_ONLY: Reason.NO_AGENT},
    Needs.PARTIES: {
        Layout.MIXED: Reason.NOT_TOLD_APART,
        Layout.AGENT_ONLY: Reason.NO_CUSTOMER,
        Layout.CUSTOMER_ONLY: Reason.NO_AGENT,
    },
    Needs.CHANNELS: {
        Layout.MIXED: Reason.NOT_TOLD_APART,
        Layout.SEGMENTS: Reason.TOLD_APART_BY_SOFTWARE,
        Layout.AGENT_ONLY: Reason.NO_CUSTOMER,
        Layout.CUSTOMER_ONLY: Reason.NO_AGENT,
    },
}
_OWN: tuple[dict[Layout, Reason], dict[Layout, Reason]] = (
    {Layout.MIXED: Reason.NOT_TOLD_APART, Layout.CUSTOMER_ONLY: Reason.NO_AGENT},
    {Layout.MIXED: Reason.NOT_TOLD_APART, Layout.AGENT_ONLY: Reason.NO_CUSTOMER},
)


def refusals(one: Measure, facts: Facts) -> NDArray[np.int8]:
    """Return why each call cannot have this measure (0: it can), shape (calls,) or (calls, 2)."""
    layout, grade = facts.batch.layout, facts.batch.grade
    if one.needs == Needs.OWN_CHANNEL:
        why = np.stack([_table(own)[layout] for own in _OWN], axis=1)
        why = why if one.per_party else why[:, 0]
    else:
        why = _table(_BY_LAYOUT[one.needs])[layout]
        why = np.stack([why, why], axis=1) if one.per_party else why
    low = grade > "ABCD".index(one.lowest_grade)
    low = low[:, None] if one.per_party else low
    return np.where((why == 0) & low, np.int8(Reason.LOW_GRADE), why)


def _table(by_layout: dict[Layout, Reason]) -> NDArray[np.int8]:
    return np.array([by_layout.get(layout, 0) for layout in Layout], dtype=np.int8)


def reason_text(reason: Reason, settings: TimingSettings) -> str:
    """Return `reason` in words, with the thresholds in it.

    Examples
    --------
    >>> reason_text(Reason.LITTLE_SPEECH, TimingSettings())
    'under 15 s of speech'
    """
    return {
        Reason.MEASURED: "measured",
        Reason.NO_SPEECH: "nobody speaks",
        Reason.NO_LIVE_TIME: "no live conversation",
        Reason.NOT_TOLD_APART: "one channel: the parties are not told apart",
        Reason.TOLD_APART_BY_SOFTWARE: "one channel: overlap cannot be measured",
        Reason.NO_AGENT: "no agent channel",
        Reason.NO_CUSTOMER: "no customer channel",
        Reason.LOW_GRADE: "evidence grade below B",
        Reason.NO_TRANSCRIPT: "no transcript",
        Reason.LITTLE_SPEECH: f"under {settings.rate_speech_ms / 1000:g} s of speech",
        Reason.FEW_UNITS: f"under {settings.rate_units} units",
        Reason.NO_LIMITS: "no speech-rate limits for this language",
        Reason.NO_LEVEL: "no level was measured",
        Reason.NEVER_TOOK_THE_FLOOR: "never took the floor from the other party",
        Reason.NO_TURN: "had no turn",
        Reason.SILENT_AGENT: "the agent does not speak",
        Reason.NO_NOISE: "too little to compare with outside the talkspurts",
        Reason.NOT_LISTENED: "raised voice was not looked for",
    }[reason]
