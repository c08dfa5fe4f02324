"""What sentences about rules are made of: samples of a wording, bounds, lengths, counts.

Knows nothing of rules and of no grammar beyond that; `speechqa.rulebook.sentence` and its Chinese
sister put the sentences together.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from re import _parser  # type: ignore[attr-defined]  # the only parser of regexes at hand
from typing import Any, Literal

from speechqa.rulebook import finders
from speechqa.rulebook.names import measure_unit
from speechqa.rulebook.word_forms import WordForms

_SHOWN = 3

Kind = Literal["said", "happens", "holds"]


def kind_of(finder: Any) -> Kind:
    """Say whether what a finder finds is said, happens, or is a condition that holds.

    A named finder is taken to be wording, which nearly all are.

    Examples
    --------
    >>> kind_of(finders.Event(event="hold")), kind_of(finders.Named(use="apology"))
    ('happens', 'said')
    """
    match finder:
        case finders.Words() | finders.Named() | finders.Digits():
            return "said"
        case finders.AnyOf(any=items) | finders.AllOf(all=items) | finders.AtLeast(of=items):
            return kind_of_all(items)
        case finders.Event() | finders.TurnFinder() | finders.Repeats():
            return "happens"
    return "holds"


def kind_of_all(items: Any) -> Kind:
    """Return the kind of several finders together: one that is no wording decides."""
    kinds = {kind_of(item) for item in items}
    return "said" if kinds == {"said"} else "holds" if kinds == {"holds"} else "happens"


def unit_of(rule: Any) -> str:
    """Return the unit of a limit rule's figure, where a bare number has one.

    >>> from speechqa.rulebook import load
    >>> unit_of(load("starter").rule("long-silence"))
    'ms'
    """
    if rule.measure:
        return measure_unit(rule.measure)
    in_seconds = rule.span in {"length_s", "gap_before_s", "gap_after_s"}
    return "s" if rule.between or in_seconds or (rule.column or "").endswith("_s") else ""


def value_text(value: float | str, unit: str) -> str:
    """Return a bound as written, a bare number with its unit.

    >>> value_text("5 s", "ms"), value_text(5.0, "s"), value_text(0.1, "")
    ('5 s', '5 s', '0.1')
    """
    return value if isinstance(value, str) else f"{value:g} {unit}".strip()


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
