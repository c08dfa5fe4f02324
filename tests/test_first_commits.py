"""A night begins: a cluster is joined, and its writers make their first commits at once."""

from __future__ import annotations

import pickle
import threading

import pytest

from speechqa.batch import joining
from speechqa.batch.cluster import ClusterJob, NightActor, outcome_of
from speechqa.batch.work import CallTask
from speechqa.errors import SettingsError, StoreError
from speechqa.metadata import CallMetadata
from speechqa.pipeline import Source
from speechqa.rulebook import load
from speechqa.settings import load_settings
from speechqa.store import open_store
from speechqa.store.rulebooks import keep_rulebook, kept_rulebook
from tests.nights import cut, settings_for

WRITERS = 5


def test_writers_that_all_come_first_all_keep_the_rulebook(tmp_path):
    """Each finds no table of rulebooks and makes one; all but one are told that it is there."""
    book = load("starter", load_settings().rules)
    for night in range(3):
        path = str(tmp_path / f"store-{night}")
        stores = [open_store(path, create=True) for _ in range(WRITERS)]
        together, errors = threading.Barrier(WRITERS), []

        def keep(store, together=together, errors=errors):
            together.wait()
            try:
                keep_rulebook(store, book)
            except Exception as error:
                errors.append(error)

        threads = [threading.Thread(target=keep, args=(store,)) for store in stores]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not errors
        assert kept_rulebook(stores[0], book.digest).form == book.form


def test_a_cluster_that_does_not_come_up_in_time_is_told_as_such():
    class Slow:
        """Ray raises the bare class when a node takes more than 30 s to start."""

        @staticmethod
        def init(**_):
            raise Exception("The current node timed out during startup.\nMore of it.")

    with pytest.raises(SettingsError, match=r"Ray cluster 'local': .* timed out during startup"):
        joining.join(Slow, None)


def test_a_cluster_found_on_this_machine_is_joined_with_its_token(monkeypatch):
    """Ray does that for "auto"; the address that it was resolved to would be refused."""
    pytest.importorskip("ray", reason="the ray extra is not installed")
    from ray._private.authentication import authentication_token_setup as setup

    done = []

    class Ray:
        @staticmethod
        def init(*, address, **_):
            done.append(address)

    monkeypatch.setattr(joining, "_running_here", lambda: "127.0.0.1:6379")
    monkeypatch.setattr(
        setup,
        "maybe_enable_token_auth_if_token_available",
        lambda **_: done.append("token"),
    )
    joining.join(Ray, "auto")
    assert done == ["token", "127.0.0.1:6379"]


def test_an_actor_is_sent_little_and_judges_by_the_rulebook_of_the_store(calls, tmp_path):
    """Ray keeps what is over 100 kB on one node, without which it cannot make an actor again."""
    path = cut(calls[0], tmp_path / "call.wav", start_s=1, seconds=8)
    settings = settings_for(tmp_path / "store", rules={"rulebook": "standard"})
    book = load("standard", settings.rules)
    store = open_store(str(tmp_path / "store"), create=True)
    job = ClusterJob(settings, "config", "run", book.digest, store.uri, {})
    assert len(pickle.dumps(job)) < 20_000
    task = CallTask(Source(str(path), *size_and_time(path)), CallMetadata("call"))
    given = {"call": [pickle.dumps(task)]}
    with pytest.raises(StoreError, match="the rulebook of this run is not in it"):
        outcome_of(NightActor(job)(given)["row"][0])
    keep_rulebook(store, book)
    assert outcome_of(NightActor(job)(given)["row"][0]).status == "scored"
    (facts,) = store.calls()
    assert store.assessment_of(facts.key).rulebook_digest == book.digest


def size_and_time(path) -> tuple[int, int]:
    found = path.stat()
    return found.st_size, found.st_mtime_ns
