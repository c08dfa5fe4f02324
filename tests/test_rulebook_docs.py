"""The language reference keeps up with the language."""

import re
from pathlib import Path

import pytest

from speechqa.rulebook import book, finders, quantities, read, rules, team, written
from speechqa.rulebook.examples import run_examples
from speechqa.rulebook.mistakes import model_keys

DOC = (Path(__file__).parents[1] / "docs" / "rulebook.md").read_text("utf-8")
MODELS = [
    *finders._KIND_OF,
    *team._KIND_OF,
    *rules.KINDS.values(),
    finders.Where,
    finders.WordForms,
    rules.Step,
    written.Turn,
    written.Dialogue,
    written.GivenEvent,
    written.Examples,
    written.Expected,
    quantities.Ramp,
    book.RulebookForm,
    book.Option,
    book.Allowed,
    book.Section,
    book.Form,
]
ELSEWHERE = set(quantities.LANGUAGES)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_the_reference_names_every_key(model):
    missing = [
        key
        for key in model_keys(model)
        if key not in ELSEWHERE and not re.search(rf"\b{key}\b", DOC)
    ]
    assert missing == []


def test_the_reference_names_every_event_and_span_figure():
    for name in (*finders.EVENT_KINDS, *rules.SPAN_FIGURES):
        assert f"`{name}`" in DOC or re.search(rf"\b{name}\b", DOC), name


def test_the_whole_rulebook_in_the_reference_checks_and_its_examples_pass(tmp_path):
    text = DOC[DOC.index("# a file that `speechqa rulebook check` passes") :].split("```")[0]
    file = tmp_path / "example.yaml"
    file.write_text(text, encoding="utf-8")
    made, mistakes = read(file)
    assert mistakes == []
    assert [result for result in run_examples(made) if not result.ok] == []
