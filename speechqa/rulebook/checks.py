"""Checks that need the whole rulebook: names, languages, options, measures and patterns."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from speechqa.phrases import Lexicon, PatternError, nearest
from speechqa.phrases.dead import dead_literal
from speechqa.phrases.entities import ENTITIES
from speechqa.phrases.patterns import phrase_source, regex_source
from speechqa.phrases.sounds import sound_of
from speechqa.rulebook import finders, rules
from speechqa.rulebook.book import RulebookForm
from speechqa.rulebook.check_figures import figure_mistakes
from speechqa.rulebook.names import MEASURES, walk
from speechqa.rulebook.quantities import LANGUAGES
from speechqa.rulebook.word_forms import WordForms

Complaint = tuple[tuple[str | int, ...], str]


@dataclass(frozen=True)
class Known:
    """Names that a file gives, also where the entry itself is broken.

    Examples
    --------
    >>> Known.of_data({"words": {"a": 1}, "rules": [{"id": "r"}, 3]}).rules
    frozenset({'r'})
    """

    words: frozenset[str] = frozenset()
    options: frozenset[str] = frozenset()
    slots: frozenset[str] = frozenset()
    rules: frozenset[str] = frozenset()

    @classmethod
    def of_data(cls, data: Mapping[str, Any]) -> Known:
        """Return the names in a file's data, well formed or not."""

        def keys(name: str) -> frozenset[str]:
            value = data.get(name)
            return frozenset(map(str, value)) if isinstance(value, dict) else frozenset()

        rows = data.get("rules")
        ids = (
            [row.get("id") for row in rows if isinstance(row, dict)]
            if isinstance(rows, list)
            else []
        )
        return cls(keys("words"), keys("options"), keys("slots"), frozenset(map(str, ids)))


def check_form(form: RulebookForm, known: Known | None = None) -> Iterator[Complaint]:
    """Yield the path and sentence of each mistake that a single key does not show.

    Parameters
    ----------
    form
        The validated form.
    known
        Names of broken entries that were left out of `form`: they are not called unknown.
    """
    known = known or Known()
    yield from _languages(form)
    yield from _rules(form, known)
    yield from _allow_list(form, known)
    yield from _cycles(form)
    for path, model in walk(form):
        yield from _names(form, path, model, known)
        yield from _patterns(form, path, model, known)


def _languages(form: RulebookForm) -> Iterator[Complaint]:
    for index, lang in enumerate(form.languages):
        if lang not in LANGUAGES:
            yield (
                ("languages", index),
                f"unknown language {lang!r}; one of {', '.join(LANGUAGES)}",
            )
    for index, rule in enumerate(form.rules):
        for at, lang in enumerate(rule.languages or ()):
            if lang not in form.languages:
                yield (
                    ("rules", index, "languages", at),
                    f"language {lang!r} is not one of the rulebook's: {', '.join(form.languages)}",
                )


def _rules(form: RulebookForm, known: Known) -> Iterator[Complaint]:
    sections = [section.id for section in form.form.sections]
    for index, name in enumerate(sections):
        if name in sections[:index]:
            yield ("form", "sections", index, "id"), f"duplicate section {name!r}"
    seen: set[str] = set()
    for index, rule in enumerate(form.rules):
        if rule.id in seen:
            yield ("rules", index, "id"), f"duplicate rule id {rule.id!r}"
        seen.add(rule.id)
        if rule.section not in sections and not isinstance(rule, rules.Team):
            yield (
                ("rules", index, "section"),
                f"unknown section {rule.section!r}{_or_all(rule.section, sections)}",
            )
        yield from _texts(form, index, rule)
        yield from _dialogues(form, index, rule, known)


def _texts(form: RulebookForm, index: int, rule: Any) -> Iterator[Complaint]:
    """Example sentences in a language that the rulebook lacks would never be run."""
    given = (
        (("examples", "hit"), rule.examples.hit),
        (("examples", "miss"), rule.examples.miss),
        (("better",), rule.better),
    )
    for path, texts in given:
        for lang in texts.languages():
            if lang not in form.languages:
                yield (
                    ("rules", index, *path, lang),
                    f"language {lang!r} is not one of the rulebook's: {', '.join(form.languages)}",
                )


def _dialogues(form: RulebookForm, index: int, rule: Any, known: Known) -> Iterator[Complaint]:
    for at, dialogue in enumerate(rule.examples.dialogues):
        path = ("rules", index, "examples", "dialogues", at)
        if dialogue.lang not in form.languages:
            yield (
                (*path, "lang"),
                f"language {dialogue.lang!r} is not one of {list(form.languages)}",
            )
        for name, value in dialogue.options.items():
            yield from _option(form, (*path, "options", name), name, (value,), known)


def _option(
    form: RulebookForm,
    path: tuple[str | int, ...],
    name: str,
    values: tuple[Any, ...],
    known: Known,
) -> Iterator[Complaint]:
    option = form.options.get(name)
    if option is None and name in known.options:
        return
    if option is None:
        yield path, f"unknown option {name!r}{_or_all(name, list(form.options))}"
        return
    for value in values:
        if value not in option.values:
            values_known = [str(one) for one in option.values]
            yield path, f"option {name!r} is never {value!r}{_or_all(str(value), values_known)}"


def _allow_list(form: RulebookForm, known: Known) -> Iterator[Complaint]:
    ids = [*(rule.id for rule in form.rules), *known.rules]
    for index, entry in enumerate(form.allow_list):
        if not entry.languages():
            yield ("allow_list", index), "an allow-list entry needs wording in some language"
        names = (entry.masks,) if isinstance(entry.masks, str) else entry.masks
        for name in names:
            if name not in ids and name != "all":
                yield ("allow_list", index, "masks"), f"unknown rule {name!r}{nearest(name, ids)}"


def _cycles(form: RulebookForm) -> Iterator[Complaint]:
    uses = {
        name: {model.use for _, model in walk(finder) if isinstance(model, finders.Named)}
        for name, finder in form.words.items()
    }
    for start in uses:
        todo, seen = list(uses[start]), set()
        while todo:
            name = todo.pop()
            if name == start:
                yield ("words", start), f"{start!r} refers to itself"
                break
            if name not in seen:
                seen.add(name)
                todo.extend(uses.get(name, ()))


def _names(
    form: RulebookForm, path: tuple[str | int, ...], model: Any, known: Known
) -> Iterator[Complaint]:
    match model:
        case finders.Named(use=use) if use not in form.words and use not in known.words:
            yield path, f"no finder under words: is named {use!r}{_meant(use, form)}"
        case finders.Measure(measure=name) | rules.Limit(measure=str(name)) if name not in MEASURES:
            yield (*path, "measure"), f"unknown measure {name!r}{nearest(name, MEASURES)}"
        case finders.OptionIs(option=name, is_=values):
            wanted = values if isinstance(values, tuple) else (values,)
            yield from _option(form, path, name, wanted, known)
        case finders.LangIs(lang=lang):
            for one in (lang,) if isinstance(lang, str) else lang:
                if one not in LANGUAGES:
                    yield (*path, "lang"), f"unknown language {one!r}{nearest(one, LANGUAGES)}"
        case finders.Where(nth=int(nth)) if nth < 1:
            yield (*path, "nth"), f"nth counts from 1, got {nth}"
        case rules.Limit() | rules.Team() | finders.Measure():
            yield from figure_mistakes(path, model)


def _patterns(
    form: RulebookForm, path: tuple[str | int, ...], model: Any, known: Known
) -> Iterator[Complaint]:
    if isinstance(model, WordForms):
        yield from _forms(form, path, model, known)
    elif isinstance(model, finders.Words):
        given = [lang for lang in LANGUAGES if model.forms(lang) is not None]
        for lang in given:
            if lang not in form.languages:
                yield (*path, lang), f"language {lang!r} is not one of {list(form.languages)}"


def _forms(
    form: RulebookForm, path: tuple[str | int, ...], model: WordForms, known: Known
) -> Iterator[Complaint]:
    lang = str(path[-1])
    slots = dict.fromkeys(known.slots, ("x",)) | slots_for(form, lang)
    if not any((model.phrases, model.similar, model.sounds_like, model.regex)):
        yield path, f"nothing to look for under {lang}: give phrases, similar, sounds_like or regex"
    lexicon = Lexicon(lang, slots)
    for field in ("phrases", "similar", "sounds_like", "regex", "unless", "unless_said"):
        is_regex = field in {"regex", "unless", "unless_said"}
        for index, text in enumerate(getattr(model, field)):
            try:
                if is_regex:
                    regex_source(text, lang, slots)
                    if why := dead_literal(re.sub(r"\{[a-z]\w*\}", "x", text), lang):
                        raise PatternError(why)
                else:
                    phrase_source(text, lang, slots)
                named = [name for name in ENTITIES if f"{{{name}}}" in text and name not in slots]
                if named and field in {"similar", "sounds_like"}:
                    raise PatternError(f"{{{named[0]}}} stands in phrases and regexes only")
                if field == "phrases" and "、" in text:
                    raise PatternError("'、' does not part the entries of a list; write ', '")
                if field == "sounds_like":
                    for parts in lexicon._expand(text):
                        if sound_of(parts) is None:
                            raise PatternError(f"{text!r} is too short to tell by its sound")
            except PatternError as error:
                yield (*path, field, index), str(error)


def slots_for(form: RulebookForm, lang: str) -> dict[str, tuple[str, ...]]:
    """Return each slot's values in one language; those without any are left out."""
    return {name: texts.of(lang) for name, texts in form.slots.items() if texts.of(lang)}


def _meant(name: str, form: RulebookForm) -> str:
    """Return the name that was meant, or how wording is written, which it may be instead."""
    lang = "zh" if re.search("[\u4e00-\u9fff]", name) else form.languages[0]
    known = f"; known: {', '.join(list(form.words)[:20])}" if form.words else ""
    told = f"; if it is wording, write {{{lang}: [{name}]}}"
    return nearest(name, list(form.words)) or known + told


def _or_all(name: str, known: list[str]) -> str:
    return nearest(name, known) or (f"; known: {', '.join(known[:20])}" if known else "")
