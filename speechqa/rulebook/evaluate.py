"""Judging calls by a rulebook. A batch judges each call as if it were alone."""

from __future__ import annotations

from collections.abc import Sequence

from speechqa.rulebook.book import Rulebook
from speechqa.rulebook.call import Call
from speechqa.rulebook.charge import charge_once
from speechqa.rulebook.view import CallView, RuleResult


def evaluate(book: Rulebook, calls: Sequence[CallView]) -> list[list[RuleResult]]:
    """Return what each call rule answers on each call, in the order of the rulebook.

    Parameters
    ----------
    book
        A checked rulebook.
    calls
        Facts of the calls; any order.

    Examples
    --------
    >>> from speechqa.rulebook.reading import load
    >>> from speechqa.rulebook.dialogue import call_of
    >>> said = call_of([("agent", "Hello, how can I help you?")], lang="en")
    >>> results = evaluate(load("starter"), [said])[0]
    >>> [result.outcome for result in results if result.rule == "greeting"]
    ['met']
    """
    compiled = book.compiled
    answers = []
    for view in calls:
        plan = compiled.plan(view.lang, view.grade)
        call = Call(view, plan.lexicon)
        results = [
            judge(call) if judge is not None else ready  # a rule has a function or an answer
            for _, judge, ready in plan.steps
        ]
        answers.append(charge_once(book, [r for r in results if r is not None]))
    return answers
