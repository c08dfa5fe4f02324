"""The line: whether a recording is what it seems to be, and how loud it is.

Checks name what is wrong with a recording before anything is measured on it (one signal recorded
twice, a dead channel, leak, antiphase, DC, clipping, parties swapped); nothing is silently
repaired. Levels are made per channel and never from a mix of channels. `grade` says how far the
figures of the call can be trusted.
"""

from speechqa.line.checks import LineCheck, check
from speechqa.line.grades import grade
from speechqa.line.levels import Levels, levels
from speechqa.line.parties import Greeter, check_parties, who_greets

__all__ = [
    "Greeter",
    "Levels",
    "LineCheck",
    "check",
    "check_parties",
    "grade",
    "levels",
    "who_greets",
]
