"""Running the examples inside a rulebook: sentences by their words, dialogues by the whole rule."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from speechqa.rulebook import finders
from speechqa.rulebook.book import Rulebook
from speechqa.rulebook.call import Call
from speechqa.rulebook.dialogue import call_of, example_call
from speechqa.rulebook.judge import unmasked
from speechqa.rulebook.names import walk
from speechqa.rulebook.rules import Forbidden
from speechqa.rulebook.view import RuleResult
from speechqa.rulebook.written import Dialogue

_WORDY = (finders.Words, finders.Digits)


@dataclass(frozen=True)
class ExampleResult:
    """How one example came out.

    Parameters
    ----------
    rule, lang
        Whose example, and its language.
    kind
        ``hit``, ``miss`` or ``dialogue``.
    text
        The sentence, or which dialogue.
    ok
        Whether the rule did what the example says.
    got
        What it did, where that is not what was expected.
    """

    rule: str
    lang: str
    kind: str
    text: str
    ok: bool
    got: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return the result for ``--json``."""
        return asdict(self)


def run_examples(book: Rulebook, rules: Sequence[str] | None = None) -> Iterator[ExampleResult]:
    """Yield the result of every example, in the order of the file.

    Parameters
    ----------
    book
        The rulebook.
    rules
        Only these rules; None for all.

    Examples
    --------
    >>> from speechqa.rulebook import load
    >>> results = list(run_examples(load("starter")))
    >>> len(results) > 20, [result for result in results if not result.ok]
    (True, [])
    """
    variants: dict[str, Rulebook] = {"{}": book}
    for rule in book.call_rules:
        if rules is not None and rule.id not in rules:
            continue
        for lang in book.form.languages:
            for kind, texts in (("hit", rule.examples.hit), ("miss", rule.examples.miss)):
                for text in texts.of(lang):
                    fired = sentence_fires(book, rule, text, lang)
                    ok = fired == (kind == "hit")
                    got = "" if ok else "found" if fired else "not found"
                    yield ExampleResult(rule.id, lang, kind, text, ok, got)
        for number, dialogue in enumerate(rule.examples.dialogues, 1):
            key = repr(dict(sorted(dialogue.options.items())))
            if key not in variants:
                variants[key] = book.with_options(dict(dialogue.options))
            yield _run_dialogue(variants[key], rule, dialogue, number)


def sentence_fires(book: Rulebook, rule: Any, text: str, lang: str) -> bool:
    """Say whether the words of a rule are found in one utterance, wherever it is said."""
    language = book.compiled.language(lang)
    forbidden = isinstance(rule, Forbidden)
    masks = language.masks(rule.id)
    for finder in rule.word_finders():
        if not _is_about_words(book, finder):
            continue
        bare = finder.model_copy(update={"where": None}) if finder.where else finder
        if isinstance(finder, finders.Words):
            language.alias(bare, finder)
        party = finder.party or rule.party
        find = language.finders.compile(bare, party, drop_quoted=forbidden)
        for speaker in ("agent", "customer") if party == "any" else (party,):
            call = Call(call_of([(speaker, text)], lang=lang, measured=False), language.lexicon)
            found = find(call).sure
            if forbidden:
                found = unmasked(call, found, masks)
            if found:
                return True
    return False


def _is_about_words(book: Rulebook, finder: Any) -> bool:
    for _, model in walk(finder):
        if isinstance(model, _WORDY):
            return True
        if isinstance(model, finders.Named) and _is_about_words(book, book.form.words[model.use]):
            return True
    return False


def judge_one(book: Rulebook, rule_id: str, call: Any) -> RuleResult:
    """Return what one rule answers on one call."""
    plan = book.compiled.plan(call.lang, call.grade)
    for rule, judge, ready in plan.steps:
        if rule.id == rule_id:
            if judge is None:
                assert ready is not None
                return ready
            return judge(Call(call, plan.lexicon))
    raise KeyError(rule_id)


def _run_dialogue(book: Rulebook, rule: Any, dialogue: Dialogue, number: int) -> ExampleResult:
    result = judge_one(book, rule.id, example_call(dialogue))
    want = dialogue.expect
    ok = result.outcome == want.outcome
    ok = ok and (want.met is None or result.met == want.met)
    ok = ok and (want.due is None or result.due == want.due)
    got = f"{result.outcome} {result.met}/{result.due} ({result.reason})"
    about = dialogue.about or f"dialogue {number}"
    name = f"{about}: {want.outcome}"
    return ExampleResult(rule.id, dialogue.lang, "dialogue", name, ok, "" if ok else got)
