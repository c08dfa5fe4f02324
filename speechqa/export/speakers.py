"""A call as RTTM: who speaks when, one line per interval, seconds with three decimals.

Source: NIST, "The 2009 (RT-09) Rich Transcription Meeting Recognition Evaluation Plan",
appendix A. Reading it back with ``speechqa measure`` gives the same intervals.
"""

from __future__ import annotations

import re

from speechqa.pipeline import Assessment, CallFacts


def to_rttm(facts: CallFacts, judged: Assessment | None) -> bytes:
    r"""Return a call as RTTM.

    Examples
    --------
    >>> import numpy as np
    >>> call = CallFacts("k", "call 7", "c.wav", 1, 1, None, "x", "scored",
    ...                  speech={"agent": np.array([[250, 1750]])})
    >>> to_rttm(call, None)
    b'SPEAKER call_7 1 0.250 1.500 <NA> <NA> agent <NA> <NA>\n'
    """
    del judged
    name = re.sub(r"\s+", "_", facts.call_id.strip()) or facts.key
    spans = sorted(
        (int(start), int(end), party)
        for party, intervals in facts.speech.items()
        for start, end in intervals
    )
    lines = [
        f"SPEAKER {name} 1 {_seconds(start)} {_seconds(end - start)} <NA> <NA> {party} <NA> <NA>\n"
        for start, end, party in spans
    ]
    return "".join(lines).encode("utf-8", "replace")


def _seconds(ms: int) -> str:
    """Return seconds from integer milliseconds without passing through a float."""
    return f"{ms // 1000}.{ms % 1000:03d}"
