"""One measure of one call, laid open: definition, thresholds, intervals, arithmetic.

The call is measured again alone, which gives the same figure; what is shown is read from the
same facts that the figure comes from.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from typing import Any

from speechqa.errors import UsageError
from speechqa.settings import TimingSettings
from speechqa.timing.batch import CallBatch
from speechqa.timing.call import AGENT, PARTIES, Call
from speechqa.timing.evidence import EVIDENCE, Row
from speechqa.timing.facts import Facts, gather
from speechqa.timing.registry import Measure, Reason, evaluate, reason_text, refusals
from speechqa.timing.result import MEASURES, plain_value


@dataclass(frozen=True)
class Explanation:
    """How one figure came about.

    Parameters
    ----------
    name
        As asked for: ``"silence_share"``, ``"agent.talk_share"``.
    definition
        The measure's definition.
    unit, better, good
        As registered.
    thresholds
        The settings in it, by name.
    intervals
        Mappings with ``what``, ``start_ms``, ``end_ms`` and ``detail``, in order of start.
    arithmetic
        Lines that lead to the figure.
    value
        The figure; None where it is not measured.
    reason
        Why not, in words.
    """

    name: str
    definition: str
    unit: str
    better: str
    good: tuple[float | None, float | None]
    thresholds: dict[str, Any]
    intervals: tuple[Row, ...]
    arithmetic: tuple[str, ...]
    value: int | float | None
    reason: str | None

    @property
    def result(self) -> str:
        """The figure with its unit, or why there is none."""
        if self.value is None:
            return f"not measured: {self.reason}"
        if self.unit == "share":
            return f"{self.value:.4g} ({100 * self.value:.1f} %)"
        return f"{number(self.value)} {self.unit}"

    def as_dict(self) -> dict[str, Any]:
        """Return the explanation as plain values."""
        return {field.name: getattr(self, field.name) for field in fields(self)} | {
            "intervals": list(self.intervals),
            "arithmetic": list(self.arithmetic),
            "good": list(self.good),
            "result": self.result,
        }


def definition(name: str) -> str:
    """Return the definition of a measure: the docstring of its function.

    Examples
    --------
    >>> definition("talk_ms")
    "Total length of the party's talkspurts."
    >>> definition("agent.talk_ms") == definition("talk_ms")
    True
    """
    return find_measure(name)[0].definition


def find_measure(name: str) -> tuple[Measure, int | None]:
    """Return a measure and the number of the party that its name begins with, if any.

    Raises
    ------
    UsageError
        There is no such measure; the hint names the nearest.
    """
    party, _, bare = name.rpartition(".")
    if bare not in MEASURES or party not in ("", *PARTIES):
        near = difflib.get_close_matches(bare, MEASURES, n=3, cutoff=0.5)
        raise UsageError(
            f"{name!r} is no measure", hint=f"nearest: {', '.join(near)}" if near else None
        )
    one = MEASURES[bare]
    if party and not one.per_party:
        raise UsageError(f"{bare} is a measure of the call, not of a party", hint=f"ask for {bare}")
    return one, PARTIES.index(party) if party else None


def explain(call: Call, name: str, settings: TimingSettings) -> Explanation:
    """Explain one measure of one call.

    Parameters
    ----------
    call
        As it was measured.
    name
        A measure; one of a party as ``agent.NAME`` or ``customer.NAME`` (NAME alone: agent).

    Raises
    ------
    UsageError
        There is no such measure; the hint names the nearest.

    Examples
    --------
    >>> call = Call(duration_ms=9000, agent=[(0, 1000)], customer=[(5000, 8000)])
    >>> told = explain(call, "silence_share", TimingSettings())
    >>> told.arithmetic
    ('4000 ms of 8000 ms', '4000 / 8000 = 0.5')
    >>> told.intervals[0]["start_ms"], told.intervals[0]["end_ms"]
    (1000, 5000)
    """
    return next(explain_each(call, [name], settings))


def explain_each(
    call: Call, names: Iterable[str], settings: TimingSettings
) -> Iterator[Explanation]:
    """Explain several measures of one call, whose facts are gathered once; see `explain`."""
    facts = gather(CallBatch.from_calls([call]), settings)
    for name in names:
        yield _explained(facts, name, settings)


def _explained(facts: Facts, name: str, settings: TimingSettings) -> Explanation:
    one, party = find_measure(name)
    party = AGENT if party is None else party
    column = evaluate(one, facts, refusals(one, facts))
    at = (0, party) if one.per_party else 0
    why = Reason(int(column.why[at]))
    value = None if why else plain_value(one, column.values[at])
    intervals = sorted(EVIDENCE[one.evidence](facts, party), key=lambda row: row["start_ms"])
    if why in _UNSEEN:
        intervals = []
    if why:
        lines = [f"not measured: {reason_text(why, settings)}"]
    elif column.numerator is not None and column.denominator is not None:
        parts = int(column.numerator[at]), int(column.denominator[at])
        lines = _divided(one, *parts, column.scale, value)
    else:
        lines = _added(one, intervals, value)
    return Explanation(
        f"{PARTIES[party]}.{one.name}" if one.per_party else one.name,
        one.definition,
        one.unit,
        one.better,
        one.good,
        {threshold: getattr(settings, threshold) for threshold in one.thresholds},
        tuple(intervals),
        tuple(lines),
        value,
        reason_text(why, settings) if why else None,
    )


_UNSEEN = (
    Reason.NOT_TOLD_APART,
    Reason.TOLD_APART_BY_SOFTWARE,
    Reason.NO_AGENT,
    Reason.NO_CUSTOMER,
    Reason.LOW_GRADE,
)
"""Reasons where the intervals themselves would mislead."""


def number(value: float) -> str:
    """Return a figure as text: whole ones in full, others with six significant digits.

    Examples
    --------
    >>> number(32_400_000), number(0.123456789), number(-2.50)
    ('32400000', '0.123457', '-2.5')
    """
    return str(int(value)) if float(value).is_integer() else f"{value:.6g}"


def _divided(one: Measure, above: int, below: int, scale: int, value: Any) -> list[str]:
    if one.evidence.endswith("windows"):
        first = f"{above} of {below} windows"
    elif one.unit == "share":
        first = f"{above} ms of {below} ms"
    else:
        what = "floor changes" if one.unit == "per minute" else "units"
        first = f"{above} {what} in {below} ms"
    product = f"{above} x {scale}" if scale != 1 else f"{above}"
    return [first, f"{product} / {below} = {number(value)}"]


def _added(one: Measure, rows: list[Row], value: Any) -> list[str]:
    lengths = [row["end_ms"] - row["start_ms"] for row in rows]
    counted = [row for row in rows if row.get("counts", True)]
    if one.name.startswith("response_time"):
        offsets = sorted(row["offset_ms"] for row in rows)
        return [f"sorted: {_listed(offsets, ', ')}", f"{one.name}: {number(value)} ms"]
    if one.unit == "dB" and len(rows) == 2:
        above, below = (
            f"{row['db']:.1f}" for row in sorted(rows, key=lambda row: row["what"])[::-1]
        )
        return [f"{above} - {below} = {number(value)} dB"]
    if one.name.startswith("longest"):
        return [f"longest of {_listed(sorted(lengths, reverse=True), ', ')} = {number(value)} ms"]
    if one.name == "window_rate_p90":
        rates = sorted(row["rate"] for row in rows)
        return [f"sorted: {_listed(rates, ', ')}", f"90th percentile: {number(value)} per minute"]
    if one.unit == "count":
        return [f"{len(counted)} of {len(rows)} listed = {number(value)}"]
    if one.name == "live_ms":
        return [f"{_listed(lengths, ' - ')} = {number(value)} ms"]
    if one.name == "greeting_latency_ms":
        return [f"{rows[0]['end_ms']} - {rows[0]['start_ms']} = {number(value)} ms"]
    if one.unit == "ms":
        parts = [row["end_ms"] - row["start_ms"] for row in counted]
        return [f"{_listed(parts, ' + ')} = {number(value)} ms"]
    return [f"{number(value)} {one.unit}"]


def _listed(numbers: list[Any], glue: str, most: int = 30) -> str:
    shown = glue.join(number(one) for one in numbers[:most]) or "0"
    return shown if len(numbers) <= most else f"{shown}{glue}... ({len(numbers)} in all)"
