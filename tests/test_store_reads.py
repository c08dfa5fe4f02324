"""What reading one call costs in a store of many, and what a commit costs: bytes, not seconds."""

import hashlib
import threading
import tracemalloc
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from speechqa.pipeline import CallFacts
from speechqa.store import open_store
from speechqa.store.check import check
from speechqa.store.columns import facts_of_table, recording_blocks
from speechqa.store.schema import recordings_table
from speechqa.store.upkeep import compact
from speechqa.transcript import Word

IO = Path("/proc/self/io")
pytestmark = pytest.mark.skipif(not IO.exists(), reason="the system does not count bytes read")


def key_of(number):
    return hashlib.sha256(str(number).encode()).hexdigest()[:32]


def call(number):
    words = tuple(
        Word("agent", 400 * n, 400 * n + 300, key_of(number * 1000 + n)[:5], 0.9) for n in range(40)
    )
    return CallFacts(
        key=key_of(number),
        call_id=f"call-{number}",
        path=f"in/{number:06d}.wav",
        size_bytes=1,
        mtime_ns=number,
        audio_sha256=key_of(-1 - number) * 2,
        config="c",
        status="scored",
        duration_ms=20_000,
        words=words,
    )


def read_bytes():
    return int(IO.read_text().split()[1])


def stored_bytes(store):
    return sum(Path(uri).stat().st_size for uri in store.open_table("recordings").file_uris())


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """A store of 3,000 calls in 30 commits."""
    store = open_store(str(tmp_path_factory.mktemp("many") / "store"), create=True)
    read = []
    for block in range(30):
        rows = [call(100 * block + n) for n in range(100)]
        before = read_bytes()
        store.commit_calls(rows)
        read.append(read_bytes() - before)
    return store, read


def test_a_commit_reads_no_more_in_a_large_store_than_in_a_small_one(many):
    _, read = many
    assert max(read[1:]) < 250_000  # the log's last 25 lines; the first commit reads modules
    assert sum(read[20:]) < 2 * sum(read[5:15])


def test_calls_are_found_by_key_in_a_store_of_many_small_files(many):
    store, _ = many
    wanted = {key_of(n) for n in (7, 1234, 2999)}
    assert {facts.key for facts in store.calls(wanted)} == wanted
    assert sum(piece.num_rows for piece in store.stream(wanted)) == 3
    assert store.calls(["none"]) == []
    assert store.assessment_of(key_of(7)) is None


def test_one_call_of_3000_is_read_without_the_others(many):
    store, _ = many
    compact(store)
    size = stored_bytes(store)
    store.calls([key_of(5)])  # imports
    before = read_bytes()
    (found,) = store.calls([key_of(1234)])
    read = read_bytes() - before
    assert found.call_id == "call-1234"
    assert [word.text for word in found.words] == [word.text for word in call(1234).words]
    assert read < size / 4, f"{read} bytes of {size}"


def test_writing_a_stored_call_again_replaces_it_in_a_compacted_store(many):
    store, _ = many
    store.commit_calls([replace(call(1234), agent_id="Zoe"), call(3000)])
    assert store.read("recordings", ["key"]).num_rows == 3001
    (found,) = store.calls([key_of(1234)])
    assert found.agent_id == "Zoe"


def test_checking_a_store_holds_blocks_and_not_the_store(many):
    store, _ = many
    compact(store)
    tracemalloc.start()
    faults = check(store)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert {fault.kind for fault in faults} == {"not-judged"}
    assert peak < 30e6  # the words of 3,000 calls alone are 60 MB as Python values


def test_many_writers_of_the_same_calls_write_each_once(tmp_path):
    uri = str(tmp_path / "store")
    open_store(uri, create=True)
    rows = [call(n) for n in range(24)]
    failed = []

    def write(first):
        try:
            own = open_store(uri)
            for start in range(0, 24, 4):
                at = (start + first) % 24
                own.commit_calls(rows[at : at + 4])
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=write, args=(4 * n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    keys = open_store(uri).read("recordings", ["key"])["key"].to_pylist()
    assert sorted(keys) == sorted(row.key for row in rows)


def test_rows_come_back_in_the_order_and_shape_of_the_table(many):
    store, _ = many
    whole = store.read("recordings")
    keys = {key_of(n) for n in range(0, 3000, 17)}
    found = pa.concat_tables(store.stream(keys))
    assert found.schema.names == whole.schema.names
    mask = pa.array([key in keys for key in whole["key"].to_pylist()])
    assert found.sort_by("key").equals(whole.filter(mask).sort_by("key"))


def test_a_store_made_without_our_configuration_is_read_and_written_alike(tmp_path):
    from deltalake import write_deltalake

    uri = str(tmp_path / "store")
    rows = recordings_table([call(n) for n in range(5)], processed_at=datetime.now(UTC))
    write_deltalake(f"{uri}/recordings", rows)
    store = open_store(uri, create=True)
    store.commit_calls([call(3), call(7)])
    assert store.read("recordings").num_rows == 6
    assert [facts.call_id for facts in store.calls([key_of(7)])] == ["call-7"]


def test_calls_that_a_merge_wrote_are_read_like_any_others(tmp_path):
    store = open_store(str(tmp_path / "store"), create=True)
    store.commit_calls([call(number) for number in range(6)])
    store.commit_calls([replace(call(number), config="d") for number in range(3)])
    files = store.open_table("recordings").file_uris()
    kinds = {pq.read_schema(file).field("key").type for file in files}
    assert pa.string_view() in kinds, "merges write no text views any more: this shows nothing"
    wanted = {key_of(0), key_of(5)}
    blocks = list(recording_blocks(store, wanted))
    found = {facts.key: facts for block in blocks for facts in facts_of_table(block)}
    assert {key: facts.config for key, facts in found.items()} == {key_of(0): "d", key_of(5): "c"}
    said = [word.text for word in found[key_of(0)].words]
    assert said == [word.text for word in call(0).words]
