import itertools
import json
import os
import stat
import threading
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from speechqa.cli import run as command
from speechqa.errors import InputMissing, UsageError
from speechqa.pipeline import CallFacts
from speechqa.pipeline.assess import assess
from speechqa.rulebook import load
from speechqa.settings import load_settings
from speechqa.store import open_store, upkeep
from speechqa.store.assessments import assessments_table
from speechqa.store.check import check
from speechqa.store.integrity import integrity
from speechqa.store.plain import path_of_text, text_of_path
from speechqa.store.schema import recordings_table
from speechqa.store.swaps import FINISHED
from speechqa.store.upkeep import SMALL_FILES, backup, compact, purge, tidy
from speechqa.store.views import call_document
from speechqa.transcript import Word
from tests.nights import canonical, night, run_night

CANARY = "zebrafinch"


def facts(number, *, caller=None, day="2025-02-17", word="hello"):
    return CallFacts(
        key=f"key{number:04d}",
        call_id=f"call-{number}",
        path=f"in/{caller or 'x'}-{number}.wav",
        size_bytes=1,
        mtime_ns=1,
        audio_sha256=f"{number:064x}",
        config="c",
        status="scored",
        caller=caller,
        started_at=datetime.fromisoformat(day),
        duration_ms=5000,
        speech={"agent": np.array([[0, 500]]), "customer": np.array([[1000, 2000]])},
        words=(Word("agent", 0, 500, word, 0.9),),
    )


def judged(*calls):
    """Return their rows of ``assessments``."""
    settings = load_settings()
    return assessments_table(assess(calls, load("starter", settings.rules), settings.timing))


@pytest.fixture
def store(tmp_path):
    made = open_store(str(tmp_path / "store"), create=True)
    made.commit_calls([facts(n) for n in range(5)])
    made.commit_assessments(judged(*(facts(n) for n in range(5))))
    return made


def test_writing_a_call_twice_changes_nothing(store):
    store.commit_calls([facts(2), facts(3)])
    assert store.read("recordings").num_rows == 5


def test_facts_come_back_as_they_were_written(store):
    (found,) = store.calls(["key0003"])
    assert call_document(found, None) == call_document(facts(3), None)


def test_a_path_that_is_no_utf8_is_stored_readably_and_can_be_opened_again(store):
    store.commit_calls([replace(facts(9), path="in/caf\udce9.wav")])
    (found,) = store.calls(["key0009"])
    assert found.path == "in/caf\udce9.wav"
    assert call_document(found, None)["path"] == r"in/caf\xe9.wav"
    for name in ("in/caf\udce9.wav", r"in/caf\xe9.wav"):
        assert store.find(name).key == found.key


@given(st.binary(max_size=40) | st.from_regex(rb"[ab/]*(\\\\x([0-9a-f]{2})?){0,4}", fullmatch=True))
@example(rb"caf\xe9")
@example(rb"\x5cxe9")
@example(b"\\\xe9")
def test_every_name_can_be_opened_again_from_its_stored_text(name):
    path = os.fsdecode(name)
    text = text_of_path(path)
    text.encode("utf-8")
    assert path_of_text(text) == path


def test_a_stored_call_stored_again_keeps_its_name(store):
    odd = [replace(facts(9), path=r"in/a\xe9.wav"), replace(facts(8), path="in/a\udce9.wav")]
    store.commit_calls(odd)
    store.commit_calls(store.calls(["key0008", "key0009"]))
    assert {c.key: c.path for c in store.calls(["key0008", "key0009"])} == {
        c.key: c.path for c in odd
    }


def test_a_whole_store_has_no_fault(store):
    assert check(store) == []


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"status": "fine"}, "unknown-status"),
        ({"status": "refused", "reason_code": None}, "no-reason"),
        ({"parties": ["agent"], "speech_agent": [[500, 400]]}, "bad-intervals"),
        ({"parties": ["agent"], "speech_agent": [[0, 400], [300, 700]]}, "bad-intervals"),
        ({"parties": ["agent"], "speech_agent": [[0, 9000]]}, "bad-intervals"),
        ({"checks": "{not json"}, "bad-json"),
        ({"words": [{"party": "agent", "start_ms": 9, "end_ms": 3}]}, "bad-words"),
    ],
)
def test_seeded_faults_are_found(store, change, kind):
    from deltalake import write_deltalake

    row = recordings_table([facts(7)], processed_at=datetime.now(UTC)).to_pylist()[0] | change
    rows = pa.Table.from_pylist([row], schema=store.read("recordings").schema)
    write_deltalake(f"{store.uri}/recordings", rows, mode="append")
    assert {fault.kind for fault in check(store)} - {"not-judged"} == {kind}


def test_a_call_that_was_scored_but_never_judged_is_found(store):
    store.commit_calls([facts(7), replace(facts(8), status="refused", reason_code="not-audio")])
    assert [(fault.kind, fault.key) for fault in check(store)] == [("not-judged", "key0007")]
    store.commit_assessments(judged(facts(7)))
    assert check(store) == []


def test_duplicates_and_lost_files_are_found(store):
    from deltalake import write_deltalake

    write_deltalake(f"{store.uri}/recordings", store.read("recordings"), mode="append")
    assert {fault.kind for fault in check(store)} == {"duplicate"}
    for name in os.listdir(f"{store.uri}/recordings"):
        if name.endswith(".parquet"):
            os.remove(f"{store.uri}/recordings/{name}")
    assert {fault.kind for fault in check(store)} == {"unreadable"}


def bytes_of(folder):
    for root, _, files in os.walk(folder):
        for name in files:
            yield name.encode()
            with open(os.path.join(root, name), "rb") as stream:
                yield stream.read()


def has_canary(folder):
    # The parquet files compress their pages: look at what they hold, too.
    import glob

    import pyarrow.parquet as pq

    raw = any(CANARY.encode() in data for data in bytes_of(folder))
    files = glob.glob(f"{folder}/**/*.parquet", recursive=True)
    return raw or any(CANARY in str(pq.read_table(file).to_pylist()) for file in files)


@pytest.mark.parametrize("history", ["as committed", "compacted", "joined and replaced"])
def test_purging_a_caller_leaves_no_byte_of_a_canary(store, history, monkeypatch):
    store.commit_calls([facts(7, caller=CANARY, word=CANARY)])
    store.commit_calls([facts(8)])
    if history == "compacted":
        compact(store)
    elif history != "as committed":
        monkeypatch.setattr(upkeep, "SMALL_FILES", 1)
        tidy(store)
        store.commit_calls([facts(7, caller=CANARY, word=CANARY)])
    assert has_canary(store.uri)
    gone = purge(store, callers=[CANARY])
    assert gone.recordings == 1
    assert not has_canary(store.uri)
    assert open_store(store.uri).read("recordings").num_rows == 6
    assert {fault.kind for fault in check(store)} == {"not-judged"}  # of key0008


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


def test_purging_takes_names_out_of_every_part_of_an_account(store):
    store.commit_calls([facts(7, caller=CANARY)])
    row = {"path": f"in/{CANARY}-7.wav"}
    (store.local / "runs").mkdir()
    account = {
        **{part: [row] for part in ("troubled", "passed_over", "unjudged")},
        "pending": [row["path"], "in/b.wav"],
        "unused_rows": [],
    }
    (store.local / "runs" / "r.json").write_text(json.dumps(account))
    purge(store, callers=[CANARY])
    assert not has_canary(store.uri)
    assert integrity(store).pending == ("in/b.wav",)


def test_purging_by_age_keeps_the_younger_calls(store):
    store.commit_calls([facts(7, day="2024-01-01"), facts(8, day="2025-03-01")])
    assert purge(store, before="2025-02-01").recordings == 1
    assert {row.call_id for row in store.calls()} >= {"call-8", "call-1"}


def test_purging_nothing_is_refused(store):
    with pytest.raises(UsageError, match="nothing to purge"):
        purge(store)


def test_a_purge_killed_between_its_renames_is_completed_by_the_next_reader(store):
    folder = store.local
    (folder / "recordings").rename(folder / ("recordings" + FINISHED))
    assert open_store(store.uri).read("recordings").num_rows == 5


def test_compacting_joins_files_and_changes_no_row(store):
    for number in range(10, 14):
        store.commit_calls([facts(number)])
    before = store.read("recordings").sort_by("key")
    assert compact(store)["recordings"] == 1
    assert store.read("recordings").sort_by("key").equals(before)


def test_small_files_are_joined_once_there_are_many_and_large_ones_are_left(store):
    for number in range(10, 10 + SMALL_FILES - 2):
        store.commit_calls([facts(number)])
    tidy(store)
    before = set(store.open_table("recordings").file_uris())
    assert len(before) == SMALL_FILES - 1
    store.commit_calls([facts(99)])
    rows = store.read("recordings").sort_by("key")
    tidy(store)
    assert len(store.open_table("recordings").file_uris()) == 1
    assert store.read("recordings").sort_by("key").equals(rows)
    assert [c.call_id for c in store.calls(["key0099"])] == ["call-99"]


def test_a_backup_is_a_store_of_its_own(calls, tmp_path):
    night(tmp_path / "in", calls, count=2)
    run_night([tmp_path / "in"], tmp_path / "store")
    rows = backup(open_store(str(tmp_path / "store")), tmp_path / "copy")
    assert rows == {"recordings": 2, "assessments": 2, "reviews": 0, "rulebooks": 1}
    assert canonical(tmp_path / "copy") == canonical(tmp_path / "store")


def test_a_backup_made_while_calls_are_committed_is_whole(store, tmp_path):
    stop = threading.Event()

    def commit():
        own = open_store(store.uri)
        for number in itertools.count(100):
            if stop.is_set():
                return
            own.commit_calls([facts(number)])
            own.commit_assessments(judged(facts(number)))

    writer = threading.Thread(target=commit)
    writer.start()
    try:
        copies = [tmp_path / f"copy{n}" for n in range(4)]
        rows = [backup(store, copy)["recordings"] for copy in copies]
    finally:
        stop.set()
        writer.join()
    assert rows == sorted(rows)
    for copy in copies:
        faults = check(open_store(str(copy)))
        assert {fault.kind for fault in faults} <= {"not-judged"}  # a call whose turn came next


def test_what_a_run_writes_is_for_its_owner_only(calls, tmp_path, monkeypatch):
    night(tmp_path / "in", calls, count=1)
    monkeypatch.setenv("SPEECHQA_ASR__ENGINE", "stub")
    old = os.umask(0o022)
    try:
        arguments = ["run", str(tmp_path / "in"), "--store", str(tmp_path / "s")]
        assert command([*arguments, "--rulebook", "starter"]) == 0
    finally:
        os.umask(old)
    for root, folders, files in os.walk(tmp_path / "s"):
        for name in (*folders, *files):
            mode = stat.S_IMODE(os.stat(os.path.join(root, name)).st_mode)
            assert not mode & 0o077, os.path.join(root, name)


def test_a_folder_without_a_store_says_how_to_make_one(tmp_path):
    with pytest.raises(InputMissing, match="no speechqa store here"):
        open_store(str(tmp_path))
