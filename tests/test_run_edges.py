"""What a run leans on, failing: its own files, its locks, its disk, and files that go or swell."""

import errno
import math
import os
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import replace

import pytest

import speechqa.batch.journal as journal_module
import speechqa.batch.lock as lock_module
import speechqa.batch.run as run_module
from speechqa import faults
from speechqa.batch import local
from speechqa.batch.journal import Journal
from speechqa.batch.lock import hold
from speechqa.errors import InputMissing, StoreError
from speechqa.store import open_store, tables
from speechqa.store.check import check
from tests.conftest import ROOT
from tests.nights import cut, run_night
from tests.torture.inline import Inline

LOUD = ("ORT_", "CI", "XDG_", "SPEECHQA_")
"""Variables that would change what libraries write, or where."""

FAST = {"vad": {"detector": "webrtc"}, "workers": 1}


@pytest.fixture
def inline(monkeypatch):
    """Process calls in this process: what is tested is what the parent does."""
    monkeypatch.setattr(local, "Workers", Inline)


@pytest.fixture
def inbox(calls, tmp_path):
    (tmp_path / "in").mkdir()
    cut(calls[0], tmp_path / "in" / "a.wav", start_s=2, seconds=4)
    cut(calls[1], tmp_path / "in" / "b.wav", start_s=2, seconds=3)
    return tmp_path / "in"


@pytest.mark.parametrize("line", ["7", '{"event": "start", "paths": 3}', "[]", '{"event": []}'])
def test_a_line_that_is_no_attempt_is_passed_over(tmp_path, line):
    file = tmp_path / "attempts.jsonl"
    file.write_text(line + "\n")
    assert Journal(file).died("a.wav", "crash", "SIGSEGV") == 1
    assert Journal(file).strikes["a.wav"] == 1


def test_attempts_that_have_grown_large_are_written_anew_with_what_still_counts(
    tmp_path, monkeypatch
):
    file = tmp_path / "attempts.jsonl"
    journal = Journal(file)
    for number in range(50):
        journal.started([f"{number}.wav"], "r")
    journal.died("3.wav", "crash", "SIGSEGV")
    journal.finished([f"{number}.wav" for number in range(5, 50)])
    large = file.stat().st_size
    monkeypatch.setattr(journal_module, "LARGE_BYTES", 1000)
    folded, again = Journal(file), Journal(file)
    assert file.stat().st_size < large / 10
    for one in (folded, again):
        assert one.suspects == {f"{number}.wav" for number in range(5)}
        assert dict(one.strikes) == {"3.wav": 1}


def test_a_share_without_locks_is_told_as_such(tmp_path, monkeypatch):
    def flock(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(lock_module.fcntl, "flock", flock)
    said = "cannot be locked there: No locks available"
    with pytest.raises(StoreError, match=said) as told, hold(tmp_path):
        pass
    assert "object storage" in told.value.hint


def test_a_file_in_the_place_of_the_store_is_told_as_such(tmp_path):
    (tmp_path / "store").write_text("")
    with pytest.raises(StoreError, match="File exists") as told:
        open_store(str(tmp_path / "store"), create=True)
    assert "a file is in the way" in told.value.hint


class Killed(BaseException):
    """Ends a run as a kill does: nothing of it tidies up."""


def test_a_kill_costs_at_most_one_commit_of_work(inline, calls, tmp_path, monkeypatch):
    """Calls that were finished and are not stored afterwards, for kills at all durable steps."""
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(12):
        cut(calls[number % 5], folder / f"{number}.wav", start_s=2 + number, seconds=1)
    finished = []

    def killed(*_):
        raise Killed

    monkeypatch.setattr(local, "GROUP_CALLS", 2)
    monkeypatch.setattr(run_module, "COMMIT_SECONDS", math.inf)
    monkeypatch.setattr(run_module.Progress, "advance", lambda _, rows: finished.extend(rows))
    monkeypatch.setattr(os, "kill", killed)
    lost = []
    for step in range(1, 100, 3):
        finished.clear()
        monkeypatch.setattr(faults._Steps, "count", 0)
        monkeypatch.setenv(faults.CRASH_AT, str(step))
        store = tmp_path / f"store-{step}"
        try:
            run_night([folder], store, **FAST)
            break
        except Killed:
            made = (store / "recordings" / "_delta_log").exists()
            stored = open_store(str(store)).read("recordings").num_rows if made else 0
            lost.append(len(finished) - stored)
    assert len(lost) > 6
    assert max(lost) > 0
    assert max(lost) < 4 + 2  # settings of these tests: 4 calls a commit, 2 of them at once


def test_a_file_of_another_age_stops_no_night(inline, inbox, tmp_path):
    """64 bits of ns end in the year 2262; some file systems go on."""
    os.utime(inbox / "a.wav", ns=(0, 13_569_465_600 * 10**9))
    os.utime(inbox / "b.wav", ns=(0, -2_051_222_400 * 10**9))
    report = run_night([inbox], tmp_path / "store", **FAST)
    assert report.equation == "2 found = 2 scored"
    assert run_night([inbox], tmp_path / "store", **FAST).known == 2


def test_halves_of_letters_in_metadata_stop_no_night(inline, inbox, tmp_path):
    odd = b"x_GUID_\xff1_AGENT_Zo\xeb_QUEUE_\xfe_DT_2025-03-01T09-00-00.wav"
    os.rename(inbox / "a.wav", os.fsencode(inbox) + b"/" + odd)
    (inbox / "b.json").write_text(r'{"agent_id": "\ud83d", "queue": "q\udc00", "\ud800": "\ud800"}')
    report = run_night([inbox], tmp_path / "store", **FAST)
    assert report.equation == "2 found = 2 scored"
    told = {(c.agent_id, c.queue) for c in open_store(str(tmp_path / "store")).calls()}
    assert told == {(r"Zo\xeb", r"\xfe"), (r"\ud83d", r"q\udc00")}
    again = run_night([inbox], tmp_path / "store", **FAST)
    assert (again.known, again.audio_s) == (2, 0)


def test_a_call_whose_result_no_table_takes_is_quarantined_and_the_others_are_stored(
    inline, inbox, tmp_path, monkeypatch
):
    real = tables.recordings_table

    def refuses(calls, **given):
        if any(call.path.endswith("a.wav") and call.status == "scored" for call in calls):
            raise OverflowError("4533 1234")
        return real(calls, **given)

    monkeypatch.setattr(tables, "recordings_table", refuses)
    report = run_night([inbox], tmp_path / "store", **FAST)
    assert report.equation == "2 found = 1 scored + 1 quarantined"
    ((_, code, reason),) = report.troubled.values()
    assert code == "unstorable"
    assert "OverflowError at" in reason
    assert "4533" not in reason
    assert check(open_store(str(tmp_path / "store"))) == []


def test_no_library_keeps_an_account_of_its_own_about_a_run(calls, tmp_path):
    """ONNX Runtime would: a number of the machine and its events, to be sent to its makers."""
    cut(calls[0], tmp_path / "a.wav", start_s=2, seconds=4)
    (tmp_path / "home").mkdir()
    command = [sys.executable, "-m", "speechqa.cli", "run", str(tmp_path / "a.wav")]
    command += ["--store", str(tmp_path / "store"), "--vad", "silero", "--workers", "1"]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(LOUD)}
    home = {"HOME": str(tmp_path / "home"), "SPEECHQA_ASR__ENGINE": "stub"}
    subprocess.run(
        [*command, "--rulebook", "starter"], cwd=ROOT, env=kept | home, check=True, timeout=120
    )
    written = {path.relative_to(tmp_path / "home").parts[:2] for path in _below(tmp_path / "home")}
    assert written <= {(".cache", "speechqa")}


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
def test_a_whole_run_with_the_shipped_model_opens_no_connection(calls, tmp_path):
    """Asked of the system itself: libraries in C do not ask Python."""
    for number in range(3):
        cut(calls[number], tmp_path / f"{number}.wav", start_s=2, seconds=20)
    trace = tmp_path / "trace"
    command = ["strace", "-f", "-e", "trace=connect,sendto,sendmsg", "-o", str(trace)]
    command += [sys.executable, "-m", "speechqa.cli", "run", str(tmp_path), "--workers", "2"]
    command += ["--store", str(tmp_path / "store"), "--rulebook", "starter"]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(LOUD)}
    subprocess.run(command, cwd=ROOT, env=kept, check=True, timeout=250)
    asked = [line for line in trace.read_text().splitlines() if "(" in line]
    assert [line for line in asked if "AF_INET" in line or "AF_NETLINK" in line] == []


def _below(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def test_an_account_that_does_not_add_up_fails_the_run(inline, inbox, tmp_path, monkeypatch):
    real = run_module.account

    def loses_one(*given, **named):
        made = real(*given, **named)
        return replace(made, counts=Counter(scored=made.counts["scored"] - 1))

    monkeypatch.setattr(run_module, "account", loses_one)
    with pytest.raises(StoreError, match="does not add up: 2 found = 1 scored"):
        run_night([inbox], tmp_path / "store", **FAST)
    assert {fault.kind for fault in check(open_store(str(tmp_path / "store")))} == {"bad-account"}


def test_a_file_too_large_is_refused_before_a_byte_of_it_is_read(
    inline, inbox, tmp_path, monkeypatch
):
    with (inbox / "huge.wav").open("wb") as stream:
        stream.truncate(3 << 30)
    real = run_module.identify

    def identify(source):
        assert not source.path.endswith("huge.wav")
        return real(source)

    monkeypatch.setattr(run_module, "identify", identify)
    report = run_night([inbox], tmp_path / "store", **FAST)
    assert report.equation == "3 found = 2 scored + 1 refused"
    assert next(iter(report.troubled.values()))[1] == "too-large"


def test_a_folder_that_nobody_may_list_makes_the_run_end_with_3(
    inline, inbox, tmp_path, monkeypatch
):
    (inbox / "locked").mkdir()
    real = os.scandir

    def scandir(path):
        if str(path).endswith("/locked"):
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    report = run_night([inbox], tmp_path / "store", **FAST)
    assert (report.equation, report.exit_code) == ("2 found = 2 scored", 3)
    assert [reason for _, reason in report.passed_over] == ["cannot be listed: Permission denied"]


def test_a_recording_that_goes_before_it_is_looked_at_is_told_as_missing(inline, inbox, tmp_path):
    report = run_night([inbox / "a.wav", inbox / "b.wav"], tmp_path / "store", **FAST)
    (inbox / "a.wav").unlink()
    with pytest.raises(InputMissing):
        run_night([inbox / "a.wav"], tmp_path / "store", **FAST)
    (inbox / "a.wav").symlink_to(inbox / "nowhere")
    report = run_night([inbox / "a.wav"], tmp_path / "store", **FAST)
    assert report.equation == "1 found = 1 refused"
    assert next(iter(report.troubled.values()))[1] == "missing-file"
