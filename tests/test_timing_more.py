"""Measures beside a call's row: tiers and owners of silence, and the figures of the line."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from speechqa.pipeline.explain import explain_measure
from speechqa.pipeline.facts import CallFacts
from speechqa.settings import TimingSettings
from speechqa.timing import Call, explain, measure_calls
from tests.oracle import PARTIES, Oracle
from tests.test_timing_oracle import any_call, small

DEFAULT = TimingSettings()


def figure(measured, name, party=None):
    column = measured.columns[name]
    at = 0 if party is None else (0, PARTIES.index(party))
    return None if column.why[at] else float(column.values[at])


@pytest.mark.parametrize("thresholds", [DEFAULT, small], ids=["default", "small"])
@settings(max_examples=60, deadline=None)
@given(call=any_call)
def test_tiers_and_owners_of_silence_are_what_the_slow_oracle_says(thresholds, call):
    oracle, measured = Oracle(call, thresholds), measure_calls([call], thresholds)
    live = int(oracle.live.sum())

    def share(total):
        return total / live if live else None

    def length(gaps):
        return sum(gap[1] - gap[0] for gap in gaps)

    for tier in ("dead_air", "long_silence"):
        total = length(oracle.silences(getattr(thresholds, f"{tier}_ms")))
        assert figure(measured, f"{tier}_total_ms") == total
        assert figure(measured, f"{tier}_share") == pytest.approx(share(total))
    for party in PARTIES:
        owned = [
            gap for gap in oracle.silences(thresholds.silence_ms) if oracle.owner(gap) == party
        ]
        assert figure(measured, "owned_silence_count", party) == len(owned)
        assert figure(measured, "owned_silence_share", party) == pytest.approx(share(length(owned)))
        longest = max((gap[1] - gap[0] for gap in owned), default=0)
        assert figure(measured, "longest_owned_silence_ms", party) == longest
        untold = length(gap for gap in owned if not gap[4])
        assert figure(measured, "unannounced_silence_ms", party) == untold


def test_the_figures_of_the_line_are_passed_on_and_explained():
    call = Call(
        duration_ms=9000,
        agent=[(0, 4000)],
        customer=[(5000, 8000)],
        level_dbfs={"agent": -20.1, "customer": -22.0},
        snr_db={"agent": 25.1, "customer": None},
        clipped_share={"agent": 0.002, "customer": 0.0},
        raised={"agent": [(500, 2600), (3000, 3900)]},
    )
    noise = explain(call, "agent.snr_db", DEFAULT)
    assert (noise.value, noise.arithmetic) == (25.1, ("-20.1 - -45.2 = 25.1 dB",))
    assert explain(call, "customer.snr_db", DEFAULT).result.startswith("not measured: too little")
    assert explain(call, "agent.clipped_share", DEFAULT).result == "0.002 (0.2 %)"
    raised = explain(call, "agent.raised_voice_ms", DEFAULT)
    assert raised.arithmetic == ("2100 + 900 = 3000 ms",)
    assert explain(call, "agent.raised_voice_count", DEFAULT).value == 2
    assert explain(call, "customer.raised_voice_count", DEFAULT).result == (
        "not measured: raised voice was not looked for"
    )


def test_one_channel_has_no_noise_of_a_party():
    call = Call(duration_ms=9000, mixed=[(0, 4000)])
    told = explain(call, "agent.snr_db", DEFAULT)
    assert told.result == "not measured: one channel: the parties are not told apart"


def test_what_the_line_checks_found_is_explained_from_the_stored_facts():
    import numpy as np

    levels = {
        "agent": {"level_dbfs": -20.0, "snr_db": 30.0, "clipped_share": 0.0, "unmeasured": {}},
        "customer": {
            "level_dbfs": -25.0,
            "snr_db": None,
            "clipped_share": 0.01,
            "unmeasured": {"raised_voice": "under 10 s of speech"},
        },
    }
    facts = CallFacts(
        "k", "c", "c.wav", 1, 1, None, "x", "scored",
        duration_ms=9000,
        grade="B",
        channels=2,
        speech={"agent": np.array([[0, 4000]]), "customer": np.array([[5000, 8000]])},
        levels=levels,
        raised={"agent": np.array([[0, 2500]]), "customer": np.empty((0, 2), np.int64)},
    )  # fmt: skip
    told = explain_measure(facts, "agent.snr_db", DEFAULT)
    assert told["arithmetic"] == ["-20.0 - -50.0 = 30 dB"]
    assert explain_measure(facts, "agent.raised_voice_count", DEFAULT)["value"] == 1
    assert explain_measure(facts, "customer.raised_voice_count", DEFAULT)["value"] is None
    assert explain_measure(facts, "customer.clipped_share", DEFAULT)["value"] == 0.01
