"""Forgetting calls: no byte of them stays, however stored and wherever a purge was killed."""

import errno
import itertools
import json
import multiprocessing
import shutil
import stat

import deltalake
import pytest

import speechqa.store.purge as purging
from speechqa.cli import run as command
from speechqa.errors import StoreError, UsageError
from speechqa.store import open_store, swaps, upkeep
from speechqa.store.check import UNFINISHED_PURGE, check
from speechqa.store.integrity import integrity
from speechqa.store.purge import Forgotten, forget_views, purge
from speechqa.store.shared_lines import append_line
from speechqa.store.swaps import FINISHED
from speechqa.store.upkeep import compact, tidy
from tests.small_store import CANARY, facts, has_canary, made_store, with_canary


@pytest.fixture
def store(tmp_path):
    return made_store(tmp_path / "store")


@pytest.mark.parametrize("how", [{"callers": [CANARY]}, {"before": "2024-06-01"}], ids=str)
@pytest.mark.parametrize("history", ["as committed", "compacted", "joined and replaced"])
def test_a_purge_leaves_no_byte_of_a_canary(tmp_path, history, how, monkeypatch):
    store = with_canary(tmp_path / "store")
    store.commit_calls([facts(8)])
    if history == "compacted":
        compact(store)
    elif history != "as committed":
        monkeypatch.setattr(upkeep, "SMALL_FILES", 1)
        tidy(store)
        store.commit_calls([facts(7, caller=CANARY, day="2024-01-01", word=CANARY)])
    assert has_canary(store.uri)
    gone = purge(store, **how)
    assert (gone.recordings, gone.assessments, gone.reviews) == (1, 1, 1)
    assert not has_canary(store.uri)
    assert open_store(store.uri).read("recordings").num_rows == 6
    assert {fault.kind for fault in check(store)} == {"not-judged"}  # of key0008
    assert integrity(store).pending == ("in/b.wav",)


class Killed(BaseException):
    """Ends a purge as a kill does: nothing of it tidies up."""


def test_a_purge_killed_at_any_step_is_completed_by_the_same_command(tmp_path, monkeypatch):
    with_canary(tmp_path / "template")
    for step in itertools.count(1):
        shutil.copytree(tmp_path / "template", tmp_path / "store")
        store = open_store(str(tmp_path / "store"))
        left = itertools.count(step, -1)

        def durable(_, left=left):
            if next(left) == 1:
                raise Killed

        with monkeypatch.context() as patch:
            patch.setattr(purging, "durable", durable)
            patch.setattr(swaps, "durable", durable)
            try:
                purge(store, callers=[CANARY])
                break
            except Killed:
                pass
        again = open_store(store.uri)
        assert again.read("recordings").num_rows in (5, 6)  # a reader is never without a table
        purge(again, callers=[CANARY])
        assert not has_canary(store.uri), f"after step {step}"
        assert check(again) == [], f"after step {step}"
        shutil.rmtree(tmp_path / "store")
    assert step > 9
    assert not has_canary(store.uri)


def test_a_killed_purge_is_named_by_check_until_it_is_completed(tmp_path):
    store = with_canary(tmp_path / "store")
    shutil.copytree(tmp_path / "store" / "reviews", tmp_path / "store" / "reviews.old")
    assert {fault.kind for fault in check(store)} == {UNFINISHED_PURGE}
    purge(store, callers=[CANARY])
    assert check(store) == []


def test_all_rows_of_a_forgotten_calls_audio_go(store):
    """It was first stored before anybody knew who called, under another configuration."""
    store.commit_calls([facts(7, word=CANARY, key="earlier", path="in/a.wav", config="old")])
    store.commit_calls([facts(7, caller="+441632960961")])
    assert purge(store, callers=["+441632960961"]).recordings == 2
    assert not has_canary(store.uri)


def test_a_caller_is_known_however_the_number_is_spaced(store):
    store.commit_calls([facts(7, caller="+44 1632 960-961")])
    assert purge(store, callers=["+44 (1632) 960961"]).recordings == 1


def test_a_purge_that_meets_a_full_disk_says_so_and_can_be_given_again(tmp_path, monkeypatch):
    store = with_canary(tmp_path / "store")

    def full(*_, **__):
        raise OSError(errno.ENOSPC, "x")

    with monkeypatch.context() as patch:
        patch.setattr(deltalake, "write_deltalake", full)
        with pytest.raises(StoreError, match=r"assessments: not written: No space left"):
            purge(store, callers=[CANARY])
    assert check(store) == []
    assert purge(store, callers=[CANARY]).recordings == 1
    assert not has_canary(store.uri)


def test_purging_leaves_who_looked_but_not_at_whom(store):
    store.commit_calls([facts(7, caller=CANARY)])
    lines = [
        {"who": "Sue", "did": "view", "what": "call key0007"},
        {"who": "Sue", "did": "view", "what": "call key0001"},
        {"who": "Sue", "did": "search", "what": CANARY},
    ]
    log = store.local / "access.jsonl"
    log.write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"who": "Sue", "wh')
    purge(store, callers=[CANARY])
    assert [json.loads(line)["what"] for line in log.read_text().splitlines()] == [
        "call forgotten",
        "call key0001",
        "forgotten",
    ]
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    assert not has_canary(store.uri)


def test_purging_by_age_keeps_the_younger_calls(store):
    store.commit_calls([facts(7, day="2024-01-01"), facts(8, day="2025-03-01")])
    assert purge(store, before="2025-02-01").recordings == 1
    assert {row.call_id for row in store.calls()} >= {"call-8", "call-1"}


def test_purging_nothing_is_refused(store):
    with pytest.raises(UsageError, match="nothing to purge"):
        purge(store)


def test_a_purge_that_nobody_is_meant_by_says_so(store, capsys):
    assert command(["store", "purge", "--caller", "nobody", "--store", store.uri]) == 0
    assert "nothing was forgotten" in capsys.readouterr().err


def test_a_purge_killed_between_its_renames_is_completed_by_the_next_reader(store):
    folder = store.local
    (folder / "recordings").rename(folder / ("recordings" + FINISHED))
    assert open_store(store.uri).read("recordings").num_rows == 5


def _look(log, count):
    for number in range(count):
        append_line(log, json.dumps({"who": "B", "did": "saw", "what": f"call other-{number}"}))


def test_a_purge_loses_no_line_that_the_pages_add_meanwhile_and_leaves_none_of_the_purged(tmp_path):
    log = tmp_path / "access.jsonl"
    append_line(log, json.dumps({"who": "B", "did": "saw", "what": "call quokka"}))
    gone = Forgotten(
        ({"key": "quokka", "call_id": "q", "path": "q.wav", "also_at": None, "caller": None},)
    )
    looker = multiprocessing.get_context("fork").Process(target=_look, args=(log, 400))
    looker.start()
    rewritten = 0
    while looker.is_alive() or not rewritten:
        forget_views(log, gone)
        rewritten += 1
    looker.join()
    seen = [json.loads(line)["what"] for line in log.read_text("utf-8").splitlines()]
    assert seen == ["call forgotten", *(f"call other-{number}" for number in range(400))]
    assert rewritten > 1
