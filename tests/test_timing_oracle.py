"""The fast measures against the slow ones, and a batch against its calls alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from speechqa.settings import TimingSettings
from speechqa.timing import Call, CallBatch, measure_batch, measure_calls, result
from tests.oracle import PARTIES, Oracle

DEFAULT = TimingSettings()
LENGTH = 90_000

# Multiples of 250 hit every threshold exactly; one more or less hits its other side.
instants = st.builds(
    lambda step, nudge: max(0, min(LENGTH, 250 * step + nudge)),
    st.integers(0, LENGTH // 250),
    st.sampled_from([0, 0, 0, -1, 1]),
)


@st.composite
def spans(draw, most=12):
    """Sorted pairs that may touch or overlap: a batch merges them."""
    edges = sorted(draw(st.lists(instants, max_size=2 * most)))
    pairs = list(zip(edges[::2], edges[1::2], strict=False))
    return [(s, e) for s, e in pairs if s < e]


@st.composite
def words(draw):
    start = draw(st.lists(instants.filter(lambda at: at < LENGTH), max_size=25))
    return [
        (
            draw(st.sampled_from(PARTIES)),
            at,
            min(LENGTH, at + draw(st.sampled_from([0, 100, 400, 6000]))),
            draw(st.sampled_from([0, 1, 3, 9])),
        )
        for at in start
    ]


@st.composite
def calls(draw):
    agent = draw(spans())
    customer = draw(st.one_of(spans(), st.just([]), st.just(agent)))
    if draw(st.booleans()) and agent:
        # A customer who starts or ends with the agent, inside, or touching.
        start, end = agent[len(agent) // 2]
        customer = sorted(
            [(start, max(start + 1, (start + end) // 2)), (end, min(LENGTH, end + 700)), *customer]
        )
        customer = [(s, e) for s, e in customer if s < e]
    return Call(
        duration_ms=LENGTH,
        agent=agent,
        customer=customer,
        holds=draw(st.one_of(st.none(), spans(most=3))),
        answered_ms=draw(st.one_of(st.none(), instants)),
        language=draw(st.sampled_from(["en", "zh", "xx", None])),
        words=draw(st.one_of(st.none(), words())),
        announcements=draw(st.lists(instants, max_size=3)),
        returns=draw(st.lists(instants, max_size=2)),
    )


def lively(seed):
    """A call as busy as real ones: answers, interruptions, backchannels, holds, words."""
    random = np.random.default_rng(seed)
    lanes, said, announcements, returns = {p: [] for p in PARTIES}, [], [], []
    at, talk = {p: int(random.integers(0, 8)) * 250 for p in PARTIES}, random.uniform(0.5, 6)
    for party in PARTIES:
        while at[party] < LENGTH:
            end = at[party] + max(1, int(random.exponential(talk) * 4) * 250 + _nudge(random))
            lanes[party].append((at[party], min(end, LENGTH)))
            long = random.random() < 0.15
            pause = int(random.integers(60, 90) if long else random.integers(1, 24)) * 250
            if party == "agent" and random.random() < (0.8 if long else 0.1):
                late = random.choice([-44, -10, -2, 0, 1, 2, 3])
                announcements.append(end + int(late) * 250)
                if random.random() < 0.5:
                    returns.append(end + pause + int(random.integers(-2, 44)) * 250)
            at[party] = end + max(1, pause + _nudge(random))
        beat = int(random.integers(150, 700))
        said += [
            (party, start, min(start + beat // int(random.integers(1, 4)), LENGTH), 1)
            for start in range(int(random.integers(0, 900)), LENGTH, beat)
        ]
    if random.random() < 0.5:
        # Few parties speak so little that one is put inside the other's longest talkspurt.
        start, end = max(lanes["customer"], key=lambda span: span[1] - span[0])
        marks = sorted(random.integers(start, end + 1, 6).tolist())
        lanes["agent"] += list(zip(marks[::2], marks[1::2], strict=True))
    return Call(
        duration_ms=LENGTH,
        agent=[span for span in lanes["agent"] if span[0] < span[1]],
        customer=lanes["customer"],
        holds=None if random.random() < 0.7 else [sorted(random.integers(0, LENGTH, 2).tolist())],
        answered_ms=None if random.random() < 0.5 else 500,
        language=str(random.choice(["en", "zh", "xx"])),
        words=said if random.random() < 0.8 else None,
        announcements=[min(max(at, 0), LENGTH) for at in announcements],
        returns=[min(max(at, 0), LENGTH) for at in returns],
    )


def _nudge(random):
    return int(random.choice([0, 0, 0, 0, -1, 1]))


any_call = st.one_of(calls(), st.builds(lively, st.integers(0, 2**32)))


def events_of(measured, call):
    """Events in the oracle's form."""
    found = []
    for event in measured.events(call):
        detail = event["detail"]
        more = {
            "silence": ("before", "after", "announced"),
            "interruption": ("successful",),
            "hold": ("source", "ended_by", "confidence", "announced", "thanked"),
        }.get(event["kind"], ())
        found.append(
            (
                event["kind"],
                event["party"],
                event["start_ms"],
                event["end_ms"],
                tuple(detail[name] for name in more),
            )
        )
    return sorted(found, key=repr)


def without_reasons(row):
    return {name: value for name, value in row.items() if name != "unmeasured"}


def assert_same(found, wanted):
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        if isinstance(value, dict):
            assert_same(found[name], value)
        elif value is None:
            assert found[name] is None, name
        else:
            assert found[name] == pytest.approx(value, rel=1e-12), name


@settings(max_examples=120, deadline=None)
@given(any_call)
def test_every_measure_and_event_is_what_the_slow_oracle_says(call):
    measured = measure_calls([call], DEFAULT)
    oracle = Oracle(call, DEFAULT)
    assert_same(without_reasons(measured.row(0)), oracle.row())
    assert events_of(measured, 0) == oracle.events()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(any_call, max_size=6), st.sampled_from([1, 9, 98_304]))
def test_a_batch_measures_each_call_as_if_alone(several, block):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(result, "BLOCK_TALKSPURTS", block)
        together = measure_calls(several, DEFAULT)
    for place, call in enumerate(several):
        alone = measure_calls([call], DEFAULT)
        assert together.row(place) == alone.row(0)
        assert together.events(place) == alone.events(0)
        assert together.gaps(place) == alone.gaps(0)


small = TimingSettings(
    silence_ms=500,
    dead_air_ms=750,
    long_silence_ms=1000,
    announce_within_ms=1000,
    phrase_snap_ms=250,
    overtalk_ms=250,
    backchannel_ms=500,
    simultaneous_ms=250,
    terminal_ms=750,
    turn_pause_ms=0,
    hold_pause_ms=1000,
    hold_phrase_ms=500,
    hold_return_ms=2000,
    hold_customer_share=0.0,
    hold_confidence=0.0,
    rate_speech_ms=1000,
    rate_units=1,
    rate_window_ms=2000,
    rate_hop_ms=1000,
)


@settings(max_examples=80, deadline=None)
@given(any_call)
def test_other_thresholds_are_obeyed_too(call):
    measured = measure_calls([call], small)
    oracle = Oracle(call, small)
    assert_same(without_reasons(measured.row(0)), oracle.row())
    assert events_of(measured, 0) == oracle.events()


def nine_hours(seed):
    """A day's worth of talk on one recording: 9 hours, some 12 000 talkspurts."""
    random = np.random.default_rng(seed)
    length = 9 * 3_600_000
    lanes = []
    for _ in PARTIES:
        edges = np.cumsum(random.integers(1, 5000, 12_000))
        lanes.append(edges[edges < length][: 2 * (len(edges[edges < length]) // 2)].reshape(-1, 2))
    return Call(
        duration_ms=length,
        agent=lanes[0],
        customer=lanes[1],
        announcements=random.integers(0, length, 40).tolist(),
        returns=random.integers(0, length, 400).tolist(),
    )


def test_a_nine_hour_call_is_measured_like_a_short_one():
    call = nine_hours(1)
    measured = measure_batch(
        CallBatch.from_calls([Call(duration_ms=1000, agent=[(0, 9)], customer=[]), call]), DEFAULT
    )
    # The oracle's pairwise loops would take minutes at this size; sums over the raster do not.
    length = call.duration_ms
    raster = [np.zeros(length, dtype=bool) for _ in PARTIES]
    for lane, painted in zip((call.agent, call.customer), raster, strict=True):
        for start, end in lane:
            painted[start:end] = True
    row = measured.row(1)
    either, both = raster[0] | raster[1], raster[0] & raster[1]
    edges = np.flatnonzero(either)
    assert row["conversation_ms"] == edges[-1] + 1 - edges[0]
    assert row["agent"]["talk_ms"] == raster[0].sum()
    assert row["overlap_ms"] == both.sum()
    all_gaps = sum(gap["end_ms"] - gap["start_ms"] for gap in measured.gaps(1))
    assert all_gaps + row["hold_ms"] == pytest.approx(
        row["conversation_ms"] - either.sum(), abs=row["hold_ms"]
    )


def test_a_long_stretch_of_a_nine_hour_call_agrees_with_the_oracle():
    call = nine_hours(2)
    late = call.duration_ms - 600_000
    cut = Call(
        duration_ms=call.duration_ms,
        agent=call.agent[call.agent[:, 0] > late],
        customer=call.customer[call.customer[:, 0] > late],
        announcements=[at for at in call.announcements if at > late],
    )
    if len(cut.agent) == 0:
        cut = Call(
            duration_ms=call.duration_ms, agent=call.agent[-200:], customer=call.customer[-200:]
        )
    assert_same(without_reasons(measure_calls([cut], DEFAULT).row(0)), Oracle(cut, DEFAULT).row())
