"""The cluster executor: Ray Data carries paths to actors, and small outcomes back.

Each actor holds one recogniser and does with its calls exactly what a worker of the local
executor does, inside the same isolated process, so that a poisonous recording costs one call here
too. Actors commit what they finish straight to the store, many writers at once; commits merge on
the call's key, so work that Ray repeats after losing a node is written once. A call's outcome
leaves its actor only when the call is committed.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from speechqa.batch.joining import join, ray_data
from speechqa.batch.journal import Journal
from speechqa.batch.judge import store_or_quarantine
from speechqa.batch.local import GROUP_CALLS, LocalExecutor
from speechqa.batch.work import CallTask
from speechqa.errors import SettingsError, SpeechqaError, StoreError
from speechqa.pipeline import CallFacts
from speechqa.rulebook import Rulebook
from speechqa.settings import Settings
from speechqa.store import open_store
from speechqa.store.rulebooks import kept_rulebook

BATCH_GROUPS = 4
"""Groups of calls that an actor takes at once: while one is committed the next is recognised."""


@dataclass(frozen=True)
class ClusterJob:
    """What every actor needs: plain values, sent once.

    Small, so that Ray sends it with the order to make an actor: what is larger lies in the memory
    of one node, and an actor that is to be made again without it cannot be.

    Parameters
    ----------
    rulebook
        Digest of the rulebook, which the store keeps.
    store_uri
        A store that all nodes reach: object storage, or a folder that they share.
    """

    settings: Settings
    config: str
    run_id: str
    rulebook: str
    store_uri: str
    storage_options: dict[str, str]


class NightActor:
    """Processes and commits batches of calls on one node; made by Ray."""

    def __init__(self, job: ClusterJob) -> None:
        self._job = job
        run = job.settings.run.model_copy(update={"workers": 1})
        asr = job.settings.asr.model_copy(update={"threads": job.settings.asr.threads or 1})
        self._executor = LocalExecutor(
            settings=job.settings.model_copy(update={"run": run, "asr": asr}),
            config=job.config,
            run_id=job.run_id,
            workers=1,
            journal=Journal(None),
        )
        self._store = open_store(job.store_uri, storage_options=job.storage_options)
        # One thread: commits of one actor never race each other, and recognising goes on.
        self._committer = ThreadPoolExecutor(1, "commit")

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        """Process the calls of one batch; return each call's row, without its facts.

        What no call of the night can do without (a model that this node lacks) comes back as
        the error itself: Ray would bury it under its own.
        """
        calls = [pickle.loads(item) for item in batch["call"]]
        try:
            return {"row": [pickle.dumps(_outcome(row)) for row in self._process(calls)]}
        except SpeechqaError as error:
            return {"row": [pickle.dumps(error)]}

    def _process(self, calls: Sequence[CallTask]) -> list[CallFacts]:
        """Process and commit calls; a group is recognised while the one before is committed."""
        pending: list[CallFacts] = []
        commits: list[Future[list[CallFacts]]] = []
        for rows in self._executor.process(calls, total=len(calls)):
            pending.extend(replace(row, run_id=self._job.run_id) for row in rows)
            if len(pending) >= self._job.settings.store.commit_calls:
                commits.append(self._committer.submit(self._commit, pending))
                pending = []
        commits.append(self._committer.submit(self._commit, pending))
        return [row for commit in commits for row in commit.result()]

    def _commit(self, rows: Sequence[CallFacts]) -> list[CallFacts]:
        if not rows:
            return []
        return store_or_quarantine(self._store, rows, self._book, self._job.settings)

    @cached_property
    def _book(self) -> Rulebook:
        book = kept_rulebook(self._store, self._job.rulebook)
        if book is None:
            raise StoreError(
                f"{self._job.store_uri}: the rulebook of this run is not in it",
                hint="every node must reach the same store and have the same speechqa",
            )
        return book


@dataclass
class ClusterExecutor:
    """Processes calls on a Ray cluster.

    Parameters
    ----------
    job
        As sent to the actors.
    address
        Of the cluster: ``host:port``, ``ray://host:port``, or ``auto`` for the one that runs on
        this machine. None starts one here and ends it with the run. A cluster that this process
        is connected to already is used as it is.
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
            Ray is not installed, no cluster answers, or it has no room for one actor.
        ModelError
            A node cannot load the model.
        """
        ray = ray_data()
        joined = not ray.is_initialized()
        if joined:
            join(ray, self.address)
        try:
            yield from self._over(ray, calls)
        finally:
            if joined:
                ray.shutdown()

    def _over(self, ray: Any, calls: Iterable[CallTask]) -> Iterator[list[CallFacts]]:
        gpu = self.job.settings.asr.device == "cuda"
        have = int(ray.cluster_resources().get("GPU" if gpu else "CPU", 0))
        if not have:
            raise SettingsError(
                f"the cluster has no {'GPU' if gpu else 'CPU'}",
                hint="start nodes, or choose another --device",
            )
        items = [{"call": pickle.dumps(call)} for call in calls]
        if not items:
            return
        count = min(self.actors or have, have)
        size = batch_size(len(items), count)
        rows = (
            ray.data.from_items(items, override_num_blocks=-(-len(items) // size))
            .map_batches(
                NightActor,
                fn_constructor_args=(self.job,),
                batch_size=size,
                compute=ray.data.ActorPoolStrategy(
                    min_size=1, max_size=count, initial_size=min(count, -(-len(items) // size))
                ),
                num_cpus=0 if gpu else 1,
                num_gpus=1 if gpu else 0,
            )
            .iter_rows()
        )
        for row in rows:
            yield [outcome_of(row["row"])]


def batch_size(total: int, actors: int) -> int:
    """Return how many calls an actor takes at once: each gets two batches of a small night.

    Examples
    --------
    >>> batch_size(4, 2), batch_size(48, 2), batch_size(1_000_000, 200)
    (1, 12, 64)
    """
    return max(1, min(BATCH_GROUPS * GROUP_CALLS, -(-total // (2 * actors))))


def outcome_of(sent: bytes) -> CallFacts:
    """Return what an actor sent for one call.

    Raises
    ------
    SpeechqaError
        The actor cannot process any call.
    """
    outcome = pickle.loads(sent)
    if isinstance(outcome, SpeechqaError):
        raise outcome
    assert isinstance(outcome, CallFacts)
    return outcome


def _outcome(row: CallFacts) -> CallFacts:
    """Return the row without what is only needed in the store."""
    return replace(row, words=(), speech={}, peaks={}, levels={}, raised={})
