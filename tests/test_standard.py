"""The shipped standard: complete, in both languages, and every example in it behaves."""

from __future__ import annotations

import time
from functools import cache
from pathlib import Path

import pytest

from speechqa.rulebook import Rulebook, evaluate, load
from speechqa.rulebook.dialogue import call_of
from speechqa.rulebook.examples import run_examples
from tests import standard_table
from tests.accuracy.labelled import (
    LANGUAGES,
    PARTS,
    Counts,
    dialogues,
    sentences,
    tally_dialogues,
    tally_sentences,
)

IDS = Path(__file__).with_name("standard_ids.txt")
FOLDER = Path(__file__).parents[1] / "speechqa" / "rulebook" / "standard"


@cache
def standard() -> Rulebook:
    return load("standard")


def ids(kind: str) -> list[str]:
    lines = IDS.read_text(encoding="utf-8").splitlines()
    return [name for word, _, name in (line.partition(" ") for line in lines) if word == kind]


def test_the_list_of_ids_is_sorted_and_has_164_and_44():
    for kind, number in (("call", 164), ("table", 44)):
        assert ids(kind) == sorted(set(ids(kind)))
        assert len(ids(kind)) == number


def test_every_rule_of_calls_is_shipped_under_its_id():
    assert sorted(rule.id for rule in standard().call_rules) == ids("call")


def test_every_figure_over_tables_is_shipped_under_its_id():
    team = [rule.id for rule in standard().rules if rule.kind == "team"]
    assert sorted(team) == ids("table")


def test_every_example_in_the_standard_behaves():
    results = list(run_examples(standard()))
    wrong = [f"{r.rule} {r.lang} {r.kind} {r.text!r}: {r.got}" for r in results if not r.ok]
    assert not wrong
    assert len(results) > 1000


def test_every_rule_has_examples_of_both_sides_in_each_of_its_languages():
    lacking = []
    for rule in standard().call_rules:
        for lang in rule.languages or standard().form.languages:
            answers = {d.expect.outcome for d in rule.examples.dialogues if d.lang == lang}
            hits, misses = rule.examples.hit.of(lang), rule.examples.miss.of(lang)
            if not (hits and misses) and not {"met", "violated"} <= answers:
                lacking.append((rule.id, lang))
    assert lacking == []


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_every_forbidden_rule_has_two_sentences_that_hit_and_two_that_miss(lang):
    short = [
        rule.id
        for rule in standard().call_rules
        if rule.kind == "forbidden"
        and rule.word_finders()
        and rule.languages in {None, (lang,)}
        and (len(rule.examples.hit.of(lang)) < 2 or len(rule.examples.miss.of(lang)) < 2)
        and rule.id not in WITHOUT_WORDS
    ]
    assert not short


WITHOUT_WORDS = {
    # What they forbid is an event of the audio or of turns, not a wording.
    "agent-too-quiet-raise-volume",
    "cannot-hear-keep-own-volume",
    "hold-mute-audio",
    "stress-escalation",
}


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_every_forbidden_wording_shows_a_better_one(lang):
    rules = [r for r in standard().call_rules if r.kind == "forbidden"]
    bare = [r.id for r in rules if r.id not in WITHOUT_WORDS and not r.better.of(lang)]
    assert not bare


def test_weak_proxies_never_cost_points():
    weak = {
        "agent-too-quiet-raise-volume",
        "articulation-clarity",
        "cadence-tone",
        "complaint-handling-sequence",
        "emotion-sequence",
        "polite-nin",
        "question-unanswered",
        "volume-moderate",
        "wrong-number-guide",
    }
    assert weak <= {rule.id for rule in standard().call_rules if rule.report_only}


def test_the_standard_stands_alone():
    names = {path.name for path in FOLDER.glob("*.yaml")}
    text = "".join(path.read_text(encoding="utf-8") for path in FOLDER.glob("*.yaml"))
    assert names == {*standard_includes(text), "standard.yaml"}
    assert "service-standard" not in text


def standard_includes(text: str) -> set[str]:
    lines = [line.strip() for line in text.splitlines()]
    return {line[2:] for line in lines if line.startswith("- ") and line.endswith(".yaml")}


def test_every_file_of_the_standard_is_readable():
    for path in FOLDER.glob("*.yaml"):
        assert len(path.read_text(encoding="utf-8").splitlines()) < 700, path.name


@pytest.mark.parametrize(
    ("options", "said", "rule", "outcome"),
    [
        (
            {"abuse_warning": "banned"},
            "stop shouting at me",
            "hangup-point-out-rudeness",
            "violated",
        ),
        (
            {"abuse_warning": "allowed"},
            "stop shouting at me",
            "hangup-point-out-rudeness",
            "not_applicable",
        ),
        (
            {"refusal_script": "allowed"},
            "I'm sorry, I'm afraid I can't help you",
            "neg-cant",
            "met",
        ),
        (
            {"refusal_script": "banned"},
            "I'm sorry, I'm afraid I can't help you",
            "neg-cant",
            "violated",
        ),
    ],
)
def test_a_conflict_of_the_source_is_a_choice_of_the_site(options, said, rule, outcome):
    book = standard().with_options(options)
    call = call_of([("customer", "hello"), ("agent", said)], lang="en")
    got = {result.rule: result.outcome for result in evaluate(book, [call])[0]}
    assert got[rule] == outcome


def test_an_option_that_is_offered_is_used():
    text = "".join(path.read_text(encoding="utf-8") for path in FOLDER.glob("*.yaml"))
    unused = [name for name in standard().form.options if f"option: {name}" not in text]
    assert not unused


def test_a_call_of_800_words_is_judged_in_25_ms():
    said = (
        "thank you for calling let me check that for you it was sent on monday and is on its way "
    )
    turns = [("agent", said), ("customer", "okay and when will it be here I need it for friday")]
    call = call_of(turns * 25, lang="en")
    assert 760 <= len(call.words) <= 840
    evaluate(standard(), [call])
    best = min(_seconds(call) for _ in range(5))
    assert best < 0.025


def _seconds(call) -> float:
    start = time.process_time()
    evaluate(standard(), [call])
    return time.process_time() - start


def test_the_page_lists_every_rule_as_it_is():
    assert standard_table.PAGE.read_text(encoding="utf-8") == standard_table.page()


def test_the_labelled_set_is_as_large_as_it_says_and_names_known_rules():
    known = {rule.id for rule in standard().call_rules}
    said = [one for part in PARTS for lang in LANGUAGES for one in sentences(part, lang)]
    told = [one for part in PARTS for one in dialogues(part)]
    assert len(said) >= 600
    assert len(told) >= 60
    assert {rule for one in said for rule in one.must | one.may} <= known
    assert {rule for one in told for rule in one.expect} <= known
    texts = [(one.before, one.text) for one in said]
    assert len(set(texts)) > 0.99 * len(texts)


def test_the_reported_part_is_not_in_the_tuning_part():
    for lang in LANGUAGES:
        tuned = {one.text for one in sentences("tuning", lang) if one.must}
        reported = {one.text for one in sentences("reported", lang) if one.must}
        assert len(tuned & reported) < 0.03 * len(reported)


def test_forbidden_wording_is_found_as_precisely_as_wanted():
    total = Counts()
    for lang in LANGUAGES:
        total += tally_sentences(standard(), sentences("reported", lang)).total()
    assert total.precision is not None
    assert total.recall is not None
    assert total.precision >= 0.97
    assert total.recall >= 0.85


def test_outcomes_of_the_other_rules_are_as_right_as_wanted():
    assert tally_dialogues(standard(), dialogues("reported")).accuracy >= 0.95
