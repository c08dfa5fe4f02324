"""Options of the work itself: where results live, how a run is carried out, what is kept."""

from __future__ import annotations

import os

from speechqa.settings.base import Group, option


class StoreSettings(Group):
    """Where results live."""

    path: str = option("speechqa-store", "Folder or URI of the store.", min_length=1)
    commit_calls: int = option(32, "Calls written in one commit.", unit="calls", ge=1)
    options: dict[str, str] = option({}, "Passed on to deltalake for object storage.")


class RunSettings(Group):
    """How a run is carried out."""

    workers: int = option(0, "Worker processes; 0 means one per core.", unit="processes", ge=0)
    executor: str = option("local", "local or ray.", pattern="^(local|ray)$")
    ray_address: str = option("", "Address of the Ray cluster; empty starts one on this machine.")
    agent_channel: str = option(
        "left",
        "Channel of the agent: left, right, or auto (left, unless the greeting is on the right).",
        pattern="^(left|right|auto)$",
    )
    deadline_s: float = option(
        120.0, "A worker that stays silent for longer is killed.", unit="s", gt=0
    )
    deadline_per_audio: float = option(
        3.0, "And so much longer for each second of audio in its hands.", unit="s/s", ge=0
    )
    stop_s: float = option(
        15.0, "An interrupted run waits this long for what is in flight.", unit="s", ge=0, le=25
    )
    worker_memory_mb: int = option(
        0,
        "Memory that one worker may allocate; 0 means its part of the machine's, at least 4 GB.",
        unit="MB",
        ge=0,
    )

    call_memory_mb: int = option(
        64,
        "Samples of a call that stay in memory; those of a longer call lie in a file.",
        unit="MB",
        ge=0,
    )
    scratch: str = option(
        "", "Folder for that file, which has no name; empty: the store's own, else TMPDIR."
    )

    @property
    def worker_memory_bytes(self) -> int:
        """Memory that one worker may allocate."""
        if self.worker_memory_mb:
            return self.worker_memory_mb * 1000**2
        machine = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        return max(4 * 1000**3, machine // self.worker_count)

    @property
    def worker_count(self) -> int:
        """Worker processes to use on this machine."""
        return self.workers or len(os.sched_getaffinity(0))


class PrivacySettings(Group):
    """What is kept of what was said."""

    mask_numbers: bool = option(True, "Mask card numbers and codes before anything is stored.")
    keep_text: bool = option(
        True, "Keep the words; without them measures, hits and scores are kept all the same."
    )
