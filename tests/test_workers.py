import os
import time

import pytest

from speechqa.batch.workers import Died, Done, Workers
from speechqa.errors import ModelError
from tests.poison import make_nothing, make_tasks


def run_all(tasks, *, count=2, patience_s=60.0):
    ended = []
    waiting = list(tasks)
    with Workers(make_tasks, (), count, lambda progress: patience_s) as pool:
        while waiting or pool.busy:
            while waiting and pool.idle:
                pool.start(waiting.pop(0))
            ended.extend(pool.results())
    return ended


def test_every_task_comes_back_whatever_the_others_do():
    tasks = ["a", "segfault", "b", "exit", "c", "abort", "d", "error", "e", "unpicklable", "f"]
    ended = run_all(tasks)
    assert sorted(e.task for e in ended) == sorted(tasks)
    assert {e.answer for e in ended if isinstance(e, Done)} == set("ABCDEF")


def test_a_worker_multiplies_on_one_thread_unless_told_otherwise(monkeypatch):
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    (alone,) = run_all(["threads"])
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "2")
    (told,) = run_all(["threads"])
    assert alone.answer <= told.answer - (1 if (os.cpu_count() or 1) > 1 else 0)


def test_a_death_is_named_by_its_cause():
    died = {
        e.task: (e.cause, e.detail.split(":")[0])
        for e in run_all(["segfault", "abort", "exit", "memory", "error", "unpicklable"])
        if isinstance(e, Died)
    }
    assert died["segfault"] == ("crash", "SIGSEGV")
    assert died["abort"] == ("crash", "SIGABRT")
    assert died["exit"] == ("crash", "exit code 7")
    assert died["memory"] == ("memory", "MemoryError")
    assert died["error"] == ("error", "ValueError")
    assert died["unpicklable"][0] == "error"


def test_an_error_is_recorded_with_its_place_and_without_its_words():
    (died,) = run_all(["error"])
    assert isinstance(died, Died)
    assert "poison.py:" in died.detail
    assert "secret" not in died.detail


def test_a_hanging_task_is_killed_at_the_end_of_its_patience():
    before = time.monotonic()
    ended = run_all(["hang", "a"], patience_s=8.0)
    assert time.monotonic() - before < 25
    assert {e.task: getattr(e, "cause", "done") for e in ended} == {"hang": "hang", "a": "done"}


def test_a_dead_task_tells_how_far_it_came():
    (died,) = run_all(["exit"])
    assert died.progress == ("doing", "exit", 0)


def test_workers_that_cannot_be_set_up_stop_the_run_with_the_reason():
    with Workers(make_nothing, (), 1, lambda progress: 60.0) as pool:
        pool.start("a")
        with pytest.raises(ModelError, match=r"model\.bin is missing"):
            wait_until_idle(pool)


def wait_until_idle(pool):
    while pool.busy:
        list(pool.results())


def test_no_worker_outlives_its_pool():
    with Workers(make_tasks, (), 1, lambda progress: 60.0) as pool:
        pool.start("hang")
        list(pool.results(timeout_s=5))
        pids = [worker.process.pid for worker in pool._workers]
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_a_worker_has_time_for_the_call_in_its_hands_once_its_length_is_known(calls, tmp_path):
    from speechqa.batch.work import CallTask, GroupTask, make_worker
    from speechqa.metadata import CallMetadata
    from speechqa.pipeline import Source
    from tests.nights import cut, settings_for

    tasks = []
    for number, seconds in enumerate((2, 3)):
        file = cut(calls[number], tmp_path / f"{number}.wav", start_s=2, seconds=seconds)
        state = file.stat()
        source = Source(str(file), state.st_size, state.st_mtime_ns)
        tasks.append(CallTask(source, CallMetadata(call_id=file.name)))
    told = []
    settings = settings_for(tmp_path / "store", vad={"detector": "webrtc"})
    make_worker(settings, "c", "r")(GroupTask(tuple(tasks)), told.append)
    assert [(stage, audio_ms) for stage, _, audio_ms in told] == [
        ("prepare", 0),
        ("prepare", 2000),
        ("prepare", 2000),
        ("prepare", 5000),
        ("transcribe", 5000),
    ]
