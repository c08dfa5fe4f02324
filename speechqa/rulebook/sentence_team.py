"""What a team rule asks for, in English: a figure over many calls or cases."""

from __future__ import annotations

from typing import Any

from speechqa.rulebook import team


def team_text(rule: Any) -> str:
    """Return what a team rule asks for, without its full stop.

    Examples
    --------
    >>> from speechqa.rulebook import load
    >>> team_text(load("standard").rule("kpi-connection-rate"))
    'Over many calls, each month: the share of calls with connected is yes must be at least 0.85'
    """
    tests = " and ".join(_test(one) for one in rule.test or ())
    rows = " and ".join(_test(one) for one in rule.rows or ())
    what = f"the {rule.figure} of {rule.table}"
    what += f" where {rows}" if rows else ""
    what += f" with {tests}" if tests else ""
    what += f" over {rule.value}" if rule.value else ""
    what += f" among {', '.join(map(str, rule.among))}" if rule.among else ""
    each = [*([rule.period] if rule.period else []), *([rule.by] if rule.by else [])]
    of = f", each {' and '.join(each)}" if each else ""
    return f"Over many {rule.table}{of}: {what} must be {_bounds(rule) or 'complete'}"


def _bounds(rule: Any) -> str:
    return " and ".join(
        f"{word} {bound if isinstance(bound, str) else f'{bound:g}'}"
        for word, bound in (("at least", rule.at_least), ("at most", rule.at_most))
        if bound is not None
    )


def _test(test: Any) -> str:
    match test:
        case team.ColumnTest():
            return f"{test.column} {_column(test)}"
        case team.Span():
            return f"{test.from_} to {test.to} {_bounds(test) or f'within {test.limit_column} h'}"
        case team.Filled():
            return f"{', '.join(test.filled)} filled in"
        case team.RepeatOf():
            return f"the same {', '.join(test.repeat_of)} seen within {test.within}"
        case team.MatchedIn():
            on = " and ".join(f"{own} as {other}" for own, other in test.on.items())
            rows = " where " + " and ".join(map(_test, test.where)) if test.where else ""
            within = f" within {test.within}" if test.within else ""
            after = f"{within} after {test.after}" if test.after else within
            return f"a row in {test.matched_in} with the same {on}{rows}{after}"
        case team.AllTests(all=tests):
            return " and ".join(map(_test, tests))
        case team.AnyTests(any=tests):
            return " or ".join(map(_test, tests))
        case team.NotTest(not_=inner):
            return f"not ({_test(inner)})"
    return "?"


def _column(test: team.ColumnTest) -> str:
    checks = []
    for name in ("is_", "is_not", "above", "below", "at_least", "at_most", "contains"):
        value = getattr(test, name)
        if value is not None:
            text = " or ".join(map(str, value)) if isinstance(value, tuple) else value
            checks.append(f"{name.rstrip('_').replace('_', ' ')} {text}")
    if test.present is not None:
        checks.append("has a value" if test.present else "is empty")
    return " and ".join(checks)
