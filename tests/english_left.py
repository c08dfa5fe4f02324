"""What a person who reads Chinese would still see in English on a page."""

from __future__ import annotations

import re
from html.parser import HTMLParser

SHOWN = ("title", "aria-label", "placeholder", "alt", "data-text")
"""Attributes that browsers show or read aloud."""
QUOTED = {"q", "mark", "code", "kbd", "script", "style"}
"""Elements that hold what was said, typed or named, in whatever language."""
VOID = {"input", "meta", "link", "br", "hr", "img", "base", "col", "wbr", "path", "line", "rect"}
NAMES = set(
    "speechqa en zh ms dB dBFS Hz UTC SHA kappa Cohen's P90 standard wav WAV JSON mp3 test "
    "silero".split()
)
"""Names and units that are the same in both languages."""
_QUOTES = re.compile(r"“[^”]*”|\"[^\"]*\"|`[^`]*`|'[\w.-]+'|speechqa [a-z]+ --[a-z]+")
_IDS = re.compile(r"\b\w*_\w+\b|\b[0-9a-f]{8,}\b|\baudio\.\w+|\b[a-z0-9]+(?:-[a-z0-9]+)+\b")
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9']+")


class _Texts(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[tuple[str, bool]] = []
        self.found: list[str] = []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        quiet = tag in QUOTED or "turns" in (given.get("class") or "").split()
        if tag not in VOID:
            self.open.append((tag, quiet))
        self.found += [given[name] for name in SHOWN if given.get(name)]

    def handle_endtag(self, tag):
        while self.open and self.open.pop()[0] != tag:
            pass

    def handle_data(self, data):
        if data.strip() and not any(quiet for _, quiet in self.open):
            self.found.append(data)


def english_in(page, names=()):
    """Return the pieces of a page that hold an English word, but for names and quotes.

    >>> english_in("<p>得分 <q>thank you</q> <b title='the score'>en</b></p>")
    ['the score']
    """
    reader = _Texts()
    reader.feed(page)
    known = NAMES | set(names)
    return [
        text.strip()
        for text in reader.found
        if any(word not in known for word in _WORD.findall(_IDS.sub(" ", _QUOTES.sub(" ", text))))
    ]
