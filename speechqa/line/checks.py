"""Line checks: what is wrong with a recording, by name, before anything is measured.

Each check looks at the channels apart; none mixes or repairs them. A check that finds nothing is
left out of the answer, so an empty tuple means a clean line.

======================  =========  ================================================
name                    severity   meaning
======================  =========  ================================================
identical-channels      fail       one signal recorded twice, with any gain or lag
antiphase-channels      fail       the same with opposite polarity: a mix is silence
dead-channel            fail       a channel carries nothing at all
leak                    warn/fail  the other party is heard in this channel
not-finite              warn       samples that are no numbers
dc-offset               warn       the signal does not swing around zero
clipping                warn       peaks are cut off
silent-party            warn       sound but no speech, while the other party talks
no-speech               warn       no speech anywhere
======================  =========  ================================================

Swapped parties need words: see `speechqa.line.parties`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from speechqa.line.frames import decibels, finite, frame_power, stretches
from speechqa.line.levels import clipped_share
from speechqa.line.pairs import leaked, likeness
from speechqa.settings import LineSettings

FloatArray = NDArray[np.float32]
IntervalArray = NDArray[np.int64]
Severity = Literal["info", "warn", "fail"]

_SIDES = ("left", "right")
_FLAT = 0.9995
"""Of the peak: samples above this are cut off, if there are many in a row."""


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
    message
        One line for people.
    detail
        The figures behind it.
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
    settings
        Thresholds.

    Examples
    --------
    >>> found = check(np.zeros((1, 8000), dtype=np.float32), 8000, [np.empty((0, 2))],
    ...               LineSettings())
    >>> [(c.name, c.channel, c.severity) for c in found]
    [('dead-channel', 0, 'fail'), ('no-speech', None, 'warn')]
    """
    found = [
        one
        for k, channel in enumerate(samples)
        for one in _of_channel(k, len(samples), channel, rate_hz, settings)
    ]
    dead = {one.channel for one in found if one.name == "dead-channel"}
    found += _of_speech(speech, dead, settings)
    if len(samples) == 2 and not dead:
        found += _of_pair(samples, rate_hz, speech, settings)
    return tuple(found)


def _of_channel(
    k: int, channels: int, channel: FloatArray, rate_hz: int, settings: LineSettings
) -> list[LineCheck]:
    name = _name(k, channels)
    power = frame_power(channel, rate_hz)
    loudest = decibels(max(float(np.percentile(power, 99)), 1e-12)) if len(power) else -120.0
    found = []
    bad = len(channel) - sum(int(np.isfinite(part).sum()) for part in stretches(channel))
    if bad:
        text = f"{name}: {bad} samples are no numbers; they are read as silence"
        found.append(LineCheck("not-finite", k, "warn", text, {"samples": bad}))
    clean = finite(channel) if bad else channel
    mean = float(clean.mean(dtype=np.float64)) if len(channel) else 0.0
    if abs(mean) >= settings.dc_offset:
        text = f"{name} does not swing around zero: its mean is {mean:+.3f} of full scale"
        found.append(LineCheck("dc-offset", k, "warn", text, {"mean": round(mean, 4)}))
    if loudest < settings.dead_dbfs:
        text = f"{name} carries nothing: its loudest 1 % is at {loudest:.0f} dBFS"
        detail = {"loudest_dbfs": round(loudest, 1)}
        return [*found, LineCheck("dead-channel", k, "fail", text, detail)]
    return found + _clipping(k, name, clean, settings)


def _clipping(k: int, name: str, clean: FloatArray, settings: LineSettings) -> list[LineCheck]:
    """Peaks cut at full scale, or at a lower level where a later stage turned them down."""
    peak = max((float(np.abs(part).max()) for part in stretches(clean)), default=0.0)
    if peak < settings.least_peak:
        return []
    limit = min(settings.full_scale, _FLAT * peak)
    share = clipped_share(clean, limit)
    flat = _flat_share(clean, limit)
    if flat < settings.clipped_share:
        return []
    text = f"{name} is cut off at {peak:.2f} of full scale: {share:.1%} of its samples"
    detail = {"share": round(share, 5), "peak": round(peak, 3)}
    return [LineCheck("clipping", k, "warn", text.replace("%", " %"), detail)]


def _flat_share(clean: FloatArray, limit: float) -> float:
    """Return the share of samples that are at `limit` together with both their neighbours.

    >>> _flat_share(np.array([0, 1, 1, 1, 0], np.float32), 1.0)
    0.3333333333333333
    """
    if len(clean) < 3:
        return 0.0
    count = 0
    for part in stretches(clean, over=2):
        at_peak = np.abs(part) >= limit
        count += int((at_peak[1:-1] & at_peak[:-2] & at_peak[2:]).sum())
    return count / (len(clean) - 2)


def _of_speech(
    speech: Sequence[IntervalArray], dead: set[int | None], settings: LineSettings
) -> list[LineCheck]:
    spoken = [int(np.sum(spans[:, 1] - spans[:, 0])) if len(spans) else 0 for spans in speech]
    if not any(spoken):
        return [LineCheck("no-speech", None, "warn", "no speech was found on any channel")]
    if len(spoken) != 2 or max(spoken) < settings.silent_party_ms:
        return []
    return [
        LineCheck(
            "silent-party",
            k,
            "warn",
            f"{_name(k, 2)} holds no speech, the other one {max(spoken) / 1000:.0f} s",
            {"other_speech_ms": max(spoken)},
        )
        for k, size in enumerate(spoken)
        if size == 0 and k not in dead
    ]


def _of_pair(
    samples: FloatArray, rate_hz: int, speech: Sequence[IntervalArray], settings: LineSettings
) -> list[LineCheck]:
    alike = likeness(samples[0], samples[1], rate_hz)
    if (
        alike is not None
        and abs(alike.correlation) >= settings.identical_correlation
        and abs(alike.gain_db) <= settings.identical_gain_db
    ):
        detail = {
            "correlation": round(alike.correlation, 3),
            "lag_ms": alike.lag_ms,
            "gain_db": round(alike.gain_db, 1),
        }
        if alike.correlation < 0:
            text = "both channels carry one signal, with opposite polarity: mixed, it is silence"
            return [LineCheck("antiphase-channels", None, "fail", text, detail)]
        text = "both channels carry the same signal: this is one channel recorded twice"
        return [LineCheck("identical-channels", None, "fail", text, detail)]
    return [
        one for k in (0, 1) if (one := _leak(k, samples, rate_hz, speech, settings)) is not None
    ]


def _leak(
    k: int,
    samples: FloatArray,
    rate_hz: int,
    speech: Sequence[IntervalArray],
    settings: LineSettings,
) -> LineCheck | None:
    found = leaked(samples[1 - k], samples[k], rate_hz, speech[1 - k], speech[k])
    if found is None or found.leak_db < settings.leak_warn_db:
        return None
    text = (
        f"{_name(k, 2)} holds the other party's voice, {-found.leak_db:.0f} dB weaker"
        f" and {found.delay_ms} ms late"
    )
    detail = {"leak_db": found.leak_db, "delay_ms": found.delay_ms, "follows": found.follows}
    severity: Severity = "fail" if found.leak_db >= settings.leak_fail_db else "warn"
    return LineCheck("leak", k, severity, text, detail)


def _name(k: int, channels: int) -> str:
    return f"the {_SIDES[k]} channel" if channels == 2 else f"channel {k + 1}"
