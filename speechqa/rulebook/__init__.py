"""The rulebook: reading it, judging calls by it, explaining it.

>>> load("starter").name
'starter'
"""

from speechqa.rulebook.book import Rulebook, RulebookForm
from speechqa.rulebook.evaluate import evaluate
from speechqa.rulebook.kpi import TeamResult, evaluate_team
from speechqa.rulebook.reading import BadRulebook, load, read
from speechqa.rulebook.view import CallView, Hit, RuleResult

__all__ = [
    "BadRulebook",
    "CallView",
    "Hit",
    "RuleResult",
    "Rulebook",
    "RulebookForm",
    "TeamResult",
    "evaluate",
    "evaluate_team",
    "load",
    "read",
]
