"""Judging calls by a rulebook. A batch judges each call as if it were alone."""

from __future__ import annotations

from collections.abc import Sequence

from speechqa.phrases.patterns import BUDGET_MS
from speechqa.rulebook.book import Rulebook
from speechqa.rulebook.call import Call
from speechqa.rulebook.charge import charge_once
from speechqa.rulebook.compiled import Plan
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
        active = _active(call, plan)
        heard = call.heard
        results = []
        for (_, judge, ready), dormant in zip(plan.steps, plan.dormant, strict=True):
            if dormant is not None and active is not None and dormant.holds(active):
                results.append(dormant.answer)
            elif judge is not None:
                heard.left_ms = BUDGET_MS
                results.append(judge(call))
            elif ready is not None:
                results.append(ready)
        answers.append(charge_once(book, results))
    return answers


def _active(call: Call, plan: Plan) -> dict[str, frozenset[int]] | None:
    """Return the word lists that may find something, by party; None when one was not heard."""
    active = {}
    for party in plan.parties:
        listened = call.listen(party)
        if listened.reason:
            return None
        active[party] = listened.active
    return active
