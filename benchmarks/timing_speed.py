"""How fast the timing core is, beside others, in one run.

    python -m benchmarks.timing_speed [--talkspurts 5000000] [--rounds 7] [--json]

Every contender does its part once per round, round after round (A B C A B C ...), in CPU time of
one thread; a figure is the median over the rounds and its spread the fastest and slowest round.
Ratios are taken within each round; their interval is a bootstrap of the median (95 %). Slow
contenders get fewer calls: times are per talkspurt. Before anything is timed, all contenders must
agree on the number and total length of gaps and overlaps. Needs the extra ``bench``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.timing_calls import make_batch
from benchmarks.timing_peers import (
    by_numba,
    by_pandas,
    by_pyannote,
    by_speechqa,
    numba_loop,
    pandas_frame,
    pyannote_timelines,
)
from speechqa.intervals import Ragged
from speechqa.settings import TimingSettings
from speechqa.timing import CallBatch, gaps_and_overlaps, iter_blocks

PANDAS_TALKSPURTS, PYANNOTE_TALKSPURTS, MEASURED_TALKSPURTS = 300_000, 12_000, 1_000_000
WANTED_NS = {"gaps and overlaps": 15.0, "full set": 150.0, "full set with words": 150.0}
WANTED_RATIOS = {"pyannote.core": 1000.0, "pandas": 15.0, "numba": 1 / 2.5}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--talkspurts", type=int, default=5_000_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    times = race(contenders(options.talkspurts), options.rounds)
    report = {
        "talkspurts": options.talkspurts,
        "rounds": options.rounds,
        "ns_per_talkspurt": {name: _spread(found) for name, found in times.items()},
        "ratios": {name: _ratio(times[name], times["gaps and overlaps"]) for name in WANTED_RATIOS},
        "peak_mib": memory(options.talkspurts),
    }
    if options.json:
        print(json.dumps(report))
    else:
        _print(report)


def contenders(talkspurts: int) -> dict[str, tuple[int, Callable[[], object]]]:
    """Return each contender's number of talkspurts and what it runs; all agree on a sample."""
    batch = make_batch(talkspurts, words=False)
    spoken = batch.calls(0, _calls(batch, MEASURED_TALKSPURTS))
    worded = make_batch(MEASURED_TALKSPURTS, words=True)
    loop = numba_loop()
    small, tiny = (_lanes(batch, n) for n in (PANDAS_TALKSPURTS, PYANNOTE_TALKSPURTS))
    frame, timelines = pandas_frame(*small), pyannote_timelines(*tiny)
    agree(by_speechqa(*small), by_pandas(frame), by_numba(loop, *_copied(small)))
    agree(by_speechqa(*tiny), by_pyannote(timelines))
    lanes, settings = (batch.agent, batch.customer), TimingSettings()
    return {
        "gaps and overlaps": (batch.talkspurts, lambda: gaps_and_overlaps(*lanes)),
        "numba": (batch.talkspurts, lambda: by_numba(loop, *lanes)),
        "pandas": (_count(small), lambda: by_pandas(frame)),
        "pyannote.core": (_count(tiny), lambda: by_pyannote(timelines)),
        "full set": (spoken.talkspurts, lambda: _all_measures(spoken, settings)),
        "full set with words": (worded.talkspurts, lambda: _all_measures(worded, settings)),
    }


def race(
    runners: dict[str, tuple[int, Callable[[], object]]], rounds: int
) -> dict[str, list[float]]:
    """Return ns of CPU per talkspurt for each contender and round."""
    times: dict[str, list[float]] = {name: [] for name in runners}
    for name, (_, run) in runners.items():
        print(f"warming up: {name}", file=sys.stderr)
        run()
    for number in range(rounds):
        print(f"round {number + 1} of {rounds}", file=sys.stderr)
        for name, (count, run) in runners.items():
            before = time.process_time_ns()
            run()
            times[name].append((time.process_time_ns() - before) / count)
    return times


def memory(talkspurts: int) -> dict[str, dict[str, float]]:
    """Return the most MiB that measuring takes beyond its input, for growing batches."""
    peaks: dict[str, dict[str, float]] = {}
    for share in (0.1, 0.3, 1.0):
        count = int(talkspurts * share)
        batch = make_batch(count, words=False)
        tracemalloc.start()
        _all_measures(batch, TimingSettings())
        blocks = tracemalloc.get_traced_memory()[1] / 2**20
        tracemalloc.stop()
        peaks[f"{batch.talkspurts}"] = {"calls": len(batch), "block by block": round(blocks, 1)}
    return peaks


def agree(*answers: tuple[int, int, int, int]) -> None:
    """Stop unless all answers are the same."""
    if len(set(answers)) != 1:
        raise SystemExit(f"the contenders disagree: {answers}")


def _all_measures(batch: CallBatch, settings: TimingSettings) -> None:
    for _ in iter_blocks(batch, settings):
        pass


def _calls(batch: CallBatch, talkspurts: int) -> int:
    return max(1, len(batch) * talkspurts // batch.talkspurts) if batch.talkspurts else 1


def _lanes(batch: CallBatch, talkspurts: int) -> tuple[Ragged, Ragged]:
    part = batch.calls(0, min(len(batch), _calls(batch, talkspurts)))
    return _copied((part.agent, part.customer))


def _copied(lanes: tuple[Ragged, Ragged]) -> tuple[Ragged, Ragged]:
    agent, customer = (
        Ragged(
            lane.offsets - lane.offsets[0],
            lane.start[lane.offsets[0] : lane.offsets[-1]].copy(),
            lane.end[lane.offsets[0] : lane.offsets[-1]].copy(),
        )
        for lane in lanes
    )
    return agent, customer


def _count(lanes: tuple[Ragged, Ragged]) -> int:
    return lanes[0].count + lanes[1].count


def _spread(found: list[float]) -> dict[str, float]:
    return {
        "median": round(statistics.median(found), 1),
        "fastest": round(min(found), 1),
        "slowest": round(max(found), 1),
    }


def _ratio(slow: list[float], fast: list[float]) -> dict[str, float]:
    ratios = np.array(slow) / np.array(fast)
    drawn = np.random.default_rng(0).choice(ratios, (2000, len(ratios)))
    low, high = np.quantile(np.median(drawn, axis=1), [0.025, 0.975])
    return {
        "median": round(float(np.median(ratios)), 3),
        "low": round(float(low), 3),
        "high": round(float(high), 3),
    }


def _print(report: dict[str, Any]) -> None:
    print(f"{report['talkspurts']} talkspurts, {report['rounds']} interleaved rounds, CPU time\n")
    print(f"{'ns per talkspurt':<24}{'median':>10}{'fastest':>10}{'slowest':>10}{'wanted':>10}")
    for name, found in report["ns_per_talkspurt"].items():
        wanted = f"{WANTED_NS[name]:g}" if name in WANTED_NS else ""
        print(
            f"{name:<24}{found['median']:>10,}{found['fastest']:>10,}{found['slowest']:>10,}"
            f"{wanted:>10}"
        )
    print(f"\n{'time over ours':<24}{'median':>10}{'95 % interval':>22}{'wanted':>10}")
    for name, found in report["ratios"].items():
        interval = f"{found['low']:,} to {found['high']:,}"
        print(f"{name:<24}{found['median']:>10,}{interval:>22}{WANTED_RATIOS[name]:>9.4g}+")
    print(f"\n{'talkspurts':<14}{'calls':>10}{'peak MiB of work memory':>28}")
    for count, found in report["peak_mib"].items():
        print(f"{count:<14}{found['calls']:>10}{found['block by block']:>28}")


if __name__ == "__main__":
    main()
