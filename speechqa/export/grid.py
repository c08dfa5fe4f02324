"""A call as a Praat TextGrid: tiers of speech and of words per party, points for findings.

The tiers ``agent`` and ``customer`` hold the speech intervals (labelled with what was said there),
``agent words`` and ``customer words`` the words, ``events`` and ``findings`` points in time.
``speechqa evaluate`` reads the first four back.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from speechqa.errors import UsageError
from speechqa.export.captions import MISSING
from speechqa.pipeline import Assessment, CallFacts
from speechqa.transcript import Word, join_words

Span = tuple[int, int, str]


def to_textgrid(facts: CallFacts, judged: Assessment | None) -> bytes:
    """Return a call as a TextGrid in the long form."""
    try:
        from praatio import textgrid
    except ImportError:
        raise UsageError("writing textgrid needs the library praatio", hint=MISSING) from None
    length_s = max(facts.duration_ms, 1) / 1000
    grid: Any = textgrid.Textgrid(0, length_s)
    for party in facts.parties:
        own = [word for word in facts.words if word.party == party]
        spans = [(int(a), int(b), _said(own, int(a), int(b))) for a, b in facts.speech[party]]
        words = apart([(w.start_ms, w.end_ms, w.text) for w in own])
        for name, found in ((party, spans), (f"{party} words", words)):
            inside = [_interval(span) for span in found if span[1] <= facts.duration_ms]
            grid.addTier(textgrid.IntervalTier(name, inside, 0, length_s))
    for name, points in (("events", _events(judged)), ("findings", _findings(judged))):
        within = [(at / 1000, text) for at, text in points if at <= facts.duration_ms]
        if within:
            grid.addTier(textgrid.PointTier(name, within, 0, length_s))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "call.TextGrid"
        grid.save(str(file), format="long_textgrid", includeBlankSpaces=True)
        return file.read_bytes()


def apart(spans: Sequence[Span]) -> list[Span]:
    """Return spans that do not overlap: each ends where the next begins at the latest.

    Examples
    --------
    >>> apart([(0, 300, "a"), (200, 400, "b"), (200, 500, "c")])
    [(0, 200, 'a'), (200, 500, 'b c')]
    """
    made: list[Span] = []
    for start, end, text in sorted(spans):
        if made and made[-1][0] == start:
            before = made.pop()
            start, end, text = start, max(end, before[1]), f"{before[2]} {text}"
        elif made and made[-1][1] > start:
            made[-1] = (made[-1][0], start, made[-1][2])
        if start < end:
            made.append((start, end, text))
    return made


def _interval(span: Span) -> tuple[float, float, str]:
    start, end, text = span
    return start / 1000, end / 1000, _label(text) or "speech"


def _label(text: str) -> str:
    return " ".join(text.split())


def _said(words: Sequence[Word], start_ms: int, end_ms: int) -> str:
    inside = [w.text for w in words if start_ms <= (w.start_ms + w.end_ms) // 2 < end_ms]
    return join_words(inside)


def _events(judged: Assessment | None) -> list[tuple[int, str]]:
    return _points(
        (event["start_ms"], f"{event['kind']} {event['end_ms'] - event['start_ms']} ms")
        for event in (judged.events if judged else ())
    )


def _findings(judged: Assessment | None) -> list[tuple[int, str]]:
    return _points(
        (hit["start_ms"], f"{hit['rule']}: {hit['quote'] or hit['severity']}")
        for hit in (judged.hits if judged else ())
        if hit["outcome"] == "violated" and hit["start_ms"] is not None
    )


def _points(found: Any) -> list[tuple[int, str]]:
    """Return points in order, those of the same instant joined."""
    at: dict[int, list[str]] = {}
    for ms, text in found:
        at.setdefault(ms, []).append(_label(text))
    return [(ms, "; ".join(at[ms])) for ms in sorted(at)]
