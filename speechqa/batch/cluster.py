"""The cluster executor: Ray Data carries paths to actors, and small outcomes back.

Each actor holds one recogniser and does with its calls exactly what a worker of the local
executor does, inside the same isolated process, so that a poisonous recording costs one call here
too. Actors commit what they finish straight to the store, many writers at once; commits merge on
the call's key, so work that Ray repeats after losing a node is written once.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from speechqa.batch.journal import Journal
from speechqa.batch.judge import store_and_judge
from speechqa.batch.local import GROUP_CALLS, LocalExecutor
from speechqa.batch.work import CallTask
from speechqa.errors import SettingsError
from speechqa.pipeline import CallFacts
from speechqa.rulebook import Rulebook
from speechqa.settings import Settings
from speechqa.store import open_store


@dataclass(frozen=True)
class ClusterJob:
    """What every actor needs: plain values, sent once.

    Parameters
    ----------
    store_uri
        A store that all nodes reach: object storage, or a folder that they share.
    """

    settings: Settings
    config: str
    run_id: str
    rulebook: Rulebook
    store_uri: str
    storage_options: dict[str, str]


class NightActor:
    """Processes and commits batches of calls on one node; made by Ray."""

    def __init__(self, job: ClusterJob) -> None:
        self._job = job
        run = job.settings.run.model_copy(update={"workers": 1})
        self._executor = LocalExecutor(
            settings=job.settings.model_copy(update={"run": run}),
            config=job.config,
            run_id=job.run_id,
            workers=1,
            journal=Journal(None),
        )
        self._store = open_store(job.store_uri, storage_options=job.storage_options)

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Process the calls of one batch; return each call's row, without its facts."""
        calls = [pickle.loads(item) for item in batch["call"]]
        done: list[CallFacts] = []
        for rows in self._executor.process(calls, total=len(calls)):
            done.extend(replace(row, run_id=self._job.run_id) for row in rows)
        store_and_judge(self._store, done, self._job.rulebook, self._job.settings)
        return {"row": [pickle.dumps(_outcome(row)) for row in done]}


@dataclass
class ClusterExecutor:
    """Processes calls on a Ray cluster.

    Parameters
    ----------
    job
        As sent to the actors.
    address
        Of the cluster; None starts or joins one on this machine.
    actors
        How many at most; 0 asks for one per CPU, or per GPU where the device is one.
    """

    job: ClusterJob
    address: str | None = None
    actors: int = 0

    def process(self, calls: Iterable[CallTask], *, total: int) -> Iterator[list[CallFacts]]:
        """Yield the outcomes of calls as they are committed.

        The facts are in the store already; what is yielded says how each call ended.

        Raises
        ------
        SettingsError
            Ray is not installed, or the cluster has no room for one actor.
        """
        ray = _ray()
        if not ray.is_initialized():
            ray.init(address=self.address, log_to_driver=False, configure_logging=False)
        gpu = self.job.settings.asr.device == "cuda"
        have = int(ray.cluster_resources().get("GPU" if gpu else "CPU", 0))
        if not have:
            raise SettingsError(
                f"the cluster has no {'GPU' if gpu else 'CPU'}",
                hint="start nodes, or choose another --device",
            )
        count = self.actors or have
        items = [{"call": pickle.dumps(call)} for call in calls]
        if not items:
            return
        size = max(1, min(GROUP_CALLS, -(-len(items) // (2 * count))))
        rows = (
            ray.data.from_items(items, override_num_blocks=max(1, -(-len(items) // size)))
            .map_batches(
                NightActor,
                fn_constructor_args=(self.job,),
                batch_size=size,
                compute=ray.data.ActorPoolStrategy(min_size=1, max_size=count),
                num_cpus=0 if gpu else 1,
                num_gpus=1 if gpu else 0,
            )
            .iter_rows()
        )
        for row in rows:
            yield [pickle.loads(row["row"])]


def _outcome(row: CallFacts) -> CallFacts:
    """Return the row without what is only needed in the store."""
    return replace(row, words=(), speech={}, peaks={}, levels={}, raised={})


def _ray() -> Any:
    try:
        import ray
        import ray.data
    except ImportError:
        raise SettingsError(
            "--executor ray: Ray is not installed",
            hint="pip install 'speechqa[ray]', or use --executor local",
        ) from None
    ray.data.DataContext.get_current().enable_progress_bars = False
    return ray
