"""What the engine said of a call, for the reader: reasons, lines of an arithmetic, notes, errors.

The engine speaks English and names rules by their ids, and the store keeps what it said. A text is
found again by its pattern in the tables, whose ``{places}`` hold what differs from call to call:

- ``n``: a number or a time, as it is; ``amount``: a number, with a unit perhaps
- ``rule``, ``rules``, ``section``: ids, said by their titles
- ``name``, ``quote``: as it is
- any other name: a text of the same kind, said in its turn

with a figure behind the name where there are several. Parts joined by "; " are said one by one.
What no pattern fits stays as it is; a test holds the texts of the code against the tables. In
English only the titles are put in.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

from speechqa.web.languages import sayings, translations

LONGEST = 1000
"""Characters; longer texts are nothing that the engine says."""
DEEPEST = 8
"""Texts within texts; what is deeper stays as it is."""
MOST_PARTS = 6
"""Parts that one entry may hold together."""
MOST_LISTED = 500
"""Parts of a text; a broken recording has one for each hole."""
MOST_KNOWN = 50_000
_PLACE = re.compile(r"\{([a-z]+)(\d*)\}")
_BETWEEN = re.compile("; (?![^“]*”)")
"""Between two parts, not within a quote."""
_NUMBER = r"[-+]?\d[\d,.:]*(?:e[-+]?\d+)?"
_KINDS = {
    "n": _NUMBER,
    "amount": rf"{_NUMBER}(?: [^\s,;()]+)?",
    "rule": r"[\w.-]+",
    "section": r"[\w.-]+",
}
_VERBATIM = ("n", "name", "quote")
Titled = Callable[[str], str]


@dataclass(frozen=True)
class Pattern:
    """A text with places, and the same for the reader."""

    english: re.Pattern[str]
    said: str
    letters: int

    @classmethod
    def of(cls, english: str, said: str) -> Pattern:
        """Return the pattern of one entry of a table.

        Examples
        --------
        >>> Pattern.of("found {n} times", "出现 {n} 次").english.fullmatch("found 3 times")["n"]
        '3'
        """
        parts, at = [], 0
        for place in _PLACE.finditer(english):
            parts.append(re.escape(english[at : place.start()]))
            kind, figure = place.groups()
            parts.append(f"(?P<{kind}{figure}>{_KINDS.get(kind, '.+?')})")
            at = place.end()
        parts.append(re.escape(english[at:]))
        return cls(re.compile("".join(parts)), said, len(_PLACE.sub("", english)))


ENGLISH = {
    "{rule}: shown, never scored": "“{rule}”: shown, never scored",
    "{rule}: {answer}, not counted ({reason})": "“{rule}”: {answer}, not counted ({reason})",
    "{rule}: {answer}, {n} x {n2} = {n3} of {n4} ({reason})": (
        "“{rule}”: {answer}, {n} x {n2} = {n3} of {n4} ({reason})"
    ),
    "the same words are charged by {rule}": "the same words are charged by “{rule}”",
    "section {section}: {n} of {n2}": "section “{section}”: {n} of {n2}",
    "{result}, failed by {rules} (before: {n} %)": "{result}, failed by “{rules}” (before: {n} %)",
}
"""Where the engine names a rule or a section by its id."""


class Sayings:
    """Says to a reader what the engine said.

    Parameters
    ----------
    language
        ``"en"`` or ``"zh"``.
    rule
        From a rule's id, or a measure's name, to its title.
    section
        From a section's id to its title.

    Examples
    --------
    >>> say = Sayings("zh", {"r1": "问候"}.get, str)
    >>> say("r1: met, 2 x 1 = 2 of 2 (1 of 1 found)")
    '问候：达到，2 x 1 = 2 分，满分 2 分（1 项中找到 1 项）'
    >>> say("audio was lost; under 15 s of speech"), say("ours alone")
    ('部分录音缺失；说话不足 15 秒', 'ours alone')
    """

    def __init__(self, language: str, rule: Titled, section: Titled) -> None:
        self._language = language
        self._comma, self._between = ("、", "；") if language == "zh" else (", ", "; ")
        self._titles = {"rule": rule, "section": section, "rules": self._several(rule)}
        self._known: dict[str, str] = {}

    def __call__(self, text: str) -> str:
        """Return `text` for the reader; as it is where no pattern fits."""
        return self._said(text, 0)

    def _said(self, text: str, depth: int) -> str:
        if depth > DEEPEST:
            return text
        said = self._known.get(text) if depth == 0 else None
        if said is None:
            said = self._whole(text, depth) or self._parts(text, depth)
        if depth == 0:
            if len(self._known) >= MOST_KNOWN:
                self._known.clear()
            self._known[text] = said
        return said

    def _whole(self, text: str, depth: int) -> str | None:
        """Return a text that one entry fits."""
        exact = _texts(self._language).get(text)
        if exact is not None or len(text) > LONGEST:
            return exact
        for pattern in _patterns(self._language):
            found = pattern.english.fullmatch(text)
            if found is not None:
                return self._filled(pattern.said, found.groupdict(), depth)
        return None

    def _filled(self, wanted: str, parts: Mapping[str, str], depth: int) -> str:
        def said(place: re.Match[str]) -> str:
            kind, part = place[1], parts[place[1] + place[2]]
            if kind in _VERBATIM:
                return part
            title = self._titles.get(kind)
            return self._said(part, depth + 1) if title is None else title(part)

        return _PLACE.sub(said, wanted)

    def _parts(self, text: str, depth: int) -> str:
        """Return a text whose parts are said one by one; the longest that an entry fits first."""
        left, said = _BETWEEN.split(text), []
        if len(left) > MOST_LISTED:
            return text
        while left:
            for size in range(min(MOST_PARTS, len(left)), 0, -1):
                whole = self._whole("; ".join(left[:size]), depth)
                if whole is not None or size == 1:
                    said.append(whole or self._listed(left[0], depth))
                    left = left[size:]
                    break
        return self._between.join(said)

    def _listed(self, text: str, depth: int) -> str:
        """Return a list of texts that all have an entry; any other text as it is."""
        said = [self._whole(one, depth) for one in text.split(", ")]
        return self._comma.join(filter(None, said)) if all(said) else text

    def _several(self, title: Titled) -> Titled:
        return lambda ids: self._comma.join(title(one) for one in ids.split(", "))


@cache
def _table(language: str) -> dict[str, str]:
    return translations() | sayings() if language == "zh" else ENGLISH


@cache
def _texts(language: str) -> dict[str, str]:
    """Return the entries without places."""
    return {text: said for text, said in _table(language).items() if "{" not in text}


@cache
def _patterns(language: str) -> tuple[Pattern, ...]:
    """Return the entries with places, those with the most letters of their own first."""
    made = [Pattern.of(*entry) for entry in _table(language).items() if "{" in entry[0]]
    return tuple(sorted(made, key=lambda one: -one.letters))
