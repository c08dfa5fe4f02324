"""What a finder looks for, and where, in English words.

The parts of `speechqa.rulebook.sentence`: everything that decides whether a thing is found is
told; of a long wording only the first forms.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from speechqa.rulebook import finders
from speechqa.rulebook.quantities import LANGUAGES
from speechqa.rulebook.wording import forms_text, kind_of, value_text

_EDGES = {"start": "the start of the conversation", "end": "the end of the recording"}
_EVENTS = {"fast": "fast speech", "slow": "slow speech", "raised_voice": "raised voice"}


def turns_text(count: int) -> str:
    """Return a number of turns.

    >>> turns_text(1), turns_text(2)
    ('1 turn', '2 turns')
    """
    return f"{count} turn{'s' if count > 1 else ''}"


def several(items: Iterable[Any], glue: str) -> str:
    """Return what several finders look for, joined by `glue`."""
    return glue.join(finder_text(item) for item in items)


def finder_text(finder: Any) -> str:
    """Return what a finder looks for, whose it is, and where."""
    where = where_text(finder.where)
    text = _bare(finder)
    who = f" by the {finder.party}" if finder.party and kind_of(finder) != "holds" else ""
    return f"{text}{who}{where}"


def _bare(finder: Any) -> str:
    match finder:
        case finders.Named(use=use):
            return use
        case finders.Words():
            lists = [(lang, finder.forms(lang)) for lang in LANGUAGES]
            return " / ".join(forms_text(forms) for _, forms in lists if forms is not None)
        case finders.AnyOf(any=items):
            return f"({several(items, ' or ')})"
        case finders.AllOf(all=items):
            return f"({several(items, ' and ')}{_together(finder)})"
        case finders.AtLeast():
            of = several(finder.of, "; ")
            return f"(at least {finder.at_least} of: {of}{_together(finder)})"
        case finders.NoneOf(none=items):
            return f"no {several(items, ' nor ')}"
        case finders.Event():
            return _event(finder)
        case finders.TurnFinder():
            return _turn(finder)
        case finders.Digits():
            most = f" to {finder.max}" if finder.max else " or more"
            return f"{finder.digits}{most} digits in a row"
        case finders.Repeats():
            return f"a repeated turn of the {finder.repeats}"
    return _condition(finder)


def _together(finder: Any) -> str:
    if finder.within_s is not None:
        return f", within {finder.within_s:g} s"
    return ", anywhere in the call" if finder.within == "call" else f", in one {finder.within}"


def _event(finder: finders.Event) -> str:
    if finder.event in _EDGES:
        return _EDGES[finder.event]
    announced = _told(finder.announced, "announced ", "unannounced ")
    success = _told(finder.successful, "successful ", "failed ")
    name = _EVENTS.get(finder.event, finder.event)
    owner = f" owned by the {finder.owner}" if finder.owner else ""
    before = f" after the {finder.before} spoke" if finder.before else ""
    return f"{announced}{success}{name}{_length(finder)}{owner}{before}"


def _told(answer: bool | None, yes: str, no: str) -> str:
    return "" if answer is None else yes if answer else no


def _length(finder: Any) -> str:
    low, high = finder.min_s, finder.max_s
    if low is not None and high is not None:
        return f" of {low:g} to {high:g} s"
    if low is not None:
        return f" of {low:g} s or more"
    return f" of at most {high:g} s" if high is not None else ""


def _turn(finder: finders.TurnFinder) -> str:
    kind = "a question" if finder.question else "a turn"
    length = _length(finder)
    joint = " and" if length else " of"
    words = f"{joint} {finder.min_words} words or more" if finder.min_words else ""
    told = "" if finder.question is not False else " that asks nothing"
    contains = f" with {finder_text(finder.contains)}" if finder.contains is not None else ""
    lacks = f" without {finder_text(finder.lacks)}" if finder.lacks is not None else ""
    return f"{kind} of the {finder.turn}{length}{words}{told}{contains}{lacks}"


def _condition(finder: Any) -> str:
    match finder:
        case finders.Measure():
            return f"{finder.measure} is {_compared(finder)}"
        case finders.Column():
            return f"metadata {finder.column} {_column(finder)}"
        case finders.OptionIs():
            return f"option {finder.option} is {_values(finder.is_)}"
        case finders.LangIs(lang=lang):
            return f"the language is {_values(lang)}"
    return "?"


def _column(finder: finders.Column) -> str:
    checks = []
    if finder.is_ is not None:
        checks.append(f"is {_values(finder.is_)}")
    if finder.is_not is not None:
        checks.append(f"is not {_values(finder.is_not)}")
    if finder.contains is not None:
        checks.append(f"contains “{finder.contains}”")
    if compared := _compared(finder):
        checks.append(f"is {compared}")
    if finder.present is not None or not checks:
        checks.append("is missing" if finder.present is False else "is given")
    return " and ".join(checks)


def _compared(finder: Any) -> str:
    return " and ".join(
        f"{name.replace('_', ' ')} {value_text(value, '')}"
        for name in ("above", "below", "at_least", "at_most")
        if (value := getattr(finder, name)) is not None
    )


def _values(wanted: Any) -> str:
    return " or ".join(map(str, wanted)) if isinstance(wanted, tuple) else str(wanted)


def where_text(where: finders.Where | None) -> str:
    """Return in which part of the call, with a blank before it; empty for the whole call."""
    if where is None:
        return ""
    parts = [
        text.format(value)
        for name, text in (
            ("first_s", "in the first {:g} s"),
            ("last_s", "in the last {:g} s"),
            ("first_percent", "in the first {:g} %"),
            ("last_percent", "in the last {:g} %"),
            ("first_turns", "in the first {:g} turns"),
            ("last_turns", "in the last {:g} turns"),
        )
        if (value := getattr(where, name)) is not None
    ]
    limit = f" within {where.within_s:g} s" if where.within_s is not None else ""
    limit += f" within {turns_text(where.within_turns)}" if where.within_turns else ""
    which = f"number {where.nth} of " if isinstance(where.nth, int) else f"the {where.nth} "
    which = "" if where.nth == "each" else which
    for name in ("after", "before", "around", "during", "same_turn"):
        anchor = getattr(where, name)
        if anchor is not None:
            word = "in the same turn as" if name == "same_turn" else name
            parts.append(f"{word} {which}{finder_text(anchor)}{limit}")
    for name in ("not_after", "not_before", "not_during"):
        anchor = getattr(where, name)
        if anchor is not None:
            parts.append(f"but {name.replace('_', ' ')} {which}{finder_text(anchor)}{limit}")
    return " " + ", ".join(parts)
