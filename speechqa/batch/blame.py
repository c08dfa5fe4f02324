"""Which call an error came from, and where, without its words: they might quote a transcript."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from speechqa.pipeline import CallFacts

T = TypeVar("T")


def where(error: BaseException) -> str:
    """Return class and place of an error: its message might quote a transcript."""
    trace, place = error.__traceback__, "?"
    while trace is not None:
        place = f"{os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}"
        trace = trace.tb_next
    return f"{type(error).__name__} at {place}"


def alone_on_error(
    calls: Sequence[CallFacts], work: Callable[[Sequence[CallFacts]], Iterable[T]]
) -> tuple[list[T], tuple[tuple[str, str], ...]]:
    """Do calls together; when that fails, alone, so that an error costs only its own call.

    Returns
    -------
    What was made, and path and place of each failure.
    """
    try:
        return list(work(calls)), ()
    except Exception as error:  # unforeseen: nothing is known of it but its place
        if len(calls) == 1:
            return [], ((calls[0].path, where(error)),)
    made: list[T] = []
    failed: list[tuple[str, str]] = []
    for call in calls:
        one, failures = alone_on_error([call], work)
        made.extend(one)
        failed.extend(failures)
    return made, tuple(failed)
