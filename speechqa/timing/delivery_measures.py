"""Measures of how each party speaks: speech rate, pace, level.

One function per measure; its docstring is its definition. Each takes the facts of a block and
returns shape (calls, 2): agent, customer.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from speechqa.intervals import IntArray
from speechqa.timing.facts import Facts
from speechqa.timing.registry import Figures, Needs, Ratio, Reason, measure
from speechqa.timing.rows import order_by_cell, quantile_by_cell, sum_by_call

_TURN = ("turn_pause_ms",)
_RATE = ("rate_speech_ms", "rate_units")
_WINDOW = ("rate_window_ms", "rate_hop_ms", "rate_limits", *_RATE)


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
    evidence="own turns",
)
def speaking_rate(facts: Facts) -> Ratio:
    """Units of the party per minute of its turns, first start to last end, pauses included.

    Counted like the articulation rate, with the same needs. Never per minute of call.
    """
    return Ratio(facts.rates.units, _spans(facts), 60_000, _rate_reason(facts))


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
    return _window_share(facts, facts.fast)


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
    return _window_share(facts, facts.slow)


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
    unit="dB",
    better="higher",
    per_party=True,
    needs=Needs.OWN_CHANNEL,
    good=(20.0, None),
    evidence="noise",
    listed=False,
)
def snr_db(facts: Facts) -> Figures:
    """Signal to noise of the party: root mean square over its talkspurts against that outside."""
    why = np.zeros((facts.calls, 2), dtype=np.int8)
    why[np.isnan(facts.batch.snr)] = Reason.NO_NOISE
    why[np.isnan(facts.batch.level)] = Reason.NO_LEVEL
    return Figures(facts.batch.snr, why)


@measure(
    unit="share",
    better="lower",
    per_party=True,
    needs=Needs.OWN_CHANNEL,
    empty=Reason.NO_LEVEL,
    good=(0.0, 0.0005),
    evidence="recording",
    listed=False,
)
def clipped_share(facts: Facts) -> NDArray[Any]:
    """Clipping: share of the samples of the party's channel at full scale."""
    return facts.batch.clipped


@measure(
    unit="count",
    better="lower",
    per_party=True,
    needs=Needs.OWN_CHANNEL,
    evidence="raised voice",
    listed=False,
)
def raised_voice_count(facts: Facts) -> Figures:
    """Number of stretches of raised voice of the party.

    By default at least 2 s of its speech lie 9 dB above its own median (settings of the line).
    """
    counts = [np.diff(raised.offsets) for raised in facts.batch.raised]
    return Figures(np.stack(counts, axis=1).astype(np.int64), _not_listened(facts))


@measure(
    unit="ms",
    better="lower",
    per_party=True,
    needs=Needs.OWN_CHANNEL,
    evidence="raised voice",
    listed=False,
)
def raised_voice_ms(facts: Facts) -> Figures:
    """Total length of the stretches of raised voice, from the start of each to its end."""
    totals = []
    for raised in facts.batch.raised:
        rows = slice(int(raised.offsets[0]), int(raised.offsets[-1]))
        length = (raised.end[rows] - raised.start[rows]).astype(np.int64)
        totals.append(sum_by_call(length, np.asarray(raised.offsets) - raised.offsets[0]))
    return Figures(np.stack(totals, axis=1), _not_listened(facts))


@measure(
    unit="units/min",
    per_party=True,
    needs=Needs.OWN_CHANNEL,
    thresholds=("rate_window_ms", "rate_hop_ms", *_RATE),
    evidence="windows",
    listed=False,
)
def window_rate_p90(facts: Facts) -> Figures:
    """90th percentile of the rates of the party's rate windows (linear interpolation)."""
    agent, customer = facts.rates.windows
    call = np.arange(facts.calls, dtype=np.int64)
    ordered, offsets = order_by_cell(
        np.concatenate([agent.units, customer.units]),
        np.concatenate([agent.per_window(2 * call), customer.per_window(2 * call + 1)]),
        facts.calls,
    )
    rate = quantile_by_cell(ordered, offsets, 0.9) * (60_000 / facts.settings.rate_window_ms)
    why = _rate_reason(facts)
    why[(why == 0) & np.isnan(rate)] = Reason.LITTLE_SPEECH
    return Figures(rate, why)


def _not_listened(facts: Facts) -> NDArray[np.int8]:
    return np.where(facts.batch.listened, np.int8(0), np.int8(Reason.NOT_LISTENED))


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


def _spans(facts: Facts) -> IntArray:
    spans = [sum_by_call(own, facts.turns.offsets) for own in facts.turn_spans]
    return np.stack(spans, axis=1)
