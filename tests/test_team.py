import json

import pytest

from speechqa.cli import run as command
from speechqa.errors import InputMissing, UsageError
from speechqa.team import read_cases, team_results
from tests.nights import night, run_night

RULES = """
rulebook: team
version: "1"
languages: [en]
form: {sections: [{id: talk}]}
rules:
- {id: inbound, kind: team, table: calls, figure: share, needs: [direction],
   test: {column: direction, is: inbound}, at_least: 0.5}
- {id: solved, kind: team, table: cases, figure: share, needs: [solved],
   test: {column: solved, is: "yes"}, at_least: 0.9}
"""


@pytest.fixture
def store(calls, tmp_path):
    made = night(tmp_path / "in", calls, count=2)
    table = tmp_path / "calls.csv"
    lines = [f"{path.name},{way}" for path, way in zip(made, ("inbound", "outbound"), strict=True)]
    table.write_text("file,direction\n" + "\n".join(lines) + "\n")
    run_night([tmp_path / "in"], tmp_path / "store", metadata=str(table))
    return tmp_path


def book_of(folder):
    from speechqa.rulebook import load

    (folder / "rules.yaml").write_text(RULES)
    return load(folder / "rules.yaml")


def test_team_rules_count_calls_by_their_metadata_and_cases_by_their_file(store):
    from speechqa.store import open_store

    cases = store / "cases.csv"
    cases.write_text("case,solved\n1,yes\n2,no\n3,yes\n")
    results = team_results(open_store(str(store / "store")), book_of(store), cases=str(cases))
    answers = {result.rule: (result.outcome, result.value) for result in results}
    assert answers["inbound"] == ("met", 0.5)
    assert answers["solved"][0] == "violated"
    assert answers["solved"][1] == pytest.approx(2 / 3)


def test_without_a_case_file_rules_about_cases_do_not_apply(store):
    from speechqa.store import open_store

    results = team_results(open_store(str(store / "store")), book_of(store))
    assert {r.rule: r.outcome for r in results}["solved"] == "not_applicable"


def test_the_scorecard_prints_the_team_rules_that_apply(store, capsys):
    book_of(store)
    arguments = ["scorecard", "--store", str(store / "store"), "--json"]
    assert command([*arguments, "--rulebook", str(store / "rules.yaml")]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["rule"] for line in lines if "rule" in line] == ["inbound"]
    assert {line["name"] for line in lines if "name" in line} == {"AnnaP", "DavidR"}


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (b"", "every column needs a name"),
        (b"a,,c\n1,2,3\n", "every column needs a name"),
        (b"a,b\n1,2,3\n", "line 2: 2 columns expected"),
        (b"a,b\n1\n", "line 2: 2 columns expected"),
        (b"a,b\n\xff\xfe,1\n", "not UTF-8"),
        (b"a,b,a\n1,2,3\n", "column 'a' stands there twice"),
        (b'a,b\n1,"x\ny"\n2\n', "line 4: 2 columns expected, got 1"),
        (b'a,b\n1,"x\n', "line 2: unexpected end of data"),
    ],
)
def test_a_case_file_that_is_wrong_is_named_with_its_line(tmp_path, text, what):
    file = tmp_path / "cases.csv"
    file.write_bytes(text)
    with pytest.raises(UsageError, match=what):
        read_cases(str(file))


def test_a_quoted_text_of_a_case_may_hold_commas_and_line_breaks(tmp_path):
    file = tmp_path / "cases.csv"
    file.write_bytes(b'\xef\xbb\xbfcase,text\r\n1," first, line\r\nsecond"\r\n\r\n2,x\r\n')
    assert read_cases(str(file)) == [
        {"case": "1", "text": "first, line\r\nsecond"},
        {"case": "2", "text": "x"},
    ]


def test_a_case_file_that_is_missing_is_named():
    with pytest.raises(InputMissing, match=r"no-cases\.csv"):
        read_cases("no-cases.csv")
