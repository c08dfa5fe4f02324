"""A call as captions: WebVTT and SubRip, one cue per breath of a party.

A cue holds at most `MOST_LETTERS` letters and `LONGEST_MS`, and breaks at pauses. WebVTT names the
party in a voice tag, SubRip in front of the text. The recogniser's words are shown as heard;
masked ones are masked here too.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from speechqa.errors import UsageError
from speechqa.pipeline import Assessment, CallFacts
from speechqa.transcript import Party, Word, join_words, turns

MOST_LETTERS = 84
LONGEST_MS = 7000
PAUSE_MS = 800
_BREAKS = re.compile(r"[\s\x00-\x1f\x7f]+")
MISSING = "pip install 'speechqa[export]'"


@dataclass(frozen=True)
class Cue:
    """A caption: who, when, what."""

    party: Party
    start_ms: int
    end_ms: int
    text: str


def cues(facts: CallFacts) -> list[Cue]:
    """Return a call's captions in order of start; none is empty.

    Examples
    --------
    >>> said = (Word("agent", 0, 300, "good", 0.9), Word("agent", 300, 500, "morning", 0.9))
    >>> call = CallFacts("k", "c", "c.wav", 1, 1, None, "x", "scored", words=said)
    >>> cues(call)
    [Cue(party='agent', start_ms=0, end_ms=500, text='good morning')]
    """
    return [
        Cue(part[0].party, part[0].start_ms, max(w.end_ms for w in part), text)
        for turn in turns(facts.words)
        for part in _breaths(turn.words)
        if (text := _BREAKS.sub(" ", join_words(word.text for word in part)).strip())
        and part[0].start_ms < max(w.end_ms for w in part)
    ]


def to_vtt(facts: CallFacts, judged: Assessment | None) -> bytes:
    """Return a call as WebVTT (W3C, "WebVTT: The Web Video Text Tracks Format")."""
    del judged
    try:
        import webvtt
    except ImportError:
        raise UsageError("writing vtt needs the library webvtt-py", hint=MISSING) from None
    made = webvtt.WebVTT()
    for cue in cues(facts):
        text = f"<v {cue.party}>{html.escape(cue.text, quote=False)}</v>"
        made.captions.append(webvtt.Caption(_clock(cue.start_ms), _clock(cue.end_ms), text))
    return str(made.content).encode("utf-8", "replace")


def to_srt(facts: CallFacts, judged: Assessment | None) -> bytes:
    """Return a call as SubRip."""
    del judged
    try:
        import srt
    except ImportError:
        raise UsageError("writing srt needs the library srt", hint=MISSING) from None
    lines = [
        srt.Subtitle(
            number,
            timedelta(milliseconds=cue.start_ms),
            timedelta(milliseconds=cue.end_ms),
            f"{cue.party}: {cue.text}",
        )
        for number, cue in enumerate(cues(facts), 1)
    ]
    return str(srt.compose(lines, reindex=False)).encode("utf-8", "replace")


def _breaths(words: tuple[Word, ...]) -> Iterator[list[Word]]:
    part: list[Word] = []
    for word in words:
        if part:
            long = len(join_words([*(w.text for w in part), word.text])) > MOST_LETTERS
            late = word.end_ms - part[0].start_ms > LONGEST_MS
            if long or late or word.start_ms - part[-1].end_ms > PAUSE_MS:
                yield part
                part = []
        part.append(word)
    if part:
        yield part


def _clock(ms: int) -> str:
    return f"{ms // 3_600_000:02d}:{ms // 60_000 % 60:02d}:{ms // 1000 % 60:02d}.{ms % 1000:03d}"
