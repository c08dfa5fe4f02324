"""Measures of each party in the conversation: talk, monologue, interruptions, answers.

One function per measure; its docstring is its definition. Each takes the facts of a block and
returns shape (calls, 2): agent, customer. "The party" is p, "the other party" is q.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from speechqa.intervals import IntArray
from speechqa.timing.facts import Facts
from speechqa.timing.overlaps import BACKCHANNEL, FAILED, SUCCESSFUL
from speechqa.timing.registry import Needs, Ratio, Reason, measure
from speechqa.timing.rows import (
    max_by_call,
    quantile_by_cell,
    sum_by_cell,
)

_SILENCE = ("silence_ms",)
_TURN = ("turn_pause_ms",)
_ENTRY = ("backchannel_ms", "simultaneous_ms", "terminal_ms")


@measure(unit="ms", per_party=True, needs=Needs.OWN_CHANNEL, evidence="talkspurts")
def talk_ms(facts: Facts) -> IntArray:
    """Total length of the party's talkspurts."""
    return facts.talk


@measure(unit="share", per_party=True, needs=Needs.PARTIES, evidence="talkspurts")
def talk_share(facts: Facts) -> Ratio:
    """The party's talk time over the talk time of both."""
    both = facts.talk.sum(axis=1, keepdims=True)
    return Ratio(facts.talk, np.repeat(both, 2, axis=1))


@measure(
    unit="ms",
    better="lower",
    per_party=True,
    needs=Needs.PARTIES,
    thresholds=_TURN,
    evidence="own turns",
)
def longest_monologue_ms(facts: Facts) -> IntArray:
    """Longest span of a turn of the party, first start to last end; 0 without a turn."""
    longest = [max_by_call(own, facts.turns.offsets) for own in facts.turn_spans]
    return np.stack(longest, axis=1)


@measure(
    unit="count",
    better="lower",
    per_party=True,
    needs=Needs.PARTIES,
    thresholds=_SILENCE,
    evidence="own silences",
    listed=False,
)
def owned_silence_count(facts: Facts) -> IntArray:
    """Number of the silences that the party owns.

    The customer owns those between the agent's speech and his own; all others are the agent's.
    """
    return sum_by_cell(None, _owners(facts), facts.calls)


@measure(
    unit="share",
    better="lower",
    per_party=True,
    needs=Needs.PARTIES,
    empty=Reason.NO_LIVE_TIME,
    thresholds=_SILENCE,
    evidence="own silences",
    listed=False,
)
def owned_silence_share(facts: Facts) -> Ratio:
    """Total length of the silences that the party owns over live time."""
    owned = sum_by_cell(facts.silences.length, _owners(facts), facts.calls)
    return Ratio(owned, np.repeat(facts.live[:, None], 2, axis=1))


@measure(
    unit="ms",
    better="lower",
    per_party=True,
    needs=Needs.PARTIES,
    thresholds=_SILENCE,
    evidence="own silences",
    listed=False,
)
def longest_owned_silence_ms(facts: Facts) -> IntArray:
    """Longest of the silences that the party owns; 0 without one."""
    owner, length = facts.silences.owner, facts.silences.length
    longest = [max_by_call(length * (owner == p), facts.silences.offsets) for p in range(2)]
    return np.stack(longest, axis=1)


@measure(
    unit="ms",
    better="lower",
    per_party=True,
    needs=Needs.PARTIES,
    thresholds=(*_SILENCE, "announce_within_ms", "phrase_snap_ms"),
    evidence="unannounced silences",
    listed=False,
)
def unannounced_silence_ms(facts: Facts) -> IntArray:
    """Total length of the silences that the party owns and that no phrase announces.

    A silence is announced where a hold or wait phrase of the agent ends at most
    `announce_within_ms` before it; a phrase that ends up to `phrase_snap_ms` after its talkspurt
    ends with it. Without a transcript nothing is announced.
    """
    length = facts.silences.length * ~facts.silences.announced
    return sum_by_cell(length, _owners(facts), facts.calls)


@measure(
    unit="count",
    better="lower",
    per_party=True,
    needs=Needs.CHANNELS,
    good=(0, 2),
    lowest_grade="B",
    thresholds=_ENTRY,
    evidence="interruptions",
)
def interruptions(facts: Facts) -> IntArray:
    """Number of times the party interrupted the other one.

    A talkspurt u of the party that starts strictly inside a talkspurt v of the other is, tested
    in this order: a backchannel, if it ends inside v and lasts at most `backchannel_ms`; a
    simultaneous start, if it starts less than `simultaneous_ms` after v; a terminal overlap, if
    v ends at most `terminal_ms` after u starts; else an interruption.
    """
    return facts.entries[:, :, FAILED] + facts.entries[:, :, SUCCESSFUL]


@measure(
    unit="count",
    better="lower",
    per_party=True,
    needs=Needs.CHANNELS,
    lowest_grade="B",
    thresholds=_ENTRY,
    evidence="successful interruptions",
)
def interruptions_successful(facts: Facts) -> IntArray:
    """Number of the party's interruptions after which the other gave way: u ends after v."""
    return facts.entries[:, :, SUCCESSFUL]


@measure(
    unit="ms",
    better="lower",
    per_party=True,
    needs=Needs.CHANNELS,
    lowest_grade="B",
    thresholds=_ENTRY,
    evidence="interruptions",
)
def interruption_overlap_ms(facts: Facts) -> IntArray:
    """Overlap lost to the party's interruptions: from the start of u to the first end of both."""
    made = np.flatnonzero(facts.overlaps.kind >= FAILED)
    lost = facts.overlaps.end[made] - facts.overlaps.start[made]
    return sum_by_cell(lost, facts.overlaps.cell[made], facts.calls)


@measure(
    unit="count",
    per_party=True,
    needs=Needs.CHANNELS,
    lowest_grade="B",
    thresholds=("backchannel_ms",),
    evidence="backchannels",
)
def backchannels(facts: Facts) -> IntArray:
    """Number of backchannels that the party gave.

    A backchannel is a talkspurt of at most `backchannel_ms` that starts strictly inside one of
    the other's and ends no later than it. It is listening, never an interruption.
    """
    return facts.entries[:, :, BACKCHANNEL]


@measure(
    unit="ms",
    better="lower",
    per_party=True,
    needs=Needs.PARTIES,
    empty=Reason.NEVER_TOOK_THE_FLOOR,
    good=(None, 2000),
    thresholds=_TURN,
    evidence="answers",
)
def response_time_median_ms(facts: Facts) -> NDArray[Any]:
    """Median of the party's floor transfer offsets (linear interpolation).

    An offset is the start of the party's turn minus the end of the other party's turn just
    before it; negative when they overlap.
    """
    return _answers(facts, 0.5)


@measure(
    unit="ms",
    better="lower",
    per_party=True,
    needs=Needs.PARTIES,
    empty=Reason.NEVER_TOOK_THE_FLOOR,
    thresholds=_TURN,
    evidence="answers",
)
def response_time_p90_ms(facts: Facts) -> NDArray[Any]:
    """90th percentile of the party's floor transfer offsets (linear interpolation)."""
    return _answers(facts, 0.9)


@measure(
    unit="ms",
    better="lower",
    per_party=True,
    needs=Needs.PARTIES,
    empty=Reason.NEVER_TOOK_THE_FLOOR,
    thresholds=_TURN,
    evidence="answers",
)
def response_time_max_ms(facts: Facts) -> NDArray[Any]:
    """Largest of the party's floor transfer offsets."""
    return _answers(facts, 1.0)


def _owners(facts: Facts) -> IntArray:
    """Return ``2 * call + party`` of each silence's owner."""
    call = np.repeat(np.arange(facts.calls, dtype=np.int64), np.diff(facts.silences.offsets))
    return 2 * call + facts.silences.owner


def _answers(facts: Facts, q: float) -> NDArray[np.float64]:
    ordered, offsets = facts.answers
    return quantile_by_cell(ordered, offsets, q)
