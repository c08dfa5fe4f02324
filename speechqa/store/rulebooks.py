"""The rulebooks that calls were judged by, kept as they were.

One small table beside the others: digest, name, version and the checked form as JSON. So a verdict
can be explained by the words it was given by after the file has changed, and only what a change
touches is judged again. It names no call and is never purged; a store without it works, slower.
"""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
from pydantic import ValidationError

from speechqa.errors import InputMissing
from speechqa.rulebook import Rulebook, RulebookForm
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
        The disk did not take it.
    """
    from deltalake import write_deltalake
    from deltalake.exceptions import DeltaError

    uri = f"{store.uri.rstrip('/')}/{TABLE}"
    if book.digest in _digests(store):
        return
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
    except (DeltaError, OSError) as error:
        raise disk_error(uri, error) from error


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
