import json

import pytest

from speechqa.batch.account import RunReport
from speechqa.cli import run as command
from speechqa.store import open_store
from tests.nights import mono, run_night

RTTM = (
    "SPEAKER call 1 0.000 6.000 <NA> <NA> {first} <NA> <NA>\n"
    "SPEAKER call 1 6.000 5.000 <NA> <NA> {second} <NA> <NA>\n"
)


@pytest.fixture
def recording(calls, tmp_path):
    return mono(calls[0], tmp_path / "call.wav")


def only_call(folder):
    store = open_store(str(folder / "store"))
    (facts,) = store.calls()
    return facts, store.assessment_of(facts.key).measures


def test_segments_beside_a_mono_recording_give_talk_share_but_no_interruptions(recording, tmp_path):
    recording.with_suffix(".rttm").write_text(RTTM.format(first="agent", second="customer"))
    run_night([recording], tmp_path / "store")
    facts, measures = only_call(tmp_path)
    assert facts.grade == "C"
    assert measures["agent"]["talk_share"] == pytest.approx(6 / 11)
    assert measures["agent"]["longest_monologue_ms"] == 6000
    assert measures["agent"]["interruptions"] is None
    assert {word.party for word in facts.words} >= {"agent", "customer"}


def test_segments_beside_it_that_name_nobody_are_passed_over_and_said(recording, tmp_path):
    recording.with_suffix(".rttm").write_text(RTTM.format(first="A", second="B"))
    report: RunReport = run_night([recording], tmp_path / "store")
    facts, measures = only_call(tmp_path)
    assert report.counts["scored"] == 1
    assert "not used" in facts.checks[-1]["message"]
    assert measures["agent"]["talk_share"] is None


def test_segments_that_were_named_must_be_right(recording, tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("SPEECHQA_ASR__ENGINE", "stub")
    bad = tmp_path / "bad.rttm"
    bad.write_text("SPEAKER call 1 -3.0 2.0 <NA> <NA> agent <NA> <NA>\n")
    arguments = ["run", str(recording), "--segments", str(bad), "--rulebook", "starter"]
    assert command([*arguments, "--store", str(tmp_path / "s")]) == 3
    said = capfd.readouterr().err
    assert "bad.rttm" in said
    assert "bad-segments" in said


def test_segments_as_json_beside_a_recording_do_the_same(recording, tmp_path):
    told = {"agent": [[0, 6000]], "customer": [[6000, 11_000]]}
    recording.with_suffix(".segments.json").write_text(json.dumps(told))
    run_night([recording], tmp_path / "store")
    facts, measures = only_call(tmp_path)
    assert facts.grade == "C"
    assert measures["agent"]["talk_share"] == pytest.approx(6 / 11)
    assert measures["customer"]["longest_monologue_ms"] == 5000
    assert measures["interactivity"] is not None
    assert measures["overlap_ms"] is None


def test_a_call_is_drawn_and_told_as_json_in_one_go(recording, tmp_path, capfd):
    run_night([recording], tmp_path / "store")
    capfd.readouterr()
    picture = tmp_path / "call.svg"
    arguments = ["show", "call", "--store", str(tmp_path / "store"), "--plot", str(picture)]
    assert command([*arguments, "--json"]) == 0
    told = capfd.readouterr()
    assert json.loads(told.out)["call_id"] == only_call(tmp_path)[0].call_id
    assert picture.exists()
    assert "drawn" in told.err
