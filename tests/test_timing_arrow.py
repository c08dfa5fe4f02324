"""Batches straight from Arrow columns: the same figures, and no copy of the speech."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speechqa.intervals import normalise
from speechqa.settings import TimingSettings
from speechqa.timing import Call, CallBatch, measure_batch, measure_calls

DEFAULT = TimingSettings()
LISTS = pa.list_(pa.list_(pa.int64()))
PAIRS = pa.list_(pa.list_(pa.int32(), 2))
STRUCTS = pa.list_(pa.struct([("start_ms", pa.int32()), ("end_ms", pa.int32())]))
TIMES = [(name, pa.int64()) for name in ("start_ms", "end_ms", "units")]
WORDS = pa.list_(pa.struct([("party", pa.string()), *TIMES]))

spans = st.lists(
    st.tuples(st.integers(0, 50_000), st.integers(1, 9000)).map(lambda s: (s[0], s[0] + s[1])),
    max_size=6,
).map(lambda given: normalise(given).tolist())
parties = st.one_of(
    st.tuples(spans, spans, st.none()),
    st.tuples(st.none(), st.none(), spans),
    st.tuples(spans, st.none(), st.none()),
)
words = st.lists(
    st.tuples(
        st.sampled_from(["agent", "customer", "mixed"]),
        st.integers(0, 59_000),
        st.integers(1, 900),
        st.integers(0, 9),
    ).map(lambda w: (w[0], w[1], w[1] + w[2], w[3])),
    max_size=20,
).map(lambda given: sorted(given, key=lambda word: word[1]))
rows = st.lists(
    st.tuples(parties, spans, words, st.sampled_from(["en", "zh", None]), st.booleans()), max_size=5
)


def column(values, kind):
    if kind is STRUCTS:
        values = [
            None if v is None else [{"start_ms": s, "end_ms": e} for s, e in v] for v in values
        ]
    return pa.array(values, type=kind)


def table_of(calls, kind):
    lanes = list(zip(*(lanes for lanes, *_ in calls), strict=True)) or [[], [], []]
    said = [
        [dict(zip(("party", "start_ms", "end_ms", "units"), word, strict=True)) for word in words]
        for _, _, words, _, _ in calls
    ]
    return pa.table(
        {
            "duration_ms": pa.array([60_000] * len(calls), pa.int64()),
            "speech_agent": column(lanes[0], kind),
            "speech_customer": column(lanes[1], kind),
            "speech_mixed": column(lanes[2], kind),
            "holds": column([holds for _, holds, *_ in calls], kind),
            "answered_ms": pa.array([None if known else 500 for *_, known in calls], pa.int64()),
            "language": pa.array([language for _, _, _, language, _ in calls], pa.string()),
            "grade": pa.array(["B"] * len(calls), pa.string()),
            "words": pa.array(said, WORDS),
        }
    )


def plain(call):
    (agent, customer, mixed), holds, said, language, known = call
    return Call(
        duration_ms=60_000,
        agent=agent,
        customer=customer,
        mixed=mixed,
        holds=holds or None,
        answered_ms=None if known else 500,
        language=language,
        words=said,
        grade="B",
    )


@settings(max_examples=40, deadline=None)
@given(rows, st.sampled_from([LISTS, PAIRS, STRUCTS]))
def test_arrow_columns_give_the_same_as_plain_lists(calls, kind):
    from_arrow = measure_batch(CallBatch.from_arrow(table_of(calls, kind)), DEFAULT)
    from_lists = measure_calls([plain(call) for call in calls], DEFAULT)
    assert from_arrow.rows() == from_lists.rows()
    for place in range(len(calls)):
        assert from_arrow.events(place) == from_lists.events(place)


@settings(max_examples=20, deadline=None)
@given(rows.filter(len), st.sampled_from([LISTS, PAIRS, STRUCTS]), st.data())
def test_a_slice_of_a_table_is_read_where_it_lies(calls, kind, data):
    first = data.draw(st.integers(0, len(calls) - 1))
    whole = measure_batch(CallBatch.from_arrow(table_of(calls, kind)), DEFAULT)
    part = measure_batch(CallBatch.from_arrow(table_of(calls, kind).slice(first)), DEFAULT)
    assert part.rows() == whole.rows()[first:]


@pytest.mark.parametrize("kind", [LISTS, PAIRS, STRUCTS])
def test_speech_is_not_copied(kind):
    lanes = ([[0, 900], [2000, 3000]], [[1000, 1500]], None)
    table = table_of([(lanes, [], [], "en", True)] * 3, kind)
    batch = CallBatch.from_arrow(table)
    leaf = table.column("speech_agent").chunk(0)
    while pa.types.is_nested(leaf.type):
        leaf = leaf.field(0) if pa.types.is_struct(leaf.type) else leaf.values
    buffer = leaf.buffers()[1]
    address = batch.agent.start.__array_interface__["data"][0]
    assert buffer.address <= address < buffer.address + buffer.size


def test_a_table_without_phrases_words_or_metadata_is_enough():
    table = pa.table({"duration_ms": [9000], "speech_agent": column([[[0, 900]]], LISTS)})
    row = measure_batch(CallBatch.from_arrow(table), DEFAULT).row(0)
    assert row["agent"]["talk_ms"] == 900
    assert row["unmeasured"]["agent.units"] == "no transcript"


def test_other_column_names_can_be_given():
    table = pa.table({"length": [9000], "said_mixed": column([[[0, 900]]], LISTS)})
    batch = CallBatch.from_arrow(table, duration="length", speech="said_{}")
    assert measure_batch(batch, DEFAULT).row(0)["conversation_ms"] == 900


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"duration_ms": [9]}, "call 0 has no speech column"),
        ({"speech_agent": column([[[0, 9]]], LISTS)}, "no column duration_ms"),
        ({"duration_ms": [9], "speech_agent": ["x"]}, "speech_agent is string"),
        ({"duration_ms": [9], "speech_agent": [[1, 2]]}, "wanted lists of"),
        (
            {"duration_ms": [9], "speech_agent": pa.array([[[1, 2, 3]]], LISTS)},
            "an interval that is not",
        ),
        ({"duration_ms": [9], "speech_agent": column([[[5, 3]]], LISTS)}, "agent of call 0"),
        ({"duration_ms": [9], "speech_agent": column([[[0, 99]]], LISTS)}, r"\[0, 99\) is"),
        ({"duration_ms": [None], "speech_agent": column([[[0, 9]]], LISTS)}, "has nulls"),
    ],
)
def test_columns_that_cannot_be_are_refused_by_name(columns, said):
    with pytest.raises(ValueError, match=said):
        CallBatch.from_arrow(pa.table(columns))


def test_a_chunked_table_is_read_batch_by_batch():
    part = table_of([(([[0, 900]], [], None), [], [], "en", True)], LISTS)
    table = pa.concat_tables([part, part])
    with pytest.raises(ValueError, match="2 chunks; read the table batch by batch"):
        CallBatch.from_arrow(table)
    rows = [
        measure_batch(CallBatch.from_arrow(batch), DEFAULT).row(0) for batch in table.to_batches()
    ]
    assert rows[0] == rows[1]
    assert rows[0]["agent"]["talk_ms"] == np.int64(900)
