"""Small calls whose figures can be checked by eye: one per definition and per threshold."""

from __future__ import annotations

import pytest

from speechqa.settings import TimingSettings
from speechqa.timing import MEASURES, Call, measure_calls

DEFAULT = TimingSettings()


def measured(**call):
    call.setdefault("duration_ms", 200_000)
    return measure_calls([Call(**call)], DEFAULT)


def row(**call):
    return measured(**call).row(0)


def kinds(**call):
    return [event["kind"] for event in measured(**call).events(0)]


@pytest.mark.parametrize(("gap", "count"), [(2999, 0), (3000, 1)])
def test_a_gap_of_exactly_three_seconds_is_a_silence(gap, count):
    found = row(agent=[(0, 1000)], customer=[(1000 + gap, 9000)])
    assert found["silence_count"] == count
    assert found["silence_ms"] == count * gap


@pytest.mark.parametrize(
    ("gap", "tier", "counts"),
    [
        (4999, "silence", (1, 0, 0)),
        (5000, "dead-air", (1, 1, 0)),
        (9999, "dead-air", (1, 1, 0)),
        (10_000, "long", (1, 1, 1)),
    ],
)
def test_tiers_begin_at_their_thresholds(gap, tier, counts):
    call = {"agent": [(0, 1000)], "customer": [(1000 + gap, 30_000)]}
    found = row(**call)
    assert (
        found["silence_count"],
        found["dead_air_count"],
        found["long_silence_count"],
    ) == counts
    assert measured(**call).events(0)[0]["detail"]["tier"] == tier


def test_ringing_before_and_after_the_conversation_is_no_silence():
    found = row(agent=[(60_000, 61_000)], customer=[(61_000, 62_000)])
    assert found["conversation_ms"] == 2000
    assert found["silence_count"] == 0
    assert found["greeting_latency_ms"] == 60_000


@pytest.mark.parametrize(
    ("first", "then", "owner"),
    [
        ("customer", "agent", "agent"),
        ("customer", "customer", "agent"),
        ("agent", "customer", "customer"),
        ("agent", "agent", "agent"),
    ],
)
def test_a_silence_belongs_to_whoever_should_have_spoken(first, then, owner):
    lanes = {"agent": [], "customer": []}
    lanes[first].append((0, 1000))
    lanes[then].append((5000, 6000))
    found = measured(**lanes)
    event = found.events(0)[0]
    assert (event["party"], event["detail"]["owner"]) == (owner, owner)
    assert (event["detail"]["before"], event["detail"]["after"]) == (first, then)
    assert found.row(0)[f"silence_{owner}_ms"] == 4000


def test_where_both_end_together_the_one_who_started_later_spoke_last():
    later = measured(agent=[(0, 1000)], customer=[(500, 1000), (5000, 6000)])
    silence = next(e for e in later.events(0) if e["kind"] == "silence")
    assert silence["detail"]["before"] == "customer"
    twins = measured(agent=[(500, 1000)], customer=[(500, 1000), (5000, 6000)])
    assert [e["detail"]["before"] for e in twins.events(0) if e["kind"] == "silence"] == ["agent"]


@pytest.mark.parametrize(("ends_at", "announced"), [(999, False), (1000, True), (11_000, True)])
def test_a_hold_phrase_announces_silences_for_ten_seconds(ends_at, announced):
    found = measured(
        agent=[(0, 11_000)], customer=[(15_000, 16_000)], announcements=[ends_at]
    ).events(0)
    assert [event["detail"]["announced"] for event in found] == [announced]


def test_a_phrase_whose_words_end_just_after_the_voice_still_announces():
    found = measured(agent=[(0, 1000)], customer=[(9000, 9500)], announcements=[1400])
    assert found.events(0)[0]["detail"]["announced"] is True


@pytest.mark.parametrize(
    ("u", "v", "event"),
    [
        ((3000, 4000), (0, 9000), "backchannel"),  # 1000 ms inside
        ((3000, 4001), (0, 9000), "failed"),  # 1 ms too long for that
        ((400, 9500), (0, 9000), None),  # both start within half a second
        ((500, 9500), (0, 9000), "successful"),
        ((8500, 9800), (0, 9000), None),  # a quick reply
        ((8499, 9800), (0, 9000), "successful"),
        ((8499, 9000), (0, 9000), "backchannel"),  # short and not beyond the end
        ((0, 9000), (0, 9000), None),  # nobody starts inside
        ((9000, 9900), (0, 9000), None),  # they touch
    ],
)
def test_a_start_inside_the_others_speech_is_one_of_four_things(u, v, event):
    for party, other in (("agent", "customer"), ("customer", "agent")):
        found = row(**{party: [u], other: [v]})
        assert found[party]["backchannels"] == (event == "backchannel")
        assert found[party]["interruptions"] == (event in ("failed", "successful"))
        assert found[party]["interruptions_successful"] == (event == "successful")
        lost = min(u[1], v[1]) - u[0] if event in ("failed", "successful") else 0
        assert found[party]["interruption_overlap_ms"] == lost
        assert found[other]["interruptions"] == found[other]["backchannels"] == 0


@pytest.mark.parametrize(("length", "count"), [(999, 0), (1000, 1)])
def test_an_overlap_of_a_second_is_overtalk_of_nobody(length, count):
    call = {"agent": [(0, 5000)], "customer": [(5000 - length, 9000)]}
    assert row(**call)["overtalk_count"] == count
    events = [e for e in measured(**call).events(0) if e["kind"] == "overtalk"]
    assert [event["party"] for event in events] == [None] * count


def test_what_lies_inside_the_others_speech_takes_no_turn():
    found = row(agent=[(0, 9000)], customer=[(1000, 1500), (10_000, 11_000)])
    assert found["floor_changes"] == 1
    assert found["customer"]["response_time_median_ms"] == 1000
    same = row(agent=[(0, 1000)], customer=[(0, 1000), (2000, 3000)])
    assert same["floor_changes"] == 1


@pytest.mark.parametrize(("pause", "longest"), [(3000, 5000), (3001, 1000)])
def test_a_pause_over_three_seconds_ends_a_turn(pause, longest):
    found = row(agent=[(0, 1000), (1000 + pause, 2000 + pause)], customer=[])
    assert found["agent"]["longest_monologue_ms"] == longest


def test_response_times_keep_their_sign_and_are_interpolated():
    found = row(
        agent=[(0, 1000), (3000, 4000), (6000, 7000)],
        customer=[(900, 2000), (4500, 5500), (8000, 9000)],
    )
    assert found["customer"]["response_time_median_ms"] == 500
    assert found["customer"]["response_time_p90_ms"] == 900
    assert found["customer"]["response_time_max_ms"] == 1000
    assert (
        row(agent=[(0, 1000)], customer=[(900, 2000)])["customer"]["response_time_max_ms"] == -100
    )


def test_a_hold_from_metadata_is_neither_live_nor_silent():
    call = {"agent": [(0, 1000), (31_000, 32_000)], "customer": [(1000, 2000)]}
    found = row(**call, holds=[(5000, 29_000)])
    assert (found["hold_ms"], found["live_ms"]) == (24_000, 8000)
    assert (found["silence_count"], found["silence_ms"]) == (1, 3000)
    hold = measured(**call, holds=[(5000, 29_000)]).events(0)[1]
    assert hold["detail"] == {
        "ms": 24_000,
        "source": "metadata",
        "ended_by": None,
        "confidence": 1.0,
        "announced": None,
        "thanked": None,
    }


@pytest.mark.parametrize(
    ("asked", "back", "manners"),
    [
        ([4000], [30_000], (True, True)),
        ([4000], [], (True, False)),
        ([], [30_000], (False, True)),
        ([500_000], [500_000], (False, False)),
    ],
)
def test_a_hold_tells_whether_it_was_announced_and_ended_with_thanks(asked, back, manners):
    call = {"agent": [(0, 4000), (29_500, 32_000)], "customer": [(1000, 2000)]}
    found = measured(**call, holds=[(5000, 29_000)], announcements=asked, returns=back)
    detail = next(e for e in found.events(0) if e["kind"] == "hold")["detail"]
    assert (detail["announced"], detail["thanked"]) == manners


HELD = {"agent": [(0, 2000), (20_000, 21_000)], "customer": [(2000, 2500), (40_000, 41_000)]}


def test_a_hold_is_inferred_from_phrase_pause_and_return():
    found = measured(**HELD, announcements=[1900], returns=[20_100])
    assert found.row(0)["hold_ms"] == 18_000
    detail = next(e for e in found.events(0) if e["kind"] == "hold")["detail"]
    assert (detail["source"], detail["ended_by"]) == ("inferred", "return phrase")
    assert detail["confidence"] == 0.9


def test_a_hold_without_a_return_phrase_needs_speech_of_both():
    assert measured(**HELD, announcements=[1900]).row(0)["hold_ms"] == 0
    answered = HELD | {"customer": [(2000, 2500), (21_500, 22_000)]}
    found = measured(**answered, announcements=[1900])
    assert found.row(0)["hold_ms"] == 18_000
    detail = next(e for e in found.events(0) if e["kind"] == "hold")["detail"]
    assert (detail["ended_by"], detail["confidence"]) == ("speech of both", 0.6)


def test_a_customer_who_explains_at_length_is_not_on_hold():
    explains = HELD | {"customer": [(2500, 19_000), (21_500, 22_000)]}
    assert measured(**explains, announcements=[1900]).row(0)["hold_ms"] == 0


def test_without_a_phrase_a_pause_is_no_hold_and_metadata_has_the_last_word():
    assert measured(**HELD, returns=[20_100]).row(0)["hold_ms"] == 0
    told = measured(**HELD, announcements=[1900], returns=[20_100], holds=[])
    assert told.row(0)["hold_ms"] == 0


def spoken(units, *, every=400, start=0):
    return [("agent", start + every * i, start + every * i + 300, 1) for i in range(units)]


def test_rates_are_per_minute_of_speech_and_of_turns():
    call = {"agent": [(0, 10_000), (12_000, 22_000)], "customer": [], "language": "en"}
    words = spoken(25) + spoken(25, start=12_000)
    agent = row(**call, words=words)["agent"]
    assert agent["units"] == 50
    assert agent["articulation_rate"] == 150
    assert agent["speaking_rate"] == pytest.approx(50 * 60 / 22)
    assert (agent["fast_share"], agent["slow_share"]) == (0, 0)


def test_a_rate_needs_fifteen_seconds_and_thirty_units():
    short = row(agent=[(0, 14_999)], customer=[], words=spoken(40, every=300), language="en")
    assert short["unmeasured"]["agent.articulation_rate"] == "under 15 s of speech"
    few = row(agent=[(0, 15_000)], customer=[], words=spoken(29), language="en")
    assert few["unmeasured"]["agent.speaking_rate"] == "under 30 units"
    enough = row(agent=[(0, 15_000)], customer=[], words=spoken(30), language="en")
    assert enough["agent"]["articulation_rate"] == 120
    silent = row(agent=[(0, 15_000)], customer=[])
    assert silent["unmeasured"]["agent.units"] == "no transcript"


def test_words_without_voice_under_them_do_not_count():
    words = [*spoken(30), ("agent", 15_000, 15_900, 5), ("agent", 14_990, 15_100, 1)]
    assert row(agent=[(0, 15_000)], customer=[], words=words)["agent"]["units"] == 31


def test_fast_and_slow_stretches_are_found_in_the_partys_own_speech():
    words = spoken(60, every=250) + spoken(20, every=1000, start=60_000)
    call = {
        "agent": [(0, 15_000), (60_000, 80_000)],
        "customer": [(20_000, 50_000)],
        "words": words,
        "language": "en",
    }
    agent = row(**call)["agent"]
    # Windows at 0 and 5 s are fast (40 units), at 10 s has 20 + 5, at 15, 20 and 25 s are slow.
    assert agent["fast_share"] == pytest.approx(2 / 6)
    assert agent["slow_share"] == pytest.approx(3 / 6)
    pace = [e for e in measured(**call).events(0) if e["kind"] in ("fast", "slow")]
    assert [(e["kind"], e["start_ms"], e["end_ms"]) for e in pace] == [
        ("fast", 0, 15_000),
        ("slow", 60_000, 80_000),
    ]
    assert pace[0]["detail"] == {"rate": 240.0, "windows": 2}
    other = row(**(call | {"language": "fr"}))
    assert other["unmeasured"]["agent.fast_share"] == "no speech-rate limits for this language"


def test_one_channel_has_silence_but_no_parties():
    found = measured(mixed=[(0, 1000), (9000, 9900)], grade="C")
    line = found.row(0)
    assert (line["silence_count"], line["silence_ms"], line["live_ms"]) == (1, 8000, 9900)
    reason = "one channel: the parties are not told apart"
    for name in ("silence_agent_ms", "overlap_ms", "floor_changes", "greeting_latency_ms"):
        assert line[name] is None
        assert line["unmeasured"][name] == reason
    for party in ("agent", "customer"):
        assert set(line[party].values()) == {None}
        assert line["unmeasured"][f"{party}.talk_ms"] == reason
    event = found.events(0)[0]
    assert (event["party"], event["detail"]["owner"]) == (None, None)


def test_parties_told_apart_on_one_channel_have_turns_but_no_interruptions():
    line = row(
        agent=[(0, 5000)], customer=[(4000, 9000)], one_channel=True, grade="C", duration_ms=9000
    )
    assert line["customer"]["talk_share"] == 0.5
    assert line["agent"]["longest_monologue_ms"] == 5000
    assert line["customer"]["interruptions"] is None
    assert line["unmeasured"]["overlap_ms"] == "one channel: overlap cannot be measured"


def test_interruptions_are_not_measured_below_grade_b():
    call = {"agent": [(0, 5000)], "customer": [(3000, 9000)]}
    assert row(**call, grade="B")["customer"]["interruptions"] == 1
    low = measured(**call, grade="D")
    assert low.row(0)["customer"]["interruptions"] is None
    assert low.row(0)["unmeasured"]["overlap_ms"] == "evidence grade below B"
    assert low.row(0)["customer"]["talk_ms"] == 6000
    assert low.events(0) == []


def test_with_only_the_agents_channel_only_the_agent_is_measured():
    line = row(agent=[(0, 1000), (9000, 9500)])
    assert line["agent"]["talk_ms"] == 1500
    assert line["greeting_latency_ms"] == 0
    assert line["silence_ms"] is None
    assert line["unmeasured"]["customer.talk_ms"] == "no customer channel"
    assert kinds(agent=[(0, 1000), (9000, 9500)]) == []


def test_a_call_in_which_nobody_speaks_has_lengths_of_nothing_and_no_shares():
    line = row(agent=[], customer=[])
    assert (line["conversation_ms"], line["live_ms"], line["silence_count"]) == (0, 0, 0)
    assert line["silence_share"] is None
    assert line["unmeasured"]["silence_share"] == "no live conversation"
    assert line["unmeasured"]["greeting_latency_ms"] == "the agent does not speak"
    assert line["unmeasured"]["agent.talk_share"] == "nobody speaks"


def test_level_and_raised_voice_are_passed_on():
    found = measured(
        agent=[(0, 9000)],
        customer=[],
        level_dbfs={"agent": -21.5},
        raised={"agent": [(2000, 5000)]},
    )
    assert found.row(0)["agent"]["level_dbfs"] == -21.5
    assert found.row(0)["unmeasured"]["customer.level_dbfs"] == "no level was measured"
    assert found.events(0) == [
        {
            "kind": "raised_voice",
            "party": "agent",
            "start_ms": 2000,
            "end_ms": 5000,
            "detail": {"ms": 3000},
        }
    ]


def test_ratios_pool_by_adding_not_by_averaging():
    calls = [
        Call(duration_ms=9000, agent=[(0, 1000)], customer=[(5000, 8000)]),
        Call(duration_ms=90_000, agent=[(0, 40_000)], customer=[(40_000, 80_000)]),
        Call(duration_ms=9000, mixed=[(0, 1000), (5000, 9000)]),
    ]
    pooled = measure_calls(calls, DEFAULT)
    assert pooled.pool("silence_share", [0, 1]) == pytest.approx(4000 / 88_000)
    assert pooled.pool("talk_share").tolist() == pytest.approx([41 / 84, 43 / 84])
    above, below = pooled.parts("talk_share")
    assert (above[2].tolist(), below[2].tolist()) == ([0, 0], [0, 0])
    with pytest.raises(ValueError, match="silence_ms is no ratio"):
        pooled.pool("silence_ms")


def test_every_gap_is_there_for_other_thresholds():
    found = measured(agent=[(0, 1000), (1200, 2000)], customer=[(7000, 8000)])
    assert [(g["start_ms"], g["end_ms"], g["owner"]) for g in found.gaps(0)] == [
        (1000, 1200, "agent"),
        (2000, 7000, "customer"),
    ]


def test_every_measure_has_a_unit_a_direction_and_a_definition():
    for name, one in MEASURES.items():
        assert one.name == name
        assert one.definition.endswith(".")
        assert one.better in ("higher", "lower", "neutral")
        for threshold in one.thresholds:
            assert threshold in TimingSettings.model_fields


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ({"agent": [(5, 3)], "customer": []}, r"interval \[5, 3\] ends before it starts"),
        ({"agent": [(-5, 3)], "customer": []}, "is negative"),
        ({"agent": [(0, 300_000)], "customer": []}, "past the end of the recording"),
        ({}, "a call needs speech"),
    ],
)
def test_intervals_that_cannot_be_are_refused(call, said):
    with pytest.raises(ValueError, match=said):
        measured(**call)


def test_windows_must_step_evenly():
    with pytest.raises(ValueError, match="whole multiple of rate_hop_ms"):
        TimingSettings(rate_window_ms=10_000, rate_hop_ms=3000)
