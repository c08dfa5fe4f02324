"""A run's progress on a terminal: calls done, speed against real time, time left."""

from __future__ import annotations

import time
from collections.abc import Sequence

from rich.progress import Progress as Bar

from speechqa.batch.run import Progress
from speechqa.pipeline import CallFacts


class RunBar(Progress):
    """Shows a run on a rich progress bar.

    Parameters
    ----------
    bar
        Already started; its columns use the field ``rate``.
    """

    def __init__(self, bar: Bar) -> None:
        self._bar = bar
        self._task = bar.add_task("calls", total=None, rate="")
        self._audio_s = 0.0
        self._start = time.monotonic()

    def begin(self, found: int, todo: int) -> None:
        """Set how much there is to do."""
        self._bar.update(self._task, total=todo)

    def advance(self, calls: Sequence[CallFacts]) -> None:
        """Move on by finished calls."""
        self._audio_s += sum(call.duration_ms for call in calls) / 1000
        rate = self._audio_s / max(time.monotonic() - self._start, 1e-9)
        self._bar.update(self._task, advance=len(calls), rate=f"{rate:.1f}x real time")

    def note(self, text: str) -> None:
        """Print a line above the bar."""
        self._bar.console.print(text, markup=False)

    def end(self) -> None:
        """Say that all is done."""
        self._bar.update(self._task, description="done")
