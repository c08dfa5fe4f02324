"""``speechqa measure``: intervals in, JSON lines out, and what it says of bad input."""

from __future__ import annotations

import json

import pytest
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from speechqa.cli.measure import measure
from speechqa.errors import UsageError
from speechqa.settings import TimingSettings
from speechqa.timing import Call
from tests.oracle import Oracle

app = typer.Typer()
app.command()(measure)
runner = CliRunner()

ROW = """recording_ms conversation_ms hold_ms live_ms
silence_count silence_ms silence_share longest_silence_ms dead_air_count long_silence_count
silence_agent_ms silence_customer_ms
overlap_ms overlap_share overtalk_count overtalk_ms
floor_changes interactivity greeting_latency_ms""".split()
PARTY = """talk_ms talk_share longest_monologue_ms
interruptions interruptions_successful interruption_overlap_ms backchannels
response_time_median_ms response_time_p90_ms response_time_max_ms
articulation_rate speaking_rate fast_share slow_share units level_dbfs""".split()


def rttm(*spans, recording="call"):
    return "\n".join(
        f"SPEAKER {recording} 1 {start} {length} <NA> <NA> {who} <NA> <NA>"
        for who, start, length in spans
    )


def run(tmp_path, text, *options, name="call.rttm"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    done = runner.invoke(app, [str(path), *options])
    return done, [json.loads(line) for line in done.stdout.splitlines()]


def test_the_names_are_those_of_the_interface_in_their_order(tmp_path):
    done, (line,) = run(tmp_path, rttm(("agent", 0, 2), ("customer", 6, 1)))
    assert done.exit_code == 0
    assert list(line) == ["path", *ROW, "agent", "customer", "unmeasured"]
    assert list(line["agent"]) == list(line["customer"]) == PARTY


def test_a_plain_call_is_measured(tmp_path):
    done, (line,) = run(tmp_path, rttm(("agent", 0, 2), ("customer", 6, 1.0004)), "--duration", "9")
    assert line["recording_ms"] == 9000
    assert line["silence_count"] == 1
    assert line["silence_ms"] == line["silence_customer_ms"] == 4000
    assert line["customer"]["response_time_max_ms"] == 4000
    assert line["agent"]["talk_share"] == pytest.approx(2 / 3)
    assert line["agent"]["response_time_max_ms"] is None
    assert line["unmeasured"]["agent.response_time_max_ms"].startswith("never took the floor")
    assert done.stderr == ""


def test_the_recording_ends_at_its_last_interval_unless_told(tmp_path):
    text = rttm(("agent", 0.5, 2), ("customer", 6, 1))
    assert run(tmp_path, text)[1][0]["recording_ms"] == 7000
    assert run(tmp_path, text, "--duration", "1:30")[1][0]["recording_ms"] == 90_000
    done, lines = run(tmp_path, text, "--duration", "5")
    assert (done.exit_code, lines) == (3, [])
    assert "speech until 7000 ms in a recording of 5000 ms" in done.stderr


def test_overlapping_and_unsorted_intervals_are_merged_and_said(tmp_path):
    text = rttm(("agent", 5, 2), ("agent", 1, 2), ("agent", 2, 2), ("customer", 9, 1))
    done, (line,) = run(tmp_path, text)
    assert line["agent"]["talk_ms"] == 5000
    assert "agent: intervals were not in order: sorted" in done.stderr
    assert "agent: 2 intervals overlapped or touched: merged" in done.stderr


@pytest.mark.parametrize(
    ("start", "length", "said"),
    [
        ("-1", "2", "time is negative"),
        ("1", "-2", "length is negative"),
        ("nan", "2", "not a time"),
        ("inf", "2", "not a time"),
        ("abc", "2", "not a number of seconds"),
        ("172800", "1", "beyond 48 hours"),
        ("1e999999", "1", "beyond 48 hours"),
    ],
)
def test_times_that_cannot_be_are_refused_with_file_and_line(tmp_path, start, length, said):
    text = rttm(("agent", 0, 1), ("customer", start, length))
    done, lines = run(tmp_path, text)
    assert (done.exit_code, lines) == (3, [])
    assert "call.rttm:2: " in done.stderr
    assert said in done.stderr


def test_an_unknown_speaker_is_named_with_what_to_do(tmp_path):
    text = rttm(("SPK0", 0, 1), ("SPK1", 2, 1))
    done, lines = run(tmp_path, text)
    assert (done.exit_code, lines) == (3, [])
    assert "'SPK0' (line 1), 'SPK1' (line 2)" in done.stderr
    assert "--agent SPK0" in done.stderr
    done, (line,) = run(tmp_path, text, "--agent", "SPK1", "--customer", "spk0")
    assert line["agent"]["response_time_max_ms"] == 1000


def test_several_files_go_on_after_a_bad_one(tmp_path):
    good, bad = tmp_path / "good.rttm", tmp_path / "bad.rttm"
    good.write_text(rttm(("agent", 0, 1)))
    bad.write_text("SPEAKER nonsense")
    done = runner.invoke(app, [str(bad), str(good)])
    assert done.exit_code == 3
    assert json.loads(done.stdout)["path"] == str(good)
    done = runner.invoke(app, [str(tmp_path / "none.rttm"), str(good), str(bad)])
    assert done.exit_code == 5
    assert "none.rttm: No such file" in done.stderr
    assert json.loads(done.stdout)["path"] == str(good)


@pytest.mark.parametrize("text", ["", "\n;; only a comment\n", "hello there", "RIFF\x00\x01"])
def test_a_file_that_is_no_rttm_is_refused(tmp_path, text):
    done, lines = run(tmp_path, text)
    assert (done.exit_code, lines) == (3, [])
    assert "call.rttm" in done.stderr
    assert "next:" in done.stderr


def test_bytes_that_are_no_text_are_refused(tmp_path):
    path = tmp_path / "call.rttm"
    path.write_bytes(b"\xff\xfe\x00RIFF")
    done = runner.invoke(app, [str(path)])
    assert done.exit_code == 3
    assert "not text" in done.stderr


def test_a_party_without_a_line_is_taken_as_silent_and_that_is_said(tmp_path):
    done, (line,) = run(tmp_path, rttm(("agent", 0, 1)))
    assert line["customer"]["talk_ms"] == 0
    assert "customer: no line; taken as a party who says nothing" in done.stderr


def test_each_recording_in_one_file_gets_its_line(tmp_path):
    text = rttm(("agent", 0, 1)) + "\n" + rttm(("customer", 0, 2), recording="other")
    _, lines = run(tmp_path, text)
    assert [line["recording"] for line in lines] == ["call", "other"]
    assert [line["customer"]["talk_ms"] for line in lines] == [0, 2000]


def test_json_may_tell_length_holds_and_words(tmp_path):
    given_ = {
        "agent": [[0, 20_000]],
        "customer": [[50_000, 51_000]],
        "duration_ms": 60_000,
        "holds": [[20_000, 45_000]],
        "language": "en",
        "words": [
            {"party": "agent", "start_ms": 400 * i, "end_ms": 400 * i + 300, "text": "word"}
            for i in range(50)
        ],
    }
    _, (line,) = run(tmp_path, json.dumps(given_), "--events", name="call.json")
    assert (line["recording_ms"], line["hold_ms"], line["silence_ms"]) == (60_000, 25_000, 5000)
    assert line["agent"]["articulation_rate"] == 150
    assert [event["kind"] for event in line["events"]] == ["hold", "silence"]


def test_a_json_party_that_is_left_out_has_no_channel(tmp_path):
    _, (line,) = run(tmp_path, '{"agent": [[0, 900]]}', name="call.json")
    assert line["agent"]["talk_ms"] == 900
    assert line["silence_ms"] is None
    assert line["unmeasured"]["silence_ms"] == "no customer channel"
    _, (line,) = run(tmp_path, '{"mixed": [[0, 900], [9000, 9900]]}', name="call.json")
    assert line["silence_ms"] == 8100
    assert line["unmeasured"]["agent.talk_ms"] == "one channel: the parties are not told apart"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"agent": [[0, 1],\n[5, 3]]}', "call.json:2: interval ends before it starts: 5 to 3 ms"),
        ('{"agent":\n[[0, 1],\n[NaN, 3]]}', "call.json:3: agent[1] is nan"),
        ('{"agent": [[0, 1],\n[3]]}', "call.json:2: agent[1] is [3]"),
        ('{"agent": [[0, 1.5]]}', "call.json:1: agent[0] is 1.5: not whole milliseconds"),
        ('{"agent": [[-4, 1]]}', "agent[0] is negative"),
        ('{"agent": [[0, 999999999999]]}', "agent[0] is beyond 48 hours"),
        ('{"agent": [[0, "1"]]}', 'agent[0] is "1"'),
        ('{"agent": 5}', "agent is no list"),
        ('{"customers": []}', "did you mean 'customer'?"),
        ('{"duration_ms": 5}', "no speech in it"),
        ('{"agent": [[0, 1]\n', "not JSON"),
        ("[1]", "not a"),
        ('{"agent": [], "words": [{"party": "agent"}]}', "words[0] is"),
    ],
)
def test_json_that_cannot_be_is_refused_with_its_place(tmp_path, text, said):
    done, lines = run(tmp_path, text, name="call.json")
    assert (done.exit_code, lines) == (3, [])
    assert said in done.stderr


def test_short_gaps_are_kept_unless_smoothing_is_asked_for(tmp_path):
    text = rttm(("agent", 0, 1), ("agent", 1.1, 1), ("agent", 5, 0.05), ("customer", 7, 1))
    done, (line,) = run(tmp_path, text)
    assert line["agent"]["talk_ms"] == 2050
    assert "1 gaps under 200 ms and 1 islands under 100 ms kept as given" in done.stderr
    done, (line,) = run(tmp_path, text, "--smooth")
    assert line["agent"]["talk_ms"] == 2100


def test_on_one_channel_overlap_is_not_measured(tmp_path):
    text = rttm(("agent", 0, 3), ("customer", 1, 4))
    _, (line,) = run(tmp_path, text, "--one-channel")
    assert line["overlap_ms"] is None
    assert line["customer"]["interruptions"] is None
    assert line["customer"]["talk_share"] == pytest.approx(4 / 7)
    assert line["unmeasured"]["overlap_ms"] == "one channel: overlap cannot be measured"


@pytest.mark.parametrize("text", ["soon", "-5", "0", "nan", "200000", "1:2:3:4"])
def test_a_length_that_cannot_be_is_a_usage_error(tmp_path, text):
    path = tmp_path / "call.rttm"
    path.write_text(rttm(("agent", 0, 1)))
    done = runner.invoke(app, [str(path), f"--duration={text}"])
    assert isinstance(done.exception, UsageError)
    assert done.exception.exit_code == 2


spans = st.lists(st.tuples(st.integers(0, 60_000), st.integers(1, 8000)), max_size=12)


@settings(max_examples=60, deadline=None)
@given(spans, spans)
def test_random_intervals_agree_with_the_oracle(tmp_path_factory, agent, customer):
    lines = [("agent", s / 1000, n / 1000) for s, n in agent]
    lines += [("customer", s / 1000, n / 1000) for s, n in customer]
    if not lines:
        return
    path = tmp_path_factory.mktemp("rttm")
    _, (line,) = run(path, rttm(*lines), "--duration", "70")
    call = Call(
        duration_ms=70_000,
        agent=[(s, s + n) for s, n in agent],
        customer=[(s, s + n) for s, n in customer],
    )
    wanted = Oracle(call, TimingSettings()).row()
    for name in ROW:
        assert line[name] == pytest.approx(wanted[name]) or line[name] is wanted[name] is None
    for party in ("agent", "customer"):
        for name in PARTY:
            found, want = line[party][name], wanted[party][name]
            assert found is want is None or found == pytest.approx(want), name
