"""Interval sets against a raster of milliseconds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speechqa import intervals
from speechqa.intervals import Ragged, as_spans, is_normal, normalise
from tests.oracle import paint, runs

LENGTH = 100

raw = st.lists(st.tuples(st.integers(0, LENGTH), st.integers(0, LENGTH)), max_size=10)
sets = raw.map(normalise)


def listed(spans):
    return [tuple(span) for span in spans.tolist()]


def covered(spans):
    return paint(spans, LENGTH)


@settings(deadline=None)
@given(raw)
def test_any_intervals_become_sorted_and_neither_overlap_nor_touch(spans):
    found = normalise(spans)
    assert is_normal(found)
    assert found.dtype == np.int64
    assert listed(found) == runs(paint([(s, e) for s, e in spans if s < e], LENGTH))


@settings(deadline=None)
@given(sets, sets)
def test_union_intersection_and_difference_are_those_of_the_instants(a, b):
    assert listed(intervals.union(a, b)) == runs(covered(a) | covered(b))
    assert listed(intervals.intersect(a, b)) == runs(covered(a) & covered(b))
    assert listed(intervals.subtract(a, b)) == runs(covered(a) & ~covered(b))


@settings(deadline=None)
@given(sets, st.integers(0, LENGTH), st.integers(0, LENGTH))
def test_gaps_and_clip_split_a_window_between_them(spans, start, end):
    window = np.zeros(LENGTH, dtype=bool)
    window[start:end] = True
    assert listed(intervals.gaps(spans, start, end)) == runs(window & ~covered(spans))
    assert listed(intervals.clip(spans, start, end)) == runs(window & covered(spans))


@settings(deadline=None)
@given(sets, st.integers(0, 30))
def test_bridging_fills_exactly_the_shorter_gaps(spans, shortest):
    found = intervals.bridge(spans, shorter_than_ms=shortest)
    filled = [
        (a[1], b[0])
        for a, b in zip(listed(spans), listed(spans)[1:], strict=False)
        if b[0] - a[1] < shortest
    ]
    assert listed(found) == runs(covered(spans) | paint(filled, LENGTH))


@settings(deadline=None)
@given(sets, st.integers(0, 30))
def test_dropping_keeps_exactly_the_longer_ones(spans, shortest):
    found = intervals.drop_short(spans, shorter_than_ms=shortest)
    assert listed(found) == [(s, e) for s, e in listed(spans) if e - s >= shortest]


@settings(deadline=None)
@given(sets, st.integers(0, 30))
def test_padding_widens_both_sides_inside_the_recording(spans, each):
    wide = [(max(0, s - each), min(LENGTH, e + each)) for s, e in listed(spans)]
    found = intervals.pad(spans, each_side_ms=each, duration_ms=LENGTH)
    assert listed(found) == runs(paint(wide, LENGTH))


@settings(deadline=None)
@given(sets)
def test_the_total_is_the_number_of_covered_instants(spans):
    assert intervals.total(spans) == covered(spans).sum()


@settings(deadline=None)
@given(st.lists(sets, max_size=5), st.integers(1, 30))
def test_many_calls_at_once_are_changed_like_each_alone(calls, shortest):
    ragged = Ragged.from_lists(calls)
    together = ragged.map(
        lambda spans: intervals.bridge(spans, shorter_than_ms=shortest), reach_ms=shortest
    )
    assert len(together) == len(calls)
    for place, spans in enumerate(calls):
        alone = intervals.bridge(spans, shorter_than_ms=shortest)
        assert together[place].tolist() == alone.tolist()


@settings(deadline=None)
@given(st.lists(sets, min_size=1, max_size=5), st.data())
def test_a_slice_of_many_calls_shares_its_columns(calls, data):
    ragged = Ragged.from_lists(calls)
    first = data.draw(st.integers(0, len(calls)))
    stop = data.draw(st.integers(first, len(calls)))
    part = ragged.calls(first, stop)
    assert [part[i].tolist() for i in range(len(part))] == [c.tolist() for c in calls[first:stop]]
    assert part.start is ragged.start
    assert part.count == sum(len(c) for c in calls[first:stop])


def test_a_call_outside_the_batch_is_an_error():
    with pytest.raises(IndexError, match="call 1 of a batch of 1"):
        Ragged.from_lists([[(0, 1)]])[1]


def test_no_intervals_are_a_set_too():
    none = as_spans([])
    assert intervals.union(none, none).shape == (0, 2)
    assert intervals.intersect(none, as_spans([(0, 1)])).shape == (0, 2)
    assert intervals.subtract(none, as_spans([(0, 1)])).shape == (0, 2)
    assert intervals.bridge(none, shorter_than_ms=5).shape == (0, 2)
    assert Ragged.empty(2)[1].shape == (0, 2)
