"""Measures of a whole call: windows, silence, overlap, floor changes, greeting.

One function per measure; its docstring is its definition. Each takes the facts of a block and
returns shape (calls,). References: measures and thresholds are described in docs/measures.md.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from speechqa.intervals import IntArray
from speechqa.timing.call import AGENT, CUSTOMER, NOT_KNOWN
from speechqa.timing.facts import Facts
from speechqa.timing.registry import Needs, Ratio, Reason, measure
from speechqa.timing.rows import max_by_call, sum_by_call


@measure(unit="ms", needs=Needs.RECORDING, evidence="recording")
def recording_ms(facts: Facts) -> IntArray:
    """Length of the recording."""
    return np.asarray(facts.batch.duration, dtype=np.int64)


@measure(unit="ms", evidence="conversation")
def conversation_ms(facts: Facts) -> IntArray:
    """Length of the conversation, from the first talkspurt's start to the last one's end.

    Talkspurts of either party count. The lead-in before it (ringing, queue) and the tail after
    it are neither conversation nor silence. 0 where nobody speaks.
    """
    return facts.last - facts.first


@measure(unit="ms", better="lower", thresholds=("hold_pause_ms",), evidence="holds")
def hold_ms(facts: Facts) -> IntArray:
    """Time on hold inside the conversation.

    Holds come from telephony metadata where there is any. Otherwise they are inferred: a hold
    phrase of the agent, then no agent speech for at least `hold_pause_ms`, ended by a return
    phrase or by speech of both. Each hold names its source and confidence.
    """
    return facts.hold


@measure(unit="ms", evidence="live")
def live_ms(facts: Facts) -> IntArray:
    """Live time: the conversation without its holds. Shares are fractions of it."""
    return facts.live


@measure(unit="count", better="lower", thresholds=("silence_ms",), evidence="silences")
def silence_count(facts: Facts) -> IntArray:
    """Number of silences: gaps of at least `silence_ms`.

    A gap is a maximal piece of live time in which neither party speaks. It never crosses the
    edge of a hold.
    """
    return np.diff(facts.silences.offsets)


@measure(unit="ms", better="lower", thresholds=("silence_ms",), evidence="silences")
def silence_ms(facts: Facts) -> IntArray:
    """Total length of the silences (gaps of at least `silence_ms`)."""
    return facts.silence


@measure(
    unit="share",
    better="lower",
    empty=Reason.NO_LIVE_TIME,
    good=(0.0, 0.1),
    thresholds=("silence_ms",),
    evidence="silences",
)
def silence_share(facts: Facts) -> Ratio:
    """Total length of the silences over live time."""
    return Ratio(facts.silence, facts.live)


@measure(
    unit="ms", better="lower", good=(0, 10_000), thresholds=("silence_ms",), evidence="silences"
)
def longest_silence_ms(facts: Facts) -> IntArray:
    """Length of the longest silence; 0 where no gap reaches `silence_ms`."""
    return max_by_call(facts.silences.length, facts.silences.offsets)


@measure(
    unit="count", better="lower", good=(0, 1), thresholds=("dead_air_ms",), evidence="dead air"
)
def dead_air_count(facts: Facts) -> IntArray:
    """Number of gaps of at least `dead_air_ms` (dead air); the long ones are among them."""
    return _reaching(facts, facts.settings.dead_air_ms)


@measure(
    unit="count",
    better="lower",
    good=(0, 0),
    thresholds=("long_silence_ms",),
    evidence="long silences",
)
def long_silence_count(facts: Facts) -> IntArray:
    """Number of gaps of at least `long_silence_ms`."""
    return _reaching(facts, facts.settings.long_silence_ms)


@measure(unit="ms", better="lower", thresholds=("dead_air_ms",), evidence="dead air", listed=False)
def dead_air_total_ms(facts: Facts) -> IntArray:
    """Total length of the dead air: gaps of at least `dead_air_ms`."""
    return _total(facts, facts.settings.dead_air_ms)


@measure(
    unit="share",
    better="lower",
    empty=Reason.NO_LIVE_TIME,
    thresholds=("dead_air_ms",),
    evidence="dead air",
    listed=False,
)
def dead_air_share(facts: Facts) -> Ratio:
    """Total length of the dead air (gaps of at least `dead_air_ms`) over live time."""
    return Ratio(_total(facts, facts.settings.dead_air_ms), facts.live)


@measure(
    unit="ms",
    better="lower",
    thresholds=("long_silence_ms",),
    evidence="long silences",
    listed=False,
)
def long_silence_total_ms(facts: Facts) -> IntArray:
    """Total length of the gaps of at least `long_silence_ms`."""
    return _total(facts, facts.settings.long_silence_ms)


@measure(
    unit="share",
    better="lower",
    empty=Reason.NO_LIVE_TIME,
    thresholds=("long_silence_ms",),
    evidence="long silences",
    listed=False,
)
def long_silence_share(facts: Facts) -> Ratio:
    """Total length of the gaps of at least `long_silence_ms` over live time."""
    return Ratio(_total(facts, facts.settings.long_silence_ms), facts.live)


@measure(
    unit="ms",
    better="lower",
    needs=Needs.PARTIES,
    thresholds=("silence_ms",),
    evidence="agent silences",
)
def silence_agent_ms(facts: Facts) -> IntArray:
    """Total length of the silences that the agent owns.

    A silence between the agent's speech and the customer's belongs to the customer. All others
    are the agent's: after the customer he is slow to answer, or has to be prompted; between two
    talkspurts of his own he is working. With a hold at its edge, a silence belongs to whoever
    spoke last before it and first after it.
    """
    return _owned(facts, AGENT)


@measure(unit="ms", needs=Needs.PARTIES, thresholds=("silence_ms",), evidence="customer silences")
def silence_customer_ms(facts: Facts) -> IntArray:
    """Total length of the silences that the customer owns: agent before, customer after."""
    return _owned(facts, CUSTOMER)


@measure(unit="ms", needs=Needs.CHANNELS, lowest_grade="B", evidence="overlaps")
def overlap_ms(facts: Facts) -> IntArray:
    """Time in which both parties speak."""
    return facts.overlap


@measure(
    unit="share",
    better="lower",
    needs=Needs.CHANNELS,
    empty=Reason.NO_LIVE_TIME,
    good=(0.0, 0.1),
    lowest_grade="B",
    evidence="overlaps",
)
def overlap_share(facts: Facts) -> Ratio:
    """Time in which both parties speak over live time."""
    return Ratio(facts.overlap, facts.live)


@measure(
    unit="count",
    better="lower",
    needs=Needs.CHANNELS,
    lowest_grade="B",
    thresholds=("overtalk_ms",),
    evidence="overtalk",
)
def overtalk_count(facts: Facts) -> IntArray:
    """Number of overlaps of at least `overtalk_ms` (overtalk); overtalk has no direction."""
    return np.diff(facts.overtalk.offsets)


@measure(
    unit="ms",
    better="lower",
    needs=Needs.CHANNELS,
    lowest_grade="B",
    thresholds=("overtalk_ms",),
    evidence="overtalk",
)
def overtalk_ms(facts: Facts) -> IntArray:
    """Total length of the overlaps of at least `overtalk_ms`."""
    return sum_by_call(facts.overtalk.end - facts.overtalk.start, facts.overtalk.offsets)


@measure(unit="count", needs=Needs.PARTIES, thresholds=("turn_pause_ms",), evidence="turns")
def floor_changes(facts: Facts) -> IntArray:
    """Number of pairs of consecutive turns of different parties.

    Talkspurts of both parties, except those contained in one of the other's (of two identical
    ones the agent's stays), in order of start, fall into turns: maximal runs of one party, also
    ended by a pause of more than `turn_pause_ms` between two talkspurts.
    """
    return facts.changes


@measure(
    unit="per minute",
    needs=Needs.PARTIES,
    empty=Reason.NO_LIVE_TIME,
    thresholds=("turn_pause_ms",),
    evidence="turns",
)
def interactivity(facts: Facts) -> Ratio:
    """Floor changes per minute of live time."""
    return Ratio(facts.changes, facts.live, 60_000)


@measure(
    unit="ms",
    better="lower",
    needs=Needs.OWN_CHANNEL,
    empty=Reason.SILENT_AGENT,
    good=(None, 5000),
    evidence="greeting",
)
def greeting_latency_ms(facts: Facts) -> NDArray[Any]:
    """Start of the agent's first talkspurt minus the instant of answering.

    The instant comes from telephony metadata; where there is none it is the start of the
    recording. Negative when the agent speaks before it.
    """
    offsets = facts.lanes.own_offsets[AGENT]
    answered = np.where(facts.batch.answered == NOT_KNOWN, 0, facts.batch.answered)
    latency = np.full(facts.calls, np.nan)
    filled = np.flatnonzero(np.diff(offsets))
    first = facts.lanes.clock.local(facts.lanes.starts[offsets[filled]])
    latency[filled] = first - answered[filled]
    return latency


def _reaching(facts: Facts, shortest_ms: int) -> IntArray:
    return sum_by_call(facts.gaps.length >= shortest_ms, facts.gaps.offsets)


def _total(facts: Facts, shortest_ms: int) -> IntArray:
    length = facts.gaps.length
    return sum_by_call(length * (length >= shortest_ms), facts.gaps.offsets)


def _owned(facts: Facts, party: int) -> IntArray:
    owned = facts.silences.length * (facts.silences.owner == party)
    return sum_by_call(owned, facts.silences.offsets)
