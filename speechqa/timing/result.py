"""The measures of a batch: columns, rows, events, and parts that pool by adding.

`measure_batch` cuts the batch into blocks of calls, measures each and keeps the columns and the
small tables; the work memory is that of one block, whatever the number of calls. Where even the
results should not pile up, `iter_blocks` yields them block by block.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from speechqa.settings import TimingSettings
from speechqa.timing import call_measures, delivery_measures, party_measures
from speechqa.timing.batch import CallBatch
from speechqa.timing.call import PARTIES, Layout
from speechqa.timing.events import Tables, events_of, gap_rows
from speechqa.timing.facts import Facts, clock_of, conversation, gather
from speechqa.timing.gaps import find_gaps
from speechqa.timing.holds import find_holds
from speechqa.timing.lanes import merge
from speechqa.timing.registry import Column, Measure, Reason, evaluate, reason_text, refusals

MEASURES: Mapping[str, Measure] = MappingProxyType(
    {
        item.name: item
        for module in (call_measures, party_measures, delivery_measures)
        for item in vars(module).values()
        if isinstance(item, Measure)
    }
)
"""Every measure by name, in the order of a row."""

BLOCK_TALKSPURTS = 98_304
"""Talkspurts per block: few enough for the cache, enough to spread the cost of the calls."""

BLOCK_CALLS = 65_536

_KEPT_BYTES = 31 * 2**20


@dataclass(frozen=True, eq=False)
class BatchMeasures:
    """All measures of a batch of calls.

    Parameters
    ----------
    settings
        The thresholds that they were made with.
    columns
        Measure name to `Column`; party measures have shape (calls, 2).

    Examples
    --------
    >>> from speechqa.timing import Call, measure_calls
    >>> call = Call(duration_ms=9000, agent=[(0, 2000)], customer=[(6000, 8000)])
    >>> measured = measure_calls([call], TimingSettings())
    >>> measured.row(0)["silence_ms"], measured.row(0)["customer"]["talk_share"]
    (4000, 0.5)
    >>> measured.events(0)[0]["detail"]["owner"]
    'customer'
    """

    settings: TimingSettings
    columns: Mapping[str, Column]
    tables: Sequence[Tables]

    def __len__(self) -> int:
        return len(self.columns["recording_ms"].values)

    def row(self, call: int) -> dict[str, Any]:
        """Return the measures of one call as ``show --json`` has them."""
        call = self._index(call)
        row: dict[str, Any] = {}
        parties: dict[str, dict[str, Any]] = {party: {} for party in PARTIES}
        unmeasured: dict[str, str] = {}
        for name, one in MEASURES.items():
            if not one.listed:
                continue
            column = self.columns[name]
            if not one.per_party:
                row[name] = self._value(one, column.values[call], column.why[call], "", unmeasured)
                continue
            for number, party in enumerate(PARTIES):
                at = (call, number)
                parties[party][name] = self._value(
                    one, column.values[at], column.why[at], party + ".", unmeasured
                )
        return row | parties | {"unmeasured": unmeasured}

    def rows(self) -> list[dict[str, Any]]:
        """Return the measures of all calls."""
        return [self.row(call) for call in range(len(self))]

    def events(self, call: int) -> list[dict[str, Any]]:
        """Return the events of one call as ``show --json`` has them, in order of start."""
        tables, place = self._find(call)
        return events_of(tables, place, self.settings)

    def gaps(self, call: int) -> list[dict[str, Any]]:
        """Return every gap of one call, however short, so that any threshold can be applied.

        Examples
        --------
        >>> from speechqa.timing import Call, measure_calls
        >>> call = Call(duration_ms=900, agent=[(0, 200)], customer=[(500, 800)])
        >>> measure_calls([call], TimingSettings()).gaps(0)[0]["end_ms"]
        500
        """
        tables, place = self._find(call)
        batch = tables.batch.calls(place, place + 1)
        layout = Layout(int(batch.layout[0]))
        if layout in (Layout.AGENT_ONLY, Layout.CUSTOMER_ONLY):
            return []
        lanes = merge(batch.agent, batch.customer, clock_of(batch, self.settings))
        holds = find_holds(batch, lanes, *conversation(lanes), self.settings)
        gaps = find_gaps(batch, lanes, holds, self.settings, shortest_ms=1)
        return gap_rows(gaps, lanes.clock, 0, layout)

    def pool(self, name: str, calls: Sequence[int] | None = None) -> NDArray[np.float64]:
        """Return a ratio over several calls: their numerators over their denominators.

        Parameters
        ----------
        name
            A measure that is a ratio.
        calls
            Which; all of them by default.

        Returns
        -------
        Shape () or (2,): NaN where there is nothing to divide by.
        """
        column = self.columns[name]
        if column.numerator is None or column.denominator is None:
            raise ValueError(f"{name} is no ratio; add, or take a maximum of its values instead")
        rows = slice(None) if calls is None else np.asarray(calls, dtype=np.int64)
        above, below = column.numerator[rows].sum(axis=0), column.denominator[rows].sum(axis=0)
        scale = column.scale
        return np.where(below > 0, scale * above / np.where(below > 0, below, 1), np.nan)

    def parts(self, name: str) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the numerator and denominator of a ratio, per call (and party)."""
        column = self.columns[name]
        if column.numerator is None or column.denominator is None:
            raise ValueError(f"{name} is no ratio; its values themselves add up or don't")
        return column.numerator, column.denominator

    def _index(self, call: int) -> int:
        if not -len(self) <= call < len(self):
            raise IndexError(f"call {call} of a batch of {len(self)}")
        return call % len(self)

    def _find(self, call: int) -> tuple[Tables, int]:
        call = self._index(call)
        for tables in self.tables:
            if call < tables.calls:
                return tables, call
            call -= tables.calls
        raise IndexError(f"call {call} has no tables")

    def _value(
        self, one: Measure, value: Any, why: Any, prefix: str, unmeasured: dict[str, str]
    ) -> int | float | None:
        if why:
            unmeasured[prefix + one.name] = reason_text(Reason(int(why)), self.settings)
            return None
        return plain_value(one, value)


def plain_value(one: Measure, value: Any) -> int | float:
    """Return a measured value as a number for JSON: whole where its unit is."""
    number = float(value)
    whole = one.unit in ("ms", "count", "units") and number.is_integer()
    return int(number) if whole else number


def measure_batch(batch: CallBatch, settings: TimingSettings) -> BatchMeasures:
    """Measure every call of `batch`; each gets exactly what it would get alone."""
    blocks = list(iter_blocks(batch, settings))
    columns = {name: _join([block.columns[name] for block in blocks]) for name in MEASURES}
    return BatchMeasures(settings, columns, [tables for b in blocks for tables in b.tables])


def iter_blocks(batch: CallBatch, settings: TimingSettings) -> Iterator[BatchMeasures]:
    """Yield the measures of `batch` block by block, in order of its calls."""
    # glibc gives large freed arrays back to the system at once, and every new one then faults in
    # page by page: 50 of 330 ns per talkspurt. It keeps them once an array this large was freed.
    np.empty(_KEPT_BYTES, dtype=np.uint8)
    for first, stop in _blocks(batch):
        yield _measure(gather(batch.calls(first, stop), settings))


def _blocks(batch: CallBatch) -> Iterator[tuple[int, int]]:
    if len(batch) == 0:
        yield 0, 0
        return
    agent, customer = batch.agent.offsets, batch.customer.offsets
    before = (agent - agent[0]) + (customer - customer[0])
    first = 0
    while first < len(batch):
        target = before[first] + BLOCK_TALKSPURTS
        stop = int(np.searchsorted(before, target, side="right")) - 1
        stop = min(max(stop, first + 1), first + BLOCK_CALLS)
        yield first, stop
        first = stop


def _measure(facts: Facts) -> BatchMeasures:
    refused: dict[tuple[Any, ...], NDArray[np.int8]] = {}
    columns = {}
    for name, one in MEASURES.items():
        kind = (one.needs, one.per_party, one.lowest_grade)
        if kind not in refused:
            refused[kind] = refusals(one, facts)
        columns[name] = evaluate(one, facts, refused[kind])
    return BatchMeasures(facts.settings, columns, [Tables.of(facts, columns["fast_share"])])


def _join(parts: list[Column]) -> Column:
    def joined(name: str) -> Any:
        values = [getattr(part, name) for part in parts]
        return None if values[0] is None else np.concatenate(values)

    return Column(
        joined("values"),
        joined("why"),
        joined("numerator"),
        joined("denominator"),
        parts[0].scale,
    )
