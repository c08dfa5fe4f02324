"""Gaps and overlaps by other means: pyannote.core, pandas, a numba loop.

Each takes the two parties' intervals of many calls and returns the number and total length of
gaps and overlaps, so that the answers can be compared as well as the times.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from speechqa.intervals import Ragged
from speechqa.timing import gaps_and_overlaps


def by_speechqa(agent: Ragged, customer: Ragged) -> tuple[int, int, int, int]:
    gaps, overlaps = gaps_and_overlaps(agent, customer)
    return (
        gaps.count,
        int((gaps.end - gaps.start).sum()),
        overlaps.count,
        int((overlaps.end - overlaps.start).sum()),
    )


def pyannote_timelines(agent: Ragged, customer: Ragged) -> list[tuple[Any, Any]]:
    """Return pyannote's own objects, made before the clock starts."""
    from pyannote.core import Segment, Timeline

    return [
        tuple(Timeline(Segment(s / 1000, e / 1000) for s, e in lane[i]) for lane in pair)
        for i in range(len(agent))
        for pair in [(agent, customer)]
    ]


def by_pyannote(timelines: list[tuple[Any, Any]]) -> tuple[int, int, int, int]:
    lengths: tuple[list[float], list[float]] = ([], [])
    for agent, customer in timelines:
        both = agent.union(customer)
        lengths[0].extend(gap.duration for gap in both.gaps())
        lengths[1].extend((a & b).duration for a, b in agent.co_iter(customer))
    gaps, overlaps = (np.rint(np.array(found) * 1000).astype(np.int64) for found in lengths)
    return len(gaps), int(gaps.sum()), len(overlaps), int(overlaps.sum())


def pandas_frame(agent: Ragged, customer: Ragged) -> Any:
    import pandas as pd

    parts = []
    for party, lane in enumerate((agent, customer)):
        call = np.repeat(np.arange(len(lane)), np.diff(lane.offsets))
        parts.append(
            pd.DataFrame({"call": call, "party": party, "start": lane.start, "end": lane.end})
        )
    return pd.concat(parts, ignore_index=True)


def by_pandas(frame: Any) -> tuple[int, int, int, int]:
    rows = frame.sort_values(["call", "start", "party"], kind="stable")
    reach = rows.groupby("call")["end"].cummax().groupby(rows["call"]).shift()
    free = rows["start"] - reach
    gaps = free[free > 0]
    overlaps = np.minimum(rows["end"], reach)[free < 0] - rows["start"][free < 0]
    return len(gaps), int(gaps.sum()), len(overlaps), int(overlaps.sum())


def numba_loop() -> Any:
    """Compile a loop that merges the two parties call by call and writes the same lists."""
    import numba

    @numba.njit(cache=False)
    def run(a_off, a_start, a_end, c_off, c_start, c_end, gaps, overlaps):
        n_gaps = n_overlaps = 0
        for call in range(len(a_off) - 1):
            i, j = a_off[call], c_off[call]
            i_stop, j_stop = a_off[call + 1], c_off[call + 1]
            reach = np.int64(-1)
            while i < i_stop or j < j_stop:
                if j >= j_stop or (i < i_stop and a_start[i] <= c_start[j]):
                    start, end = a_start[i], a_end[i]
                    i += 1
                else:
                    start, end = c_start[j], c_end[j]
                    j += 1
                if reach >= 0 and start > reach:
                    gaps[n_gaps, 0], gaps[n_gaps, 1] = reach, start
                    n_gaps += 1
                elif start < reach:
                    overlaps[n_overlaps, 0] = start
                    overlaps[n_overlaps, 1] = min(end, reach)
                    n_overlaps += 1
                reach = max(reach, end)
        return n_gaps, n_overlaps

    return run


def by_numba(run: Any, agent: Ragged, customer: Ragged) -> tuple[int, int, int, int]:
    count = agent.count + customer.count
    gaps, overlaps = np.empty((count, 2), np.int64), np.empty((count, 2), np.int64)
    lanes = (agent.offsets, agent.start, agent.end, customer.offsets, customer.start, customer.end)
    n_gaps, n_overlaps = run(*lanes, gaps, overlaps)
    gaps, overlaps = gaps[:n_gaps], overlaps[:n_overlaps]
    return (
        n_gaps,
        int((gaps[:, 1] - gaps[:, 0]).sum()),
        n_overlaps,
        int((overlaps[:, 1] - overlaps[:, 0]).sum()),
    )
