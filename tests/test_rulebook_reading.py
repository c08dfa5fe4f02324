"""Reading rulebooks: shipped ones, options from the settings, what is kept between commands."""

import json
import pickle
import re
import time
from pathlib import Path

import jsonschema
import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from speechqa.cli import run as main
from speechqa.cli.rulebook import rulebook as commands
from speechqa.errors import RulebookError
from speechqa.rulebook import evaluate, load
from speechqa.rulebook.dialogue import call_of
from speechqa.rulebook.kept import cache_folder
from speechqa.rulebook.names import MEASURES
from speechqa.rulebook.reading import SHIPPED
from speechqa.rulebook.schema import rulebook_schema
from speechqa.settings import RulebookSettings
from speechqa.timing import MEASURES as TIMED


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def ours(tmp_path):
    file = tmp_path / "ours.yaml"
    file.write_text(SHIPPED["starter"].read_text("utf-8"), encoding="utf-8")
    return file


def test_a_misspelt_name_is_told_the_nearest():
    with pytest.raises(RulebookError, match="did you mean starter"):
        load("startr")


def test_what_was_kept_is_the_same_rulebook(ours):
    first = load(ours)
    assert len(list(cache_folder().iterdir())) == 1
    again = load(ours)
    assert again.digest == first.digest
    assert again.form == first.form


def test_a_changed_file_is_read_again(ours):
    before = load(ours).version
    ours.write_text(ours.read_text("utf-8").replace('"1.0"', '"1.1"'), encoding="utf-8")
    assert (before, load(ours).version) == ("1.0", "1.1")


def test_a_changed_include_is_read_again(ours):
    more = ours.with_name("more.yaml")
    rule = "rules:\n  - {id: extra, kind: forbidden, section: wording, find: apology, allow: 1}\n"
    more.write_text(rule, encoding="utf-8")
    text = ours.read_text("utf-8").replace("languages:", "include: [more.yaml]\nlanguages:", 1)
    ours.write_text(text, encoding="utf-8")
    assert load(ours).rule("extra").allow == 1
    more.write_text(rule.replace("allow: 1", "allow: 2"), encoding="utf-8")
    assert load(ours).rule("extra").allow == 2


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"code": 1}', "\udcff"])
def test_a_damaged_cache_is_only_slower(ours, damage):
    digest = load(ours).digest
    (kept,) = cache_folder().iterdir()
    kept.write_text(damage, encoding="utf-8", errors="surrogateescape")
    assert load(ours).digest == digest


def test_a_cache_that_cannot_be_written_is_no_error(ours, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", "/dev/null/no-folder")
    assert load(ours).name == "starter"


def test_options_come_from_the_settings(tmp_path, ours):
    text = ours.read_text("utf-8").replace(
        "slots:", "options:\n  tone: {values: [strict, mild], value: strict}\nslots:", 1
    )
    ours.write_text(text, encoding="utf-8")
    book = load(ours, RulebookSettings(options={"tone": "mild"}))
    assert book.form.options["tone"].value == "mild"
    with pytest.raises(RulebookError, match="does not have; did you mean tone"):
        load(ours, RulebookSettings(options={"tones": "mild"}))
    with pytest.raises(RulebookError, match="cannot be 'loud'"):
        load(ours, RulebookSettings(options={"tone": "loud"}))


def test_a_rulebook_travels_between_processes(ours):
    book = load(ours)
    view = call_of([("agent", "Hello, talk or I'll hang up")], lang="en")
    before = evaluate(book, [view])
    moved = pickle.loads(pickle.dumps(book))
    assert moved.digest == book.digest
    assert evaluate(moved, [view]) == before


def test_the_measures_a_rule_may_name_are_those_that_timing_makes():
    made = {
        f"{party}.{name}" if one.per_party else name
        for name, one in TIMED.items()
        if one.listed
        for party in ("agent", "customer")
    }
    assert made == set(MEASURES)


def test_a_rulebook_with_a_mistake_is_refused_before_any_recording_is_looked_for(tmp_path, capfd):
    bad = tmp_path / "bad.yaml"
    bad.write_text(SHIPPED["starter"].read_text("utf-8").replace("kind: each", "kind: eech"))
    store = tmp_path / "store"
    arguments = [str(tmp_path / "no-such.wav"), "--rulebook", str(bad), "--store", str(store)]
    assert main(["run", *arguments]) == 4
    assert "bad.yaml:80:11: unknown kind 'eech'; did you mean each" in capfd.readouterr().err
    assert not store.exists()
    assert main(["run", arguments[0], "--rulebook", "starter", "--store", str(store)]) == 5


def test_the_schema_accepts_the_starter_and_refuses_a_misspelt_key():
    schema = rulebook_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    data = YAML(typ="safe", pure=True).load(SHIPPED["starter"].read_text("utf-8"))
    jsonschema.validate(data, schema)
    data["rulez"] = data.pop("rules")
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(data, schema)


def run(*arguments):
    return CliRunner().invoke(commands, [str(argument) for argument in arguments])


def test_new_writes_a_rulebook_that_checks_and_whose_examples_pass(tmp_path):
    file = tmp_path / "Our house.yaml"
    assert run("new", file).exit_code == 0
    assert "rulebook: Our-house\n" in file.read_text("utf-8")
    checked = run("check", file)
    assert (checked.exit_code, checked.stdout) == (0, "Our-house 1.0: 8 rules, no mistakes\n")
    assert run("test", file).exit_code == 0
    assert run("new", file).exit_code != 0


def test_rules_without_an_example_are_named(ours):
    text = ours.read_text("utf-8")
    cut = text.index("    examples:", text.index("- id: interruptions"))
    ours.write_text(text[:cut] + text[text.index("\n  # Several things") :], encoding="utf-8")
    done = run("test", ours)
    assert done.exit_code == 0
    assert done.stderr.splitlines()[-1] == "without an example: interruptions"
    assert "without" not in run("test", ours, "--rule", "greeting").stderr


def test_a_failing_example_is_named_and_ends_with_4(ours):
    text = ours.read_text("utf-8").replace("Talk or I'll hang up", "Talk or I'll wait")
    ours.write_text(text, encoding="utf-8")
    done = run("test", ours)
    assert done.exit_code == 4
    assert 'threat-to-hang-up [en] hit: "Talk or I\'ll wait" -> not found' in done.stdout


def test_show_prints_a_sentence_for_each_rule(ours):
    shown = run("show", ours).stdout
    for rule in load(ours).rules:
        assert re.search(rf"^  {rule.id} \(", shown, re.M)
    lines = run("show", ours, "--json", "--rule", "greeting").stdout.splitlines()
    assert json.loads(lines[0])["sentence"].endswith("in the first 10 s.")
    chinese = run("show", ours, "--language", "zh", "--rule", "greeting").stdout
    assert "坐席必须说" in chinese
    assert run("show", ours, "--language", "fr").exception.hint.startswith("--language en")


def test_try_answers_one_line_for_each_dialogue(tmp_path, ours):
    file = tmp_path / "dialogues.jsonl"
    good = {"id": "a", "lang": "en", "turns": [{"party": "agent", "text": "Hello, hold on"}]}
    timed = {
        "id": "b",
        "lang": "zh",
        "turns": [{"party": "agent", "start_ms": 9000, "end_ms": 9900, "text": "再不说话我挂了"}],
    }
    lines = [json.dumps(good), "", json.dumps(timed), "{bad", json.dumps({"id": "c"})]
    file.write_text("\n".join(lines), encoding="utf-8")
    done = run("try", file, "--rulebook", ours)
    assert done.exit_code == 3
    first, second = map(json.loads, done.stdout.splitlines())
    assert first["id"] == "a"
    assert first["rules"]["greeting"] == "met"
    assert {"points", "potential", "percent", "coverage", "failed_by"} <= first["score"].keys()
    assert second["rules"]["threat-to-hang-up"] == "violated"
    hit = next(hit for hit in second["hits"] if hit["rule"] == "threat-to-hang-up")
    assert (hit["start_ms"] >= 9000, hit["end_ms"]) == (True, 9900)
    assert second["score"]["failed_by"] == ["threat-to-hang-up"]
    assert "dialogues.jsonl:4: not a JSON object" in done.stderr
    assert "dialogues.jsonl:5: 'lang' is missing" in done.stderr


@pytest.mark.parametrize(
    "turn",
    [
        {"party": "boss", "text": "x"},
        {"party": "agent"},
        {"party": "agent", "text": "x", "start_ms": -1},
        {"party": "agent", "text": "x", "start_ms": "soon"},
        {"party": "agent", "text": "x", "start_ms": 5, "end_ms": 5},
        "agent: x",
    ],
)
def test_a_bad_turn_is_named_without_quoting_it(tmp_path, turn):
    file = tmp_path / "bad.jsonl"
    file.write_text(json.dumps({"id": "a", "lang": "en", "turns": [turn]}), encoding="utf-8")
    done = run("try", file, "--rulebook", "starter")
    assert done.exit_code == 3
    assert "turn 1" in done.stderr
    assert done.stdout == ""


def test_a_kept_rulebook_loads_much_faster(ours):
    before = time.process_time()
    load(ours)
    read_s = time.process_time() - before
    before = time.process_time()
    load(ours)
    assert time.process_time() - before < read_s


def test_the_starter_is_commented():
    text = Path(SHIPPED["starter"]).read_text("utf-8")
    assert text.count("\n  # ") + text.count("\n# ") >= 8
