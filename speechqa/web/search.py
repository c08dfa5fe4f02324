"""Words and phrases over all transcripts, from texts kept in memory.

Case and punctuation do not count; Chinese is searched by characters. A phrase is found inside
one party's words only, whoever spoke in between.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

from speechqa.transcript import Word, join_words
from speechqa.web.rows import Listed
from speechqa.web.snapshot import Library

SHOWN = 100
AROUND = 8
_NOISE = re.compile(r"[^\w']+")


@dataclass(frozen=True)
class Match:
    """Where words were found: the words before, the words, the words after."""

    call: Listed
    party: str
    start_ms: int
    before: str
    found: str
    after: str


@dataclass(frozen=True)
class Found:
    """What a search found: at most `SHOWN` matches, and how many calls have one."""

    matches: tuple[Match, ...]
    calls: int


@dataclass(frozen=True, slots=True)
class _Text:
    text: str
    edges: tuple[int, ...]
    places: tuple[int, ...]


class Searcher:
    """Searches; texts are made once per call, since a call's words never change.

    Parameters
    ----------
    library
        Where the words are.
    """

    def __init__(self, library: Library) -> None:
        self._library = library
        self._texts: dict[str, dict[str, _Text]] = {}

    def search(self, calls: Iterable[Listed], phrase: str, *, party: str = "") -> Found:
        """Return where `phrase` is said in `calls`, one match per call and party."""
        wanted = joined(phrase.split())
        listed = list(calls)
        if not wanted:
            return Found((), 0)
        self._read(call for call in listed if call.recorded.key not in self._texts)
        hits: list[tuple[Listed, str, int]] = []
        found_in = set()
        for call in listed:
            for who, text in self._texts.get(call.recorded.key, {}).items():
                at = text.text.find(wanted) if party in ("", who) else -1
                if at >= 0:
                    hits.append((call, who, at))
                    found_in.add(call.recorded.key)
        shown = hits[:SHOWN]
        columns = self._library.columns((hit[0] for hit in shown), "recordings", ["words"])
        matches = [
            self._match(call, who, at, len(wanted), columns[call.recorded.key]["words"])
            for call, who, at in shown
            if call.recorded.key in columns
        ]
        return Found(tuple(matches), len(found_in))

    def _read(self, calls: Iterable[Listed]) -> None:
        wanted = [call for call in calls if call.recorded.status in ("scored", "damaged")]
        for key, row in self._library.columns(wanted, "recordings", ["words"]).items():
            self._texts[key] = _texts(row["words"] or [])

    def _match(self, call: Listed, who: str, at: int, length: int, words: list[dict]) -> Match:  # type: ignore[type-arg]
        text = self._texts[call.recorded.key][who]
        first = bisect_right(text.edges, at) - 1
        last = bisect_right(text.edges, at + length - 1) - 1
        own = [Word(**words[place]) for place in text.places]

        def said(start: int, end: int) -> str:
            return join_words(word.text for word in own[max(0, start) : end])

        return Match(
            call,
            who,
            own[first].start_ms,
            said(first - AROUND, first),
            said(first, last + 1),
            said(last + 1, last + 1 + AROUND),
        )


def joined(texts: Iterable[str]) -> str:
    """Return words as they are compared: lower case, no punctuation.

    Examples
    --------
    >>> joined(["Thank", "you,", "您", "好"])
    'thank you您好'
    """
    return join_words(filter(None, (_NOISE.sub("", text.casefold()) for text in texts)))


def _texts(words: list[dict]) -> dict[str, _Text]:  # type: ignore[type-arg]
    made = {}
    for party in {word["party"] for word in words}:
        line, edges, places = "", [], []
        for place, word in enumerate(words):
            text = _NOISE.sub("", word["text"].casefold()) if word["party"] == party else ""
            if text:
                longer = join_words([line, text]) if line else text
                edges.append(len(longer) - len(text))
                places.append(place)
                line = longer
        made[party] = _Text(line, tuple(edges), tuple(places))
    return made
