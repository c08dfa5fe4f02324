"""Metadata of stored calls, brought up to date: facts stay, and nothing is decoded again."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from speechqa.batch.plan import Plan
from speechqa.errors import CallError
from speechqa.metadata import CallMetadata, MetadataReader
from speechqa.pipeline import CallFacts
from speechqa.store import KnownInput, Store
from speechqa.store.plain import readable, text_of_path, to_json


def refresh_metadata(
    store: Store, work: Plan, reader: MetadataReader, note: Callable[[str], None]
) -> None:
    """Write metadata that changed since a known call was stored.

    Parameters
    ----------
    note
        Is told what was done, and what could not be.
    """
    changed: dict[str, CallMetadata] = {}
    for path, row in work.known.items():
        if text_of_path(path) != row.path:
            continue
        try:
            meta = reader.for_path(path)
        except CallError as error:
            note(f"{readable(path)}: metadata kept as stored: {error.message}")
            continue
        meta = _completed(meta, row)
        if _as_stored(meta) != row.metadata_fields:
            changed[row.key] = meta
    if changed:
        rows = [_with_metadata(facts, changed[facts.key]) for facts in store.calls(changed)]
        store.commit_calls(rows)
        note(f"metadata of {len(rows)} known calls was brought up to date")


def _with_metadata(facts: CallFacts, meta: CallMetadata) -> CallFacts:
    return replace(facts, **meta.stored_fields())


def _completed(meta: CallMetadata, row: KnownInput) -> CallMetadata:
    """Return new metadata completed by what is stored: a source left out erases nothing."""
    stored: dict[str, str] = json.loads(row.metadata)
    started = None if row.started_at is None else datetime.fromisoformat(row.started_at)
    return replace(
        meta,
        call_id=meta.call_id if meta.sources.get("call_id") != "path" else row.call_id,
        agent_id=meta.agent_id if meta.agent_id is not None else row.agent_id,
        started_at=meta.started_at if meta.started_at is not None else started,
        queue=meta.queue if meta.queue is not None else row.queue,
        direction=meta.direction if meta.direction is not None else row.direction,
        caller=meta.caller if meta.caller is not None else row.caller,
        answered_ms=meta.answered_ms if meta.answered_ms is not None else row.answered_ms,
        columns=stored | dict(meta.columns),
    )


def _as_stored(meta: CallMetadata) -> tuple[Any, ...]:
    """Return metadata as the store holds it, in the order of `KnownInput.metadata_fields`."""
    started = None if meta.started_at is None else meta.started_at.isoformat()
    return (
        readable(meta.call_id),
        meta.agent_id,
        started,
        meta.queue,
        meta.direction,
        meta.caller,
        meta.answered_ms,
        to_json(dict(meta.columns)),
    )
