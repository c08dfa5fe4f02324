"""The evidence grade of a call: how far its figures can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from speechqa.line.checks import LineCheck

Grade = Literal["A", "B", "C", "D"]


def grade(channels: int, checks: Sequence[LineCheck], has_metadata: bool) -> Grade:
    """Return the evidence grade of a call.

    A: two clean channels and telephony metadata. B: two clean channels. C: one channel. D: a line
    check failed.

    Examples
    --------
    >>> grade(2, (), True), grade(2, (), False), grade(1, (), True)
    ('A', 'B', 'C')
    >>> grade(2, (LineCheck("dead-channel", 0, "fail", "no signal"),), True)
    'D'
    """
    if any(one.severity == "fail" for one in checks):
        return "D"
    if channels != 2:
        return "C"
    return "A" if has_metadata else "B"
