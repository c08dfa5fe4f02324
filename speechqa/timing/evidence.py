"""The intervals behind a measure of one call, in words and times.

Each function takes the facts of a block of one call, and a party, and returns rows: ``what``,
``start_ms``, ``end_ms``, ``detail``. Rows may say ``counts`` (whether a counted measure counts
them) and carry the figure that goes into the arithmetic (``offset_ms``, ``rate``).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from speechqa.timing.call import AGENT, NOT_KNOWN, PARTIES, Layout
from speechqa.timing.events import gap_rows, hold_rows
from speechqa.timing.facts import Facts
from speechqa.timing.overlaps import BACKCHANNEL, FAILED, SUCCESSFUL
from speechqa.timing.rates import window_spans

Row = dict[str, Any]
Evidence = Callable[[Facts, int], list[Row]]


def _row(what: str, start: Any, end: Any, detail: str = "", **more: Any) -> Row:
    return {"what": what, "start_ms": int(start), "end_ms": int(end), "detail": detail, **more}


def _recording(facts: Facts, party: int) -> list[Row]:
    return [_row("recording", 0, facts.batch.duration[0])]


def _conversation(facts: Facts, party: int) -> list[Row]:
    return [_row("conversation", facts.first[0], facts.last[0])]


def _holds(facts: Facts, party: int) -> list[Row]:
    rows = hold_rows(facts.holds, facts.lanes.clock, 0)
    return [
        _row(
            "hold",
            hold["start_ms"],
            hold["end_ms"],
            f"{hold['detail']['source']}, confidence {hold['detail']['confidence']:g}"
            + (f", ended by {by}" if (by := hold["detail"]["ended_by"]) else "")
            + _told("announced", hold["detail"]["announced"])
            + _told("thanked", hold["detail"]["thanked"]),
        )
        for hold in rows
    ]


def _told(word: str, answer: bool | None) -> str:
    """Return a yes or no in words; nothing where it is unknown."""
    return "" if answer is None else f", {word}" if answer else f", not {word}"


def _live(facts: Facts, party: int) -> list[Row]:
    return _conversation(facts, party) + _holds(facts, party)


def _own_silences(facts: Facts, party: int) -> list[Row]:
    return _silences(PARTIES[party])(facts, party)


def _unannounced(facts: Facts, party: int) -> list[Row]:
    rows = _own_silences(facts, party)
    return [row | {"counts": not row.get("announced", False)} for row in rows]


def _noise(facts: Facts, party: int) -> list[Row]:
    level, snr = float(facts.batch.level[0, party]), float(facts.batch.snr[0, party])
    if np.isnan(level) or np.isnan(snr):
        return []
    starts, ends = facts.lanes.own(party)
    return [
        _row("speech", starts[0], ends[-1], f"{level:.1f} dBFS over the talkspurts", db=level),
        _row(
            "noise", 0, facts.batch.duration[0], f"{level - snr:.1f} dBFS outside", db=level - snr
        ),
    ]


def _raised(facts: Facts, party: int) -> list[Row]:
    return [_row("raised voice", *span) for span in facts.batch.raised[party][0].tolist()]


def _silences(owner: str | None = None, tier: str = "silence_ms") -> Evidence:
    def rows(facts: Facts, party: int) -> list[Row]:
        gaps = gap_rows(facts.gaps, facts.lanes.clock, 0, Layout(int(facts.batch.layout[0])))
        shortest = getattr(facts.settings, tier)
        return [
            _row(
                "silence",
                gap["start_ms"],
                gap["end_ms"],
                f"{gap['before']} to {gap['after']}, owned by the {gap['owner']}"
                if gap["owner"]
                else "parties not told apart",
            )
            | ({"announced": True} if gap["announced"] else {})
            for gap in gaps
            if owner in (None, gap["owner"]) and gap["end_ms"] - gap["start_ms"] >= shortest
        ]

    return rows


def _overlaps(facts: Facts, party: int) -> list[Row]:
    pairs = zip(facts.overlaps.start, facts.overlaps.end, strict=True)
    return [_row("overlap", start, end) for start, end in pairs]


def _overtalk(facts: Facts, party: int) -> list[Row]:
    pairs = zip(facts.overtalk.start, facts.overtalk.end, strict=True)
    return [_row("overtalk", start, end) for start, end in pairs]


_KINDS = (
    "backchannel",
    "simultaneous start",
    "terminal overlap",
    "both start at once",
    "failed interruption",
    "successful interruption",
)


def _entries(kinds: tuple[int, ...]) -> Evidence:
    def rows(facts: Facts, party: int) -> list[Row]:
        o = facts.overlaps
        return [
            _row(
                _KINDS[o.kind[i]],
                o.start[i],
                o.end[i],
                f"starts inside {o.other_start[i]} to {o.other_end[i]} ms, ends at {o.own_end[i]}",
                counts=int(o.kind[i]) in kinds,
            )
            for i in np.flatnonzero(o.cell == party)
        ]

    return rows


def _turns(facts: Facts, party: int) -> list[Row]:
    t, taken = facts.turns, set(facts.turns.taken.tolist())
    return [
        _row("turn", t.start[i], t.end[i], PARTIES[t.cell[i] & 1], counts=i in taken)
        for i in range(len(t.start))
    ]


def _own_turns(facts: Facts, party: int) -> list[Row]:
    t = facts.turns
    return [_row("turn", t.start[i], t.end[i]) for i in np.flatnonzero(t.cell == party)]


def _answers(facts: Facts, party: int) -> list[Row]:
    t = facts.turns
    return [
        _row(
            "answer",
            min(t.start[i], t.end[i - 1]),
            max(t.start[i], t.end[i - 1]),
            f"turn from {t.start[i]}, the other's until {t.end[i - 1]}",
            offset_ms=int(t.start[i] - t.end[i - 1]),
        )
        for i in t.taken
        if t.cell[i] == party
    ]


def _greeting(facts: Facts, party: int) -> list[Row]:
    start, _ = facts.lanes.own(AGENT)
    answered = int(facts.batch.answered[0])
    told = answered != NOT_KNOWN
    source = "answered as the metadata tell" if told else "from the start of the recording"
    return [_row("greeting", answered if told else 0, first, source) for first in start[:1]]


def _talkspurts(facts: Facts, party: int) -> list[Row]:
    pairs = zip(*facts.lanes.own(party), strict=True)
    return [_row("talkspurt", start, end) for start, end in pairs]


def _windows(kind: Literal["fast", "slow"] | None) -> Evidence:
    def rows(facts: Facts, party: int) -> list[Row]:
        units = facts.rates.windows[party].units
        settings, spurts = facts.settings, np.stack(facts.lanes.own(party), axis=1)
        starts, ends = window_spans(spurts, np.arange(len(units)) * settings.rate_hop_ms, settings)
        marked = getattr(facts, kind)[party] if kind else np.ones(len(units), dtype=np.bool_)
        return [
            _row(
                f"{kind} window" if hit and kind else "window",
                start,
                end,
                f"{rate:g} per minute",
                rate=rate,
                counts=bool(hit),
            )
            for start, end, rate, hit in zip(
                starts,
                ends,
                (units * 60_000 / settings.rate_window_ms).tolist(),
                marked,
                strict=True,
            )
        ]

    return rows


EVIDENCE: dict[str, Evidence] = {
    "recording": _recording,
    "conversation": _conversation,
    "holds": _holds,
    "live": _live,
    "silences": _silences(),
    "dead air": _silences(tier="dead_air_ms"),
    "long silences": _silences(tier="long_silence_ms"),
    "agent silences": _silences("agent"),
    "customer silences": _silences("customer"),
    "own silences": _own_silences,
    "unannounced silences": _unannounced,
    "noise": _noise,
    "raised voice": _raised,
    "overlaps": _overlaps,
    "overtalk": _overtalk,
    "turns": _turns,
    "own turns": _own_turns,
    "greeting": _greeting,
    "talkspurts": _talkspurts,
    "interruptions": _entries((FAILED, SUCCESSFUL)),
    "successful interruptions": _entries((SUCCESSFUL,)),
    "backchannels": _entries((BACKCHANNEL,)),
    "answers": _answers,
    "windows": _windows(None),
    "fast windows": _windows("fast"),
    "slow windows": _windows("slow"),
}
