"""Results in Delta Lake tables: atomic commits, many writers, no server.

One row is one call, so one commit is whole calls. Commits merge on the row's identity: writing a
call twice changes nothing, from one process or from many.
"""

from speechqa.store.known import KnownInput
from speechqa.store.tables import BLOCK_CALLS, TABLES, Store, open_store

__all__ = ["BLOCK_CALLS", "TABLES", "KnownInput", "Store", "open_store"]
