"""Call metadata: table before JSON before name, its origin told, and never a guess."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speechqa.errors import CallError, InputMissing, UsageError
from speechqa.metadata import CallMetadata, MetadataReader, parse_started_at

NAME = "Auto0_GUID_001_AGENT_AndrewK_DT_2025-02-20T07-55-51.wav"


def table(folder: Path, text: str | bytes, name: str = "calls.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_the_default_pattern_reads_a_full_name() -> None:
    call = MetadataReader().for_path(f"night/{NAME}")
    assert call == CallMetadata(
        call_id="001",
        agent_id="AndrewK",
        started_at=datetime(2025, 2, 20, 7, 55, 51),
        sources={"call_id": "name", "agent_id": "name", "started_at": "name"},
    )


def test_a_name_that_says_nothing_gives_its_stem_and_nothing_else() -> None:
    call = MetadataReader().for_path("night/call-17.flac")
    assert call == CallMetadata(call_id="call-17", sources={"call_id": "path"})


def test_the_table_wins_over_the_json_and_the_json_over_the_name(tmp_path: Path) -> None:
    csv = table(tmp_path, f"file,agent_id,queue\n{NAME},From Table,\n")
    beside = {"agent_id": "From Json", "queue": "billing", "region": 7}
    (tmp_path / NAME).with_suffix(".json").write_text(json.dumps(beside))
    call = MetadataReader(csv).for_path(tmp_path / NAME)
    assert (call.agent_id, call.queue, call.call_id) == ("From Table", "billing", "001")
    assert call.columns == {"region": "7"}
    assert call.sources == {
        "call_id": "name",
        "agent_id": "csv",
        "queue": "json",
        "started_at": "name",
        "region": "json",
    }


def test_columns_are_matched_by_name_in_any_order_and_others_are_kept(tmp_path: Path) -> None:
    csv = table(
        tmp_path,
        "Queue,Start Time,Region,Filename,Agent,Answered_ms,holds,Caller,Direction\n"
        "sales,2025-02-20T07:55:51+08:00,North,a.wav,Mei,4200,1000-5000;9000-12000,+86 1,in\n",
    )
    call = MetadataReader(csv).for_path("x/a.wav")
    assert call.started_at == datetime(2025, 2, 20, 7, 55, 51, tzinfo=timezone(timedelta(hours=8)))
    assert (call.queue, call.agent_id, call.answered_ms) == ("sales", "Mei", 4200)
    assert (call.caller, call.direction) == ("+86 1", "in")
    assert call.holds == ((1000, 5000), (9000, 12000))
    assert call.columns == {"region": "North"}


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_tables_of_spreadsheets_are_read(tmp_path: Path, delimiter: str, encoding: str) -> None:
    text = (
        delimiter.join(("file", "agent_id")) + "\r\n" + delimiter.join(("a.wav", "王伟")) + "\r\n"
    )
    csv = table(tmp_path, text.encode(encoding))
    assert MetadataReader(csv).for_path("a.wav").agent_id == "王伟"


@pytest.mark.parametrize(
    "key", ["a.wav", "a", "night/a.wav", "./night/a.wav", "night\\a.wav", "{folder}/night/a.wav"]
)
def test_a_row_may_name_its_file_by_path_name_or_stem(tmp_path: Path, key: str) -> None:
    csv = table(tmp_path, f"file,agent_id\n{key.format(folder=tmp_path)},Mei\n")
    assert MetadataReader(csv).for_path(tmp_path / "night" / "a.wav").agent_id == "Mei"


def test_the_most_exact_row_is_taken(tmp_path: Path) -> None:
    csv = table(tmp_path, "file,agent_id\na.wav,Any\nmonday/a.wav,Monday\n")
    reader = MetadataReader(csv)
    assert reader.for_path(tmp_path / "monday" / "a.wav").agent_id == "Monday"
    assert reader.for_path(tmp_path / "tuesday" / "a.wav").agent_id == "Any"


def test_a_row_may_name_its_call_by_id(tmp_path: Path) -> None:
    csv = table(tmp_path, "call_id,agent_id\n001,Table\n")
    call = MetadataReader(csv).for_path(NAME)
    assert (call.call_id, call.agent_id, call.sources["agent_id"]) == ("001", "Table", "csv")


def test_rows_that_fit_no_file_are_told(tmp_path: Path) -> None:
    csv = table(tmp_path, "file,agent_id\na.wav,Mei\nb.wav,Li\n")
    reader = MetadataReader(csv)
    assert reader.table is not None
    assert reader.table.unused([("x/a.wav", "a")]) == [(3, "b.wav")]


# ---- what cannot be read


@pytest.mark.parametrize(
    "text", ["yesterday", "20/02/2025 07:55", "2025-13-40T99:00", "0001-01-01T00:00", "1740038151"]
)
def test_a_date_that_is_none_is_an_error_of_that_call_and_never_now(
    tmp_path: Path, text: str
) -> None:
    csv = table(tmp_path, f"file,started_at\na.wav,{text}\nb.wav,2025-02-20T07:55:51\n")
    reader = MetadataReader(csv)
    with pytest.raises(CallError, match=r"calls\.csv, line 2, started_at") as caught:
        reader.for_path("a.wav")
    assert caught.value.reason_code == "bad-metadata-date"
    assert reader.for_path("b.wav").started_at == datetime(2025, 2, 20, 7, 55, 51)


def test_a_broken_date_in_the_name_is_not_skipped() -> None:
    with pytest.raises(CallError, match="'2025-02-31T07-55-51' is not a start time"):
        MetadataReader().for_path("x_AGENT_Mei_DT_2025-02-31T07-55-51.wav")


def test_rows_that_disagree_are_an_error_of_that_call_with_both_lines(tmp_path: Path) -> None:
    csv = table(tmp_path, "file,agent_id\na.wav,Mei\nb.wav,Li\na.wav,Wei\nb.wav,Li\n")
    reader = MetadataReader(csv)
    with pytest.raises(CallError, match="lines 2, 4") as caught:
        reader.for_path("a.wav")
    assert caught.value.reason_code == "duplicate-metadata"
    assert reader.for_path("b.wav").agent_id == "Li"


BAD_TABLES = {
    "no key": (b"agent_id,queue\nMei,sales\n", "line 1: no column names the recording"),
    "empty": (b"", "no header line"),
    "not utf-8": (
        "file,agent\na.wav,Mei\nb.wav,J\xfcrgen\n".encode("latin-1"),
        "line 3: not UTF-8",
    ),
    "utf-16 without a mark": ("file,agent\na.wav,Mei\n".encode("utf-16-le"), "line 1: a zero byte"),
    "zero byte": (b"file,agent\na.wav,M\0i\n", "line 2: a zero byte"),
    "too many cells": (b"file,agent\na.wav,Mei\nb.wav,Li,Wang\n", "line 3: 3 cells under 2"),
    "two columns": (b"file,agent,agent_id\na.wav,x,y\n", "line 1: two columns mean 'agent_id'"),
    "open quote": (b'file,agent\na.wav,"Mei\n', "unexpected end of data"),
}


@pytest.mark.parametrize("fault", BAD_TABLES)
def test_a_table_that_cannot_be_read_stops_before_the_first_call(
    tmp_path: Path, fault: str
) -> None:
    data, said = BAD_TABLES[fault]
    csv = table(tmp_path, data)
    with pytest.raises(UsageError, match=said):
        MetadataReader(csv)


def test_a_missing_table_is_missing_input(tmp_path: Path) -> None:
    with pytest.raises(InputMissing, match="No such file"):
        MetadataReader(tmp_path / "none.csv")


@pytest.mark.parametrize(
    ("column", "value"),
    [("answered_ms", "4.2 s"), ("answered_ms", "-1"), ("holds", "5000-1000"), ("holds", "soon")],
)
def test_a_number_that_is_none_is_an_error_of_that_call(
    tmp_path: Path, column: str, value: str
) -> None:
    csv = table(tmp_path, f"file,{column}\na.wav,{value}\n")
    reader = MetadataReader(csv)
    with pytest.raises(CallError, match="line 2") as caught:
        reader.for_path("a.wav")
    assert caught.value.reason_code == "bad-metadata-number"


@pytest.mark.parametrize("text", ["{", "[1]", "\xff", "[" * 100_000])
def test_a_broken_json_beside_a_recording_is_an_error_of_that_call(
    tmp_path: Path, text: str
) -> None:
    (tmp_path / "a.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(CallError) as caught:
        MetadataReader().for_path(tmp_path / "a.wav")
    assert caught.value.reason_code == "bad-metadata-json"


def test_a_name_of_255_bytes_has_no_json_and_no_trouble(tmp_path: Path) -> None:
    name = "a" * 251 + ".wav"
    assert MetadataReader().for_path(tmp_path / name).call_id == "a" * 251


# ---- patterns and zones


def test_a_pattern_gives_fields_and_further_columns() -> None:
    reader = MetadataReader(
        name_pattern=r"(?P<agent>[A-Z]\w+?)-(?P<started_at>\d{14})-(?P<site>\w+)"
    )
    call = reader.for_path("Mei-20250220075551-north.wav")
    assert (call.agent_id, call.started_at) == ("Mei", datetime(2025, 2, 20, 7, 55, 51))
    assert call.columns == {"site": "north"}


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        (r"(?P<agent_id>[a-z+", "--name-pattern at character 14: unterminated character set"),
        (r"(?P<agent_id>\w+", "--name-pattern at character 1: missing \\)"),
        (r"\w+_\d+", "no named group"),
        (r"(?P<agent_id>\w+)(?=_x)", "--name-pattern"),
    ],
)
def test_a_pattern_that_cannot_be_used_is_refused_with_its_place(pattern: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        MetadataReader(name_pattern=pattern)


@pytest.mark.timeout(20)
def test_a_catastrophic_pattern_takes_no_time() -> None:
    reader = MetadataReader(name_pattern=r"(?P<agent_id>(\w+\s?)+)$")
    assert reader.for_path("a" * 200 + "!.wav").agent_id == "wav"


def test_a_time_without_zone_stays_naive_unless_one_is_declared() -> None:
    assert MetadataReader().for_path(NAME).started_at == datetime(2025, 2, 20, 7, 55, 51)
    declared = MetadataReader(zone="Asia/Shanghai").for_path(NAME).started_at
    assert declared is not None
    assert declared.astimezone(UTC) == datetime(2025, 2, 19, 23, 55, 51, tzinfo=UTC)
    with pytest.raises(UsageError, match="'Mars/Olympus' is not known"):
        MetadataReader(zone="Mars/Olympus")


@settings(deadline=None)  # the machine may be busy
@given(st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1)))
def test_every_way_to_write_a_time_reads_the_same(moment: datetime) -> None:
    moment = moment.replace(microsecond=0)
    for form in ("%Y-%m-%dT%H-%M-%S", "%Y-%m-%dT%H:%M:%S", "%Y%m%d%H%M%S", "%Y-%m-%d %H:%M:%S"):
        assert parse_started_at(moment.strftime(form), where="test") == moment


@settings(deadline=None)  # the machine may be busy
@given(st.text(max_size=60))
def test_any_text_is_a_date_or_a_call_error(text: str) -> None:
    try:
        moment = parse_started_at(text, where="test")
    except CallError as error:
        assert error.reason_code == "bad-metadata-date"  # noqa: PT017 - both ends are right
    else:
        assert 1980 <= moment.year <= 2100


@settings(deadline=None)  # the machine may be busy
@given(st.text(min_size=1, max_size=80).filter(lambda text: "/" not in text and "\0" not in text))
def test_any_file_name_gives_a_call_id_or_a_call_error(name: str) -> None:
    try:
        call = MetadataReader().for_path(f"nowhere/{name}.wav")
    except CallError as error:
        assert error.reason_code == "bad-metadata-date"  # noqa: PT017 - both ends are right
    else:
        assert call.call_id
