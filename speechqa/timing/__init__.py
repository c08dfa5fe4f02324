"""Timing measures of calls: silence, overlap, interruptions, turns, rates, holds.

Give it speech intervals, holds, words and phrase instants; it knows nothing of audio, text or
rules. A batch gives each call exactly what it would get alone.
"""

from collections.abc import Iterable

from speechqa.settings import TimingSettings
from speechqa.timing.batch import CallBatch
from speechqa.timing.call import Call, Layout
from speechqa.timing.columns import Instants, Words
from speechqa.timing.explain import Explanation, definition, explain, explain_each
from speechqa.timing.pairs import gaps_and_overlaps
from speechqa.timing.registry import Column, Measure, Reason
from speechqa.timing.result import MEASURES, BatchMeasures, iter_blocks, measure_batch

__all__ = [
    "MEASURES",
    "BatchMeasures",
    "Call",
    "CallBatch",
    "Column",
    "Explanation",
    "Instants",
    "Layout",
    "Measure",
    "Reason",
    "TimingSettings",
    "Words",
    "definition",
    "explain",
    "explain_each",
    "gaps_and_overlaps",
    "iter_blocks",
    "measure_batch",
    "measure_calls",
]


def measure_calls(calls: Iterable[Call], settings: TimingSettings) -> BatchMeasures:
    """Measure calls given as plain lists."""
    return measure_batch(CallBatch.from_calls(calls), settings)
