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
from speechqa.score.many import OUTCOMES, VIOLATED, Grid
from speechqa.store.disk import reading
from speechqa.store.schema import PARTIES, RECORDINGS, facts_of_row
from speechqa.store.tables import BLOCK_CALLS, Store
from speechqa.transcript import Word

_FOR_DRAWING = frozenset(f"peaks_{party}" for party in PARTIES)
ANSWERS = ("rule", "outcome", "earned", "lacking", "fragile")
"""Of an answer: what a score and a comparison are made of."""

_WORD = ("party", "start_ms", "end_ms", "text", "probability", "flag")


def recording_blocks(
    store: Store, keys: Set[str], *, words: bool = True, block: int = BLOCK_CALLS
) -> Iterator[pa.Table]:
    """Yield the rows of ``recordings`` with these keys, without what is only drawn.

    Parameters
    ----------
    words
        Whether with the words: most of what a row holds.
    """
    if not keys:
        return
    left_out = _FOR_DRAWING if words else _FOR_DRAWING | {"words"}

    def batches() -> Iterator[pa.RecordBatch]:
        with reading(f"{store.uri}/recordings"):
            for file in _files(store, "recordings"):
                names = [name for name in file.schema_arrow.names if name not in left_out]
                yield from _batches(file, block, names)

    for table in _blocks(batches(), keys, block):
        yield _with_all(table, [name for name in RECORDINGS.names if name not in left_out])


def _with_all(table: pa.Table, names: Sequence[str]) -> pa.Table:
    """Return a table with these columns; those that an older file lacks are null."""
    if list(names) == table.column_names:
        return table
    there = set(table.column_names)
    nulls = {name: pa.nulls(len(table), RECORDINGS.field(name).type) for name in names}
    return pa.table({name: table[name] if name in there else nulls[name] for name in names})


def _files(store: Store, name: str) -> Iterator[Any]:
    """Yield a table's Parquet files in order of their smallest key: the same calls side by side."""
    table = store.open_table(name)
    added = pa.table(table.get_add_actions(flatten=True))
    lowest = added["min.key"].to_pylist() if "min.key" in added.column_names else []
    order = dict(zip(added["path"].to_pylist(), lowest, strict=False))
    fragments = table.to_pyarrow_dataset().get_fragments()
    for one in sorted(fragments, key=lambda one: order.get(one.path.lstrip("/")) or ""):
        with one.filesystem.open_input_file(one.path) as source:
            yield pq.ParquetFile(source)


def _batches(file: Any, block: int, columns: Sequence[str] | None) -> Iterator[pa.RecordBatch]:
    """Yield a file's rows with text as text: merges write text views, which Arrow cannot pick."""
    for batch in file.iter_batches(block, columns=columns):
        plain = pa.schema([field.with_type(_plain(field.type)) for field in batch.schema])
        yield batch if plain.equals(batch.schema) else batch.cast(plain)


def _plain(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_string_view(kind):
        return pa.string()
    if pa.types.is_binary_view(kind):
        return pa.binary()
    if pa.types.is_list(kind):
        return pa.list_(kind.value_field.with_type(_plain(kind.value_type)))
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_plain(field.type)) for field in kind])
    return kind


def answer_blocks(
    store: Store,
    wanted: Mapping[str, str],
    columns: Sequence[str] | None,
    *,
    block: int = BLOCK_CALLS,
) -> Iterator[pa.Table]:
    """Yield stored answers: key, results (`ANSWERS` only) and the columns asked for.

    Parameters
    ----------
    wanted
        Key to when it was assessed: which row of a call that was judged several times.
    columns
        None for whole rows.
    """
    with reading(f"{store.uri}/assessments"):
        for file in _files(store, "assessments"):
            paths = None if columns is None else ["key", "assessed_at", *columns, *_leaves(file)]
            for table in _blocks(_batches(file, block, paths), wanted.keys(), block):
                rows = zip(table["key"].to_pylist(), table["assessed_at"].to_pylist(), strict=True)
                newest = [wanted[key] == at for key, at in rows]
                yield table if all(newest) else table.filter(pa.array(newest, pa.bool_()))


def paired_blocks(
    store: Store,
    wanted: Mapping[str, str],
    columns: Sequence[str] | None,
    *,
    words: bool = True,
    block: int = BLOCK_CALLS,
) -> Iterator[tuple[pa.Table, pa.Table]]:
    """Yield recordings with their stored answers, row by row the same calls.

    Both tables mostly lie in one order, so that little is held back; a call without the answers
    asked for is left out.

    Parameters
    ----------
    wanted, columns
        As for `answer_blocks`.
    words
        As for `recording_blocks`.
    """
    held = _Held(answer_blocks(store, wanted, columns, block=block))
    for facts in recording_blocks(store, wanted.keys(), words=words, block=block):
        keys = facts["key"].to_pylist()
        held.fetch(keys)
        places = [place for place, key in enumerate(keys) if key in held]
        if places:
            own = facts if len(places) == len(keys) else facts.take(places)
            yield own, held.take([keys[place] for place in places])


class _Held:
    """Rows of answers by key, read on until those asked for are there."""

    def __init__(self, blocks: Iterator[pa.Table]) -> None:
        self._blocks = blocks
        self._tables: dict[int, pa.Table] = {}
        self._left: dict[int, int] = {}
        self._place: dict[str, tuple[int, int]] = {}
        self._count = 0

    def __contains__(self, key: str) -> bool:
        return key in self._place

    def fetch(self, keys: Sequence[str]) -> None:
        """Read until all of these are held, or there is no more."""
        while not all(key in self._place for key in keys):
            table = next(self._blocks, None)
            if table is None:
                return
            self._tables[self._count], self._left[self._count] = table, len(table)
            for row, key in enumerate(table["key"].to_pylist()):
                self._place[key] = self._count, row
            self._count += 1

    def take(self, keys: Sequence[str]) -> pa.Table:
        """Return the rows of these keys, in their order, and hold them no longer."""
        wanted = [self._place.pop(key) for key in keys]
        numbers = sorted({number for number, _ in wanted})
        first, start = {}, 0
        for number in numbers:
            first[number], start = start, start + len(self._tables[number])
        rows = [first[number] + row for number, row in wanted]
        whole = pa.concat_tables([self._tables[number] for number in numbers])
        made = whole if rows == list(range(len(whole))) else whole.take(rows)
        for number, _ in wanted:
            self._left[number] -= 1
        for number in numbers:
            if not self._left[number]:
                del self._tables[number]
        return made


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
    """Return the calls of a block of ``recordings``, without waveform peaks.

    A block without words gives calls without words.
    """
    if "words" in table.column_names:
        words, table = words_of(table), table.drop_columns(["words"])
    else:
        words = [()] * len(table)
    no_peaks: dict[str, Any] = dict.fromkeys(_FOR_DRAWING)
    return [
        replace(facts_of_row(row | no_peaks | {"words": ()}), words=said)
        for row, said in zip(table.to_pylist(), words, strict=True)
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


def grid_of(table: pa.Table, rules: Sequence[str]) -> tuple[Grid, Mapping[str, list[int]]]:
    """Return stored answers as matrices, and the calls that other rules were violated in.

    Parameters
    ----------
    table
        As `answer_blocks` yields them.
    rules
        One column each; 0 where a call has no answer of it.
    """
    column = table["results"].combine_chunks()
    flat = column.flatten()
    named = flat.field("rule").dictionary_encode()
    names = named.dictionary.to_pylist()
    places = {rule: place for place, rule in enumerate(rules)}
    at = np.array([places.get(name, -1) for name in names] or [-1])[np.asarray(named.indices)]
    row = np.repeat(
        np.arange(len(table)), np.asarray(pc.fill_null(pc.list_value_length(column), 0))
    )
    told = flat.field("outcome").dictionary_encode()
    codes = [OUTCOMES.index(name) for name in told.dictionary.to_pylist()] or [0]
    outcome = np.array(codes, np.int8)[np.asarray(told.indices)]
    kept = at >= 0
    cells = row[kept], at[kept]
    grid = Grid.empty(len(table), len(rules))
    grid.outcome[cells] = outcome[kept]
    grid.earned[cells] = flat.field("earned").to_numpy(zero_copy_only=False)[kept]
    grid.lacking[cells] = np.asarray(flat.field("lacking").fill_null(False))[kept]
    grid.fragile[cells] = np.asarray(flat.field("fragile"))[kept]
    gone: dict[str, list[int]] = {}
    for place in np.flatnonzero(~kept & (outcome == VIOLATED)).tolist():
        gone.setdefault(names[named.indices[place].as_py()], []).append(int(row[place]))
    return grid, gone
