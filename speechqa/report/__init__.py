"""The supervisors' pages as files: one per agent and an index, each whole in itself.

The pages are asked from the very application that `speechqa serve` runs, as the person they are
for: an agent's file is what that agent may see. They open from a folder, ask nothing of anybody,
and a strict content policy in each says so.
"""

from speechqa.report.wanted import Report
from speechqa.report.write import write_report

__all__ = ["Report", "write_report"]
