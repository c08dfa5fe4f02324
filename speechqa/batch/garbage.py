"""Python's collector of cycles, kept off while blocks of calls are judged.

A block makes hundreds of thousands of small objects at once, all of them needed until it is done.
The collector looks at them again and again meanwhile, which was a third of the time of a replay
(`benchmarks.reassess --only required`), and finds nothing. One look at the young ones afterwards
frees what the block left in cycles.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")


def collected_after(work: Callable[P, R]) -> Callable[P, R]:
    """Return `work` with the collector off while it runs, and one look at young objects after it.

    Where the collector is off already it is left so, and nothing is collected.

    Examples
    --------
    >>> collected_after(gc.isenabled)(), gc.isenabled()
    (False, True)
    """

    def alone(*args: P.args, **kwargs: P.kwargs) -> R:
        if not gc.isenabled():
            return work(*args, **kwargs)
        gc.disable()
        try:
            return work(*args, **kwargs)
        finally:
            gc.enable()
            gc.collect(0)

    return alone
