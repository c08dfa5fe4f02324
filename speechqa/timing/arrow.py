"""Speech intervals straight from Arrow list columns, without a copy.

Speech columns may be ``list<fixed_size_list<int>[2]>``, ``list<list<int>>`` whose inner lists all
have two entries, or ``list<struct<start.., end..>>``; integers of any width. The columns of the
batch are then views of the Arrow buffers, which they keep alive. Only the Arrow objects' own
methods are used: nothing here imports pyarrow.

A null list means that there is no such channel; an empty one, that nobody spoke in it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from speechqa.intervals import Ragged
from speechqa.timing.batch import CallBatch
from speechqa.timing.call import NOT_KNOWN, PARTIES, Layout
from speechqa.timing.columns import Instants, Words

_PARTS = ("agent", "customer", "mixed")


def read_batch(
    table: Any,
    *,
    duration: str = "duration_ms",
    speech: str = "speech_{}",
    holds: str = "holds",
    answered: str = "answered_ms",
    language: str = "language",
    grade: str = "grade",
    words: str = "words",
    announcements: str = "announcements",
    returns: str = "returns",
) -> CallBatch:
    """Wrap an Arrow table or record batch; the arguments are names of its columns.

    Only `duration` and one speech column must be there. `words` are structs with ``party``,
    ``start_ms``, ``end_ms`` and ``units``, sorted by start within each call; the phrase instants
    are lists of integers.

    Parameters
    ----------
    table
        Each column in one chunk: read record batches one by one rather than joined, since
        joining copies.
    speech
        Pattern for the columns of ``agent``, ``customer`` and ``mixed``.

    Raises
    ------
    ValueError
        A column is missing, chunked, of another type, or holds what is no interval set.
    """
    calls = table.num_rows
    lanes = {part: _spans(table, speech.format(part), calls) for part in _PARTS}
    has = {part: _valid(table, speech.format(part), calls) for part in _PARTS}
    no_lane = ~(has["agent"] | has["customer"] | has["mixed"])
    if no_lane.any():
        raise ValueError(
            f"call {int(np.argmax(no_lane))} has no speech column; it needs one of "
            f"{', '.join(speech.format(part) for part in _PARTS)}"
        )
    layout = np.full(calls, Layout.MIXED, dtype=np.int8)
    layout[has["agent"]] = Layout.AGENT_ONLY
    layout[has["customer"]] = Layout.CUSTOMER_ONLY
    layout[has["agent"] & has["customer"]] = Layout.CHANNELS
    one_channel = _numbers(table, "channels", calls, 2) == 1
    layout[(layout == Layout.CHANNELS) & one_channel] = Layout.SEGMENTS
    batch = CallBatch(
        duration=_numbers(table, duration, calls, None),
        layout=layout,
        agent=_either(lanes["agent"], lanes["mixed"], layout == Layout.MIXED),
        customer=lanes["customer"],
        hold=_spans(table, holds, calls),
        hold_known=_filled(_spans(table, holds, calls)),
        answered=_numbers(table, answered, calls, int(NOT_KNOWN)),
        language=_strings(table, language, calls),
        words=_words(table, words, calls),
        transcribed=_transcribed(table, words, calls),
        announcements=_instants(table, announcements, calls),
        returns=_instants(table, returns, calls),
        level=np.full((calls, 2), np.nan),
        snr=np.full((calls, 2), np.nan),
        clipped=np.full((calls, 2), np.nan),
        raised=(Ragged.empty(calls), Ragged.empty(calls)),
        listened=np.zeros((calls, 2), dtype=np.bool_),
        grade=np.array(
            [-1 if g is None else "ABCD".index(g) for g in _strings(table, grade, calls)],
            dtype=np.int8,
        ),
    )
    batch.check()
    return batch


def _array(table: Any, name: str) -> Any:
    """Return a column as one Arrow array, or None where the table has none of that name."""
    if name not in table.schema.names:
        return None
    column = table.column(name)
    if not hasattr(column, "num_chunks"):
        return column
    if column.num_chunks != 1:
        raise ValueError(
            f"column {name} comes in {column.num_chunks} chunks; read the table batch by batch "
            "(table.to_batches()), since joining them would copy"
        )
    return column.chunk(0)


def _spans(table: Any, name: str, calls: int) -> Ragged:
    column = _array(table, name)
    if column is None:
        return Ragged.empty(calls)
    offsets, child = _unfold(column, name)
    kind = str(child.type)
    if kind.startswith("struct"):
        start, end = child.field(0), child.field(1)
        return Ragged(offsets, _flat(start), _flat(end))
    if kind.startswith("fixed_size_list") and child.type.list_size == 2:
        flat = _flat(child.values)[2 * child.offset :]
        return Ragged.from_spans(offsets, flat.reshape(-1, 2))
    if kind.startswith(("list", "large_list")):
        inner = _flat(child.offsets)
        if len(inner) and (np.diff(inner) != 2).any():
            raise ValueError(f"column {name} has an interval that is not (start, end)")
        flat = _flat(child.values)[int(inner[0]) if len(inner) else 0 :]
        return Ragged.from_spans(offsets, flat[: 2 * len(child)].reshape(-1, 2))
    raise ValueError(f"column {name} is {column.type}; wanted lists of (start, end)")


def _unfold(column: Any, name: str) -> tuple[NDArray[Any], Any]:
    """Return offsets and child of a list column; a null list owns no rows."""
    if not str(column.type).startswith(("list", "large_list")):
        raise ValueError(f"column {name} is {column.type}; wanted a list column")
    offsets = _flat(column.offsets)
    if column.null_count:
        null = ~np.asarray(column.is_valid().to_numpy(zero_copy_only=False))
        if np.diff(offsets)[null].any():
            raise ValueError(f"column {name} has rows under a null list; rewrite the table")
    return offsets, column.values


def _flat(values: Any) -> NDArray[Any]:
    flat: NDArray[Any] = values.to_numpy(zero_copy_only=True)
    return flat


def _valid(table: Any, name: str, calls: int) -> NDArray[np.bool_]:
    column = _array(table, name)
    if column is None:
        return np.zeros(calls, dtype=np.bool_)
    return np.asarray(column.is_valid().to_numpy(zero_copy_only=False), dtype=np.bool_)


def _filled(ragged: Ragged) -> NDArray[np.bool_]:
    return np.asarray(np.diff(ragged.offsets) > 0)


def _either(first: Ragged, second: Ragged, use_second: NDArray[np.bool_]) -> Ragged:
    """Return `first`, or `second` where asked; only a batch of both kinds is copied."""
    if not use_second.any():
        return first
    if use_second.all():
        return second
    sets = [(second if take else first)[call] for call, take in enumerate(use_second)]
    return Ragged.from_lists(sets)


def _numbers(table: Any, name: str, calls: int, missing: int | None) -> NDArray[Any]:
    column = _array(table, name)
    if column is None:
        if missing is None:
            raise ValueError(f"the table has no column {name}")
        return np.full(calls, missing, dtype=np.int64)
    if column.null_count == 0:
        return _flat(column)
    if missing is None:
        raise ValueError(f"column {name} has nulls; leave out calls that were not measured")
    return np.asarray(column.fill_null(missing).to_numpy(zero_copy_only=False))


def _strings(table: Any, name: str, calls: int) -> list[str | None]:
    column = _array(table, name)
    return [None] * calls if column is None else list(column.to_pylist())


def _instants(table: Any, name: str, calls: int) -> Instants:
    column = _array(table, name)
    if column is None:
        return Instants.empty(calls)
    offsets, child = _unfold(column, name)
    return Instants(offsets, _flat(child))


def _words(table: Any, name: str, calls: int) -> tuple[Words, Words]:
    """Return each party's words, where they carry units; counting them needs their text.

    The parties' words lie mixed in the column, so this is the one column that is copied.
    """
    column = _array(table, name)
    if column is None:
        return Words.empty(calls), Words.empty(calls)
    offsets, child = _unfold(column, name)
    names = {child.type.field(i).name for i in range(child.type.num_fields)}
    if not {"party", "start_ms", "end_ms", "units"} <= names:
        return Words.empty(calls), Words.empty(calls)
    party = child.field("party").dictionary_encode()
    codes = np.array(
        [PARTIES.index(p) if p in PARTIES else -1 for p in party.dictionary.to_pylist()] + [-1]
    )
    parties = codes[party.indices.fill_null(len(codes) - 1).to_numpy(zero_copy_only=False)]
    start, end, units = (_flat(child.field(part)) for part in ("start_ms", "end_ms", "units"))
    found = []
    for number in range(2):
        rows = np.flatnonzero(parties == number)
        found.append(Words(np.searchsorted(rows, offsets), start[rows], end[rows], units[rows]))
    return found[0], found[1]


def _transcribed(table: Any, name: str, calls: int) -> NDArray[np.bool_]:
    column = _array(table, name)
    if column is None or "units" not in str(column.type):
        return np.zeros(calls, dtype=np.bool_)
    return _valid(table, name, calls)
