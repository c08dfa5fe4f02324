"""Measures of each party: talk, monologue, interruptions, answers, speech rate, level.

One function per measure; its docstring is its definition. Each takes the facts of a block and
returns shape (calls, 2): agent, customer. "The party" is p, "the other party" is q.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from speechqa.intervals import IntArray
from speechqa.timing.facts import Facts
from speechqa.timing.overlaps import BACKCHANNEL, FAILED, SUCCESSFUL
from speechqa.timing.registry import Needs, Ratio, Reason, measure
from speechqa.timing.rows import (
    max_by_call,
    order_by_cell,
    quantile_by_cell,
    sum_by_call,
    sum_by_cell,
)

_TURN = ("turn_pause_ms",)
_ENTRY = ("backchannel_ms", "simultaneous_ms", "terminal_ms")
_RATE = ("rate_speech_ms", "rate_units")
_WINDOW = ("rate_window_ms", "rate_hop_ms", "rate_limits", *_RATE)


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
    evidence="turns",
)
def longest_monologue_ms(facts: Facts) -> IntArray:
    """Longest span of a turn of the party, first start to last end; 0 without a turn."""
    return _of_turns(facts, max_by_call)


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
    evidence="interruptions",
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


@measure(
    unit="units/min",
    per_party=True,
    needs=Needs.OWN_CHANNEL,
    thresholds=_RATE,
    evidence="talkspurts",
)
def articulation_rate(facts: Facts) -> Ratio:
    """Units of the party per minute of its talk time.

    A unit is a word in spaced scripts, a character in Chinese and Japanese, a digit as spoken.
    Words with low confidence, in repetition loops or with no voice activity of the party under
    them don't count. Needs `rate_speech_ms` of speech and `rate_units` units.
    """
    return Ratio(facts.rates.units, facts.talk, 60_000, _rate_reason(facts))


@measure(
    unit="units/min",
    per_party=True,
    needs=Needs.PARTIES,
    empty=Reason.NO_TURN,
    thresholds=(*_RATE, *_TURN),
    evidence="turns",
)
def speaking_rate(facts: Facts) -> Ratio:
    """Units of the party per minute of its turns, first start to last end, pauses included.

    Counted like the articulation rate, with the same needs. Never per minute of call.
    """
    return Ratio(facts.rates.units, _of_turns(facts, sum_by_call), 60_000, _rate_reason(facts))


@measure(
    unit="share",
    better="lower",
    per_party=True,
    needs=Needs.OWN_CHANNEL,
    empty=Reason.LITTLE_SPEECH,
    good=(0.0, 0.1),
    thresholds=_WINDOW,
    evidence="fast windows",
)
def fast_share(facts: Facts) -> Ratio:
    """Share of the party's rate windows that are faster than the language's upper limit.

    A window is `rate_window_ms` of the party's own speech, one every `rate_hop_ms`; a word
    belongs to the windows in which it starts. Needs what the articulation rate needs.
    """
    return _window_share(facts, beyond(facts, "fast"))


@measure(
    unit="share",
    better="lower",
    per_party=True,
    needs=Needs.OWN_CHANNEL,
    empty=Reason.LITTLE_SPEECH,
    good=(0.0, 0.1),
    thresholds=_WINDOW,
    evidence="slow windows",
)
def slow_share(facts: Facts) -> Ratio:
    """Share of the party's rate windows that are slower than the language's lower limit.

    Windows are those of `fast_share`.
    """
    return _window_share(facts, beyond(facts, "slow"))


@measure(
    unit="units",
    per_party=True,
    needs=Needs.OWN_CHANNEL,
    empty=Reason.NO_TRANSCRIPT,
    evidence="talkspurts",
)
def units(facts: Facts) -> NDArray[Any]:
    """Speech-rate units of the party: words, characters or digits, as the rates count them."""
    return np.where(facts.batch.transcribed[:, None], facts.rates.units, np.nan)


@measure(
    unit="dBFS",
    per_party=True,
    needs=Needs.OWN_CHANNEL,
    empty=Reason.NO_LEVEL,
    good=(-35.0, -12.0),
    evidence="talkspurts",
)
def level_dbfs(facts: Facts) -> NDArray[Any]:
    """Level of the party: root mean square over its talkspurts, relative to full scale."""
    return facts.batch.level


@measure(
    unit="units/min",
    per_party=True,
    needs=Needs.OWN_CHANNEL,
    empty=Reason.LITTLE_SPEECH,
    thresholds=("rate_window_ms", "rate_hop_ms", *_RATE),
    evidence="windows",
    listed=False,
)
def window_rate_p90(facts: Facts) -> NDArray[Any]:
    """90th percentile of the rates of the party's rate windows (linear interpolation)."""
    p90 = []
    for windows in facts.rates.windows:
        call = windows.per_window(np.arange(facts.calls))
        ordered, offsets = order_by_cell(windows.units, 2 * call, facts.calls)
        p90.append(quantile_by_cell(ordered, offsets, 0.9)[:, 0])
    rate = np.stack(p90, axis=1) * (60_000 / facts.settings.rate_window_ms)
    return np.where(_rate_reason(facts) == 0, rate, np.nan)


def beyond(facts: Facts, pace: Literal["fast", "slow"]) -> tuple[NDArray[np.bool_], ...]:
    """Return, for each party, which windows are beyond the limit of their call's language."""
    found = []
    for windows in facts.rates.windows:
        limit = windows.per_window(facts.pace_limits[:, 1 if pace == "fast" else 0])
        found.append(windows.units > limit if pace == "fast" else windows.units < limit)
    return tuple(found)


def _of_turns(facts: Facts, combine: Callable[[NDArray[Any], NDArray[Any]], IntArray]) -> IntArray:
    """Combine the spans of each party's turns per call, shape (calls, 2)."""
    span, customer = facts.turns.span, facts.turns.cell & 1
    both = (span * (1 - customer), span * customer)
    return np.stack([combine(own, facts.turns.offsets) for own in both], axis=1)


def _answers(facts: Facts, q: float) -> NDArray[np.float64]:
    ordered, offsets = facts.answers
    return quantile_by_cell(ordered, offsets, q)


def _window_share(facts: Facts, marked: tuple[NDArray[np.bool_], ...]) -> Ratio:
    why = _rate_reason(facts)
    why[(why == 0) & np.isnan(facts.pace_limits[:, :1])] = Reason.NO_LIMITS
    windows = facts.rates.windows
    parts = [sum_by_call(m, w.offsets) for m, w in zip(marked, windows, strict=True)]
    wholes = [np.diff(w.offsets) for w in windows]
    return Ratio(np.stack(parts, axis=1), np.stack(wholes, axis=1), why=why)


def _rate_reason(facts: Facts) -> NDArray[np.int8]:
    settings = facts.settings
    why = np.zeros((facts.calls, 2), dtype=np.int8)
    why[facts.rates.units < settings.rate_units] = Reason.FEW_UNITS
    why[facts.talk < settings.rate_speech_ms] = Reason.LITTLE_SPEECH
    why[~facts.batch.transcribed] = Reason.NO_TRANSCRIPT
    return why
