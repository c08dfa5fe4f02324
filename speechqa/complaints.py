"""What is wrong with a setting, in words that name what to write instead.

pydantic's own sentences speak of Python types; here they speak of settings.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel
from pydantic_core import ErrorDetails


def complaint(item: ErrorDetails, model: type[BaseModel]) -> str:
    """Return one mistake in words: which setting, what it must be, what it was given.

    Parameters
    ----------
    item
        One of ``ValidationError.errors()``.
    model
        The settings that were checked; for the nearest name.
    """
    where = [str(part) for part in item["loc"]]
    name, kind, limits = ".".join(where), item["type"], item.get("ctx", {})
    got = f"got {item.get('input')!r}"
    if kind == "extra_forbidden":
        fields: Any = model.model_fields
        if len(where) > 1:
            fields = getattr(model.model_fields[where[0]].annotation, "model_fields", {})
        near = get_close_matches(where[-1], list(fields), n=1, cutoff=0.5)
        meant = ".".join([*where[:-1], near[0]]) if near else ""
        return f"{name}: there is no such setting" + (f"; did you mean {meant}?" if near else "")
    choices = limits.get("pattern", "").strip("^()$").split("|")
    must = {
        "string_pattern_mismatch": f"must be one of {', '.join(choices)}",
        "int_parsing": "must be a whole number",
        "int_from_float": "must be a whole number",
        "float_parsing": "must be a number",
        "bool_parsing": "must be true or false",
        "literal_error": f"must be {limits.get('expected')}",
        "greater_than": f"must be above {limits.get('gt')}",
        "greater_than_equal": f"must be at least {limits.get('ge')}",
        "less_than": f"must be below {limits.get('lt')}",
        "less_than_equal": f"must be at most {limits.get('le')}",
    }.get(kind, item["msg"].removeprefix("Value error, "))
    return f"{name}: {must} ({got})"


def misspelt(variables: Iterable[str], model: type[BaseModel], *, prefix: str) -> list[str]:
    """Return what is wrong with the names of variables that were meant as settings.

    A name that no group begins would be passed over without a word, and with it what was asked
    for: that no text is kept, for one.

    Examples
    --------
    >>> from speechqa.settings import Settings
    >>> misspelt(["SPEECHQA_PRIVCY__KEEP_TEXT"], Settings, prefix="SPEECHQA_")
    ['SPEECHQA_PRIVCY__KEEP_TEXT: there is no such setting; did you mean SPEECHQA_PRIVACY__...?']
    >>> misspelt(["SPEECHQA_RUN_WORKERS"], Settings, prefix="SPEECHQA_")
    ['SPEECHQA_RUN_WORKERS: there is no such setting; did you mean SPEECHQA_RUN__WORKERS?']
    """
    groups = {
        name: list(getattr(field.annotation, "model_fields", {}))
        for name, field in model.model_fields.items()
    }
    single = {f"{group}_{name}": (group, name) for group, names in groups.items() for name in names}
    found = []
    for variable in sorted(variables):
        if not variable.upper().startswith(prefix):
            continue
        rest = variable[len(prefix) :].lower()
        group = rest.partition("__")[0]
        if "__" in rest and group not in groups:
            near = get_close_matches(group, groups, n=1, cutoff=0.5)
            meant = f"{prefix}{near[0].upper()}__..." if near else ""
        elif rest in single:
            meant = prefix + "__".join(single[rest]).upper()
        else:
            continue
        hint = f"; did you mean {meant}?" if meant else ""
        found.append(f"{variable}: there is no such setting{hint}")
    return found
