"""The timing core and its peers under pytest-benchmark, side by side in one run.

    pytest benchmarks/bench_timing.py --benchmark-only [--benchmark-json FILE]

What runs, and that all agree on every gap and overlap before anything is timed, is
`benchmarks.timing_speed`; this file only hands it to pytest-benchmark, in CPU time. Slow
contenders get fewer talkspurts, so a summary below pytest-benchmark's table divides by their
number. ``SPEECHQA_BENCH_TALKSPURTS`` is how many the fast ones get (5,000,000).
Needs the extras ``bench`` and ``test``.
"""

from __future__ import annotations

import os
import time

import pytest

pytest.importorskip("pytest_benchmark", reason="the extra `test` is not installed")
pytest.importorskip("numba", reason="the extra `bench` is not installed")
pytest.importorskip("pandas", reason="the extra `bench` is not installed")
pytest.importorskip("pyannote.core", reason="the extra `bench` is not installed")

from benchmarks import timing_speed

NAMES = (
    "gaps and overlaps",
    "numba",
    "pandas",
    "pyannote.core",
    "full set",
    "full set with words",
)
ROUNDS = 5


@pytest.fixture(scope="module")
def contenders():
    talkspurts = int(os.environ.get("SPEECHQA_BENCH_TALKSPURTS", "5_000_000"))
    return timing_speed.contenders(talkspurts)


@pytest.fixture(scope="module")
def summary(request):
    """Nanoseconds per talkspurt of each contender, printed when the last one has run."""
    found: dict[str, float] = {}
    yield found
    capture = request.config.pluginmanager.getplugin("capturemanager")
    with capture.global_and_fixture_disabled():
        print(f"\n\n{'ns of CPU per talkspurt':<24}{'median':>10}{'over ours':>12}")
        ours = found.get("gaps and overlaps")
        for name, ns in found.items():
            peer = ours and name in timing_speed.WANTED_RATIOS
            print(f"{name:<24}{ns:>10,.1f}{f'{ns / ours:,.1f}x' if peer else '':>12}")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.benchmark(group="timing", timer=time.process_time)
def test_speed(benchmark, contenders, summary, name):
    talkspurts, run = contenders[name]
    benchmark.pedantic(run, rounds=ROUNDS, warmup_rounds=1)
    if benchmark.stats is None:
        return
    summary[name] = benchmark.stats.stats.median / talkspurts * 1e9
    benchmark.extra_info |= {"talkspurts": talkspurts, "ns_per_talkspurt": summary[name]}


def test_every_contender_is_timed(contenders):
    assert set(contenders) == set(NAMES)
