"""Runs, filling, bridging and dropping, each against a slow loop."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from speechqa.vad.frames import bridge, drop_short, fill, hysteresis, runs

masks = st.lists(st.booleans(), max_size=60).map(lambda bits: np.array(bits, dtype=bool))


def slow_runs(mask):
    spans, start = [], None
    for i, on in enumerate([*mask, False]):
        if on and start is None:
            start = i
        if not on and start is not None:
            spans.append([start, i])
            start = None
    return spans


def slow_bridge(spans, gap):
    joined = []
    for start, end in spans:
        if joined and start - joined[-1][1] < gap:
            joined[-1][1] = end
        else:
            joined.append([start, end])
    return joined


@settings(deadline=None)
@given(masks)
def test_runs_are_the_maximal_true_stretches(mask):
    assert runs(mask).tolist() == slow_runs(mask)


@settings(deadline=None)
@given(masks)
def test_filling_the_runs_gives_the_mask_back(mask):
    assert fill(runs(mask), len(mask)).tolist() == mask.tolist()


@settings(deadline=None)
@given(masks, st.integers(1, 9))
def test_bridging_joins_neighbours_closer_than_the_gap(mask, gap):
    assert bridge(runs(mask), gap).tolist() == slow_bridge(slow_runs(mask), gap)


@settings(deadline=None)
@given(masks, st.integers(1, 9))
def test_dropping_keeps_spans_of_at_least_the_length(mask, length):
    expected = [s for s in slow_runs(mask) if s[1] - s[0] >= length]
    assert drop_short(runs(mask), length).tolist() == expected


@settings(deadline=None)
@given(masks)
def test_hysteresis_keeps_the_low_runs_that_hold_a_high_frame(low):
    rng = np.random.default_rng(len(low))
    high = low & (rng.random(len(low)) < 0.3)
    expected = np.zeros(len(low), dtype=bool)
    for start, end in slow_runs(low):
        expected[start:end] = any(high[start:end])
    assert hysteresis(high, low).tolist() == expected.tolist()
