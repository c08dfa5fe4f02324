"""The rulebooks that calls were judged by, kept as they were.

One small table beside the others: digest, name, version and the checked form as JSON. So a verdict
can be explained by the words it was given by after the file has changed, and only what a change
touches is judged again. It names no call and is never purged; a store without it works, slower.
"""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime

import pyarrow as pa
from pydantic import ValidationError

from speechqa.errors import InputMissing
from speechqa.rulebook import Rulebook, RulebookForm
from speechqa.store.commits import COMMIT_TRIES, others_won
from speechqa.store.disk import disk_error
from speechqa.store.tables import Store

TABLE = "rulebooks"
RULEBOOKS = pa.schema(
    [
        ("digest", pa.string()),
        ("name", pa.string()),
        ("version", pa.string()),
        ("kept_at", pa.string()),
        ("form", pa.string()),
    ]
)


def keep_rulebook(store: Store, book: Rulebook) -> None:
    """Keep a rulebook with the verdicts it gives; one that is kept already costs a look.

    Raises
    ------
    StoreError
        The disk did not take it, or other writers were always faster.
    """
    uri = f"{store.uri.rstrip('/')}/{TABLE}"
    for attempt in range(COMMIT_TRIES):
        if book.digest in _digests(store):
            return
        if _kept(store, uri, book):
            return
        # Of the writers of a night's first commits, only one can make the table.
        time.sleep(random.uniform(0, 0.05 * 2 ** min(attempt, 6)))
    raise others_won(uri)


def _kept(store: Store, uri: str, book: Rulebook) -> bool:
    """Write the rulebook; false when another writer came first."""
    from deltalake import write_deltalake
    from deltalake.exceptions import CommitFailedError, DeltaError

    row = {
        "digest": book.digest,
        "name": book.name,
        "version": book.version,
        "kept_at": datetime.now(UTC).isoformat(),
        "form": book.form.model_dump_json(by_alias=True, exclude_defaults=True),
    }
    try:
        write_deltalake(
            uri,
            pa.Table.from_pylist([row], schema=RULEBOOKS),
            mode="append",
            storage_options=store.storage_options,
        )
    except CommitFailedError:
        return False
    except (DeltaError, OSError) as error:
        raise disk_error(uri, error) from error
    return True


def kept_rulebook(store: Store, digest: str) -> Rulebook | None:
    """Return the rulebook of that digest as calls were judged by it; None when it was not kept."""
    try:
        table = store.open_table(TABLE).to_pyarrow_table(filters=[("digest", "=", digest)])
    except InputMissing:
        return None
    for text in table["form"].to_pylist():
        try:
            book = Rulebook(RulebookForm.model_validate_json(text))
        except ValidationError:  # of an earlier version of the rule language
            continue
        if book.digest == digest:
            return book
    return None


def _digests(store: Store) -> set[str]:
    try:
        return set(store.read(TABLE, ["digest"])["digest"].to_pylist())
    except InputMissing:
        return set()
