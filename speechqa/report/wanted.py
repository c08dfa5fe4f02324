"""What a report is to show, and what was written."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from speechqa.scorecard import day

CALLS = 20


@dataclass(frozen=True)
class Report:
    """What a report is to show.

    Parameters
    ----------
    agent
        Only this agent's file, without the index.
    since, until, queue
        Which calls, as in `speechqa scorecard`.
    calls
        Calls per agent that are shown in full: those worth hearing first, then the newest.
    audio
        Whether the sound of findings is put into the files.
    language
        ``"en"`` or ``"zh"``.
    """

    agent: str | None = None
    since: str | None = None
    until: str | None = None
    queue: str | None = None
    calls: int = CALLS
    audio: bool = False
    language: str = "en"

    @property
    def query(self) -> str:
        """The filters as the pages' addresses have them."""
        given = {
            "since": day(self.since, "--since"),
            "until": day(self.until, "--until"),
            "queue": self.queue,
        }
        text = urlencode({name: value for name, value in given.items() if value})
        return f"?{text}" if text else ""

    @property
    def chosen(self) -> str:
        """The filters as people read them."""
        days = f"{self.since or '…'} – {self.until or '…'}" if self.since or self.until else ""
        return " · ".join(one for one in (days, self.queue) if one)


@dataclass(frozen=True)
class Written:
    """What was written: files, calls in full, clips, and calls whose sound is gone."""

    path: str
    files: int
    calls: int
    clips: int
    without_sound: int
    bytes: int
