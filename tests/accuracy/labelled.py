"""Reading the labelled set and counting how a rulebook does on it.

Two parts: ``tuning`` (patterns may be changed on its errors) and ``reported`` (only ever counted).
A sentence names the forbidden rules that its words break (must be found), and those that may be
found too; anything else found on it is a false alarm. A dialogue names outcomes of other rules.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ruamel.yaml import YAML

from speechqa.pipeline.fairness import answers_on_words
from speechqa.rulebook import CallView, Rulebook, evaluate
from speechqa.rulebook.dialogue import TURN_GAP_MS, call_of, example_call
from speechqa.rulebook.written import Dialogue
from speechqa.transcript import Word

FOLDER = Path(__file__).parent
PARTS = ("tuning", "reported")
LANGUAGES = ("en", "zh")
Interval = tuple[int, int]
_LINE = re.compile(r"(?P<must>\S+)(?: \+(?P<may>\S+))? :: (?:\((?P<before>[^)]*)\) )?(?P<text>.+)")


@dataclass(frozen=True)
class Sentence:
    """What an agent says (after what a customer said), and which rules it breaks."""

    lang: str
    text: str
    before: str
    must: frozenset[str]
    may: frozenset[str]
    line: int

    def call(self, heard: Sequence[Word] | None = None) -> CallView:
        """Return it as a call; `heard` stands in for its words, as a recogniser heard them."""
        turns = [("customer", self.before)] if self.before else []
        if heard is None:
            return call_of([*turns, ("agent", self.text)], lang=self.lang, measured=False)
        before = call_of(turns, lang=self.lang, measured=False)
        at = before.duration_ms + TURN_GAP_MS
        later = [
            replace(w, party="agent", start_ms=w.start_ms + at, end_ms=w.end_ms + at) for w in heard
        ]
        end = max((word.end_ms for word in later), default=at)
        words = (*before.words, *later)
        return replace(before, words=words, duration_ms=end, conversation=(0, end))


@dataclass(frozen=True)
class LabelledDialogue:
    """A written dialogue and the outcomes some rules must have."""

    id: str
    lang: str
    call: CallView
    expect: dict[str, str]


@dataclass
class Counts:
    """True and false alarms, and what was missed."""

    hits: int = 0
    false: int = 0
    missed: int = 0

    @property
    def precision(self) -> float | None:
        """Share of what was found that is right; None when nothing was found."""
        found = self.hits + self.false
        return self.hits / found if found else None

    @property
    def recall(self) -> float | None:
        """Share of what is there that was found; None when nothing is there."""
        there = self.hits + self.missed
        return self.hits / there if there else None

    def __iadd__(self, other: Counts) -> Counts:
        self.hits += other.hits
        self.false += other.false
        self.missed += other.missed
        return self


@dataclass
class Tally:
    """Counts by group and language, and each error as a line of text."""

    counts: dict[tuple[str, str], Counts] = field(default_factory=lambda: defaultdict(Counts))
    errors: list[str] = field(default_factory=list)

    def total(self, lang: str | None = None) -> Counts:
        """Return the sum over groups."""
        total = Counts()
        for (_, group_lang), counts in self.counts.items():
            if lang in {None, group_lang}:
                total += counts
        return total


def sentences(part: str, lang: str) -> list[Sentence]:
    """Return the labelled sentences of a part and language."""
    found = []
    path = FOLDER / part / f"sentences.{lang}.txt"
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line.strip())
        if match is None:
            raise ValueError(f"{path.name}:{number}: not 'rules [+rules] :: [(before)] text'")
        must = () if match["must"] == "-" else match["must"].split(",")
        may = match["may"].split(",") if match["may"] else ()
        found.append(
            Sentence(
                lang, match["text"], match["before"] or "", frozenset(must), frozenset(may), number
            )
        )
    return found


def dialogues(part: str) -> list[LabelledDialogue]:
    """Return the labelled dialogues of a part."""
    data = YAML(typ="safe").load(FOLDER / part / "dialogues.yaml")
    made = []
    for entry in data:
        expect = entry.pop("expect")
        name = entry.pop("id")
        written = Dialogue.model_validate({**entry, "expect": "met"})
        made.append(LabelledDialogue(name, entry["lang"], example_call(written), expect))
    return made


def found_rules(book: Rulebook, calls: Sequence[CallView]) -> Iterator[dict[str, list[Interval]]]:
    """Yield the forbidden rules found on each call, each with when (ms)."""
    forbidden = {rule.id for rule in book.call_rules if rule.kind == "forbidden"}
    for results in answers_on_words(book, calls):
        yield {
            r.rule: [(hit["start_ms"], hit["end_ms"]) for hit in r.hits]
            for r in results
            if r.outcome == "violated" and r.rule in forbidden
        }


def on_other_words(spans: Sequence[Interval], taken: Iterable[Interval]) -> bool:
    """Say whether something was found that does not touch `taken`."""
    return any(all(b <= start or end <= a for a, b in taken) for start, end in spans)


def tally_sentences(
    book: Rulebook,
    labelled: Iterable[Sentence],
    heard: Sequence[Sequence[Word]] | None = None,
    *,
    strict: bool = False,
) -> Tally:
    """Count alarms on sentences, by section of the form and language.

    Parameters
    ----------
    book
        The rulebook.
    labelled
        Sentences.
    heard
        The words that a recogniser heard of each, instead of its own.
    strict
        Count a further rule found on words that are rightly found already as a false alarm. By
        default it is none: several forbidden rules on one span are charged once.
    """
    labelled = list(labelled)
    sections = {rule.id: rule.section for rule in book.call_rules}
    given: Sequence[Sequence[Word] | None] = heard or [None] * len(labelled)
    calls = [one.call(words) for one, words in zip(labelled, given, strict=True)]
    tally = Tally()
    for one, found in zip(labelled, found_rules(book, calls), strict=True):
        right = [span for rule in one.must | one.may for span in found.get(rule, ())]
        for rule in sorted(found.keys() | one.must):
            counts = tally.counts[sections[rule], one.lang]
            if rule in found and rule in one.must:
                counts.hits += 1
            elif rule in one.must:
                counts.missed += 1
                tally.errors.append(f"missed {rule} | {one.lang}:{one.line} {one.text}")
            elif rule not in one.may and (strict or on_other_words(found[rule], right)):
                counts.false += 1
                tally.errors.append(f"FALSE {rule} | {one.lang}:{one.line} {one.text}")
    return tally


@dataclass
class Outcomes:
    """How many outcomes were right, by kind of rule and language."""

    right: Counter[tuple[str, str]] = field(default_factory=Counter)
    due: Counter[tuple[str, str]] = field(default_factory=Counter)
    errors: list[str] = field(default_factory=list)

    @property
    def accuracy(self) -> float:
        """Share of right outcomes."""
        return self.right.total() / max(self.due.total(), 1)


def tally_dialogues(book: Rulebook, labelled: Sequence[LabelledDialogue]) -> Outcomes:
    """Count right outcomes on dialogues, by kind of rule and language."""
    kinds = {rule.id: rule.kind for rule in book.call_rules}
    outcomes = Outcomes()
    for one, results in zip(labelled, evaluate(book, [d.call for d in labelled]), strict=True):
        got = {result.rule: result for result in results}
        for rule, wanted in one.expect.items():
            key = kinds[rule], one.lang
            outcomes.due[key] += 1
            if got[rule].outcome == wanted:
                outcomes.right[key] += 1
            else:
                answer = f"{got[rule].outcome} ({got[rule].reason})"
                outcomes.errors.append(f"{one.id} {rule}: wanted {wanted}, got {answer}")
    return outcomes
