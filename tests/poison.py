"""Tasks that end badly, for the worker tests: importable, since workers are fresh processes."""

from __future__ import annotations

import ctypes
import os
import time
from typing import Any


def make_tasks(*_: Any) -> Any:
    """Return a function that does what its task says."""

    def work(task: str, report: Any) -> Any:
        report(("doing", task, 0))
        if task == "segfault":
            ctypes.string_at(0)
        if task == "abort":
            os.abort()
        if task == "exit":
            os._exit(7)
        if task == "hang":
            time.sleep(600)
        if task == "memory":
            raise MemoryError
        if task == "error":
            raise ValueError("the customer said a secret")
        if task == "unpicklable":
            return lambda: None
        if task == "threads":  # how many there are once numpy has multiplied
            import numpy as np

            np.ones((300, 300)) @ np.ones((300, 300))
            return len(os.listdir("/proc/self/task"))
        return task.upper()

    return work


def make_nothing(*_: Any) -> Any:
    """Fail as a missing model does."""
    from speechqa.errors import ModelError

    raise ModelError("models/none: model.bin is missing", hint="copy the folder again")


def make_death(*_: Any) -> Any:
    """End the process while it is being set up."""
    os._exit(3)
