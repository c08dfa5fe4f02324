"""Line checks: what is wrong with a recording, by name, before anything is measured.

Each check looks at the samples of both channels apart; none mixes or repairs them. A check that
finds nothing is left out of the answer, so an empty tuple means a clean line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from speechqa.settings import LineSettings

FloatArray = NDArray[np.float32]
IntervalArray = NDArray[np.int64]
Severity = Literal["info", "warn", "fail"]


@dataclass(frozen=True)
class LineCheck:
    """One thing found on the line.

    Parameters
    ----------
    name
        Stable kebab-case name, e.g. ``"identical-channels"``.
    channel
        Index of the channel concerned; None when it concerns the recording.
    severity
        ``"fail"`` makes the call grade D; ``"warn"`` and ``"info"`` are shown.
    detail
        The figures behind it.
    message
        One line for people.
    """

    name: str
    channel: int | None
    severity: Severity
    message: str
    detail: dict[str, Any] = field(default_factory=dict)


def check(
    samples: FloatArray, rate_hz: int, speech: Sequence[IntervalArray], settings: LineSettings
) -> tuple[LineCheck, ...]:
    """Return what is wrong with the line; empty when nothing is.

    Parameters
    ----------
    samples
        Shape (channels, n), float in [-1, 1].
    rate_hz
        Sampling rate.
    speech
        Talkspurts per channel, ms.

    Examples
    --------
    >>> found = check(np.zeros((1, 8000), dtype=np.float32), 8000, [np.empty((0, 2))],
    ...               LineSettings())
    >>> [(c.name, c.channel, c.severity) for c in found]
    [('dead-channel', 0, 'fail')]
    """
    found = [one for k, channel in enumerate(samples) for one in _of_channel(k, channel, settings)]
    if len(samples) == 2 and not any(one.name == "dead-channel" for one in found):
        found += _of_pair(samples[0], samples[1])
    return tuple(found)


def _of_channel(k: int, channel: FloatArray, settings: LineSettings) -> list[LineCheck]:
    if not len(channel) or float(np.max(np.abs(channel))) < 1e-4:
        return [LineCheck("dead-channel", k, "fail", f"channel {k} carries no signal")]
    return []


def _of_pair(a: FloatArray, b: FloatArray) -> list[LineCheck]:
    norm = float(np.linalg.norm(a) * np.linalg.norm(b))
    likeness = float(np.dot(a, b)) / norm if norm else 0.0
    if abs(likeness) > 0.95:
        name = "identical-channels" if likeness > 0 else "antiphase-channels"
        return [
            LineCheck(
                name,
                None,
                "fail",
                "both channels carry the same signal",
                {"correlation": round(likeness, 4)},
            )
        ]
    return []
