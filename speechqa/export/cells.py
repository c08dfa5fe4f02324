r"""Text for a spreadsheet's eyes: no cell of a CSV file is ever a formula.

A spreadsheet takes a cell that begins with ``=``, ``+``, ``-`` or ``@`` (also full-width) for a
formula, whatever the quotes; it may also cut a line at semicolons or tabs instead of commas. An
apostrophe goes before such a beginning, at the start of the text and after each such separator:
the text stays readable, and `unguarded` gives it back exactly. Numbers are not text and stay as
they are. Source: OWASP, "CSV Injection".
"""

from __future__ import annotations

import re
from typing import Any

_SIGNS = r"=+@\-" + "\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b\u2212"
_BLANK = r"'\"\s" + "\u00a0\u200b\u200e\u200f\u2060\u3000\ufeff"
_FIRST = rf"([{_BLANK}]*[{_SIGNS}\t\r\n])"
_INNER = rf"(['\" ]*[{_SIGNS}])"
_CUT = r"([;\t\r\n])"


def guarded(text: str) -> str:
    """Return `text` with an apostrophe before whatever would begin a formula.

    Examples
    --------
    >>> guarded("=1+1"), guarded("that is 1+1"), guarded("a;=b"), guarded("'=1")
    ("'=1+1", 'that is 1+1', "a;'=b", "''=1")
    """
    return re.sub(rf"^{_FIRST}", r"'\1", re.sub(_CUT + _INNER, r"\1'\2", text))


def unguarded(text: str) -> str:
    """Undo `guarded`.

    Examples
    --------
    >>> unguarded("'=1+1"), unguarded("'tis")
    ('=1+1', "'tis")
    """
    return re.sub(rf"{_CUT}'{_INNER}", r"\1\2", re.sub(rf"^'{_FIRST}", r"\1", text))


def guard_column(column: Any) -> Any:
    """Return an Arrow string column with every text `guarded`."""
    import pyarrow as pa
    import pyarrow.compute as pc

    risky = pc.match_substring_regex(column, rf"[{_SIGNS}]|^[{_BLANK}]")
    if not pc.any(risky).as_py():
        return column
    texts = [text if text is None else guarded(text) for text in column.to_pylist()]
    return pa.array(texts, pa.string())
