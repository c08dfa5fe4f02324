"""Words and phrases over all transcripts, from texts kept in memory.

Case and punctuation do not count; Chinese is searched by characters. A phrase is found inside
one party's words only, whoever spoke in between.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pyarrow as pa

from speechqa.transcript import join_words
from speechqa.web.rows import Listed
from speechqa.web.snapshot import Archive

SHOWN = 100
AROUND = 8
MOST_BARE = 200_000
"""Spellings remembered without case and punctuation: a language's words and names."""
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
    edges: Sequence[int]
    places: Sequence[int]


class Searcher:
    """Searches; texts are made once per call, since a call's words never change.

    Parameters
    ----------
    archive
        Where the words are.
    """

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._texts: dict[str, dict[str, _Text]] = {}
        self._bare: dict[str, str] = {}

    def search(self, calls: Iterable[Listed], phrase: str, *, party: str = "") -> Found:
        """Return where `phrase` is said in `calls`, one match per call and party."""
        wanted = joined(phrase.split())
        listed = list(calls)
        if not wanted:
            return Found((), 0)
        self.read(listed)
        hits: list[tuple[Listed, str, int]] = []
        found_in = set()
        for call in listed:
            for who, text in self._texts.get(call.recorded.key, {}).items():
                at = text.text.find(wanted) if party in ("", who) else -1
                if at >= 0:
                    hits.append((call, who, at))
                    found_in.add(call.recorded.key)
        shown = hits[:SHOWN]
        words = dict(self._archive.words({hit[0].recorded.key: hit[0] for hit in shown}.values()))
        matches = [
            self._match(call, who, at, len(wanted), words[call.recorded.key])
            for call, who, at in shown
            if call.recorded.key in words
        ]
        return Found(tuple(matches), len(found_in))

    def read(self, calls: Iterable[Listed]) -> None:
        """Read the words of calls that have not been read yet."""
        wanted = [
            call
            for call in calls
            if call.recorded.key not in self._texts
            and call.recorded.status in ("scored", "damaged")
        ]
        for key, words in self._archive.words(wanted):
            self._texts[key] = self._made(words)

    def _match(self, call: Listed, who: str, at: int, length: int, words: pa.StructArray) -> Match:
        text = self._texts[call.recorded.key][who]
        first = bisect_right(text.edges, at) - 1
        last = bisect_right(text.edges, at + length - 1) - 1
        start = max(0, first - AROUND)
        shown = words.take(pa.array(text.places[start : last + 1 + AROUND]))
        said = shown.field("text").to_pylist()
        return Match(
            call,
            who,
            shown.field("start_ms")[first - start].as_py(),
            join_words(said[: first - start]),
            join_words(said[first - start : last + 1 - start]),
            join_words(said[last + 1 - start :]),
        )

    def _made(self, words: pa.StructArray) -> dict[str, _Text]:
        """Return each party's words as one text, with where each word begins in it."""
        bare = self._bare
        lines: dict[str, tuple[list[str], array[int], array[int]]] = {}
        lengths: dict[str, int] = {}
        for place, (party, text) in enumerate(
            zip(words.field("party").to_pylist(), words.field("text").to_pylist(), strict=True)
        ):
            if text not in bare:
                if len(bare) >= MOST_BARE:
                    bare.clear()
                bare[text] = _NOISE.sub("", text.casefold())
            plain = bare[text]
            if not plain:
                continue
            parts, edges, places = lines.setdefault(party, ([], array("I"), array("I")))
            length = lengths.get(party, 0)
            glue = len(join_words(["x", plain])) - 1 - len(plain) if parts else 0
            parts.append(" " * glue + plain)
            edges.append(length + glue)
            places.append(place)
            lengths[party] = length + glue + len(plain)
        return {
            party: _Text("".join(parts), edges, places)
            for party, (parts, edges, places) in lines.items()
        }


def joined(texts: Iterable[str]) -> str:
    """Return words as they are compared: lower case, no punctuation.

    Examples
    --------
    >>> joined(["Thank", "you,", "您", "好"])
    'thank you您好'
    """
    return join_words(filter(None, (_NOISE.sub("", text.casefold()) for text in texts)))
