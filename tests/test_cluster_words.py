"""The shipped model says the same on one machine and on a Ray cluster, in any company."""

from __future__ import annotations

import pickle
import shutil
import socket
import tempfile
from pathlib import Path

import pytest

from speechqa.batch.cluster import ClusterExecutor, ClusterJob, NightActor, outcome_of
from speechqa.batch.work import CallTask, GroupTask, make_worker
from speechqa.errors import ModelError, SettingsError
from speechqa.metadata import CallMetadata
from speechqa.pipeline import Source
from speechqa.store import open_store
from tests.nights import canonical, cut, run_night, settings_for
from tests.test_cluster import run_script

pytest.importorskip("ray", reason="the ray extra is not installed")

NOISE_MS, NOISE_P = 40, 0.03
"""Float noise of the engine: two steps of its clock, three hundredths of a probability."""

ON_RAY = """
    from pathlib import Path
    from speechqa.batch.run import Run
    from speechqa.discovery import discover
    from speechqa.metadata import MetadataReader
    from speechqa.rulebook import load
    from speechqa.settings import load_settings
    from speechqa.store import open_store

    settings = load_settings(
        store={"path": STORE, "commit_calls": 4},
        asr={"engine": "whisper"} | ASR,
        run={"executor": "ray", "workers": 2, "ray_address": ADDRESS},
        rules={"rulebook": "starter"},
    )
    book = load("starter", settings.rules)
    run = Run(settings, book, open_store(STORE, create=True), MetadataReader())
    print("account:", run.over(discover([Path(FOLDER)]).paths).equation, flush=True)
"""


def on_ray(folder, store, *, address="", asr=None, environment=None):
    code = f"ASR = {asr or {}!r}\n" + "\n".join(line[4:] for line in ON_RAY.splitlines())
    return run_script(code, environment, FOLDER=folder, STORE=store, ADDRESS=address)


@pytest.fixture(scope="module")
def folder(calls, tmp_path_factory):
    made = tmp_path_factory.mktemp("words") / "in"
    made.mkdir()
    for number, start_s in enumerate((1, 6, 12, 20)):
        cut(calls[number], made / f"call-{number}.wav", start_s=start_s, seconds=8 + number)
    return made


@pytest.fixture(scope="module")
def two_workers(folder, tmp_path_factory):
    store = tmp_path_factory.mktemp("two") / "store"
    run_night([folder], store, engine="whisper", workers=2)
    return store


def tasks_of(folder) -> list[CallTask]:
    return [
        CallTask(Source(str(path), at.st_size, at.st_mtime_ns), CallMetadata(path.name))
        for path in sorted(folder.iterdir())
        for at in [path.stat()]
    ]


def words(store) -> dict[str, list]:
    found = open_store(str(store)).calls()
    return {Path(facts.path).name: list(facts.words) for facts in found}


def same_words(ours, theirs) -> None:
    assert [(w.party, w.text) for w in ours] == [(w.party, w.text) for w in theirs]
    for a, b in zip(ours, theirs, strict=True):
        assert abs(a.start_ms - b.start_ms) <= NOISE_MS
        assert abs(a.end_ms - b.end_ms) <= NOISE_MS
        assert abs(a.probability - b.probability) <= NOISE_P


def test_the_sample_calls_hold_words(two_workers):
    """Guards the tests of this file: empty transcripts would pass them all."""
    assert min(len(said) for said in words(two_workers).values()) >= 5


@pytest.mark.timeout(450)
def test_the_shipped_model_says_the_same_on_a_cluster_and_on_one_machine(
    folder, two_workers, tmp_path
):
    # The address that a cluster left behind when it was killed must not be believed.
    place = Path(tempfile.mkdtemp(prefix="sq"))
    (place / "ray").mkdir()
    (place / "ray" / "ray_current_cluster").write_text(f"127.0.0.1:{unused_port()}")
    try:
        done = on_ray(folder, tmp_path / "store", environment={"RAY_TMPDIR": str(place)})
    finally:
        shutil.rmtree(place, ignore_errors=True)
    assert "account: 4 found = 4 scored" in done.stdout, done.stdout + done.stderr[-2000:]
    assert canonical(tmp_path / "store") == canonical(two_workers)


@pytest.mark.parametrize("workers", [1, 4])
def test_the_shipped_model_says_the_same_with_any_number_of_workers(
    folder, two_workers, tmp_path, workers
):
    run_night([folder], tmp_path / "store", engine="whisper", workers=workers)
    ours, theirs = words(tmp_path / "store"), words(two_workers)
    assert ours.keys() == theirs.keys()
    for name in theirs:
        same_words(ours[name], theirs[name])


def test_a_call_is_heard_the_same_alone_and_in_a_group(folder, tmp_path):
    settings = settings_for(tmp_path, engine="whisper", workers=1, asr={"threads": 1})
    work = make_worker(settings, "config", "run")
    tasks = tasks_of(folder)
    together = work(GroupTask(tuple(tasks)), lambda _: None)
    for task, row in zip(tasks, together, strict=True):
        (alone,) = work(GroupTask((task,)), lambda _: None)
        assert alone.status == row.status == "scored"
        same_words(alone.words, row.words)


def unused_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@pytest.mark.parametrize("given", ["flag", "environment"])
def test_a_cluster_that_does_not_answer_is_told_within_seconds(monkeypatch, given):
    address = f"127.0.0.1:{unused_port()}"
    if given == "environment":
        monkeypatch.setenv("RAY_ADDRESS", address)
    executor = ClusterExecutor(None, address=address if given == "flag" else "auto")
    with pytest.raises(SettingsError, match=r"Ray cluster .*refused") as told:
        list(executor.process([], total=0))
    assert "ray start" in told.value.hint


def actor_for(store, **groups) -> NightActor:
    settings = settings_for(store, engine="whisper", **groups)
    open_store(str(store), create=True)
    return NightActor(ClusterJob(settings, "config", "run", "", str(store), {}))


def test_a_model_that_a_node_cannot_load_ends_the_run_with_its_own_error(folder, tmp_path):
    actor = actor_for(tmp_path, asr={"compute_type": "int7"})
    answer = actor({"call": [pickle.dumps(task) for task in tasks_of(folder)]})
    with pytest.raises(ModelError, match="int7") as told:
        outcome_of(answer["row"][0])
    assert "speechqa model pull" in told.value.hint


def test_each_actor_takes_one_core_unless_told_otherwise(tmp_path):
    """A node with 64 cores has 64 actors: each with 64 threads would end it."""
    settings = actor_for(tmp_path, workers=7)._executor.settings
    assert (settings.asr.threads, settings.run.worker_count) == (1, 1)
    told = actor_for(tmp_path, workers=7, asr={"threads": 3})._executor.settings
    assert told.asr.threads == 3
