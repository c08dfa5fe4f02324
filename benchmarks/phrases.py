"""R6: finding wording against a plain rapidfuzz loop, with precision and recall beside the time.

The loop is what most scripts do: ``partial_ratio`` of every phrase with every utterance, so that
a hit has a place. (With the whole transcript as one text it is faster, but says only yes or no; it
is printed too.) Both look for the same phrases: those that the shipped standard's forbidden rules
give as examples, one utterance in ten holding one. Times are CPU time, rounds interleaved
(A B A B ...), median with a bootstrap 95 % interval::

    python -m benchmarks.phrases --words 800 --calls 20 --rounds 7
"""

from __future__ import annotations

import argparse
import random
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rapidfuzz import fuzz

from speechqa.phrases import Heard, Lexicon, WordList, tokens
from speechqa.phrases.normalise import join
from speechqa.rulebook import CallView, Rulebook, evaluate, load
from speechqa.rulebook.dialogue import call_of
from tests.accuracy.labelled import PARTS, Counts, Sentence, sentences, tally_sentences

PHRASES = 200
PARTIES = ("agent", "customer")
LOOP_LIMITS = (80, 90)


@dataclass(frozen=True)
class Phrase:
    """A forbidden wording and the rule that forbids it."""

    rule: str
    text: str


def phrases_of(book: Rulebook, lang: str) -> list[Phrase]:
    """Return up to 200 forbidden wordings, spread over the rules."""
    rules = [rule for rule in book.call_rules if rule.kind == "forbidden"]
    longest = max(len(rule.examples.hit.of(lang)) for rule in rules)
    found = [
        Phrase(rule.id, rule.examples.hit.of(lang)[number])
        for number in range(longest)
        for rule in rules
        if number < len(rule.examples.hit.of(lang))
    ]
    return found[:PHRASES]


def calls_of(book: Rulebook, lang: str, words: int, count: int) -> list[CallView]:
    """Return calls of about `words` words: polite sentences, one in ten a forbidden one."""
    forbidden = [rule for rule in book.call_rules if rule.kind == "forbidden"]
    bad = [text for rule in forbidden for text in rule.examples.hit.of(lang)]
    good = [text for rule in book.call_rules for text in rule.examples.miss.of(lang)]
    good += [
        text
        for rule in book.call_rules
        if rule.kind != "forbidden"
        for text in rule.examples.hit.of(lang)
    ]
    draw = random.Random(7)
    calls = []
    for number in range(count):
        turns: list[tuple[str, str]] = []
        said = 0
        while said < words:
            text = draw.choice(bad if draw.random() < 0.1 else good)
            turns.append((("agent", "customer")[len(turns) % 2], text))
            said += len(tokens(text, lang))
        calls.append(call_of(turns, lang=lang, call_id=f"call-{number}"))
    return calls


def utterances_of(call: CallView) -> list[str]:
    """Return what was said, an utterance a text, normalised as the loop gets it."""
    heard = Heard(call.words, call.lang, Lexicon(call.lang, {}))
    return [
        text
        for party in PARTIES
        for text in heard.stream(party).utterances.data.decode().split("\n")
    ]


def loop(phrases: Sequence[str], texts: Sequence[str], limit: float) -> list[tuple[int, int]]:
    """Return (phrase, text) pairs that are alike, the plain way."""
    return [
        (number, at)
        for number, phrase in enumerate(phrases)
        for at, text in enumerate(texts)
        if fuzz.partial_ratio(phrase, text) >= limit
    ]


def ours(lexicon: Lexicon, keys: Sequence[int], call: CallView) -> int:
    """Return how many hits our matcher finds."""
    heard = Heard(call.words, call.lang, lexicon)
    return sum(len(heard.find(key, party).hits) for party in PARTIES for key in keys)


def seconds(work: Callable[[], object]) -> float:
    before = time.process_time()
    work()
    return time.process_time() - before


def interval(ratios: Sequence[float]) -> tuple[float, float]:
    """Return the bootstrap 95 % interval of the median."""
    draw = random.Random(1)
    medians = sorted(statistics.median(draw.choices(ratios, k=len(ratios))) for _ in range(2000))
    return medians[50], medians[-51]


def measure_speed(book: Rulebook, lang: str, words: int, count: int, rounds: int) -> None:
    """Print milliseconds per call of both, and their ratio."""
    wanted = phrases_of(book, lang)
    lexicon = Lexicon(lang, {})
    keys = [lexicon.add(WordList(similar=(phrase.text,))) for phrase in wanted]
    plain = [join(tokens(phrase.text, lang), lang) for phrase in wanted]
    calls = calls_of(book, lang, words, count)
    texts = [utterances_of(call) for call in calls]
    whole = [[" ".join(parts)] for parts in texts]
    ours(lexicon, keys, calls[0])
    evaluate(book, calls[:1])
    rows: dict[str, list[float]] = {"ours": [], "utterances": [], "whole": [], "standard": []}
    for _ in range(rounds):
        rows["ours"].append(seconds(lambda: [ours(lexicon, keys, call) for call in calls]))
        rows["utterances"].append(seconds(lambda: [loop(plain, one, 85) for one in texts]))
        rows["whole"].append(seconds(lambda: [loop(plain, one, 85) for one in whole]))
        rows["standard"].append(seconds(lambda: evaluate(book, calls)))
    ms = {name: statistics.median(times) / count * 1000 for name, times in rows.items()}
    pairs = zip(rows["utterances"], rows["ours"], strict=True)
    ratios = [loop_s / our_s for loop_s, our_s in pairs]
    low, high = interval(ratios)
    print(f"{lang}: {len(wanted)} phrases, {words} words a call, {count} calls, {rounds} rounds")
    print(f"  plain loop, utterances      {ms['utterances']:8.2f} ms per call")
    print(f"  plain loop, whole text      {ms['whole']:8.2f} ms per call (yes or no, no place)")
    print(f"  same phrases, our matcher   {ms['ours']:8.2f} ms per call")
    ratio = statistics.median(ratios)
    print(f"  ratio of the first to this  {ratio:8.1f} ({low:.1f} to {high:.1f})")
    print(
        f"  the whole standard, judged  {ms['standard']:8.2f} ms per call "
        f"({len(book.call_rules)} rules)"
    )


def loop_counts(book: Rulebook, labelled: Sequence[Sentence], lang: str, limit: float) -> Counts:
    """Count the loop's alarms on labelled sentences."""
    wanted = phrases_of(book, lang)
    plain = [join(tokens(phrase.text, lang), lang) for phrase in wanted]
    counts = Counts()
    for one in labelled:
        text = join(tokens(one.text, lang), lang)
        found = {wanted[number].rule for number, _ in loop(plain, [text], limit)}
        counts += Counts(
            len(found & one.must), len(found - one.must - one.may), len(one.must - found)
        )
    return counts


def measure_accuracy(book: Rulebook, lang: str) -> None:
    """Print precision and recall of both on the labelled sentences of each part."""
    for part in PARTS:
        labelled = sentences(part, lang)
        rows = [("the standard", tally_sentences(book, labelled).total())]
        rows += [
            (f"plain loop >= {limit}", loop_counts(book, labelled, lang, limit))
            for limit in LOOP_LIMITS
        ]
        for name, counts in rows:
            precision, recall = counts.precision, counts.recall
            print(
                f"  {lang} {part:8s} {len(labelled):4d} sentences  {name:17s} "
                f"precision {precision or 0:.3f}  recall {recall or 0:.3f}"
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--words", type=int, default=800)
    parser.add_argument("--calls", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    book = load("standard")
    for lang in ("en", "zh"):
        measure_speed(book, lang, options.words, options.calls, options.rounds)
        measure_accuracy(book, lang)


if __name__ == "__main__":
    main()
