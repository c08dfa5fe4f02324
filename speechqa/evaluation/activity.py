"""Voice activity against truth: time, edges, silences, interruptions.

*Recall* and *precision* are shares of speech time. An *edge* of a true talkspurt is found when an
edge of the same kind lies within 500 ms; its error is signed (late is positive), and edges
without a partner are counted apart. A *silence* is found when one with at least half of the joint
span is there; an *interruption* when the same party makes one that starts within 500 ms. Silences
and interruptions follow the definitions of the measures, on both sides alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from speechqa.evaluation.counts import Counts, pair
from speechqa.intervals import IntervalArray, as_spans, intersect, total
from speechqa.settings import TimingSettings
from speechqa.timing import Call, measure_calls

EDGE_REACH_MS = 500
START_REACH_MS = 500
JOINT_SHARE = 0.5
PARTIES = ("agent", "customer")


@dataclass(frozen=True)
class Activity:
    """What voice activity got right on some calls; two of these add.

    Parameters
    ----------
    true_ms, found_ms, common_ms
        Speech that is there, that was found, and the part of both that agrees.
    start_errors, end_errors
        Signed error of each edge found, ms; late is positive.
    edges
        True edges, found or not.
    silences, interruptions
        Events; interruptions are None where there are no two channels.
    sounds_ms, sounds_called_speech_ms
        Time of rings, tones and music, and how much of it was called speech.
    calls
        How many calls.
    """

    true_ms: int = 0
    found_ms: int = 0
    common_ms: int = 0
    start_errors: tuple[int, ...] = ()
    end_errors: tuple[int, ...] = ()
    edges: int = 0
    silences: Counts = field(default_factory=Counts)
    interruptions: Counts = field(default_factory=Counts)
    sounds_ms: int = 0
    sounds_called_speech_ms: int = 0
    calls: int = 0

    def __add__(self, other: Activity) -> Activity:
        return Activity(**{name: getattr(self, name) + getattr(other, name) for name in _FIELDS})

    @property
    def recall(self) -> float | None:
        """Share of the speech that was found."""
        return self.common_ms / self.true_ms if self.true_ms else None

    @property
    def precision(self) -> float | None:
        """Share of what was found that is speech."""
        return self.common_ms / self.found_ms if self.found_ms else None

    @property
    def edge_median_ms(self) -> float | None:
        """Median error of the edges found, unsigned."""
        return self._edge_percentile(50)

    @property
    def edge_p90_ms(self) -> float | None:
        """90th percentile of the error of the edges found, unsigned."""
        return self._edge_percentile(90)

    @property
    def start_bias_ms(self) -> float | None:
        """Median signed error of starts."""
        return float(np.median(self.start_errors)) if self.start_errors else None

    @property
    def end_bias_ms(self) -> float | None:
        """Median signed error of ends."""
        return float(np.median(self.end_errors)) if self.end_errors else None

    @property
    def edges_missed(self) -> float | None:
        """Share of the edges without a partner within 500 ms."""
        met = len(self.start_errors) + len(self.end_errors)
        return 1 - met / self.edges if self.edges else None

    @property
    def sounds_called_speech(self) -> float | None:
        """Share of rings, tones and music that was called speech."""
        return self.sounds_called_speech_ms / self.sounds_ms if self.sounds_ms else None

    def as_dict(self) -> dict[str, Any]:
        """Return the figures by name, None where there is nothing to measure."""
        return {
            "calls": self.calls,
            "speech_recall": _rounded(self.recall),
            "speech_precision": _rounded(self.precision),
            "edge_median_ms": self.edge_median_ms,
            "edge_p90_ms": self.edge_p90_ms,
            "edges_missed": _rounded(self.edges_missed),
            "start_bias_ms": self.start_bias_ms,
            "end_bias_ms": self.end_bias_ms,
            "silences": self.silences.true,
            "silences_found": self.silences.found,
            "silence_f1": _rounded(self.silences.f1),
            "interruptions": self.interruptions.true,
            "interruptions_found": self.interruptions.found,
            "interruption_f1": _rounded(self.interruptions.f1),
            "sounds_called_speech": _rounded(self.sounds_called_speech),
        }

    def _edge_percentile(self, rank: float) -> float | None:
        errors = np.abs(np.array(self.start_errors + self.end_errors))
        return float(np.percentile(errors, rank)) if len(errors) else None


_FIELDS = tuple(Activity.__dataclass_fields__)


def compare_activity(
    true: Mapping[str, IntervalArray],
    found: Mapping[str, IntervalArray],
    *,
    duration_ms: int,
    sounds: Mapping[str, IntervalArray] | None = None,
    settings: TimingSettings | None = None,
) -> Activity:
    """Compare the speech found in one call with the speech that is there.

    Parameters
    ----------
    true, found
        Party to talkspurts; the parties of `true` count. With a party other than agent and
        customer (one channel), silences are compared and interruptions are not.
    duration_ms
        Length of the recording.
    sounds
        Party to the time of rings, tones and music on that channel.
    settings
        Thresholds of silence and interruption.

    Examples
    --------
    >>> one = compare_activity({"mixed": as_spans([(0, 1000)])}, {"mixed": as_spans([(20, 1000)])},
    ...                        duration_ms=2000)
    >>> one.recall, one.start_errors, one.end_errors
    (0.98, (20,), (0,))
    """
    settings = settings or TimingSettings()
    one = Activity(calls=1)
    for party, truth in true.items():
        heard = found.get(party, as_spans([]))
        starts, ends = (_edge_errors(truth[:, k], heard[:, k]) for k in (0, 1))
        noise = (sounds or {}).get(party, as_spans([]))
        one += Activity(
            true_ms=total(truth),
            found_ms=total(heard),
            common_ms=total(intersect(truth, heard)),
            start_errors=starts,
            end_errors=ends,
            edges=2 * len(truth),
            sounds_ms=total(noise),
            sounds_called_speech_ms=total(intersect(noise, heard)),
        )
    there = _events(true, duration_ms, settings)
    seen = _events({party: found.get(party, as_spans([])) for party in true}, duration_ms, settings)
    return one + Activity(
        silences=pair(there["silence"], seen["silence"], _joint),
        interruptions=pair(there["interruption"], seen["interruption"], _same_start),
    )


def _edge_errors(true: NDArray[np.int64], found: NDArray[np.int64]) -> tuple[int, ...]:
    if not len(true) or not len(found):
        return ()
    after = np.clip(np.searchsorted(found, true), 1, max(len(found) - 1, 1))
    around = np.stack([found[after - 1], found[np.minimum(after, len(found) - 1)]])
    error = around - true
    nearest = error[np.abs(error).argmin(axis=0), np.arange(len(true))]
    return tuple(int(e) for e in nearest[np.abs(nearest) <= EDGE_REACH_MS])


def _events(
    speech: Mapping[str, IntervalArray], duration_ms: int, settings: TimingSettings
) -> dict[str, list[dict[str, Any]]]:
    if all(party in speech for party in PARTIES):
        call = Call(
            duration_ms=duration_ms, agent=speech["agent"], customer=speech["customer"], holds=()
        )
    else:
        call = Call(duration_ms=duration_ms, mixed=np.concatenate(list(speech.values())))
    events = measure_calls([call], settings).events(0)
    return {
        kind: [event for event in events if event["kind"] == kind]
        for kind in ("silence", "interruption")
    }


def _joint(a: Mapping[str, Any], b: Mapping[str, Any]) -> bool:
    common = min(a["end_ms"], b["end_ms"]) - max(a["start_ms"], b["start_ms"])
    whole = max(a["end_ms"], b["end_ms"]) - min(a["start_ms"], b["start_ms"])
    return bool(common >= JOINT_SHARE * whole)


def _same_start(a: Mapping[str, Any], b: Mapping[str, Any]) -> bool:
    near = abs(a["start_ms"] - b["start_ms"]) <= START_REACH_MS
    return bool(near and a["party"] == b["party"])


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
