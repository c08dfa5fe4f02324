"""Kills, full disks, files in motion: the store's rows of docs/reliability.md, small."""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys

import pytest

import speechqa.batch.run as run_module
from speechqa.batch import local
from speechqa.batch.journal import Journal
from speechqa.batch.lock import hold
from speechqa.cli import run as command
from speechqa.errors import StoreError
from speechqa.faults import POISON
from speechqa.pipeline.textless import BLANK
from speechqa.store import open_store, upkeep
from speechqa.store.check import check
from speechqa.store.disk import disk_error
from speechqa.store.integrity import integrity
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


@pytest.mark.timeout(3600)  # only what hangs takes so long
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
        (RuntimeError("Generic LocalFileSystem error\n(os error 27)"), "File too large"),
    ],
)
def test_an_error_of_the_disk_says_where_why_and_what_next(error, reason, tmp_path):
    told = disk_error(tmp_path / "recordings", error)
    with pytest.raises(StoreError, match=reason):
        raise told
    assert str(tmp_path / "recordings") in told.message
    assert "run again" in told.hint


def test_an_attempt_after_a_line_that_was_cut_short_is_not_lost(tmp_path):
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


@pytest.fixture
def five(calls, tmp_path):
    (tmp_path / "in").mkdir()
    for place, name in enumerate("abcde"):
        cut(calls[place], tmp_path / "in" / f"{name}.wav", start_s=2, seconds=1.5)
    return tmp_path / "in"


def test_an_early_interrupt_keeps_what_is_done_and_status_names_the_rest(
    inline, five, tmp_path, monkeypatch, capsys
):
    def interrupted(*_):
        os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(run_module.Progress, "advance", interrupted)
        report = run_night([five], tmp_path / "store", **FAST)
    assert report.exit_code == 130
    assert report.equation == "5 found = 1 scored + 4 pending"  # the first groups are small
    told = integrity(open_store(str(tmp_path / "store")))
    assert (told.found, told.counts["scored"], told.counts["pending"]) == (5, 1, 4)
    assert [os.path.basename(path) for path in told.pending] == [f"{n}.wav" for n in "bcde"]
    assert command(["status", "--store", str(tmp_path / "store")]) == 0
    shown = capsys.readouterr().out
    assert "5 found = 1 scored + 4 pending" in shown
    assert "e.wav" in shown
    run_night([five], tmp_path / "store", **FAST)
    assert integrity(open_store(str(tmp_path / "store"))).pending == ()


def test_status_knows_what_a_killed_run_did_not_come_to(
    inline, five, tmp_path, monkeypatch, capsys
):
    def killed(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(local.LocalExecutor, "process", killed)
    with pytest.raises(KeyboardInterrupt):
        run_night([five], tmp_path / "store", **FAST)
    told = integrity(open_store(str(tmp_path / "store")))
    assert told.counts["pending"] == 5
    assert command(["status", "--store", str(tmp_path / "store")]) == 0
    assert "has not ended" in capsys.readouterr().out


def test_a_finished_call_is_committed_while_a_long_one_goes_on(inline, five, tmp_path, monkeypatch):
    stored = []
    real = Inline.results

    def slow(self):
        if self.tasks and "b.wav" in self.tasks[0].calls[0].source.path and len(stored) < 3:
            table = open_store(str(tmp_path / "store")).read("recordings", ["path"])
            stored.append(table.num_rows)
            return
        yield from real(self)

    monkeypatch.setattr(Inline, "results", slow)
    monkeypatch.setattr(run_module, "COMMIT_SECONDS", 0.0)
    run_night([five], tmp_path / "store", **FAST)
    assert stored == [1, 1, 1]


def test_a_run_joins_the_small_files_that_its_commits_left(inline, five, tmp_path, monkeypatch):
    monkeypatch.setattr(upkeep, "SMALL_FILES", 3)
    monkeypatch.setattr(run_module, "COMMIT_SECONDS", 0.0)
    run_night([five], tmp_path / "store", **FAST)
    store = open_store(str(tmp_path / "store"))
    assert len(store.open_table("recordings").file_uris()) == 1
    assert store.read("recordings", ["key"]).num_rows == 5
    run_night([five], tmp_path / "calm", **FAST)
    assert canonical(tmp_path / "store") == canonical(tmp_path / "calm")


def test_small_files_that_cannot_be_joined_cost_a_line_and_not_the_night(
    inline, five, tmp_path, monkeypatch
):
    def fails(_):
        raise StoreError("no space")

    monkeypatch.setattr(run_module, "tidy", fails)
    assert run_night([five], tmp_path / "store", **FAST).equation == "5 found = 5 scored"


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


def test_who_holds_a_store_is_said_before_anything_heavy_is_loaded(tmp_path):
    main = [sys.executable, "-X", "importtime", "-c", "from speechqa.cli import main; main()"]
    with hold(tmp_path):
        told = subprocess.run(
            [*main, "run", str(tmp_path), "--store", str(tmp_path)],
            capture_output=True,
            text=True,
            check=False,
        )
    lines = told.stderr.splitlines()
    loaded = {line.split("|")[-1].strip() for line in lines if line.startswith("import time:")}
    said = [line for line in lines if not line.startswith("import time:")]
    assert f"in use by process {os.getpid()}" in "\n".join(said)
    assert "speechqa.settings" in loaded
    assert not loaded & {"numpy", "pyarrow", "deltalake", "av"}
