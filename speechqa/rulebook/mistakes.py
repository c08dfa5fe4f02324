"""From a validation error to a sentence a QA lead can act on: what, where, and what is meant.

Each error of pydantic carries a path; unions add their tag to it, and a value that stands for a
list adds an index. `place` walks the file's own data along that path and skips what is not there.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from speechqa.phrases import nearest
from speechqa.rulebook import book, finders, quantities, rules, team, word_forms, written
from speechqa.rulebook.yaml_text import Path_

_MODELS: dict[str, tuple[Any, ...]] = {
    **{kind: (model,) for kind, model in rules.KINDS.items()},
    **{kind: (model,) for model, kind in finders._KIND_OF.items()},
    "column": (finders.Column, team.ColumnTest),
    "all": (finders.AllOf, team.AllTests),
    "any": (finders.AnyOf, team.AnyTests),
    "time between": (team.Span,),
    "filled": (team.Filled,),
    "repeat": (team.RepeatOf,),
    "matched": (team.MatchedIn,),
    "not": (team.NotTest,),
    "ramp": (quantities.Ramp,),
    "by language": (quantities.BoundByLanguage,),
    "where": (finders.Where,),
    "examples": (written.Examples,),
    "dialogues": (written.Dialogue,),
    "turns": (written.Turn,),
    "events": (written.GivenEvent,),
    "expect": (written.Expected,),
    "steps": (rules.Step,),
    "options": (book.Option,),
    "form": (book.Form,),
    "sections": (book.Section,),
    "allow_list": (book.Allowed,),
    **dict.fromkeys(("slots", "better", "hit", "miss"), (written.Texts,)),
    **dict.fromkeys(quantities.LANGUAGES, (word_forms.WordForms,)),
}


_NAMES = {
    "id": "an id: small letters, digits and hyphens, e.g. no-blame",
    "rulebook": "a rulebook's name: it has no spaces and no slashes",
}
_BY_LANGUAGE = ("hit", "miss", "better")


def data_path(loc: tuple[Any, ...], data: Any) -> Path_:
    """Return the part of an error's location that exists in the file's data."""
    path: list[str | int] = []
    here = data
    for index, part in enumerate(loc):
        follows = loc[index + 1] if index + 1 < len(loc) else None
        if not _holds(here, part):
            continue
        # A union's tag may be spelled like a key of the mapping it tags.
        if follows is not None and not _holds(here[part], follows) and _holds(here, follows):
            continue
        path.append(part)
        here = here[part]
    return tuple(path)


def value_at(data: Any, path: Path_) -> Any:
    """Return what stands at a path of the data."""
    for part in path:
        data = data[part]
    return data


def _holds(here: Any, part: Any) -> bool:
    if isinstance(here, dict):
        return part in here
    return isinstance(here, list) and isinstance(part, int) and part < len(here)


def valid_keys(loc: tuple[Any, ...]) -> list[str]:
    """Return the keys that are valid where an unknown one was found."""
    for part in reversed(loc[:-1]):
        if isinstance(part, str) and part in _MODELS:
            return sorted({key for model in _MODELS[part] for key in model_keys(model)})
    return model_keys(book.RulebookForm)


def model_keys(model: type[BaseModel]) -> list[str]:
    """Return a model's keys as a file writes them."""
    return [info.alias or name for name, info in model.model_fields.items()]


def explain(error: Any, data: Any) -> tuple[Path_, bool, str]:
    """Return path, whether the key (not the value) is meant, and the sentence."""
    loc = tuple(error["loc"])
    kind, message = error["type"], str(error["msg"])
    if kind == "extra_forbidden":
        name = str(loc[-1])
        path = data_path(loc[:-1], data)
        return (*path, name), True, f"unknown key {name!r}{_or_list(name, valid_keys(loc))}"
    path = data_path(loc, data)
    if kind == "value_error" and isinstance(error.get("input"), dict):
        # The mapping as a whole is meant; the last part is its union tag, not its key.
        shorter = data_path(loc[:-1], data)
        path = shorter if value_at(data, shorter) == error["input"] else path
    if kind == "missing":
        return path, False, f"{loc[-1]!r} is missing"
    if kind in {"union_tag_invalid", "union_tag_not_found"}:
        return _explain_union(error, path)
    got = error.get("input")
    if kind == "literal_error":
        choices = _choices(str(error["ctx"]["expected"]))
        return (
            path,
            False,
            f"{got!r} is not one of {', '.join(choices)}{nearest(str(got), choices)}",
        )
    if kind == "string_pattern_mismatch":
        return path, False, f"{_short(got)} cannot be {_NAMES.get(str(loc[-1]), 'this name')}"
    if kind in {"model_type", "model_attributes_type", "dict_type"}:
        of_languages = loc[-1] in _BY_LANGUAGE
        example = ", e.g. {en: [...], zh: [...]}" if of_languages else ""
        return path, False, f"should be a mapping{example}, got {_short(got)}"
    message = message.removeprefix("Value error, ")
    if kind == "string_type" and isinstance(got, int | float) and not isinstance(got, bool):
        return path, False, f'{got} is read as a number; write it in quotes: "{got}"'
    if kind != "value_error":
        message = message.replace("Input should", "should").replace("Tuple", "The list")
        message = message.replace("valid tuple", "list").replace("dictionary", "mapping")
        message = f"{message}, got {_short(got)}"
    return path, False, message


def _explain_union(error: Any, path: Path_) -> tuple[Path_, bool, str]:
    got = error.get("input")
    about = str(error["ctx"].get("discriminator", ""))
    if "_rule_kind" in about:
        kinds = list(rules.KINDS)
        if not isinstance(got, dict):
            return path, False, f"a rule is a mapping, got {_short(got)}"
        if "kind" not in got:
            return path, False, f"'kind' is missing; it is one of {', '.join(kinds)}"
        kind = str(got["kind"])
        return (
            (*path, "kind"),
            False,
            f"unknown kind {kind!r}{_or_list(kind, kinds)}",
        )
    is_test = "_test_kind" in about
    known = list(team.TEST_KEYS if is_test else finders.FINDER_KEYS)
    thing = "a test" if is_test else "a finder"
    if not isinstance(got, dict):
        return path, False, f"{thing} is a mapping or a name under words:, got {_short(got)}"
    keys = [str(key) for key in got if key not in {"party", "where"}]
    if not keys:
        return path, False, f"{thing} needs one of the keys {', '.join(known[:13])} ..."
    guess = next((text for key in keys if (text := nearest(key, known))), "")
    return (
        (*path, keys[0]),
        True,
        f"unknown key {keys[0]!r}: {thing} has one of {', '.join(known[:15])} ...{guess}",
    )


def _choices(expected: str) -> list[str]:
    return [part.strip().strip("'") for part in expected.replace(" or ", ", ").split(",")]


def _or_list(name: str, known: list[str]) -> str:
    return nearest(name, known) or f"; valid here: {', '.join(known[:24])}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
