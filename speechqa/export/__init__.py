"""Files to take away: tables for spreadsheets and databases, calls for other tools.

Each file is written beside its place and renamed, for its owner only, and holds no formula. It
knows what the store knows: masked words stay masked, and a call whose text was not kept has none.
"""

from speechqa.export.call import CALL_FORMATS, call_bytes, write_calls
from speechqa.export.choice import Choice, chosen
from speechqa.export.rows import WHATS, What, blocks
from speechqa.export.table import TABLE_FORMATS, write_table

__all__ = [
    "CALL_FORMATS",
    "TABLE_FORMATS",
    "WHATS",
    "Choice",
    "What",
    "blocks",
    "call_bytes",
    "chosen",
    "write_calls",
    "write_table",
]
