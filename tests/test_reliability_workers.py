"""Poison in a night, signals, and a worker's memory: the rows of docs/reliability.md, small."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time

import pytest

from speechqa.faults import POISON, POISONS
from tests.conftest import ROOT
from tests.nights import cut, run_night
from tests.torture.poisons import (
    CAUSES,
    FAST,
    deaths,
    drift,
    kind_of,
    lateness_of_a_hang,
    memory_of_one_worker,
    outcomes,
    poisoned_night,
)


@pytest.fixture(scope="module")
def night_of_poison(tmp_path_factory):
    """Run twice over 24 recordings with 8 kinds of poison among them."""
    base = tmp_path_factory.mktemp("poison")
    poisoned_night(base / "in", count=24)
    os.environ[POISON] = "1"
    try:
        first = run_night([base / "in"], base / "store", **FAST)
        again = run_night([base / "in"], base / "store", **FAST)
    finally:
        del os.environ[POISON]
    return base, first, again


@pytest.mark.timeout(600)
def test_poison_is_quarantined_with_its_cause_and_all_others_are_scored(night_of_poison):
    base, first, again = night_of_poison
    assert first.equation == "24 found = 16 scored + 8 quarantined"
    assert again.equation == first.equation
    ended = outcomes(base / "store")
    causes = {kind: ended[path][1] for path in ended if (kind := kind_of(path))}
    assert causes == CAUSES
    assert set(causes) == set(POISONS)


def test_poison_is_tried_at_most_twice_across_runs(night_of_poison):
    base, _, _ = night_of_poison
    killed = deaths(base / "store")
    assert {killed[path] for path in killed if kind_of(path)} == {2}
    assert {n for path, n in killed.items() if not kind_of(path)} <= {1}  # in bad company once


def test_no_worker_is_left_after_a_night_of_poison(night_of_poison):
    assert multiprocessing.active_children() == []


def test_the_log_names_deaths_and_calls_and_quotes_nothing(night_of_poison):
    base, first, _ = night_of_poison
    lines = (base / "store" / "runs" / f"{first.run_id}.jsonl").read_text("utf-8").splitlines()
    events = [json.loads(line) for line in lines]
    assert sum(event["event"] == "call" for event in events) == 24
    assert {e["cause"] for e in events if e["event"] == "worker died"} == {
        *("crash", "hang", "memory", "killed", "error")
    }
    assert "secret" not in "".join(lines)  # what the error of one poison says


@pytest.mark.timeout(600)
def test_quarantined_recordings_are_tried_again_when_asked(night_of_poison):
    base, _, _ = night_of_poison
    report = run_night([base / "in"], base / "store", retry=("quarantined",), **FAST)
    assert report.equation == "24 found = 24 scored"


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("number", "to_all", "stop"),
    [
        pytest.param(signal.SIGINT, False, {"SPEECHQA_RUN__STOP_S": "2"}, id="INT"),
        pytest.param(signal.SIGTERM, True, {"SPEECHQA_RUN__STOP_S": "2"}, id="TERM"),
        pytest.param(signal.SIGTERM, False, {}, id="default", marks=pytest.mark.slow),
    ],
)
def test_a_signal_commits_what_is_done_and_ends_with_130(calls, tmp_path, number, to_all, stop):
    folder, store = tmp_path / "in", tmp_path / "store"
    folder.mkdir()
    for place, name in enumerate(("a", "b", "c", "d", "e_POISON-hang")):
        cut(calls[place], folder / f"{name}.wav", start_s=2, seconds=3)
    command = [sys.executable, "-m", "speechqa.cli", "run", str(folder)]
    command += ["--store", str(store), "--workers", "1", "--rulebook", "starter"]
    settings = {"SPEECHQA_ASR__ENGINE": "stub", "SPEECHQA_STORE__COMMIT_CALLS": "1", POISON: "1"}
    environment = os.environ | settings | stop
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        wait_for_calls(store, process, count=3)  # the first group; the second hangs in its midst
        before = time.monotonic()
        (os.killpg if to_all else os.kill)(process.pid, number)
        _, talk = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 130, talk
    assert time.monotonic() - before < 30
    assert "5 found = 3 scored + 2 pending" in talk
    assert "interrupted" in talk
    report = run_night([folder], store, vad={"detector": "webrtc"})
    assert report.counts["scored"] == 5
    assert '"died"' not in (store / "attempts.jsonl").read_text("utf-8")  # nobody is to blame


def wait_for_calls(store, process, *, count):
    until = time.monotonic() + 240
    while time.monotonic() < until and process.poll() is None:
        logs = list((store / "runs").glob("*.jsonl")) if (store / "runs").is_dir() else []
        if sum(log.read_text("utf-8").count('"event": "call"') for log in logs) >= count:
            return
        time.sleep(0.3)
    raise AssertionError(f"no {count} calls after 240 s, exit {process.poll()}")


@pytest.mark.timeout(600)
def test_a_worker_does_not_grow_with_the_files_it_has_done(calls, tmp_path):
    files = [
        cut(path, tmp_path / f"{place}.wav", start_s=2, seconds=3)
        for place, path in enumerate(calls[:5])
    ]
    assert drift(memory_of_one_worker(files, 60, tmp_path / "none")) <= 0.10


def test_a_worker_that_dies_while_it_is_set_up_blames_no_recording(tmp_path):
    from speechqa.batch.workers import Workers
    from speechqa.errors import SpeechqaError
    from tests.poison import make_death

    with Workers(make_death, (), 1, lambda _: 60.0) as pool:
        pool.start("a")
        with pytest.raises(SpeechqaError, match=r"3 worker processes in a row .*exit code 3"):
            wait_until_idle(pool)


def wait_until_idle(pool):
    while pool.busy:
        assert list(pool.results()) == []


def test_a_hanging_worker_is_gone_within_ten_seconds_of_its_deadline():
    late_s, wrong = lateness_of_a_hang()
    assert wrong == []
    assert 0 <= late_s <= 10
