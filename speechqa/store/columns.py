"""Columns of many calls at once: what judging stored calls again needs, and no more.

Batches come in the order of the files, in blocks; words are made from flat columns, several times
faster than row by row.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from speechqa.pipeline import CallFacts
from speechqa.store.schema import PARTIES, RECORDINGS, facts_of_row
from speechqa.store.tables import BLOCK_CALLS, Store
from speechqa.transcript import Word

_FOR_DRAWING = frozenset(f"peaks_{party}" for party in PARTIES)
JUDGED_COLUMNS = tuple(name for name in RECORDINGS.names if name not in _FOR_DRAWING)
"""Of ``recordings``: everything but what is only drawn."""

ANSWERS = ("rule", "outcome", "earned", "lacking", "fragile")
"""Of an answer: what a score and a comparison are made of."""

_WORD = ("party", "start_ms", "end_ms", "text", "probability", "flag")


def recording_blocks(
    store: Store, keys: Set[str], *, block: int = BLOCK_CALLS
) -> Iterator[pa.Table]:
    """Yield the rows of ``recordings`` with these keys, without what is only drawn."""
    if not keys:
        return
    dataset = store.open_table("recordings").to_pyarrow_dataset()
    names = [name for name in JUDGED_COLUMNS if name in dataset.schema.names]
    batches = dataset.to_batches(
        columns=names, batch_size=block, batch_readahead=4, fragment_readahead=1
    )
    yield from _blocks(batches, keys, block)


def answer_blocks(
    store: Store, wanted: Mapping[str, str], *, hits: bool, block: int = BLOCK_CALLS
) -> Iterator[pa.Table]:
    """Yield stored answers: key, results (`ANSWERS` only) and, if asked for, hits.

    Parameters
    ----------
    wanted
        Key to when it was assessed: which row of a call that was judged several times.
    """
    columns = ["key", "assessed_at", *(["hits"] if hits else [])]
    for fragment in store.open_table("assessments").to_pyarrow_dataset().get_fragments():
        with fragment.filesystem.open_input_file(fragment.path) as source:
            file = pq.ParquetFile(source)
            paths = [*columns, *_leaves(file)]
            for table in _blocks(file.iter_batches(block, columns=paths), wanted.keys(), block):
                rows = zip(table["key"].to_pylist(), table["assessed_at"].to_pylist(), strict=True)
                newest = [wanted[key] == at for key, at in rows]
                yield table.filter(pa.array(newest, pa.bool_()))


def _leaves(file: Any) -> list[str]:
    schema = file.schema
    paths = [schema.column(number).path for number in range(len(schema))]
    return [p for p in paths if p.startswith("results.") and p.rsplit(".", 1)[-1] in ANSWERS]


def _blocks(batches: Any, keys: Set[str], block: int) -> Iterator[pa.Table]:
    held: list[pa.RecordBatch] = []
    rows = 0
    for batch in batches:
        wanted = pa.array([key in keys for key in batch["key"].to_pylist()], pa.bool_())
        kept = batch if wanted.true_count == len(batch) else batch.filter(wanted)
        if kept.num_rows:
            held.append(kept)
            rows += kept.num_rows
        if rows >= block:
            yield pa.Table.from_batches(held)
            held, rows = [], 0
    if held:
        yield pa.Table.from_batches(held)


def facts_of_table(table: pa.Table) -> list[CallFacts]:
    """Return the calls of a block of ``recordings``, without waveform peaks."""
    words = words_of(table)
    plain = table.drop_columns(["words"]).to_pylist()
    no_peaks: dict[str, Any] = dict.fromkeys(_FOR_DRAWING)
    return [
        replace(facts_of_row(row | no_peaks | {"words": ()}), words=said)
        for row, said in zip(plain, words, strict=True)
    ]


def words_of(table: pa.Table) -> list[tuple[Word, ...]]:
    """Return the words of each call of a block."""
    column = table["words"].combine_chunks()
    flat = column.flatten()
    offsets = [0, *_running(column)]
    made = list(map(Word, *(flat.field(name).to_pylist() for name in _WORD)))
    return [tuple(made[first:last]) for first, last in pairwise(offsets)]


def _running(column: Any) -> Sequence[int]:
    lengths = pc.fill_null(pc.list_value_length(column), 0)
    running: list[int] = pc.cumulative_sum(lengths).to_pylist()
    return running


class StoredAnswers:
    """Stored answers of a block, looked up by row and rule without making them all.

    Parameters
    ----------
    table
        As `answer_blocks` yields them.
    """

    def __init__(self, table: pa.Table) -> None:
        column = table["results"].combine_chunks()
        flat = column.flatten()
        self._offsets = np.asarray(column.offsets) - column.offsets[0].as_py()
        self._rules = flat.field("rule").dictionary_encode()
        self._codes = np.asarray(self._rules.indices)
        self._names = {name: code for code, name in enumerate(self._rules.dictionary.to_pylist())}
        outcome = flat.field("outcome").dictionary_encode()
        self._outcome, self._outcomes = np.asarray(outcome.indices), outcome.dictionary.to_pylist()
        self._earned = flat.field("earned").to_numpy(zero_copy_only=False)
        self._lacking = np.asarray(flat.field("lacking").fill_null(False))
        self._fragile = np.asarray(flat.field("fragile"))
        self._guess: dict[str, int] = {}

    def of(self, row: int, rule: str) -> tuple[Any, ...] | None:
        """Return outcome, share earned, lacking and fragile; None without such a rule."""
        first, last = self._offsets[row], self._offsets[row + 1]
        code = self._names.get(rule)
        if code is None:
            return None
        at = first + self._guess.get(rule, 0)  # rules stand in one order in nearly all rows
        if at >= last or self._codes[at] != code:
            places = np.flatnonzero(self._codes[first:last] == code)
            if not len(places):
                return None
            self._guess[rule] = int(places[0])
            at = first + places[0]
        return (
            self._outcomes[self._outcome[at]],
            float(self._earned[at]),
            bool(self._lacking[at]),
            bool(self._fragile[at]),
        )
