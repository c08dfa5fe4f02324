"""Kills and full disks, small: run by a test in a process that has not touched Delta Lake yet."""

import os
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.torture.crashes import (
    Compared,
    at_random,
    every_step,
    kill_one,
    length_of_run_s,
    pair,
    shuffled,
)
from tests.torture.disks import CannotHere, fill_up, remount, run_on, same, small_disk
from tests.torture.failing import built, every_write
from tests.torture.forgetting import scattered, upkeep_killed

HANGS_S = 3600
"""Only what hangs takes so long: how fast a busy machine is decides nothing here."""


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    return Compared(tmp_path_factory.mktemp("compared"))


@pytest.mark.timeout(HANGS_S)
def test_a_kill_at_any_durable_step_costs_nothing(compared):
    steps = every_step(compared)
    assert steps >= 12
    assert compared.wrong == []


@pytest.mark.timeout(HANGS_S)
def test_a_kill_at_any_moment_costs_nothing(compared):
    at_random(compared, 3, seed=7)
    assert compared.wrong == []


@pytest.mark.timeout(HANGS_S)
def test_a_kill_of_parent_worker_or_group_costs_nothing_and_leaves_no_process(compared):
    length_s = length_of_run_s(compared)
    killed = [kill_one(compared, number, length_s=length_s) for number in range(3)]
    assert killed == ["parent", "worker", "group"]
    assert compared.wrong == []


@pytest.mark.timeout(HANGS_S)
def test_of_two_runs_at_once_one_works_and_the_other_says_who_holds_the_store(compared):
    assert pair(compared, 0).startswith("second ")
    assert compared.wrong == []


@pytest.mark.timeout(HANGS_S)
def test_order_and_workers_change_no_byte_of_the_export(compared):
    for number, workers in enumerate((1, 2, 4)):
        shuffled(compared, number, workers=workers)
    assert compared.wrong == []


@pytest.mark.timeout(HANGS_S)
def test_a_kill_while_compacting_or_copying_costs_nothing(tmp_path):
    folder = scattered(tmp_path)
    killed = [upkeep_killed(folder, tmp_path, number) for number in range(2)]
    assert killed == [("compacting", ()), ("a backup", ())]


@pytest.mark.timeout(HANGS_S)
def test_an_eio_at_any_write_is_named_and_leaves_nothing_half_done(tmp_path):
    if "LD_PRELOAD" not in os.environ:  # this test again, with a C library that can be told to fail
        try:
            library = built(tmp_path)
        except CannotHere as error:
            pytest.skip(str(error))
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__]
        done = subprocess.run(
            [*command, "-k", "eio"],
            cwd=ROOT,
            env=os.environ | {"LD_PRELOAD": str(library)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert "1 passed" in done.stdout, done.stdout[-3000:]
        return
    compared = Compared(tmp_path / "compared")
    said = list(every_write(compared, stride=7))
    assert len(said) >= 6
    assert any("recordings" in text for _, text in said)
    assert compared.wrong == []


@pytest.mark.timeout(HANGS_S)
def test_a_full_disk_is_named_and_leaves_nothing_half_done(compared, tmp_path):
    try:
        with small_disk(tmp_path / "disk", kb=8) as disk:
            said = list(fill_up(compared, disk, step_kb=96))
            assert said
            for message, hint in said:
                assert "No space left on device" in message
                assert str(disk / "store") in message
                assert "free some space" in hint
            assert same(compared, disk / "store")
            remount(disk, "ro")
            message, hint = run_on(compared, disk / "store")
            assert "Read-only file system" in message
            assert "writable" in hint
    except CannotHere as error:
        pytest.skip(str(error))
    assert compared.wrong == []
