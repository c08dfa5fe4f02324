"""How right the figures are: what was found against what is true.

Every comparison is a frozen value that adds, so that calls, lines and nights pool by counting and
never by averaging averages. It knows nothing of audio; `speechqa evaluate` and the benchmarks
bring both sides.
"""

from speechqa.evaluation.activity import Activity, compare_activity
from speechqa.evaluation.counts import Counts

__all__ = ["Activity", "Counts", "compare_activity"]
