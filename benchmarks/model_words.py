"""What was heard against what was said: errors, times of words, and what confidence is worth.

Words are compared in their written form: lower case, without punctuation, Han characters one by
one. Nothing here knows a recogniser.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from models.recipe.normalise import normal_units


@dataclass(frozen=True, slots=True)
class Unit:
    """A word or a Han character, said or heard; a said one has the probability 1."""

    text: str
    start_s: float
    probability: float = 1.0


def units(rows: Iterable[tuple[str, float, float, float]], lang: str) -> list[Unit]:
    """Units of ``(text, start_s, end_s, probability)``; a text of several shares its time.

    >>> [(u.text, u.start_s) for u in units([("您好", 1.0, 2.0, 0.9)], "zh")]
    [('您', 1.0), ('好', 1.5)]
    """
    found = []
    for text, start_s, end_s, probability in rows:
        parts = normal_units(text, lang)
        for k, part in enumerate(parts):
            at = start_s + (end_s - start_s) * k / len(parts)
            found.append(Unit(part, at, probability))
    return found


def paired(said: Sequence[str], heard: Sequence[str]) -> tuple[int, list[tuple[int, int]]]:
    """Fewest edits from `said` to `heard`, and the pairs of places that are the same.

    >>> paired(["hold", "on"], ["hold", "the", "on"])
    (1, [(0, 0), (1, 2)])
    """
    cost = np.zeros((len(said) + 1, len(heard) + 1), np.int32)
    cost[:, 0], cost[0, :] = np.arange(len(said) + 1), np.arange(len(heard) + 1)
    for i, one in enumerate(said, 1):
        for j, other in enumerate(heard, 1):
            swap = cost[i - 1, j - 1] + (one != other)
            cost[i, j] = min(swap, cost[i - 1, j] + 1, cost[i, j - 1] + 1)
    same, i, j = list[tuple[int, int]](), len(said), len(heard)
    while i and j:
        if cost[i, j] == cost[i - 1, j - 1] + (said[i - 1] != heard[j - 1]):
            i, j = i - 1, j - 1
            if said[i] == heard[j]:
                same.append((i, j))
        elif cost[i, j] == cost[i - 1, j] + 1:
            i -= 1
        else:
            j -= 1
    return int(cost[-1, -1]), same[::-1]


@dataclass
class Tally:
    """Errors, start errors and confidences, added up over utterances or calls."""

    edits: int = 0
    said: int = 0
    exact: int = 0
    count: int = 0
    start_errors_s: list[float] = field(default_factory=list)
    confidences: list[tuple[float, bool]] = field(default_factory=list)

    def add(self, said: Sequence[Unit], heard: Sequence[Unit]) -> None:
        """Count one utterance."""
        edits, same = paired([u.text for u in said], [u.text for u in heard])
        right = {j for _, j in same}
        self.edits += edits
        self.said += len(said)
        self.exact += edits == 0
        self.count += 1
        self.start_errors_s += [abs(said[i].start_s - heard[j].start_s) for i, j in same]
        self.confidences += [(unit.probability, j in right) for j, unit in enumerate(heard)]

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.edits + other.edits,
            self.said + other.said,
            self.exact + other.exact,
            self.count + other.count,
            self.start_errors_s + other.start_errors_s,
            self.confidences + other.confidences,
        )

    @property
    def error_rate(self) -> float | None:
        """Edits per unit said; None when nothing was said."""
        return self.edits / self.said if self.said else None

    def start_error_ms(self, percentile: float) -> float | None:
        """Percentile of the word start errors, of the words that were heard right."""
        if not self.start_errors_s:
            return None
        return 1000 * float(np.percentile(self.start_errors_s, percentile))

    def calibration(self, edges: Sequence[float]) -> list[tuple[float, float, int, float | None]]:
        """For each band of word probability: its edges, its words, and the share that is right."""
        rows = []
        for low, high in itertools.pairwise(edges):
            band = [right for p, right in self.confidences if low <= p < high]
            rows.append((low, high, len(band), sum(band) / len(band) if band else None))
        return rows

    def right_above(self, probability: float) -> float | None:
        """Share of right words among those above a probability."""
        band = [right for p, right in self.confidences if p > probability]
        return sum(band) / len(band) if band else None
