"""Kills and full disks, small: run by a test in a process that has not touched Delta Lake yet."""

import pytest

from tests.torture.crashes import Compared, at_random, every_step
from tests.torture.disks import fill_up, remount, run_on, same, small_disk


@pytest.fixture(scope="module")
def compared(tmp_path_factory):
    return Compared(tmp_path_factory.mktemp("compared"))


@pytest.mark.timeout(900)
def test_a_kill_at_any_durable_step_costs_nothing(compared):
    steps = every_step(compared)
    assert steps >= 12
    assert compared.wrong == []


@pytest.mark.timeout(600)
def test_a_kill_at_any_moment_costs_nothing(compared):
    at_random(compared, 3, seed=7)
    assert compared.wrong == []


@pytest.mark.timeout(600)
def test_a_full_disk_is_named_and_leaves_nothing_half_done(compared, tmp_path):
    try:
        with small_disk(tmp_path / "disk", kb=8) as disk:
            said = fill_up(compared, disk, step_kb=96)
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
    except PermissionError as error:
        pytest.skip(str(error))
    assert compared.wrong == []
