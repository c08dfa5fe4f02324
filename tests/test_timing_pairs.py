"""Gaps and overlaps alone: against a raster, whatever the lengths and the blocks."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speechqa.intervals import Ragged, normalise
from speechqa.timing import gaps_and_overlaps, pairs
from speechqa.timing.lanes import latest_before
from tests.oracle import paint, runs

spans = st.lists(
    st.tuples(st.integers(0, 120), st.integers(1, 40)).map(lambda s: (s[0], s[0] + s[1])),
    max_size=8,
)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(spans, spans), max_size=6), st.sampled_from([1, 5, 32_768]))
def test_gaps_and_overlaps_are_those_of_a_raster(calls, block):
    agent = Ragged.from_lists([normalise(a) for a, _ in calls])
    customer = Ragged.from_lists([normalise(c) for _, c in calls])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pairs, "BLOCK_TALKSPURTS", block)
        gaps, overlaps = gaps_and_overlaps(agent, customer)
    assert len(gaps) == len(overlaps) == len(calls)
    for place, (a, c) in enumerate(calls):
        first, second = paint(a, 200), paint(c, 200)
        spoken = runs(first | second)
        between = [(x[1], y[0]) for x, y in pairwise(spoken)]
        assert gaps[place].tolist() == [list(span) for span in between]
        assert overlaps[place].tolist() == [list(span) for span in runs(first & second)]


def test_very_long_talkspurts_and_many_calls_do_not_run_out_of_bits():
    day = 86_400_000
    calls = 3000
    agent = Ragged.from_lists([[(0, day)]] * calls)
    customer = Ragged.from_lists([[(5, 10), (day + 7, day + 9)]] * calls)
    gaps, overlaps = gaps_and_overlaps(agent, customer)
    assert gaps[calls - 1].tolist() == [[day, day + 7]]
    assert overlaps[calls - 1].tolist() == [[5, 10]]
    assert (gaps.count, overlaps.count) == (calls, calls)


def test_blocks_hold_only_as_many_calls_as_their_length_leaves_bits_for():
    spans = [[(at, at + 3_600_000) for at in range(0, 32_400_000, 7_200_000)]] * 200
    agent, customer = Ragged.from_lists(spans), Ragged.from_lists([[(3_500_000, 3_700_000)]] * 200)
    gaps, overlaps = gaps_and_overlaps(agent, customer)
    for call in (0, 63, 64, 199):
        assert gaps[call][:2].tolist() == [[3_700_000, 7_200_000], [10_800_000, 14_400_000]]
        assert overlaps[call].tolist() == [[3_500_000, 3_600_000]]


def test_a_time_that_no_recording_has_is_refused_instead_of_cut():
    endless = Ragged.from_lists([[(0, 1 << 30)]])
    with pytest.raises(ValueError, match="no recording lasts twelve days"):
        gaps_and_overlaps(endless, Ragged.from_lists([[(0, 5)]]))


def test_columns_of_32_bits_are_taken_as_they_are():
    columns = np.array([[0, 70_000], [80_000, 90_000]], dtype=np.int32)
    agent = Ragged.from_spans(np.array([0, 1, 2]), columns)
    customer = Ragged.from_lists([[(75_000, 76_000)], []])
    gaps, _ = gaps_and_overlaps(agent, customer)
    assert [gaps[0].tolist(), gaps[1].tolist()] == [[[70_000, 75_000]], []]


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 400)), max_size=60))
def test_the_latest_end_is_right_however_many_talkspurts_it_outlasts(steps):
    start = np.cumsum([step for step, _ in steps], dtype=np.int64)
    end = start + np.array([length for _, length in steps], dtype=np.int64)
    wanted = [0, *np.maximum.accumulate(end)[:-1].tolist()][: len(end)]
    assert latest_before(start, end).tolist() == wanted
