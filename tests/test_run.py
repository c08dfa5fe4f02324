import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter

import pytest

from speechqa.batch.lock import hold
from speechqa.errors import ModelError, StoreError
from speechqa.store import open_store
from tests.conftest import ROOT
from tests.nights import canonical, cut, mono, night, run_night, text_file


@pytest.fixture(scope="module")
def folder(calls, tmp_path_factory):
    made = tmp_path_factory.mktemp("night") / "in"
    night(made, calls, count=9)
    return made


@pytest.fixture(scope="module")
def finished(folder, tmp_path_factory):
    store = tmp_path_factory.mktemp("finished") / "store"
    return store, run_night([folder], store)


def test_a_run_scores_every_call_and_the_account_adds_up(finished):
    store, report = finished
    assert report.counts == Counter(scored=9)
    assert report.equation == "9 found = 9 scored"
    assert report.exit_code == 0
    assert len(open_store(str(store)).assessments()) == 9


def test_running_again_does_nothing_that_is_done(finished, folder):
    store, _ = finished
    before = canonical(store)
    version = open_store(str(store)).open_table("recordings").version()
    report = run_night([folder], store)
    assert (report.known, report.audio_s) == (9, 0)
    assert canonical(store) == before
    assert open_store(str(store)).open_table("recordings").version() == version


def test_a_new_file_is_added(folder, calls, tmp_path):
    inbox = tmp_path / "in"
    shutil.copytree(folder, inbox)
    run_night([inbox], tmp_path / "store")
    cut(calls[0], inbox / "late.wav", start_s=3.3)
    report = run_night([inbox], tmp_path / "store")
    assert (report.found, report.known, report.counts["scored"]) == (10, 9, 10)


def test_workers_and_order_change_nothing(finished, folder, tmp_path):
    store, _ = finished
    run_night(sorted(folder.iterdir(), reverse=True), tmp_path / "store", workers=1)
    assert canonical(tmp_path / "store") == canonical(store)


def test_bad_input_never_stops_the_night(calls, tmp_path):
    inbox = tmp_path / "in"
    night(inbox, calls, count=2)
    text_file(inbox / "text.wav")
    (inbox / "zero.wav").touch()
    cut(calls[0], inbox / "x_GUID_9_AGENT_Al_DT_2025-13-45T99-99-99.wav", start_s=1)
    mono(calls[0], inbox / "mono.wav")
    report = run_night([inbox], tmp_path / "store")
    assert report.equation == "6 found = 3 scored + 3 refused"
    assert report.exit_code == 3
    reasons = {path.rsplit("/", 1)[-1]: code for path, (_, code, _) in report.troubled.items()}
    assert reasons.keys() >= {"text.wav", "zero.wav"}
    assert "bad-metadata-date" in reasons.values()


def test_one_channel_gives_silence_and_words_but_no_party_figures(calls, tmp_path):
    mono(calls[0], tmp_path / "mono.wav")
    run_night([tmp_path / "mono.wav"], tmp_path / "store")
    store = open_store(str(tmp_path / "store"))
    (facts,) = store.calls()
    measures = store.assessment_of(facts.key).measures
    assert facts.words
    assert facts.grade == "C"
    assert measures["silence_count"] is not None
    assert measures["agent"]["interruptions"] is None
    assert "one channel" in measures["unmeasured"]["agent.interruptions"]


def test_the_same_bytes_under_two_names_are_scored_once_and_shown_with_both(calls, tmp_path):
    inbox = tmp_path / "in"
    inbox.mkdir()
    cut(calls[0], inbox / "a.wav")
    shutil.copy(inbox / "a.wav", inbox / "b.wav")
    report = run_night([inbox], tmp_path / "store")
    assert (report.found, report.same_content, report.counts["scored"]) == (2, 1, 2)
    (facts,) = open_store(str(tmp_path / "store")).calls()
    assert [os.path.basename(path) for path in (facts.path, *facts.also_at)] == ["a.wav", "b.wav"]
    again = run_night([inbox], tmp_path / "store")
    assert (again.known + again.same_content, again.audio_s) == (2, 0)


def test_new_bytes_under_an_old_name_replace_it_and_the_old_row_stays(calls, tmp_path):
    inbox = tmp_path / "in"
    inbox.mkdir()
    cut(calls[0], inbox / "a.wav")
    run_night([inbox], tmp_path / "store")
    cut(calls[1], inbox / "a.wav", seconds=11)
    run_night([inbox], tmp_path / "store")
    store = open_store(str(tmp_path / "store"))
    assert len(store.calls()) == 1
    assert len(store.read("recordings")) == 2


def test_new_metadata_reaches_a_call_that_is_already_stored(calls, tmp_path):
    cut(calls[0], tmp_path / "a.wav")
    run_night([tmp_path / "a.wav"], tmp_path / "store")
    table = tmp_path / "calls.csv"
    table.write_text("file,agent_id,queue\na.wav,Zoe,billing\n")
    report = run_night([tmp_path / "a.wav"], tmp_path / "store", metadata=str(table))
    (facts,) = open_store(str(tmp_path / "store")).calls()
    assert (facts.agent_id, facts.queue, report.known) == ("Zoe", "billing", 1)


def test_a_second_run_is_told_who_holds_the_store(tmp_path, calls):
    cut(calls[0], tmp_path / "a.wav")
    (tmp_path / "store").mkdir()
    with hold(tmp_path / "store"), pytest.raises(StoreError, match=f"process {os.getpid()}"):
        run_night([tmp_path / "a.wav"], tmp_path / "store")


def test_a_broken_model_folder_stops_the_run_before_the_first_call(tmp_path, calls):
    cut(calls[0], tmp_path / "a.wav")
    (tmp_path / "model").mkdir()
    with pytest.raises(ModelError, match=r"model\.bin is missing"):
        run_night(
            [tmp_path / "a.wav"],
            tmp_path / "store",
            engine="whisper",
            asr={"model": str(tmp_path / "model")},
        )


@pytest.mark.parametrize("delay_s", [2.0, 3.5, 5.0])
def test_a_killed_run_goes_on_where_it_was(finished, folder, tmp_path, delay_s):
    store, _ = finished
    code = (
        "from pathlib import Path; from tests.nights import run_night; "
        f"run_night([Path({str(folder)!r})], Path({str(tmp_path / 'store')!r}))"
    )
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, start_new_session=True)
    time.sleep(delay_s)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    report = run_night([folder], tmp_path / "store")
    assert report.counts == Counter(scored=9)
    assert canonical(tmp_path / "store") == canonical(store)


def test_a_run_without_the_table_erases_no_metadata(calls, tmp_path):
    cut(calls[0], tmp_path / "a.wav")
    table = tmp_path / "calls.csv"
    table.write_text("file,agent_id,queue,site\na.wav,Zoe,billing,north\n")
    run_night([tmp_path / "a.wav"], tmp_path / "store", metadata=str(table))
    run_night([tmp_path / "a.wav"], tmp_path / "store")
    (facts,) = open_store(str(tmp_path / "store")).calls()
    assert (facts.agent_id, facts.queue, dict(facts.metadata)) == (
        "Zoe",
        "billing",
        {"site": "north"},
    )


def test_a_name_that_is_no_utf8_is_known_the_second_time(calls, tmp_path):
    inbox = tmp_path / "in"
    inbox.mkdir()
    cut(calls[0], inbox / "plain.wav")
    os.rename(inbox / "plain.wav", os.fsencode(inbox) + b"/caf\xe9.wav")
    run_night([inbox], tmp_path / "store")
    again = run_night([inbox], tmp_path / "store")
    assert (again.known, again.same_content) == (1, 0)


def test_hostile_names_are_shown_safely_everywhere(calls, tmp_path, capsys):
    from speechqa.cli import run as command

    inbox = tmp_path / "in"
    inbox.mkdir()
    cut(calls[0], inbox / "[b]a.wav")
    text_file(inbox / "x]\n.wav")
    table = tmp_path / "calls.csv"
    table.write_text("file,agent_id,queue\n[b]a.wav,Bob [/b],q[/q]\n")
    run_night([inbox], tmp_path / "store", metadata=str(table))
    for arguments in (["status"], ["status", "--calls"], ["scorecard"], ["show", "[b]a"]):
        assert command([*arguments, "--store", str(tmp_path / "store")]) == 0
    shown = capsys.readouterr().out
    assert "Bob [/b]" in shown
    assert r"x]\x0a.wav" in shown.replace("\n", "").replace("│", "").replace(" ", "")
