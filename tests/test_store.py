import errno
import itertools
import json
import os
import stat
import threading
from dataclasses import replace
from datetime import UTC, datetime

import deltalake
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from speechqa.cli import run as command
from speechqa.errors import InputMissing, StoreError
from speechqa.store import open_store, tables
from speechqa.store.check import check
from speechqa.store.disk import reading
from speechqa.store.integrity import last_run, next_run_id
from speechqa.store.plain import path_of_text, text_of_path
from speechqa.store.schema import recordings_table
from speechqa.store.upkeep import SMALL_FILES, backup, compact, tidy
from speechqa.store.views import call_document
from tests.nights import canonical, night, run_night
from tests.small_store import facts, judged, made_store


@pytest.fixture
def store(tmp_path):
    return made_store(tmp_path / "store")


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
        ({"words": [{"party": "agent", "start_ms": 9, "end_ms": None}]}, "bad-values"),
        ({"speech_agent": [[0, 400, 500]]}, "bad-values"),
        ({"duration_ms": None}, "bad-values"),
    ],
)
def test_seeded_faults_are_found(store, change, kind):
    from deltalake import write_deltalake

    row = recordings_table([facts(7)], processed_at=datetime.now(UTC)).to_pylist()[0] | change
    rows = pa.Table.from_pylist([row], schema=store.read("recordings").schema)
    write_deltalake(f"{store.uri}/recordings", rows, mode="append")
    assert {fault.kind for fault in check(store)} - {"not-judged"} == {kind}


@pytest.mark.parametrize("text", ['{"found": 3, "counts": {"scored": 2}}', "{", "[]", "7"])
def test_an_account_that_does_not_add_up_is_found(store, text):
    (store.local / "runs").mkdir()
    (store.local / "runs" / "r.json").write_text(text)
    assert [(fault.kind, fault.key) for fault in check(store)] == [("bad-account", "r.json")]
    assert command(["status", "--store", store.uri]) == 0


class SetBack(datetime):
    """A clock that was set back by years."""

    @classmethod
    def now(cls, tz=None):
        return datetime(2001, 1, 1, tzinfo=tz)


def test_a_clock_that_was_set_back_brings_no_old_result_to_light(store, monkeypatch):
    monkeypatch.setattr(tables, "datetime", SetBack)
    late = facts(1, key="fresh", audio_sha256="f" * 64, word="news")
    store.commit_calls([late])
    rows = judged(late, quote="new")
    at = rows.schema.get_field_index("assessed_at")
    old = pa.array(["2001-01-01T00:00:00+00:00"])
    store.commit_assessments(rows.set_column(at, "assessed_at", old))
    store.commit_assessments(judged(facts(2), quote="newer").set_column(at, "assessed_at", old))
    current = {call.path: call.key for call in open_store(store.uri).calls()}
    assert current[late.path] == "fresh"
    assert store.assessment_of("key0002").hits == [{"rule": "greeting", "quote": "newer"}]
    stamps = store.read("recordings", ["processed_at"])["processed_at"].to_pylist()
    judged_at = store.assessments(["fresh"])["assessed_at"].to_pylist()
    assert judged_at > [max(stamps)]  # a verdict is never older than its recording


def test_each_run_is_named_after_the_one_before_whatever_the_clock_says(store):
    (store.local / "runs").mkdir()
    for name in ("20990101T000000Z-aaaaaa", next_run_id(store)):
        text = json.dumps({"found": 0, "counts": {}, "run_id": name})
        (store.local / "runs" / f"{name}.json").write_text(text)
    first = next_run_id(store)
    assert first > "20990101T000000Z"
    assert next_run_id(open_store(store.uri))[:16] == first[:16]
    (store.local / "runs" / f"{first}.json").write_text(json.dumps({"run_id": first}))
    assert last_run(store) == {"run_id": first}
    assert next_run_id(store)[:16] > first[:16]


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


@pytest.mark.parametrize("name", ["recordings", "rulebooks"])
def test_a_backup_that_fails_says_so_and_leaves_nothing(store, tmp_path, monkeypatch, name):
    real = deltalake.write_deltalake

    def fails(place, table, **options):
        if place.endswith(name):
            raise OSError(errno.ENOSPC, "x")
        real(place, table, **options)

    keep = facts(0)
    store.commit_calls([keep])
    if name == "rulebooks":
        real(f"{store.uri}/rulebooks", pa.table({"digest": ["d"]}))
    monkeypatch.setattr(deltalake, "write_deltalake", fails)
    with pytest.raises(StoreError, match=rf"{name}: not written: No space left"):
        backup(store, tmp_path / "copies" / "copy")
    assert list((tmp_path / "copies").iterdir()) == []


def test_compacting_that_fails_says_where_and_why(store, monkeypatch):
    class Failing:
        def z_order(self, *_, **__):
            raise OSError(errno.EROFS, "x")

    monkeypatch.setattr(deltalake.DeltaTable, "optimize", property(lambda _: Failing()))
    with pytest.raises(StoreError, match="recordings: not written: Read-only file system"):
        compact(store)


def test_a_table_that_cannot_be_read_is_told_with_what_to_do(store, capsys):
    for name in os.listdir(f"{store.uri}/recordings"):
        if name.endswith(".parquet"):
            with open(f"{store.uri}/recordings/{name}", "r+b") as stream:
                stream.truncate(100)
    copy = str(store.local.parent / "copy")
    for arguments in (["status"], ["store", "purge", "--caller", "x"], ["store", "backup", copy]):
        assert command([*arguments, "--store", store.uri]) == 1
        said = capsys.readouterr().err
        assert "recordings: cannot be read" in said
        assert "store check" in said
    assert command(["store", "check", "--store", store.uri]) == 1
    assert "recordings : unreadable" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("table", "error", "reason", "next_"),
    [
        ("s/recordings", OSError("Generic ...\nPermission denied (os error 13)"), "Perm", "right"),
        ("s/recordings", PermissionError(13, "Permission denied"), "Permission denied", "right"),
        ("s3://b/recordings", OSError("no route\nto host"), "no route", "the address"),
        ("s/recordings", ValueError("bad page"), "bad page", "restore a backup"),
    ],
)
def test_what_cannot_be_read_is_told_with_the_reason_and_what_to_do(table, error, reason, next_):
    said = f"{table}: cannot be read: {reason}"
    with pytest.raises(StoreError, match=said) as told, reading(table):
        raise error
    assert "\n" not in told.value.message
    assert next_ in told.value.hint


def test_a_store_that_may_not_be_looked_into_is_told_as_such(store, monkeypatch):
    def locked(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(tables, "complete", locked)
    with pytest.raises(StoreError, match="cannot be read: Permission denied"):
        open_store(store.uri)


def test_a_broken_page_of_a_table_is_told_with_what_to_do(store, capsys):
    for name in ("recordings", "assessments"):
        for uri in store.open_table(name).file_uris():
            with open(uri.removeprefix("file://"), "r+b") as stream:
                group = pq.ParquetFile(uri.removeprefix("file://")).metadata.row_group(0)
                for number in range(group.num_columns):
                    if group.column(number).path_in_schema.startswith(("words", "results")):
                        stream.seek(group.column(number).data_page_offset + 25)
                        stream.write(b"\xa5" * 12)
    for arguments in (["show", "call-1"], ["scorecard"], ["assess", "--rulebook", "standard"]):
        assert command([*arguments, "--store", store.uri]) == 1
        said = capsys.readouterr().err
        assert "cannot be read" in said
        assert "store check" in said


def test_what_is_written_is_for_its_owner_only(calls, tmp_path, monkeypatch):
    night(tmp_path / "in", calls, count=1)
    monkeypatch.setenv("SPEECHQA_ASR__ENGINE", "stub")
    store = ["--store", str(tmp_path / "s")]
    old = os.umask(0o022)
    try:
        for arguments in (
            ["run", str(tmp_path / "in"), "--rulebook", "starter"],
            ["store", "compact"],
            ["store", "backup", str(tmp_path / "s" / "copy")],
            ["store", "purge", "--older-than", "2999-01-01"],
        ):
            assert command([*arguments, *store]) == 0
            _is_private(tmp_path / "s")
    finally:
        os.umask(old)


def _is_private(folder):
    for root, folders, files in os.walk(folder):
        for name in (*folders, *files):
            mode = stat.S_IMODE(os.stat(os.path.join(root, name)).st_mode)
            assert not mode & 0o077, os.path.join(root, name)


def test_a_folder_without_a_store_says_how_to_make_one(tmp_path):
    with pytest.raises(InputMissing, match="no speechqa store here"):
        open_store(str(tmp_path))
