"""People's verdicts on hits: append-only, beside the machine's result, which they never change."""

from __future__ import annotations

import pyarrow as pa

REVIEWS = pa.schema(
    [
        ("review_id", pa.string()),
        ("key", pa.string()),
        ("rule", pa.string()),
        ("start_ms", pa.int64()),
        ("verdict", pa.string()),
        ("reviewer", pa.string()),
        ("comment", pa.string()),
        ("reviewed_at", pa.string()),
        ("blind", pa.bool_()),
    ]
)
