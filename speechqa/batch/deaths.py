"""What ended a worker process, and where an error came from, in words for the record."""

from __future__ import annotations

import os
import signal


def cause_of_death(exit_code: int | None, *, memory: bool) -> tuple[str, str]:
    """Name what ended a process.

    Parameters
    ----------
    memory
        Whether the system killed processes for want of memory meanwhile.

    Examples
    --------
    >>> cause_of_death(-11, memory=False)
    ('crash', 'SIGSEGV')
    >>> cause_of_death(-9, memory=True), cause_of_death(-9, memory=False)
    (('memory', 'SIGKILL'), ('killed', 'SIGKILL'))
    >>> cause_of_death(3, memory=False)
    ('crash', 'exit code 3')
    """
    if exit_code is None:
        return "hang", "it closed its pipe and stayed"
    if exit_code == -signal.SIGKILL:  # nobody here kills a worker that has not been discarded
        return ("memory" if memory else "killed"), "SIGKILL"
    if exit_code < 0:
        return "crash", signal.Signals(-exit_code).name
    return "crash", f"exit code {exit_code}"


def oom_kills() -> int | None:
    """Return how many processes the system has killed for want of memory; None if unknown."""
    try:
        with open("/proc/vmstat", encoding="ascii") as stream:
            return next(int(line.split()[1]) for line in stream if line.startswith("oom_kill "))
    except (OSError, StopIteration, ValueError):
        return None


def place_of(error: BaseException) -> str:
    """Return file and line of the innermost frame: messages may quote a transcript, lines not."""
    trace = error.__traceback__
    place = "?"
    while trace is not None:
        place = f"{os.path.basename(trace.tb_frame.f_code.co_filename)}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place
