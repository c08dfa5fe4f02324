"""Kills, full disks, files in motion: the store's rows of docs/reliability.md, small."""

import errno
import json
import os
import shutil
import subprocess
import sys

import pytest

import speechqa.batch.run as run_module
from speechqa.batch import local
from speechqa.cli import run as command
from speechqa.errors import StoreError
from speechqa.faults import POISON
from speechqa.pipeline.textless import BLANK
from speechqa.store import open_store
from speechqa.store.check import check
from speechqa.store.disk import disk_error
from tests.conftest import ROOT
from tests.nights import canonical, cut, run_night
from tests.torture.inline import Inline

FORKED = ROOT / "tests" / "torture" / "forked.py"

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


@pytest.mark.timeout(900)
def test_kills_and_full_disks_cost_nothing():
    """Run the forking tests in a process of their own: Delta's runtime does not survive a fork."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(FORKED)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]


def test_a_failing_disk_is_named_and_the_next_run_goes_on(inline, inbox, tmp_path, monkeypatch):
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(errno.EIO, "EIO")))
    with pytest.raises(StoreError, match=r"runs/.*\.json: not written: Input/output error"):
        run_night([inbox], tmp_path / "store", **FAST)
    monkeypatch.setattr(os, "fsync", real)
    run_night([inbox], tmp_path / "store", **FAST)
    run_night([inbox], tmp_path / "calm", **FAST)
    assert canonical(tmp_path / "store") == canonical(tmp_path / "calm")
    assert check(open_store(str(tmp_path / "store"))) == []


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(errno.ENOSPC, "x"), r"No space left on device \(.* MB left\)"),
        (RuntimeError("Generic error: Input/output error (os error 5)"), "Input/output error"),
        (OSError(errno.EACCES, "x"), "Permission denied"),
    ],
)
def test_an_error_of_the_disk_says_where_why_and_what_next(error, reason, tmp_path):
    told = disk_error(tmp_path / "recordings", error)
    with pytest.raises(StoreError, match=reason):
        raise told
    assert str(tmp_path / "recordings") in told.message
    assert "run again" in told.hint


def test_an_attempt_after_a_line_that_was_cut_short_is_not_lost(tmp_path):
    from speechqa.batch.journal import Journal

    file = tmp_path / "attempts.jsonl"
    Journal(file).died("a.wav", "crash", "SIGSEGV")
    with file.open("a") as stream:
        stream.write('{"event": "start", "pa')
    assert Journal(file).died("a.wav", "crash", "SIGSEGV") == 2
    assert Journal(file).strikes["a.wav"] == 2


CHANGES = {
    "grows": lambda path: path.open("ab").write(b"\0" * 4000),
    "shrinks": lambda path: os.truncate(path, 20_000),
    "is replaced": lambda path: os.replace(path.with_name("other"), path),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("when", ["before it is read", "after its bytes were told"])
def test_a_file_in_motion_is_deferred_and_scored_by_the_next_run(
    inline, inbox, calls, tmp_path, monkeypatch, change, when
):
    shutil.copy(cut(calls[2], tmp_path / "o.wav", start_s=2, seconds=4), inbox / "other")
    real = run_module.identify

    def identify(source):
        moving = source.path.endswith("a.wav")
        if moving and when == "before it is read":
            CHANGES[change](inbox / "a.wav")
        told = real(source)
        if moving and when != "before it is read":
            CHANGES[change](inbox / "a.wav")
        return told

    monkeypatch.setattr(run_module, "identify", identify)
    report = run_night([inbox / "a.wav", inbox / "b.wav"], tmp_path / "store", **FAST)
    assert report.equation == "2 found = 1 scored + 1 deferred"
    monkeypatch.setattr(run_module, "identify", real)
    run_night([inbox / "a.wav", inbox / "b.wav"], tmp_path / "store", **FAST)
    run_night([inbox / "a.wav", inbox / "b.wav"], tmp_path / "calm", **FAST)
    assert canonical(tmp_path / "store") == canonical(tmp_path / "calm")


def test_a_renamed_file_is_known_by_its_bytes(inline, inbox, tmp_path):
    run_night([inbox], tmp_path / "store", **FAST)
    (inbox / "a.wav").rename(inbox / "z.wav")
    report = run_night([inbox], tmp_path / "store", **FAST)
    assert (report.equation, report.same_content) == ("2 found = 2 scored", 1)
    store = open_store(str(tmp_path / "store"))
    assert store.read("recordings").num_rows == 2
    names = {os.path.basename(p) for call in store.calls() for p in (call.path, *call.also_at)}
    assert names == {"a.wav", "b.wav", "z.wav"}


def test_an_account_names_what_was_passed_over_and_rows_for_nobody(inline, inbox, tmp_path):
    (inbox / "notes.txt").write_text("minutes")
    table = tmp_path / "calls.csv"
    table.write_text("file,agent_id\na.wav,Zoe\ngone.wav,Al\n")
    metrics = tmp_path / "node" / "speechqa.prom"
    report = run_night([inbox], tmp_path / "store", metadata=str(table), metrics=[metrics], **FAST)
    account = json.loads((tmp_path / "store" / "runs" / f"{report.run_id}.json").read_text())
    assert [os.path.basename(row["path"]) for row in account["passed_over"]] == ["notes.txt"]
    assert account["unused_rows"] == [{"line": 3, "key": "gone.wav"}]
    text = metrics.read_text()
    assert 'speechqa_run_recordings{outcome="scored"} 2\n' in text
    assert "speechqa_run_passed_over 1\n" in text
    assert "speechqa_run_unused_rows 1\n" in text
    assert (tmp_path / "store" / "metrics.prom").read_text() == text
    assert not list(metrics.parent.glob("*.part"))


def test_metrics_are_in_the_text_format_of_prometheus(inline, inbox, tmp_path):
    run_night([inbox], tmp_path / "store", **FAST)
    lines = (tmp_path / "store" / "metrics.prom").read_text().splitlines()
    typed = {line.split()[2] for line in lines if line.startswith("# TYPE")}
    for line in lines:
        if not line.startswith("#"):
            name, value = line.split(" ")
            assert name.partition("{")[0] in typed
            float(value)


def test_trying_again_uses_the_metadata_and_the_settings_that_are_given(
    inline, inbox, tmp_path, monkeypatch
):
    (inbox / "a.wav").rename(inbox / "a_POISON-error.wav")
    table = tmp_path / "calls.csv"
    table.write_text("file,agent_id\na_POISON-error.wav,Zoe\nb.wav,Al\n")
    monkeypatch.setenv(POISON, "1")
    first = run_night([inbox], tmp_path / "store", metadata=str(table), **FAST)
    assert first.equation == "2 found = 1 scored + 1 quarantined"
    monkeypatch.delenv(POISON)
    monkeypatch.setenv("SPEECHQA_ASR__ENGINE", "stub")
    monkeypatch.setenv("SPEECHQA_VAD__DETECTOR", "webrtc")
    retry = ["status", "--retry", "--store", str(tmp_path / "store"), "--rulebook", "starter"]
    assert command([*retry, "--metadata", str(table), "--no-text"]) == 0
    calls = {os.path.basename(c.path): c for c in open_store(str(tmp_path / "store")).calls()}
    again = calls["a_POISON-error.wav"]
    assert (again.status, again.agent_id) == ("scored", "Zoe")
    assert {word.text for word in again.words} <= {BLANK}
