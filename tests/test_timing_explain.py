"""Explanations: the figure they show is the figure of the call, and their sums add up."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speechqa.errors import UsageError
from speechqa.settings import TimingSettings
from speechqa.timing import MEASURES, Call, definition, explain, measure_calls
from tests.test_timing_oracle import lively

DEFAULT = TimingSettings()
NAMES = [
    name
    for bare, one in MEASURES.items()
    for name in ([f"agent.{bare}", f"customer.{bare}"] if one.per_party else [bare])
]


def figure(row, name):
    party, _, bare = name.rpartition(".")
    return row[party][bare] if party else row[bare]


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32))
def test_an_explanation_shows_the_figure_of_the_call(seed):
    call = lively(seed)
    row = measure_calls([call], DEFAULT).row(0)
    for name in NAMES:
        told = explain(call, name, DEFAULT)
        if MEASURES[name.rpartition(".")[2]].listed:
            assert told.value == figure(row, name)
            assert told.reason == row["unmeasured"].get(name)
        assert told.definition == definition(name)
        assert (told.value is None) == (told.reason is not None)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32))
def test_the_arithmetic_of_an_explanation_can_be_done_again(seed):
    call = lively(seed)
    for name in NAMES:
        told = explain(call, name, DEFAULT)
        left, equals, right = told.arithmetic[-1].rpartition(" = ")
        sum_ = re.fullmatch(r"[-\d.]+(?: [-+x/] [-\d.]+)*", left)
        if equals and sum_:
            done = eval(left.replace("x", "*"))
            assert done == pytest.approx(float(right.split()[0]), rel=1e-5), name


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32))
def test_counts_are_the_rows_that_count(seed):
    call = lively(seed)
    for name in NAMES:
        told = explain(call, name, DEFAULT)
        if told.unit == "count" and told.value is not None:
            counted = [row for row in told.intervals if row.get("counts", True)]
            assert len(counted) == told.value, name


def test_an_explanation_reads_well():
    call = Call(duration_ms=9000, agent=[(0, 1000)], customer=[(5000, 8000)])
    told = explain(call, "silence_ms", DEFAULT).as_dict()
    assert told["definition"].startswith("Total length of the silences")
    assert told["thresholds"] == {"silence_ms": 3000}
    assert told["intervals"] == [
        {
            "what": "silence",
            "start_ms": 1000,
            "end_ms": 5000,
            "detail": "agent to customer, owned by the customer",
        }
    ]
    assert told["arithmetic"] == ["4000 = 4000 ms"]
    assert told["result"] == "4000 ms"
    share = explain(call, "customer.talk_share", DEFAULT)
    assert share.arithmetic == ("3000 ms of 4000 ms", "3000 / 4000 = 0.75")
    assert share.result == "0.75 (75.0 %)"


def test_long_times_are_written_in_full():
    call = Call(duration_ms=32_400_000, agent=[(0, 32_399_999)], customer=[])
    assert explain(call, "agent.talk_ms", DEFAULT).arithmetic == ("32399999 = 32399999 ms",)


def test_what_is_not_measured_says_why_and_shows_nothing_misleading():
    told = explain(Call(duration_ms=9000, mixed=[(0, 1000)]), "agent.interruptions", DEFAULT)
    assert told.result == "not measured: one channel: the parties are not told apart"
    assert told.intervals == ()


def test_an_unknown_measure_is_answered_with_the_nearest():
    call = Call(duration_ms=9000, agent=[], customer=[])
    with pytest.raises(UsageError, match="'silence_shares' is no measure") as unknown:
        explain(call, "silence_shares", DEFAULT)
    assert unknown.value.hint.startswith("nearest: silence_share")
    with pytest.raises(UsageError, match="is a measure of the call, not of a party"):
        definition("agent.silence_ms")
    with pytest.raises(UsageError, match=r"'supervisor\.talk_ms' is no measure"):
        definition("supervisor.talk_ms")
