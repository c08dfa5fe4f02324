"""A rulebook made ready to judge: one lexicon and one list of judging functions per language.

Building is the slow part (a few hundred patterns), so it is done once per language and process.
Nothing here changes while calls are judged.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from speechqa.phrases import Lexicon, WordList
from speechqa.phrases.normalise import DIGIT_PATTERN, uses_spaces
from speechqa.rulebook import finders, judge
from speechqa.rulebook.book import RulebookForm
from speechqa.rulebook.call import Call
from speechqa.rulebook.checks import slots_for
from speechqa.rulebook.dormant import Dormant, dormant_of
from speechqa.rulebook.names import walk
from speechqa.rulebook.rules import Forbidden, Team
from speechqa.rulebook.search import FinderCompiler
from speechqa.rulebook.view import RuleResult

Judge = Callable[[Call], RuleResult]
Masks = Callable[[Call], frozenset[int]]
_GRADES = "ABCD"


class LanguageBook:
    """A rulebook's words and finders in one language.

    Parameters
    ----------
    form
        The checked rulebook.
    lang
        ISO 639-1 code.
    """

    def __init__(self, form: RulebookForm, lang: str) -> None:
        self.form = form
        self.lang = lang
        self.lexicon = Lexicon(lang, slots_for(form, lang))
        self._keys: dict[int, int | None] = {}
        self._digits: int | None = None
        self._copies: list[Any] = []
        for _, model in walk(form):
            if isinstance(model, finders.Words):
                self._keys[id(model)] = self._add(model)
        self._masks = self._allow()
        self.finders = FinderCompiler(self)

    def _add(self, model: finders.Words) -> int | None:
        forms = model.forms(self.lang)
        if forms is None:
            return None
        return self.lexicon.add(
            WordList(
                forms.phrases,
                forms.similar,
                forms.sounds_like,
                forms.regex,
                forms.unless,
                forms.unless_said,
                model.threshold,
                model.negated == "drop",
            )
        )

    def _allow(self) -> dict[str, list[int]]:
        masks: dict[str, list[int]] = {}
        for number, entry in enumerate(self.form.allow_list):
            for phrase in entry.of(self.lang):
                self.lexicon.allow(phrase, number)
            for name in (entry.masks,) if isinstance(entry.masks, str) else entry.masks:
                masks.setdefault(name, []).append(number)
        return masks

    def masks(self, rule_id: str) -> Masks:
        """Return a function that says which allow-list entries spare a rule on a call."""
        entries = self.form.allow_list
        numbers = sorted({*self._masks.get(rule_id, ()), *self._masks.get("all", ())})
        always = frozenset(number for number in numbers if entries[number].when is None)
        guarded = [
            (number, [self.finders.compile(one) for one in entries[number].when or ()])
            for number in numbers
            if number not in always
        ]
        if not guarded:
            return lambda _: always
        return lambda call: (
            always
            | {
                number
                for number, conditions in guarded
                if all(condition(call).sure for condition in conditions)
            }
        )

    def alias(self, copy: Any, original: Any) -> None:
        """Let a changed copy of a words finder use the original's list."""
        if isinstance(original, finders.Words):
            self._keys[id(copy)] = self._keys[id(original)]
            self._copies.append(copy)  # an id must not be given to another object

    def word_key(self, model: finders.Words) -> int | None:
        """Return the lexicon's key of a words finder; None when it has no words here."""
        return self._keys[id(model)]

    def digit_key(self) -> int:
        """Return the key of the list that finds runs of spoken digits."""
        if self._digits is None:
            digit = DIGIT_PATTERN["zh" if self.lang == "zh" else "en"]
            gap = " " if uses_spaces(self.lang) else ""
            source = rf"\b{digit}(?:{gap}{digit})*\b" if gap else f"{digit}+"
            self._digits = self.lexicon.add(WordList(regex=(source,)))
        return self._digits


@dataclass(frozen=True)
class Plan:
    """How to judge calls of one language and grade: a function or a ready answer per rule."""

    lexicon: Lexicon
    steps: tuple[tuple[Any, Judge | None, RuleResult | None], ...]
    dormant: tuple[Dormant | None, ...]
    parties: tuple[str, ...]


class CompiledBook:
    """Judging functions of a rulebook, by language and grade."""

    def __init__(self, form: RulebookForm) -> None:
        self.form = form
        self._books: dict[str, LanguageBook] = {}
        self._judges: dict[str, dict[str, Judge]] = {}
        self._plans: dict[tuple[str, str], Plan] = {}

    def language(self, lang: str) -> LanguageBook:
        """Return the rulebook's words and finders in one language."""
        if lang not in self._books:
            self._books[lang] = LanguageBook(self.form, lang)
        return self._books[lang]

    def plan(self, lang: str, grade: str) -> Plan:
        """Return how to judge calls of this language and grade."""
        key = (lang, grade)
        if key not in self._plans:
            self._plans[key] = self._make_plan(lang, grade)
        return self._plans[key]

    def _make_plan(self, lang: str, grade: str) -> Plan:
        book = self.language(lang)
        if lang not in self._judges:
            self._judges[lang] = {
                rule.id: judge.compile_rule(rule, book)
                for rule in self.form.rules
                if not isinstance(rule, Team)
            }
        steps = []
        for rule in self.form.rules:
            if isinstance(rule, Team):
                continue
            reason = _not_for(rule, lang, grade, self.form)
            lacking = rule.languages is None
            ready = (
                RuleResult(rule.id, "not_applicable", reason, lacking=lacking) if reason else None
            )
            steps.append((rule, None if reason else self._judges[lang][rule.id], ready))
        asleep = tuple(
            dormant_of(rule, book) if judge_ is not None else None for rule, judge_, _ in steps
        )
        parties = sorted({party for one in asleep if one for party, _ in one.lists})
        return Plan(book.lexicon, tuple(steps), asleep, tuple(parties))


def _not_for(rule: Any, lang: str, grade: str, form: RulebookForm) -> str:
    if rule.languages is not None and lang not in rule.languages:
        return f"only for {', '.join(rule.languages)}, the call is in {lang}"
    if lang not in form.languages and isinstance(rule, Forbidden):
        return f"the rulebook has no words for language {lang}"
    if _GRADES.find(grade) > _GRADES.find(rule.needs_grade):
        return f"needs evidence grade {rule.needs_grade}, the call has {grade}"
    return ""
