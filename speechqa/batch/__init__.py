"""Running over many recordings: planning, isolated workers, commits, and the account."""

from speechqa.batch.account import RunReport
from speechqa.batch.run import Progress, Run

__all__ = ["Progress", "Run", "RunReport"]
