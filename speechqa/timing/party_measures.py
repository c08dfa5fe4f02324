# ruff: noqa: D401 - a measure's docstring is its definition, not an order
"""Measures of each party: talk, monologue, interruptions, answers, speech rate, level.

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
from speechqa.timing.rows import order_by_cell, quantile_by_cell, sum_by_cell

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
    longest = np.zeros(2 * facts.calls, dtype=np.int64)
    ordered, offsets = order_by_cell(
        facts.turns.end - facts.turns.start, facts.turn_cell, facts.calls
    )
    filled = np.flatnonzero(np.diff(offsets))
    longest[filled] = ordered[offsets[filled + 1] - 1]
    return longest.reshape(-1, 2)


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
    return _entries(facts, facts.entries.kind >= FAILED)


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
    return _entries(facts, facts.entries.kind == SUCCESSFUL)


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
    made = np.flatnonzero(facts.entries.kind >= FAILED)
    return sum_by_cell(facts.entries.overlap[made], facts.entry_cell[made], facts.calls)


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
    return _entries(facts, facts.entries.kind == BACKCHANNEL)


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
    spans = sum_by_cell(facts.turns.end - facts.turns.start, facts.turn_cell, facts.calls)
    return Ratio(facts.rates.units, spans, 60_000, _rate_reason(facts))


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
    _, high = limits(facts)
    return _window_share(facts, facts.rates.windows.units > high)


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
    low, _ = limits(facts)
    return _window_share(facts, facts.rates.windows.units < low)


@measure(
    unit="units",
    per_party=True,
    needs=Needs.OWN_CHANNEL,
    empty=Reason.NO_TRANSCRIPT,
    evidence="talkspurts",
)
def units(facts: Facts) -> NDArray[Any]:
    """Speech-rate units of the party: words, characters or digits, as the rates count them."""
    return np.where(_transcribed(facts)[:, None], facts.rates.units, np.nan)


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
    ordered, offsets = order_by_cell(
        facts.rates.windows.units, facts.rates.windows.cell, facts.calls
    )
    p90 = quantile_by_cell(ordered, offsets, 0.9) * 60_000 / facts.settings.rate_window_ms
    return np.where(_rate_reason(facts) == 0, p90, np.nan)


def limits(facts: Facts) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the fewest and the most units of an ordinary window, for each window."""
    minutes = facts.settings.rate_window_ms / 60_000
    per_call = np.array(
        [facts.settings.rate_limits.get(code or "", (0.0, np.inf)) for code in facts.batch.language]
    ).reshape(-1, 2)
    per_window = per_call[facts.rates.windows.cell // 2] * minutes
    return per_window[:, 0], per_window[:, 1]


def _entries(facts: Facts, wanted: NDArray[np.bool_]) -> IntArray:
    return sum_by_cell(None, facts.entry_cell[wanted], facts.calls)


def _answers(facts: Facts, q: float) -> NDArray[np.float64]:
    ordered, offsets = facts.answers
    return quantile_by_cell(ordered, offsets, q)


def _window_share(facts: Facts, beyond: NDArray[np.bool_]) -> Ratio:
    cell = facts.rates.windows.cell
    why = _rate_reason(facts)
    limited = [code in facts.settings.rate_limits for code in facts.batch.language]
    unlimited = ~np.array(limited, dtype=np.bool_)[:, None]
    why = np.where((why == 0) & unlimited, np.int8(Reason.NO_LIMITS), why)
    return Ratio(
        sum_by_cell(None, cell[beyond], facts.calls),
        sum_by_cell(None, cell, facts.calls),
        why=why,
    )


def _transcribed(facts: Facts) -> NDArray[np.bool_]:
    words = facts.batch.words
    return np.zeros(facts.calls, dtype=np.bool_) if words is None else words.known


def _rate_reason(facts: Facts) -> NDArray[np.int8]:
    settings = facts.settings
    why = np.zeros((facts.calls, 2), dtype=np.int8)
    why[facts.rates.units < settings.rate_units] = Reason.FEW_UNITS
    why[facts.talk < settings.rate_speech_ms] = Reason.LITTLE_SPEECH
    why[~_transcribed(facts)] = Reason.NO_TRANSCRIPT
    return why
