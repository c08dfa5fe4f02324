import json
import re

import pytest

from speechqa.cli import run as command
from speechqa.store import open_store
from speechqa.store.views import call_document
from tests.conftest import ROOT
from tests.nights import cut, run_night

PAGE = (ROOT / "docs" / "interface.md").read_text("utf-8")


RULES = """
rulebook: pinned
version: "1"
languages: [en]
form: {sections: [{id: talk}]}
rules:
- {id: says-the, kind: required, section: talk, find: {en: [good, morning, help, you, please]}}
"""


def blocks_of(title):
    section = PAGE.split(f"## {title}\n")[1].split("\n## ")[0]
    return [block.split() for block in re.findall(r"```\n(.*?)```", section, re.S)]


def names_after(label):
    line = re.search(rf"{re.escape(label)}[^`]*`([^`]+)`", PAGE)
    assert line, label
    return set(line.group(1).split())


@pytest.fixture(scope="module")
def document(calls, tmp_path_factory):
    folder = tmp_path_factory.mktemp("interface")
    cut(calls[1], folder / "call.wav", seconds=85)
    rules = folder / "rules.yaml"
    rules.write_text(RULES)
    run_night([folder / "call.wav"], folder / "store", rules={"rulebook": str(rules)})
    store = open_store(str(folder / "store"))
    (facts,) = store.calls()
    return call_document(facts, store.assessment_of(facts.key))


def test_show_prints_every_pinned_name(document):
    (pinned,) = blocks_of("`show --json`")
    assert set(pinned) <= set(document)


def test_show_prints_no_name_that_the_page_does_not_tell(document):
    (pinned,) = blocks_of("`show --json`")
    extra = {"also_at", "reason_code", "metadata", "line", "rules"}
    assert set(document) == set(pinned) | extra
    for name in extra:
        assert f"`{name}`" in PAGE


def test_measures_have_exactly_the_pinned_names(document):
    shared, party = blocks_of("Measures")
    measures = document["measures"]
    assert set(measures) == set(shared) | {"agent", "customer", "unmeasured"}
    assert set(measures["agent"]) == set(party) == set(measures["customer"])


def test_a_null_measure_always_has_its_reason(document):
    measures = document["measures"]
    flat = {k: v for k, v in measures.items() if k not in ("agent", "customer", "unmeasured")}
    for who in ("agent", "customer"):
        flat |= {f"{who}.{name}": value for name, value in measures[who].items()}
    assert {name for name, value in flat.items() if value is None} == set(measures["unmeasured"])


def test_words_events_and_hits_have_the_pinned_names(document):
    assert names_after("each of `words`:") == set(document["words"][0]) - {"flag"}
    events = document["events"]
    assert events
    assert all(set(event) == names_after("each of `events`:") for event in events)
    hits = document["hits"]
    assert hits
    assert all(set(hit) >= names_after("each of `hits`:") for hit in hits)


def test_score_and_provenance_have_the_pinned_names(document):
    pinned = names_after("`score`:") | {"raw_percent", "sections"}
    assert set(document["score"]) == pinned
    assert names_after("`provenance`:") <= set(document["provenance"])


def test_the_document_is_json_without_nan(document):
    assert json.loads(json.dumps(document, allow_nan=False)) == document


def test_measure_prints_the_same_measures(tmp_path, capsys):
    rttm = tmp_path / "call.rttm"
    rttm.write_text(
        "SPEAKER call 1 0.500 2.000 <NA> <NA> agent <NA> <NA>\n"
        "SPEAKER call 1 6.000 1.500 <NA> <NA> customer <NA> <NA>\n"
    )
    assert command(["measure", str(rttm)]) == 0
    line = json.loads(capsys.readouterr().out)
    shared, party = blocks_of("Measures")
    assert set(line) == {"path", *shared, "agent", "customer", "unmeasured"}
    assert set(line["agent"]) == set(party)
    assert (line["silence_count"], line["silence_ms"]) == (1, 3500)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["run", "no/such/folder"], 5),
        (["show", "x", "--store", "no/such/store"], 5),
        (["scorecard", "--store", "no/such/store"], 5),
        (["run", str(ROOT), "--rulebook", "no-such-rulebook"], 4),
        (["run", "--no-such-flag"], 2),
        (["run", str(ROOT / "fixtures" / "audio"), "--agent-channel", "middle"], 4),
    ],
)
def test_each_kind_of_trouble_has_its_exit_code_and_says_what_next(arguments, code, capfd):
    assert command(arguments) == code
    said = capfd.readouterr().err
    assert "Traceback" not in said
    assert said.strip()


def test_an_empty_folder_is_named(tmp_path, capfd):
    assert command(["run", str(tmp_path), "--store", str(tmp_path / "s")]) == 5
    assert "holds no recording" in capfd.readouterr().err


def test_an_unknown_language_is_a_usage_error_that_lists_the_known_ones(calls, tmp_path, capfd):
    arguments = ["run", calls[0], "--store", str(tmp_path / "s"), "--language", "klingon"]
    assert command([*arguments, "--rulebook", "starter"]) == 2
    said = capfd.readouterr().err
    assert "klingon" in said
    assert "zh" in said


def test_the_page_lists_every_command_and_no_other():
    from typer.main import get_command

    from speechqa.cli.app import app

    listed = set(re.findall(r"^\| `(\w+)", PAGE.split("## Commands")[1], re.M))
    assert listed == set(get_command(app).commands)


def test_every_relative_link_of_the_documentation_leads_to_a_file():
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
    broken = [
        f"{page.name}: {link}"
        for page in pages
        for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text("utf-8"))
        if not (page.parent / link).exists()
    ]
    assert broken == []
