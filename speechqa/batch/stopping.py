"""Signals that end a run: the first lets it commit what is done, the second ends it at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def interruptible(asked: threading.Event, note: Callable[[str], None]) -> Iterator[None]:
    """Set `asked` on the first SIGINT or SIGTERM while the block runs.

    Elsewhere than in the main thread signals are left alone.

    Parameters
    ----------
    note
        Is told what happens.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, _: object) -> None:
        if asked.is_set():  # asked twice: end at once; what is committed is whole
            raise KeyboardInterrupt
        asked.set()
        name = signal.Signals(number).name
        note(f"{name}: stopping after the calls in work; again to stop now")

    before = {s: signal.signal(s, stop) for s in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
