"""One call as the timing measures take it, in plain lists.

The parties are numbered: `AGENT` is 0, `CUSTOMER` is 1. Times are integer milliseconds from the
start of the recording.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
from numpy.typing import ArrayLike

AGENT, CUSTOMER = 0, 1
PARTIES = ("agent", "customer")

NOT_KNOWN = np.int64(-1)
"""Answer instant of a call whose telephony did not tell it."""


class Layout(IntEnum):
    """How the parties of a recording lie in its channels."""

    MIXED = 0
    """One channel, parties not told apart: all speech is in the agent's column."""
    SEGMENTS = 1
    """One channel, parties told apart by software or by hand."""
    CHANNELS = 2
    """A channel for each party."""
    AGENT_ONLY = 3
    """Only the agent was recorded."""
    CUSTOMER_ONLY = 4
    """Only the customer was recorded."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call, in plain lists.

    Parameters
    ----------
    duration_ms
        Length of the recording.
    agent, customer
        Talkspurts of each party, (start, end) pairs in any order; None where there is no such
        channel.
    mixed
        Speech of a recording whose parties share a channel and are not told apart.
    one_channel
        The parties were told apart on one channel, by software or by hand: overlap and
        interruptions are then not measured.
    holds
        From telephony metadata; None where it says nothing of holds.
    answered_ms
        When the agent took the call; None where the telephony does not tell.
    language
        ISO 639-1 code, for the limits of the speech rate.
    words
        ``(party, start, end, units)`` for each trusted word; None without a transcript.
    announcements
        Instants where a hold or wait phrase of the agent ends.
    returns
        Instants where a return phrase of the agent starts ("thank you for holding").
    level_dbfs, snr_db, clipped_share
        Level of each party's speech, its distance from what lies outside it, and the share of the
        channel's samples at full scale, by party; None or left out where not measured.
    raised
        Stretches of raised voice, by party; left out where nobody looked for them.
    grade
        Evidence grade, "A" to "D"; None where nobody graded the call.

    Examples
    --------
    >>> Call(duration_ms=9000, agent=[(0, 2000)], customer=[]).layout.name
    'CHANNELS'
    """

    duration_ms: int
    agent: ArrayLike | None = None
    customer: ArrayLike | None = None
    mixed: ArrayLike | None = None
    one_channel: bool = False
    holds: ArrayLike | None = None
    answered_ms: int | None = None
    language: str | None = None
    words: Sequence[tuple[str, int, int, int]] | None = None
    announcements: Sequence[int] = ()
    returns: Sequence[int] = ()
    level_dbfs: dict[str, float | None] = field(default_factory=dict)
    snr_db: dict[str, float | None] = field(default_factory=dict)
    clipped_share: dict[str, float | None] = field(default_factory=dict)
    raised: dict[str, ArrayLike] = field(default_factory=dict)
    grade: str | None = None

    @property
    def layout(self) -> Layout:
        """How the parties lie in the channels, from what was given."""
        if self.agent is not None and self.customer is not None:
            return Layout.SEGMENTS if self.one_channel else Layout.CHANNELS
        if self.mixed is not None:
            return Layout.MIXED
        if self.agent is not None:
            return Layout.AGENT_ONLY
        if self.customer is not None:
            return Layout.CUSTOMER_ONLY
        raise ValueError("a call needs speech: `agent` and `customer`, or `mixed`; got neither")
