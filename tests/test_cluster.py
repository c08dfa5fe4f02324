"""A real Ray cluster of several nodes on this machine, and a real S3 server on loopback."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import textwrap

import pytest

from speechqa.store import open_store
from tests.conftest import ROOT
from tests.nights import canonical, night, run_night

pytest.importorskip("ray", reason="the ray extra is not installed")

NODE_KILLED = """
    import threading, time
    from pathlib import Path
    import ray
    from ray.cluster_utils import Cluster
    from tests.nights import cluster_run

    cluster = Cluster()

    def node(cpus, **more):  # Ray gives a node 30 s to come up, which a busy machine may not have
        for _ in range(3):
            try:
                return cluster.add_node(num_cpus=cpus, **more)
            except Exception as error:
                if "timed out" not in str(error):
                    raise
        print("no node came up", flush=True)
        raise SystemExit

    node(0, include_dashboard=False)
    nodes = [node(1) for _ in range(2)]
    ray.init(address=cluster.address, log_to_driver=False, logging_level="ERROR")

    def kill():
        store = Path(STORE) / "recordings" / "_delta_log"
        while len(list(store.glob("*.json"))) < 2:  # something is committed, the rest is under way
            time.sleep(0.1)
        cluster.remove_node(nodes[0], allow_graceful=False)
        print("killed", flush=True)

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    report = cluster_run([Path(FOLDER)], STORE)
    print("account:", report.equation, flush=True)
    killer.join(60)
"""


@pytest.fixture(scope="module")
def folder(calls, tmp_path_factory):
    made = tmp_path_factory.mktemp("cluster") / "in"
    night(made, calls, count=12)
    return made


@pytest.fixture(scope="module")
def local(folder, tmp_path_factory):
    store = tmp_path_factory.mktemp("local") / "store"
    run_night([folder], store)
    return store


def run_script(code, environment=None, **values):
    """Run code in a process of its own: a cluster leaves threads and signal handlers behind."""
    named = "".join(f"{name} = {str(value)!r}\n" for name, value in values.items())
    quiet = {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}
    environment = os.environ | quiet | (environment or {})
    return subprocess.run(
        [sys.executable, "-c", named + textwrap.dedent(code)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=420,
        check=False,
    )


@pytest.mark.timeout(450)
def test_a_node_killed_in_the_middle_loses_nothing_and_writes_nothing_twice(
    folder, local, tmp_path
):
    done = run_script(NODE_KILLED, FOLDER=folder, STORE=tmp_path / "store")
    assert "no node came up" not in done.stdout, "three times no Ray node came up within 30 s"
    assert "killed" in done.stdout, done.stderr[-2000:]
    assert "account: 12 found = 12 scored" in done.stdout, done.stdout + done.stderr[-2000:]
    assert open_store(str(tmp_path / "store")).read("recordings").num_rows == 12
    assert canonical(tmp_path / "store") == canonical(local)


S3 = """
    import socket, subprocess, sys, threading, time, urllib.request
    from pathlib import Path
    import boto3
    from speechqa.store import open_store
    from tests.nights import run_night_at

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # A process of its own: deltalake holds the interpreter's lock while it waits for an answer.
    server = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    for _ in range(300):
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/moto-api/").close()
            break
        except OSError:
            time.sleep(0.1)
    options = {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s", "AWS_REGION": "us-east-1",
        "AWS_ALLOW_HTTP": "true", "aws_conditional_put": "etag",
    }
    boto3.client(
        "s3", endpoint_url=options["AWS_ENDPOINT_URL"], region_name="us-east-1",
        aws_access_key_id="k", aws_secret_access_key="s",
    ).create_bucket(Bucket="calls")
    inputs = sorted(Path(FOLDER).iterdir())
    open_store("s3://calls/night", create=True, storage_options=options)
    reports = []
    def writer(part):
        reports.append(run_night_at(part, "s3://calls/night", options).equation)
    # Two writers at once, whose inputs overlap.
    threads = [threading.Thread(target=writer, args=(part,)) for part in (inputs[:4], inputs[2:6])]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    store = open_store("s3://calls/night", storage_options=options)
    print(sorted(reports), store.read("recordings").num_rows, store.read("assessments").num_rows)
    server.terminate()
"""


@pytest.mark.timeout(450)
def test_two_writers_share_a_store_on_object_storage(folder):
    pytest.importorskip("moto", reason="moto, which plays the S3 server, is not installed")
    done = run_script(S3, FOLDER=folder)
    expected = "['4 found = 4 scored', '4 found = 4 scored'] 6 6"
    assert done.stdout.strip().endswith(expected), done.stdout + done.stderr[-3000:]


def test_a_cluster_that_is_not_installed_is_named(monkeypatch, folder, tmp_path):
    from speechqa.errors import SettingsError
    from tests.nights import cluster_run

    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(SettingsError, match="Ray is not installed"):
        cluster_run([folder], str(tmp_path / "store"))
    shutil.rmtree(tmp_path / "store")
