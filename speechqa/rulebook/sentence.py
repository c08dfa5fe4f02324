"""A rule as an English sentence, for people who decide whether it is fair."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from re import _parser  # type: ignore[attr-defined]  # the only parser of regexes at hand
from typing import Any

from speechqa.rulebook import finders, rules, team
from speechqa.rulebook.quantities import LANGUAGES, BoundByLanguage, Ramp
from speechqa.rulebook.word_forms import WordForms

_SHOWN = 3


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
        "team": _team,
    }
    made = makers[rule.kind](rule)
    where = _where(rule.where)
    when = " and ".join(_finder(one) for one in rule.when or ())
    text = f"{made}{where}"
    if when:
        text = f"When {when}: {text[0].lower()}{text[1:]}"
    return f"{text}."


def _forbidden(rule: rules.Forbidden) -> str:
    most = f" more than {rule.allow} times" if rule.allow else ""
    return f"The {rule.party} must not say {_several(rule.find, ' or ')}{most}"


def _required(rule: rules.Required) -> str:
    if len(rule.find) == 1:
        return f"The {rule.party} must say {_finder(rule.find[0])}"
    needed = f"at least {rule.at_least} of" if rule.at_least else "all of"
    together = f", in one {rule.together}" if rule.together else ""
    return f"The {rule.party} must say {needed}: {_several(rule.find, '; ')}{together}"


def _each(rule: rules.Each) -> str:
    place = "then" if rule.then else "first" if rule.first else "with it"
    wanted = rule.then or rule.first or rule.with_ or ()
    limits = []
    if rule.within_s is not None:
        limits.append(f"{rule.within_s:g} s")
    if rule.within_turns is not None:
        limits.append(f"{rule.within_turns} turn{'s' if rule.within_turns > 1 else ''}")
    within = f" (within {' and '.join(limits)})" if limits else ""
    needed = f"at least {rule.at_least} of: " if rule.at_least else ""
    return (
        f"Each time {_finder(rule.each)} occurs, the {rule.party} must {place} say "
        f"{needed}{_several(wanted, ' and ')}{within}"
    )


def _limit(rule: rules.Limit) -> str:
    if rule.measure:
        figure = rule.measure
    elif rule.column:
        figure = f"the metadata column {rule.column}"
    elif rule.between:
        first, last = rule.between
        figure = f"the time between {_finder(first)} and {_finder(last)}"
    elif rule.span and rule.each:
        figure = f"{rule.span} of each {_finder(rule.each)}"
    elif rule.distinct:
        figure = f"the number of different things said of: {_several(rule.distinct, '; ')}"
    elif rule.variants:
        figure = f"the number of different wordings of {_several(rule.variants, ' or ')}"
    else:
        per = f" per {rule.per.replace('_', ' ')}" if rule.per != "call" else ""
        of = f" {_finder(rule.of)}" if rule.of else ""
        figure = f"the number of {_several(rule.count or (), ' or ')}{per}{of}"
    unit = "ms" if (rule.measure or "").endswith("_ms") else "s" if rule.between else ""
    return f"{figure} must be {_bounds(rule, unit)}"


def _bounds(rule: Any, unit: str = "") -> str:
    parts = [
        f"{word} {_bound(bound, unit)}"
        for word, bound in (("at least", rule.at_least), ("at most", rule.at_most))
        if bound is not None
    ]
    return " and ".join(parts)


def _bound(bound: Any, unit: str) -> str:
    if isinstance(bound, BoundByLanguage):
        each = [(lang, getattr(bound, lang)) for lang in LANGUAGES]
        return ", ".join(f"{_bound(one, unit)} in {lang}" for lang, one in each if one is not None)
    if isinstance(bound, Ramp):
        return f"{_value(bound.limit, unit)} (full points up to {_value(bound.target, unit)})"
    return _value(bound, unit)


def _value(value: Any, unit: str) -> str:
    return value if isinstance(value, str) else f"{value:g} {unit}".strip()


def _sequence(rule: rules.Sequence) -> str:
    steps = []
    for number, step in enumerate(rule.steps, 1):
        what = (
            f"{step.pause_s:g} s of silence" if step.pause_s else _several(step.find or (), " and ")
        )
        times = [
            f"{word} {value:g} s"
            for word, value in (("within", step.within_s), ("after", step.after_s))
            if value is not None
        ]
        extra = [*times, *(["if at all"] if step.optional else [])]
        steps.append(f"{number}. {what}" + (f" ({', '.join(extra)})" if extra else ""))
    start = f"After {_finder(rule.start)}, in" if rule.start else "In"
    needed = f"at least {rule.at_least} of these" if rule.at_least else "these"
    return f"{start} this order {needed} must happen: {', '.join(steps)}"


def _team(rule: rules.Team) -> str:
    tests = " and ".join(_test(one) for one in rule.test or ())
    rows = " and ".join(_test(one) for one in rule.rows or ())
    what = f"the {rule.figure} of {rule.table}"
    what += f" where {rows}" if rows else ""
    what += f" with {tests}" if tests else ""
    what += f" over {rule.value}" if rule.value else ""
    return f"Over many {rule.table}: {what} must be {_bounds(rule) or 'complete'}"


def _test(test: Any) -> str:
    match test:
        case team.ColumnTest():
            checks = []
            for name in ("is_", "is_not", "above", "below", "at_least", "at_most", "contains"):
                value = getattr(test, name)
                if value is not None:
                    text = " or ".join(map(str, value)) if isinstance(value, tuple) else value
                    checks.append(f"{name.rstrip('_').replace('_', ' ')} {text}")
            if test.present is not None:
                checks.append("has a value" if test.present else "is empty")
            return f"{test.column} {' and '.join(checks)}"
        case team.Span():
            return f"{test.from_} to {test.to} {_bounds(test) or f'within {test.limit_column} h'}"
        case team.Filled():
            return f"{', '.join(test.filled)} filled in"
        case team.RepeatOf():
            return f"the same {', '.join(test.repeat_of)} seen within {test.within}"
        case team.MatchedIn():
            within = f" within {test.within}" if test.within else ""
            return f"a matching row in {test.matched_in}{within}"
        case team.AllTests(all=tests):
            return " and ".join(map(_test, tests))
        case team.AnyTests(any=tests):
            return " or ".join(map(_test, tests))
        case team.NotTest(not_=inner):
            return f"not ({_test(inner)})"
    return "?"


def _several(items: Any, glue: str) -> str:
    return glue.join(_finder(item) for item in items)


def _finder(finder: Any) -> str:
    where = _where(finder.where)
    text = _bare(finder)
    who = f" by the {finder.party}" if finder.party else ""
    return f"{text}{who}{where}"


def _bare(finder: Any) -> str:
    match finder:
        case finders.Named(use=use):
            return use
        case finders.Words():
            lists = [(lang, finder.forms(lang)) for lang in LANGUAGES]
            return " / ".join(forms_text(forms) for _, forms in lists if forms is not None)
        case finders.AnyOf(any=items):
            return f"({_several(items, ' or ')})"
        case finders.AllOf(all=items):
            return f"({_several(items, ' and ')})"
        case finders.AtLeast():
            return f"(at least {finder.at_least} of: {_several(finder.of, '; ')})"
        case finders.NoneOf(none=items):
            return f"no {_several(items, ' nor ')}"
        case finders.Event():
            low = f" of {finder.min_s:g} s or more" if finder.min_s is not None else ""
            owner = f" owed by the {finder.owner}" if finder.owner else ""
            return f"{finder.event.replace('_', ' ')}{low}{owner}"
        case finders.TurnFinder():
            kind = "a question" if finder.question else "a turn"
            return f"{kind} of the {finder.turn}"
        case finders.Digits():
            return f"{finder.digits} digits in a row"
        case finders.Repeats():
            return f"a repeated turn of the {finder.repeats}"
        case finders.Measure():
            return f"{finder.measure} {_compare(finder)}"
        case finders.Column():
            wanted = finder.is_ if finder.is_ is not None else finder.is_not
            text = " or ".join(map(str, wanted)) if isinstance(wanted, tuple) else wanted
            no = "not " if finder.is_ is None and finder.is_not is not None else ""
            return f"metadata {finder.column} is {no}{text if wanted is not None else 'given'}"
        case finders.OptionIs():
            text = (
                " or ".join(map(str, finder.is_)) if isinstance(finder.is_, tuple) else finder.is_
            )
            return f"option {finder.option} is {text}"
        case finders.LangIs(lang=lang):
            return f"the language is {lang if isinstance(lang, str) else ' or '.join(lang)}"
    return "?"


def _compare(finder: Any) -> str:
    return " and ".join(
        f"{name.replace('_', ' ')} {value}"
        for name in ("above", "below", "at_least", "at_most")
        if (value := getattr(finder, name)) is not None
    )


def forms_text(forms: WordForms, *, glue: str = ", ", more: str = " and {} more") -> str:
    """Return a few of a wording's forms in quotes, and how many more there are."""
    literal = [f"“{text}”" for text in (*forms.phrases, *forms.similar, *forms.sounds_like)]
    shown = [*literal, *(f"“{sample}”" for text in forms.regex if (sample := sample_of(text)))]
    shown = list(dict.fromkeys(shown))
    left = len(shown) - _SHOWN
    return glue.join(shown[:_SHOWN]) + (more.format(left) if left > 0 else "")


@lru_cache(maxsize=20_000)
def sample_of(pattern: str) -> str:
    r"""Return one wording that a regex finds: first alternatives, optional parts left out.

    Examples
    --------
    >>> sample_of(r"\bi('ll| will) hang up\b"), sample_of("不(说话|出声).{0,6}挂")
    ("i'll hang up", '不说话挂')
    """
    try:
        parsed: Any = _parser.parse(pattern)
    except (_parser.error, RecursionError, OverflowError):
        return "…"
    return " ".join("".join(_sample(parsed)).split())


def _is_apostrophe(parsed: Any) -> bool:
    return len(parsed) == 1 and parsed[0][1] == ord("'")


def _sample(parsed: Any) -> Iterator[str]:
    for kind, value in parsed:
        name = str(kind)
        if name == "LITERAL":
            yield chr(value)
        elif name == "BRANCH":
            yield from _sample(value[1][0])
        elif name == "SUBPATTERN":
            yield from _sample(value[-1])
        elif name in {"MAX_REPEAT", "MIN_REPEAT"} and (value[0] or _is_apostrophe(value[2])):
            yield from _sample(value[2])
        elif name == "IN":
            first_kind, first = str(value[0][0]), value[0][1]
            if first_kind == "RANGE":
                first = first[0]
            yield chr(first) if first_kind in {"LITERAL", "RANGE"} else "…"
        elif name in {"ANY", "NOT_LITERAL"}:
            yield "…"


def _where(where: finders.Where | None) -> str:
    if where is None:
        return ""
    parts = []
    for name, text in (
        ("first_s", "in the first {:g} s"),
        ("last_s", "in the last {:g} s"),
        ("first_percent", "in the first {:g} %"),
        ("last_percent", "in the last {:g} %"),
        ("first_turns", "in the first {:g} turns"),
        ("last_turns", "in the last {:g} turns"),
    ):
        value = getattr(where, name)
        if value is not None:
            parts.append(text.format(value))
    limit = f" within {where.within_s:g} s" if where.within_s is not None else ""
    limit += f" within {where.within_turns} turns" if where.within_turns else ""
    for name in ("after", "before", "around", "during", "same_turn"):
        anchor = getattr(where, name)
        if anchor is not None:
            word = "in the same turn as" if name == "same_turn" else name
            parts.append(f"{word} {_finder(anchor)}{limit}")
    for name in ("not_after", "not_before", "not_during"):
        anchor = getattr(where, name)
        if anchor is not None:
            parts.append(f"but {name.replace('_', ' ')} {_finder(anchor)}{limit}")
    return " " + ", ".join(parts)
