"""A rule as an English sentence, for people who decide whether it is fair.

All that decides whether the rule is kept is told; what it weighs, and a long wording beyond its
first forms, is not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from speechqa.rulebook import rules
from speechqa.rulebook.finder_text import finder_text, several, turns_text, where_text
from speechqa.rulebook.quantities import LANGUAGES, BoundByLanguage, Ramp
from speechqa.rulebook.sentence_team import team_text
from speechqa.rulebook.wording import kind_of_all, unit_of, value_text


def rule_sentence(rule: Any) -> str:
    """Return what a rule asks for, in one sentence.

    Examples
    --------
    >>> from speechqa.rulebook import load
    >>> rule_sentence(load("starter").rule("long-silence"))
    'longest_silence_ms must be at most 10 s (full points up to 5 s).'
    >>> rule_sentence(load("starter").rule("complaint-apology"))
    'Each time complaint occurs, the agent must then say apology (within 2 turns).'
    """
    makers: dict[str, Callable[[Any], str]] = {
        "forbidden": _forbidden,
        "required": _required,
        "each": _each,
        "limit": _limit,
        "sequence": _sequence,
        "team": team_text,
    }
    made = makers[rule.kind](rule)
    where = where_text(rule.where)
    when = " and ".join(finder_text(one) for one in rule.when or ())
    text = f"{made}{where}"
    if when:
        text = f"When {when}: {_lower(text)}"
    return f"{text}.{_asked_of(rule)}"


def _asked_of(rule: Any) -> str:
    """Return how steps are taken, and which calls a rule asks anything of, where not of all."""
    steps = _in_sequence(rule) if rule.kind == "sequence" else ""
    only = f" Only in {', '.join(rule.languages)}." if rule.languages else ""
    grade = "" if rule.needs_grade == "D" else f" Needs evidence grade {rule.needs_grade}."
    return steps + only + grade


def _lower(text: str) -> str:
    return text[0].lower() + text[1:]


def _forbidden(rule: rules.Forbidden) -> str:
    most = f" more than {_times(rule.allow)}" if rule.allow else ""
    found = " or ".join(finder_text(one).removeprefix("a ") for one in rule.find)
    match kind_of_all(rule.find):
        case "said":
            return f"The {rule.party} must not say {found}{most}"
        case "happens":
            return f"There must be no {found}{most}"
    return f"It must not be that {found}"


def _required(rule: rules.Required) -> str:
    kind = kind_of_all(rule.find)
    if len(rule.find) == 1:
        opening = {"said": f"The {rule.party} must say", "happens": "There must be"}
        return f"{opening.get(kind, 'It must be that')} {finder_text(rule.find[0])}"
    needed = f"at least {rule.at_least}" if rule.at_least else "all"
    together = f", in one {rule.together}" if rule.together else ""
    start = f"The {rule.party} must say {needed} of" if kind == "said" else _upper(needed)
    verb = "" if kind == "said" else " of these must be found"
    return f"{start}{verb}: {several(rule.find, '; ')}{together}"


def _upper(text: str) -> str:
    return text[0].upper() + text[1:]


def _each(rule: rules.Each) -> str:
    place = "then" if rule.then else "first" if rule.first else "with it"
    wanted = rule.then or rule.first or rule.with_ or ()
    limits = [] if rule.within_s is None else [f"{rule.within_s:g} s"]
    turns = rule.within_turns or (None if limits or rule.with_ else 1)
    limits += [turns_text(turns)] if turns else []
    within = f" (within {' and '.join(limits)})" if limits else ""
    needed = f"at least {rule.at_least} of: " if rule.at_least else ""
    found = f"{needed}{several(wanted, ' and ')}"
    if kind_of_all(wanted) == "said":
        asked = f"the {rule.party} must {place} say {found}"
    else:
        asked = f"there must {place} be {found}"
    often = "Each time" if rule.at_least_share == 1 else f"In {100 * rule.at_least_share:g} % of"
    cases = "" if rule.at_least_share == 1 else "the cases in which "
    return f"{often} {cases}{finder_text(rule.each)} occurs, {asked}{within}"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _limit(rule: rules.Limit) -> str:
    return f"{_figure(rule)} must be {_bounds(rule, unit_of(rule))}"


def _figure(rule: rules.Limit) -> str:
    if rule.measure:
        return rule.measure
    if rule.column:
        return f"the metadata column {rule.column}"
    if rule.between:
        first, last = rule.between
        return f"the time between {finder_text(first)} and {finder_text(last)}"
    if rule.span and rule.each:
        return f"{rule.span} of each {finder_text(rule.each)}"
    if rule.distinct:
        return f"the number of different things said of: {several(rule.distinct, '; ')}"
    if rule.variants:
        return f"the number of different wordings of {several(rule.variants, ' or ')}"
    per = f" per {rule.per.replace('_', ' ')}" if rule.per != "call" else ""
    of = f" {finder_text(rule.of)}" if rule.of else ""
    least = f" (from {rule.least_count} of them on)" if rule.least_count > 1 else ""
    return f"the number of {several(rule.count or (), ' or ')}{per}{of}{least}"


def _bounds(rule: rules.Limit, unit: str) -> str:
    parts = [
        f"{word} {_bound(bound, unit, side)}"
        for word, bound, side in (
            ("at least", rule.at_least, "from"),
            ("at most", rule.at_most, "up to"),
        )
        if bound is not None
    ]
    return " and ".join(parts)


def _bound(bound: Any, unit: str, side: str) -> str:
    if isinstance(bound, BoundByLanguage):
        each = [(lang, getattr(bound, lang)) for lang in LANGUAGES]
        texts = (f"{_bound(one, unit, side)} in {lang}" for lang, one in each if one is not None)
        return ", ".join(texts)
    if isinstance(bound, Ramp):
        limit, target = value_text(bound.limit, unit), value_text(bound.target, unit)
        return f"{limit} (full points {side} {target})"
    return value_text(bound, unit)


def _sequence(rule: rules.Sequence) -> str:
    steps = []
    for number, step in enumerate(rule.steps, 1):
        what = (
            f"{step.pause_s:g} s of silence" if step.pause_s else several(step.find or (), " and ")
        )
        times = [
            f"{word} {value:g} s"
            for word, value in (("within", step.within_s), ("after", step.after_s))
            if value is not None
        ]
        extra = [*times, *(["if at all"] if step.optional else [])]
        steps.append(f"{number}. {what}" + (f" ({', '.join(extra)})" if extra else ""))
    start = f"After {finder_text(rule.start)}, in" if rule.start else "In"
    needed = f"at least {rule.at_least} of these" if rule.at_least else "these"
    return f"{start} this order {needed} must happen: {', '.join(steps)}"


def _in_sequence(rule: rules.Sequence) -> str:
    slack = f" Times give or take {rule.tolerance_s:g} s." if rule.tolerance_s else ""
    broken = " The first missing step ends it." if rule.first_breaks else ""
    void = f" Not judged if there is {finder_text(rule.abort)}." if rule.abort else ""
    return slack + broken + void
