"""Figures of the last run as a Prometheus text file, for the node exporter's textfile collector.

A run that never ended writes none: alert on the age of ``speechqa_run_end_timestamp_seconds``.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from speechqa.batch.account import OUTCOMES, RunReport
from speechqa.store.disk import write_whole

FILE = "metrics.prom"


def metrics_text(report: RunReport, *, ended_at_s: float) -> str:
    """Return the account of a run in Prometheus' text format.

    Parameters
    ----------
    ended_at_s
        Seconds since 1970.

    Examples
    --------
    >>> from collections import Counter
    >>> report = RunReport("r", 2, 0, 0, Counter(scored=2), {}, 60.0, 6.0, False)
    >>> [line for line in metrics_text(report, ended_at_s=9.0).splitlines() if '"scored"' in line]
    ['speechqa_run_recordings{outcome="scored"} 2']
    """
    single = {
        "found": ("Recordings found by the last run.", report.found),
        "known": ("Of them, stored by an earlier run.", report.known),
        "same_content": ("Of them, the same bytes as another one.", report.same_content),
        "passed_over": ("Other files in the folders, passed over.", len(report.passed_over)),
        "unused_rows": ("Metadata rows for no recording found.", len(report.unused_rows)),
        "unjudged": ("Calls stored but not judged.", len(report.unjudged)),
        "audio_seconds": ("Audio processed by the last run.", round(report.audio_s, 3)),
        "duration_seconds": ("Wall time of the last run.", round(report.seconds, 3)),
        "exit_code": ("0 all scored, 3 not all, 130 interrupted.", report.exit_code),
        "end_timestamp_seconds": ("When the last run ended.", ended_at_s),
    }
    lines = [
        "# HELP speechqa_run_recordings Recordings found by the last run, by how they ended.",
        "# TYPE speechqa_run_recordings gauge",
        *(f'speechqa_run_recordings{{outcome="{o}"}} {report.counts[o]}' for o in OUTCOMES),
    ]
    for name, (help_, value) in single.items():
        lines += [
            f"# HELP speechqa_run_{name} {help_}",
            f"# TYPE speechqa_run_{name} gauge",
            f"speechqa_run_{name} {value}",
        ]
    return "\n".join(lines) + "\n"


def write_metrics(files: Sequence[Path], report: RunReport) -> None:
    """Write the figures to each file, beside it first, so that no collector reads half of one."""
    text = metrics_text(report, ended_at_s=round(time.time(), 3))
    for file in files:
        write_whole(file, text)
