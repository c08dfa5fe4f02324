"""Events of a call: silences, overtalk, interruptions, backchannels, holds, pace, loud voice.

`Tables` is what a block keeps of its facts for this; dicts are made only for calls that are
asked for. Event times are ms from the start of the call's own recording.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from speechqa.intervals import IntArray
from speechqa.settings import TimingSettings
from speechqa.timing.batch import CallBatch
from speechqa.timing.call import PARTIES, Layout
from speechqa.timing.facts import Facts
from speechqa.timing.gaps import Gaps
from speechqa.timing.holds import CONFIDENCE, METADATA, UNKNOWN, Holds
from speechqa.timing.lanes import Clock
from speechqa.timing.overlaps import BACKCHANNEL, FAILED, SUCCESSFUL, Overlaps
from speechqa.timing.rates import Windows, window_spans
from speechqa.timing.registry import Column

Event = dict[str, Any]

HOLD_SOURCES = ("metadata", "return phrase", "speech of both", "speech of both")


@dataclass(frozen=True, eq=False)
class Tables:
    """What a block of calls keeps of its facts.

    Parameters
    ----------
    batch
        The block's calls: views of the columns that were measured.
    clock
        The block's clock, on which the tables are.
    silences
        The gaps of at least `silence_ms`.
    overtalk
        The overlaps of at least `overtalk_ms`.
    entries
        The overlaps that are backchannels or interruptions.
    windows, fast, slow
        Rate windows of each party, and which are beyond the limits.
    paced
        Why fast and slow are not judged, shape (calls, 2).
    """

    batch: CallBatch
    clock: Clock
    silences: Gaps
    overtalk: Overlaps
    entries: Overlaps
    holds: Holds
    windows: tuple[Windows, Windows]
    fast: tuple[NDArray[np.bool_], ...]
    slow: tuple[NDArray[np.bool_], ...]
    paced: NDArray[np.int8]

    @property
    def calls(self) -> int:
        """Calls in the block."""
        return self.clock.calls

    @classmethod
    def of(cls, facts: Facts, pace: Column) -> Tables:
        """Keep of `facts` what events are made from; `pace` is their ``fast_share``."""
        kind = facts.overlaps.kind
        return cls(
            facts.batch,
            facts.lanes.clock,
            facts.silences,
            facts.overtalk,
            facts.overlaps.where((kind == BACKCHANNEL) | (kind >= FAILED)),
            facts.holds,
            facts.rates.windows,
            facts.fast,
            facts.slow,
            pace.why,
        )


def events_of(tables: Tables, call: int, settings: TimingSettings) -> list[Event]:
    """Return the events of one call of the block, in order of start, then end."""
    layout = Layout(int(tables.batch.layout[call]))
    found: list[Event] = []
    if layout not in (Layout.AGENT_ONLY, Layout.CUSTOMER_ONLY):
        found += [
            _silence(gap, settings) for gap in gap_rows(tables.silences, tables.clock, call, layout)
        ]
        found += hold_rows(tables.holds, tables.clock, call)
    if layout == Layout.CHANNELS and tables.batch.grade[call] <= 1:
        found += _overtalk(tables, call) + _entries(tables, call)
    if layout != Layout.MIXED:
        found += _pace(tables, call, settings, "fast", tables.fast)
        found += _pace(tables, call, settings, "slow", tables.slow)
        for party, raised in zip(PARTIES, tables.batch.raised, strict=True):
            found += [
                _event("raised_voice", party, start, end, {"ms": end - start})
                for start, end in raised[call].tolist()
            ]
    return sorted(found, key=lambda event: (event["start_ms"], event["end_ms"]))


def gap_rows(gaps: Gaps, clock: Clock, call: int, layout: Layout) -> list[Event]:
    """Return the gaps of one call, with the parties around them where those are told apart."""
    told_apart = layout != Layout.MIXED
    rows, base = _rows(gaps.offsets, call), int(clock.base[call])
    return [
        {
            "start_ms": start - base,
            "end_ms": end - base,
            "before": PARTIES[before] if told_apart else None,
            "after": PARTIES[after] if told_apart else None,
            "owner": PARTIES[whose] if told_apart else None,
            "announced": announced,
        }
        for start, end, before, after, whose, announced in zip(
            gaps.start[rows].tolist(),
            gaps.end[rows].tolist(),
            gaps.before[rows].tolist(),
            gaps.after[rows].tolist(),
            gaps.owner[rows].tolist(),
            gaps.announced[rows].tolist(),
            strict=True,
        )
    ]


def _silence(gap: Event, settings: TimingSettings) -> Event:
    length = gap["end_ms"] - gap["start_ms"]
    tier = "silence"
    if length >= settings.long_silence_ms:
        tier = "long"
    elif length >= settings.dead_air_ms:
        tier = "dead-air"
    detail = {"ms": length, "tier": tier} | {
        name: gap[name] for name in ("before", "after", "owner", "announced")
    }
    return _event("silence", gap["owner"], gap["start_ms"], gap["end_ms"], detail)


def hold_rows(holds: Holds, clock: Clock, call: int) -> list[Event]:
    """Return the holds of one call as events."""
    rows, base = _rows(holds.offsets, call), int(clock.base[call])
    return [
        _event(
            "hold",
            "agent",
            start - base,
            end - base,
            {
                "ms": end - start,
                "source": "metadata" if evidence == METADATA else "inferred",
                "ended_by": None if evidence == METADATA else HOLD_SOURCES[evidence],
                "confidence": CONFIDENCE[evidence],
                "announced": None if announced == UNKNOWN else bool(announced),
                "thanked": None if thanked == UNKNOWN else bool(thanked),
            },
        )
        for start, end, evidence, announced, thanked in zip(
            holds.start[rows].tolist(),
            holds.end[rows].tolist(),
            holds.evidence[rows].tolist(),
            holds.announced[rows].tolist(),
            holds.thanked[rows].tolist(),
            strict=True,
        )
    ]


def _overtalk(tables: Tables, call: int) -> list[Event]:
    rows, base = _rows(tables.overtalk.offsets, call), int(tables.clock.base[call])
    pairs = zip(
        tables.overtalk.start[rows].tolist(), tables.overtalk.end[rows].tolist(), strict=True
    )
    return [
        _event("overtalk", None, start - base, end - base, {"ms": end - start})
        for start, end in pairs
    ]


def _entries(tables: Tables, call: int) -> list[Event]:
    entries, base = tables.entries, int(tables.clock.base[call])
    found = []
    for row in range(*_rows(entries.offsets, call).indices(len(entries.start))):
        start, end = int(entries.start[row]) - base, int(entries.own_end[row]) - base
        party, kind = PARTIES[entries.cell[row] & 1], entries.kind[row]
        other_end = int(entries.other_end[row]) - base
        inside = {
            "other_start_ms": int(entries.other_start[row]) - base,
            "other_end_ms": other_end,
        }
        if kind == BACKCHANNEL:
            found.append(_event("backchannel", party, start, end, {"ms": end - start} | inside))
            continue
        stop = min(end, other_end)
        detail = {"successful": bool(kind == SUCCESSFUL), "overlap_ms": stop - start}
        detail |= {"talkspurt_end_ms": end} | inside
        found.append(_event("interruption", party, start, stop, detail))
    return found


def _pace(
    tables: Tables,
    call: int,
    settings: TimingSettings,
    kind: str,
    marked: tuple[NDArray[np.bool_], ...],
) -> list[Event]:
    found = []
    for number, party in enumerate(PARTIES):
        windows, rows = tables.windows[number], _rows(tables.windows[number].offsets, call)
        beyond_limit = np.flatnonzero(marked[number][rows])
        if tables.paced[call, number] or len(beyond_limit) == 0:
            continue
        lane = tables.batch.customer if number else tables.batch.agent
        for head, tail in _runs(beyond_limit):
            edges = np.array([head, tail]) * settings.rate_hop_ms
            start, end = window_spans(lane[call], edges, settings)
            units = windows.units[rows][head : tail + 1]
            extreme = int(units.max() if kind == "fast" else units.min())
            detail = {
                "rate": extreme * 60_000 / settings.rate_window_ms,
                "windows": tail - head + 1,
            }
            found.append(_event(kind, party, int(start[0]), int(end[1]), detail))
    return found


def _runs(rows: IntArray) -> list[tuple[int, int]]:
    """Return first and last of each run of consecutive numbers."""
    if len(rows) == 0:
        return []
    cut = np.flatnonzero(np.diff(rows) > 1)
    heads, tails = np.append(0, cut + 1), np.append(cut, len(rows) - 1)
    return list(zip(rows[heads].tolist(), rows[tails].tolist(), strict=True))


def _rows(offsets: IntArray, call: int) -> slice:
    return slice(int(offsets[call]), int(offsets[call + 1]))


def _event(kind: str, party: str | None, start: int, end: int, detail: dict[str, Any]) -> Event:
    return {"kind": kind, "party": party, "start_ms": start, "end_ms": end, "detail": detail}
