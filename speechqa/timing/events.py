"""Events of a call: silences, overtalk, interruptions, backchannels, holds, pace, loud voice.

`Tables` is what a block keeps of its facts for this; dicts are made only for calls that are
asked for. Event times are ms from the start of the call's own recording.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from speechqa.intervals import IntArray, Ragged
from speechqa.settings import TimingSettings
from speechqa.timing.batch import PARTIES, Layout
from speechqa.timing.facts import Facts
from speechqa.timing.gaps import Gaps
from speechqa.timing.holds import CONFIDENCE, METADATA, Holds
from speechqa.timing.lanes import Clock
from speechqa.timing.overlaps import BACKCHANNEL, FAILED, SUCCESSFUL, Entries, Overlaps
from speechqa.timing.party_measures import fast_share, limits
from speechqa.timing.rates import Windows
from speechqa.timing.registry import Column, evaluate, refusals

Event = dict[str, Any]

HOLD_SOURCES = ("metadata", "return phrase", "speech of both", "speech of both")


@dataclass(frozen=True, eq=False)
class Tables:
    """What a block of calls keeps of its facts.

    Parameters
    ----------
    clock
        The block's clock, on which the tables are.
    layout, grade
        Shape (calls,), as in the batch.
    overtalk
        The overlaps of at least `overtalk_ms`.
    entries
        Starts inside the other's speech: backchannels and interruptions only.
    windows, fast, slow
        Rate windows, and which are beyond the limits.
    paced
        Why fast and slow are not judged, shape (calls, 2).
    """

    clock: Clock
    layout: NDArray[np.int8]
    grade: NDArray[np.int8]
    gaps: Gaps
    overtalk: Overlaps
    entries: Entries
    holds: Holds
    windows: Windows
    fast: NDArray[np.bool_]
    slow: NDArray[np.bool_]
    paced: NDArray[np.int8]
    raised: tuple[Ragged, Ragged]

    @property
    def calls(self) -> int:
        """Calls in the block."""
        return self.clock.calls

    @classmethod
    def of(cls, facts: Facts) -> Tables:
        """Keep of `facts` what events are made from."""
        low, high = limits(facts)
        pace: Column = evaluate(fast_share, facts, refusals(fast_share, facts))
        long = np.flatnonzero(facts.overlaps.length >= facts.settings.overtalk_ms)
        told = np.flatnonzero((facts.entries.kind == BACKCHANNEL) | (facts.entries.kind >= FAILED))
        entries = facts.entries
        return cls(
            facts.lanes.clock,
            facts.batch.layout,
            facts.batch.grade,
            facts.gaps,
            Overlaps(
                np.searchsorted(long, facts.overlaps.offsets),
                facts.overlaps.start[long],
                facts.overlaps.end[long],
            ),
            Entries(
                np.searchsorted(told, entries.offsets),
                entries.start[told],
                entries.end[told],
                entries.other_start[told],
                entries.other_end[told],
                entries.party[told],
                entries.kind[told],
            ),
            facts.holds,
            facts.rates.windows,
            facts.rates.windows.units > high,
            facts.rates.windows.units < low,
            pace.why,
            facts.batch.raised,
        )


def events_of(tables: Tables, call: int, settings: TimingSettings) -> list[Event]:
    """Return the events of one call of the block, in order of start, then end."""
    layout = Layout(int(tables.layout[call]))
    found: list[Event] = []
    if layout not in (Layout.AGENT_ONLY, Layout.CUSTOMER_ONLY):
        found += [_silence(gap, settings) for gap in _gaps(tables, call, settings.silence_ms)]
        found += _holds(tables, call)
    if layout == Layout.CHANNELS and tables.grade[call] <= 1:
        found += _overtalk(tables, call) + _entries(tables, call)
    if layout != Layout.MIXED:
        found += _pace(tables, call, settings, "fast", tables.fast)
        found += _pace(tables, call, settings, "slow", tables.slow)
        for party, raised in zip(PARTIES, tables.raised, strict=True):
            found += [
                _event("raised_voice", party, start, end, {"ms": end - start})
                for start, end in raised[call].tolist()
            ]
    return sorted(found, key=lambda event: (event["start_ms"], event["end_ms"]))


def gaps_of(tables: Tables, call: int) -> list[Event]:
    """Return every gap of one call of the block."""
    return _gaps(tables, call, 0)


def _gaps(tables: Tables, call: int, shortest_ms: int) -> list[Event]:
    gaps, told_apart = tables.gaps, tables.layout[call] != Layout.MIXED
    rows = _rows(gaps.offsets, call)
    owner = gaps.owner[rows]
    base = int(tables.clock.base[call])
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
            owner.tolist(),
            gaps.announced[rows].tolist(),
            strict=True,
        )
        if end - start >= shortest_ms
    ]


def _silence(gap: Event, settings: TimingSettings) -> Event:
    length = gap["end_ms"] - gap["start_ms"]
    tier = "silence"
    if length >= settings.long_silence_ms:
        tier = "long"
    elif length >= settings.dead_air_ms:
        tier = "dead air"
    detail = {"ms": length, "tier": tier} | {
        name: gap[name] for name in ("before", "after", "owner", "announced")
    }
    return _event("silence", gap["owner"], gap["start_ms"], gap["end_ms"], detail)


def _holds(tables: Tables, call: int) -> list[Event]:
    holds, rows = tables.holds, _rows(tables.holds.offsets, call)
    base = int(tables.clock.base[call])
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
            },
        )
        for start, end, evidence in zip(
            holds.start[rows].tolist(),
            holds.end[rows].tolist(),
            holds.evidence[rows].tolist(),
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
        start, end = int(entries.start[row]) - base, int(entries.end[row]) - base
        party, kind = PARTIES[entries.party[row]], entries.kind[row]
        other = {
            "other_start_ms": int(entries.other_start[row]) - base,
            "other_end_ms": int(entries.other_end[row]) - base,
        }
        if kind == BACKCHANNEL:
            found.append(_event("backchannel", party, start, end, {"ms": end - start} | other))
            continue
        overlap = int(entries.overlap[row])
        detail = {"successful": bool(kind == SUCCESSFUL), "overlap_ms": overlap}
        found.append(
            _event(
                "interruption",
                party,
                start,
                start + overlap,
                detail | {"talkspurt_end_ms": end} | other,
            )
        )
    return found


def _pace(
    tables: Tables, call: int, settings: TimingSettings, kind: str, beyond: NDArray[np.bool_]
) -> list[Event]:
    windows, base = tables.windows, int(tables.clock.base[call])
    found = []
    for number, party in enumerate(PARTIES):
        if tables.paced[call, number]:
            continue
        low, high = np.searchsorted(windows.cell, [2 * call + number, 2 * call + number + 1])
        for head, tail in _runs(np.flatnonzero(beyond[low:high]) + low):
            units = windows.units[head : tail + 1]
            extreme = int(units.max() if kind == "fast" else units.min())
            rate = extreme * 60_000 / settings.rate_window_ms
            found.append(
                _event(
                    kind,
                    party,
                    int(windows.start[head]) - base,
                    int(windows.end[tail]) - base,
                    {"rate": rate, "windows": tail - head + 1},
                )
            )
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
