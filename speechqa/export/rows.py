"""The five tables of an export: calls, events, hits, words, scorecards; a block at a time.

The same columns in every format, flat, with the store's names. A figure that was not made is
null, and ``unmeasured`` says why. Rows come in order of start of the call, and memory stays flat
over a hundred thousand calls (`speechqa.export.joining`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal

import pyarrow as pa
import pyarrow.compute as pc

from speechqa.errors import UsageError
from speechqa.export.choice import RECORDED, Choice, chosen
from speechqa.export.joining import joined
from speechqa.pipeline.textless import NOT_KEPT
from speechqa.scorecard import Card, GroupBy, scorecards
from speechqa.store import Store
from speechqa.store.assessments import CALL_MEASURES, PARTY_MEASURES

What = Literal["calls", "events", "hits", "words", "scorecards"]
WHATS: tuple[What, ...] = ("calls", "events", "hits", "words", "scorecards")

_CALL = [("call_id", pa.string()), ("agent_id", pa.string()), ("started_at", pa.string())]
_CALL += [("queue", pa.string())]
EVENTS = pa.schema(
    [
        *_CALL,
        ("kind", pa.string()),
        ("party", pa.string()),
        ("start_ms", pa.int64()),
        ("end_ms", pa.int64()),
        ("length_ms", pa.int64()),
        ("detail", pa.string()),
        ("key", pa.string()),
    ]
)
HITS = pa.schema(
    [
        *_CALL,
        ("rule", pa.string()),
        ("section", pa.string()),
        ("outcome", pa.string()),
        ("severity", pa.string()),
        ("party", pa.string()),
        ("start_ms", pa.int64()),
        ("end_ms", pa.int64()),
        ("quote", pa.string()),
        ("better", pa.string()),
        ("similarity", pa.float64()),
        ("confidence", pa.float64()),
        ("fragile", pa.bool_()),
        ("value", pa.float64()),
        ("step", pa.string()),
        ("charged_by", pa.string()),
        ("key", pa.string()),
    ]
)
WORDS = pa.schema(
    [
        *_CALL,
        ("party", pa.string()),
        ("start_ms", pa.int64()),
        ("end_ms", pa.int64()),
        ("text", pa.string()),
        ("probability", pa.float32()),
        ("flag", pa.string()),
        ("key", pa.string()),
    ]
)
SCORES = ("points", "potential", "percent", "raw_percent", "coverage")
_MEASURES = (
    *CALL_MEASURES,
    *(f"{party}_{name}" for party in ("agent", "customer") for name in PARTY_MEASURES),
)
Advance = Callable[[int], None]
"""Told how many more calls are done."""


def blocks(
    store: Store, what: What, choice: Choice, *, text: bool, advance: Advance = lambda calls: None
) -> Iterator[pa.Table]:
    """Yield a table of the export, a block of calls at a time; at least one block.

    Parameters
    ----------
    text
        False leaves out what was said: words and quotes are null.

    Raises
    ------
    UsageError
        No call fits, or a filter cannot be used here.
    """
    if what == "scorecards":
        yield cards_table(store, choice)
        return
    calls = chosen(store, choice)
    make = _MAKERS[what]
    table, columns = _SOURCES[what]
    empty = True
    for part in joined(store, table, columns, calls):
        advance(len(part["key"].unique()))
        empty = False
        yield make(part, text)
    if empty:
        yield {"events": EVENTS, "hits": HITS, "words": WORDS}[what].empty_table()


def _calls(part: pa.Table, text: bool) -> pa.Table:
    """Return one row per call: where it came from, how it ended, its score, every measure."""
    del text  # nothing here was said
    names = [name for name in RECORDED if name not in ("key", "flags")]
    columns = {name: part[name] for name in names}
    columns |= {f"score_{name}": part[name] for name in SCORES}
    columns |= {"failed_by": part["failed_by"], "violated": _violated(part["results"])}
    columns |= {name: part[name] for name in ("rulebook", *_MEASURES, "unmeasured", "key")}
    return pa.table(columns)


def _violated(results: Any) -> Any:
    """Return the rules violated on each call; null where nothing was judged."""
    nested = _whole(results)
    flat = pc.list_flatten(nested)
    mask = pc.equal(pc.struct_field(flat, "outcome").cast(pa.string()), "violated")
    rules = pc.struct_field(flat, "rule").cast(pa.string()).filter(mask).to_pylist()
    parents = pc.list_parent_indices(nested).filter(mask).to_pylist()
    found: list[list[str]] = [[] for _ in range(len(nested))]
    for row, rule in zip(parents, rules, strict=True):
        found[row].append(rule)
    known = nested.is_valid().to_pylist()
    kept = [rules if judged else None for rules, judged in zip(found, known, strict=True)]
    return pa.array(kept, pa.list_(pa.string()))


def _whole(column: Any) -> Any:
    """Return a column as one array."""
    whole = column.combine_chunks()
    return whole.chunk(0) if isinstance(whole, pa.ChunkedArray) else whole


def cards_table(store: Store, choice: Choice, *, by: GroupBy = "agent") -> pa.Table:
    """Return one row per agent (or queue, or day): the pooled figures of `speechqa scorecard`."""
    if choice.calls:
        raise UsageError(
            "--call: a scorecard pools calls", hint="use --agent, --queue, --since, --until"
        )
    cards = scorecards(
        store, by=by, agent=choice.agent, queue=choice.queue, since=choice.since, until=choice.until
    )
    if not cards:
        raise UsageError(
            f"{store.uri}: no judged call fits",
            hint="look at `speechqa status`, or widen --agent, --queue, --since, --until",
        )
    sections = list(dict.fromkeys(name for card in cards for name in card.sections))
    return pa.Table.from_pylist(
        [_card(card, by, sections) for card in cards],
        schema=pa.schema(
            [
                (by, pa.string()),
                ("rank", pa.int64()),
                ("calls", pa.int64()),
                ("judged", pa.int64()),
                ("audio_ms", pa.int64()),
                ("score_percent", pa.float64()),
                ("score_low", pa.float64()),
                ("score_high", pa.float64()),
                ("failed", pa.int64()),
                ("talk_share", pa.float64()),
                ("silence_share", pa.float64()),
                ("silence_agent_ms", pa.int64()),
                ("interruptions", pa.int64()),
                ("interruptions_per_call", pa.float64()),
                ("articulation_rate", pa.float64()),
                ("languages", pa.list_(pa.string())),
                *((f"section_{name}", pa.float64()) for name in sections),
                ("violated", pa.list_(pa.string())),
            ]
        ),
    )


def _card(card: Card, by: str, sections: Sequence[str]) -> dict[str, Any]:
    plain = {name: value for name, value in vars(card).items() if name not in _OTHERWISE}
    return plain | {
        by: card.name,
        "score_percent": card.percent,
        "score_low": card.low,
        "score_high": card.high,
        "languages": list(card.languages),
        "violated": [f"{rule} ({calls})" for rule, calls in card.violations.items()],
        **{f"section_{name}": card.sections.get(name) for name in sections},
    }


_OTHERWISE = {"name", "percent", "low", "high", "languages", "sections", "violations"}


def _events(part: pa.Table, text: bool) -> pa.Table:
    del text  # an event says nothing
    rows = [
        _call(call)
        | {name: event[name] for name in ("kind", "party", "start_ms", "end_ms")}
        | {
            "length_ms": event["end_ms"] - event["start_ms"],
            "detail": json.dumps(event["detail"], ensure_ascii=False, sort_keys=True),
        }
        for call in part.to_pylist()
        for event in json.loads(call["events"] or "[]")
    ]
    return pa.Table.from_pylist(rows, schema=EVENTS)


def _hits(part: pa.Table, text: bool) -> pa.Table:
    rows = []
    for call in part.to_pylist():
        sections = {one["rule"]: one["section"] for one in call["results"] or ()}
        for hit in json.loads(call["hits"] or "[]"):
            row = _call(call) | {name: hit.get(name) for name in _HIT_NAMES}
            row["section"] = sections.get(hit["rule"])
            better = hit.get("better")
            row["better"] = " / ".join(better) if isinstance(better, list) else better
            if not text:
                row["quote"] = None
            rows.append(row)
    return pa.Table.from_pylist(rows, schema=HITS)


_HIT_NAMES = [name for name in HITS.names if name not in dict(_CALL) and name != "key"]


def _call(call: Mapping[str, Any]) -> dict[str, Any]:
    return {name: call[name] for name in ("call_id", "agent_id", "started_at", "queue", "key")}


def _words(part: pa.Table, text: bool) -> pa.Table:
    """Return the words of many calls, without a Python object per word."""
    nested = _whole(part["words"])
    parents, flat = pc.list_parent_indices(nested), pc.list_flatten(nested)
    kept = [text and NOT_KEPT not in (flags or ()) for flags in part["flags"].to_pylist()]
    said = pc.struct_field(flat, "text").cast(pa.string())
    shown = pc.if_else(pa.array(kept, pa.bool_()).take(parents), said, None)
    columns = {
        **{name: part[name].take(parents) for name in ("call_id", "agent_id", "started_at")},
        "queue": part["queue"].take(parents),
        **{
            name: pc.struct_field(flat, name)
            for name in ("party", "start_ms", "end_ms", "probability", "flag")
        },
        "text": shown,
        "key": part["key"].take(parents),
    }
    return pa.table({name: columns[name] for name in WORDS.names}).cast(WORDS)


_MAKERS: Mapping[str, Callable[[pa.Table, bool], pa.Table]] = {
    "calls": _calls,
    "events": _events,
    "hits": _hits,
    "words": _words,
}
_SOURCES: Mapping[str, tuple[str, Sequence[str]]] = {
    "calls": (
        "assessments",
        ("rulebook", *SCORES, "failed_by", "results", *_MEASURES, "unmeasured"),
    ),
    "events": ("assessments", ("events",)),
    "hits": ("assessments", ("hits", "results")),
    "words": ("recordings", ("words",)),
}
