"""Worker processes know their place: each has its own environment, its successor the same."""

from __future__ import annotations

import os
import signal
import time

from speechqa.batch.workers import Died, Workers

PATIENCE_S = 60.0


def make_teller():
    """Return a task that tells the GPU this process may see, or ends it."""

    def work(task, report):
        if task == "die":
            os.kill(os.getpid(), signal.SIGSEGV)
        time.sleep(0.2)
        return os.environ["CUDA_VISIBLE_DEVICES"]

    return work


def gpu_of(place: int) -> dict[str, str]:
    return {"CUDA_VISIBLE_DEVICES": f"gpu-{place}"}


def drain(pool) -> list:
    ended: list = []
    while pool.busy:
        ended.extend(pool.results())
    return ended


def test_each_worker_has_a_gpu_of_its_own_and_its_successor_takes_it_over():
    with Workers(make_teller, (), 2, lambda _: PATIENCE_S, environment=gpu_of) as pool:
        pool.start("one")
        pool.start("two")
        assert sorted(e.answer for e in drain(pool)) == ["gpu-0", "gpu-1"]
        pool.start("die")
        assert [type(e) for e in drain(pool)] == [Died]
        pool.start("one")
        pool.start("two")
        assert sorted(e.answer for e in drain(pool)) == ["gpu-0", "gpu-1"]
    assert "gpu-" not in os.environ.get("CUDA_VISIBLE_DEVICES", "")
