"""What one party said in one call, as one normalised text with an index back to word times.

Two texts of the same tokens: *utterances* (a pause of 600 ms ends a line, so ``^`` and ``$`` mean
the edges of an utterance) and *passages* (only a pause over 3 s ends a line, so that a phrase is
found across the borders a recogniser happened to draw). Texts are UTF-8 bytes: the regex engine
counts bytes, and an index of token starts maps a match back to words. Flagged words (loops, words
over silence) are left out: they never fire a rule.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from speechqa.phrases.normalise import tokens, uses_spaces
from speechqa.transcript import Word, join_words

UTTERANCE_PAUSE_MS = 600
PASSAGE_PAUSE_MS = 3000


@dataclass(frozen=True)
class Text:
    """Normalised text and where each token lies in it (byte offsets, ascending)."""

    data: bytes
    starts: list[int]
    ends: list[int]

    def tokens_at(self, start: int, end: int) -> tuple[int, int]:
        """Return the half-open range of tokens that bytes ``[start, end)`` touch."""
        return bisect_right(self.ends, start), bisect_left(self.starts, end)


class Stream:
    r"""Tokens of one party in one call, in order of time.

    Parameters
    ----------
    words
        Every word of the call, in order of start; other parties' and flagged ones are skipped.
    party
        ``"agent"``, ``"customer"`` or ``"mixed"``; ``"any"`` takes every party.
    lang
        ISO 639-1 code of the call.

    Examples
    --------
    >>> said = [Word("agent", 0, 300, "I can't", 0.9), Word("agent", 400, 700, "help", 0.8),
    ...         Word("agent", 1900, 2300, "Sorry.", 0.7)]
    >>> stream = Stream(said, "agent", "en")
    >>> stream.utterances.data, stream.passages.data
    (b"i can't help\nsorry", b"i can't help sorry")
    >>> stream.span(1, 3), stream.quote(1, 3), round(stream.confidence(1, 3), 2)
    ((0, 700), "I can't help", 0.85)
    """

    def __init__(self, words: Sequence[Word], party: str, lang: str) -> None:
        self.party = party
        self.lang = lang
        self.words: list[Word] = []
        self.tokens: list[str] = []
        self.word_of: list[int] = []
        self.utterance_starts: list[int] = []
        self._passage_starts: set[int] = set()
        last_end: int | None = None
        for word in words:
            if (party != "any" and word.party != party) or word.flag:
                continue
            parts = tokens(word.text, lang)
            if not parts:
                continue
            pause = word.start_ms - last_end if last_end is not None else PASSAGE_PAUSE_MS + 1
            if pause >= UTTERANCE_PAUSE_MS:
                self.utterance_starts.append(len(self.tokens))
                if pause > PASSAGE_PAUSE_MS:
                    self._passage_starts.add(len(self.tokens))
            last_end = word.end_ms if last_end is None else max(last_end, word.end_ms)
            self.word_of.extend([len(self.words)] * len(parts))
            self.tokens.extend(parts)
            self.words.append(word)

    def __len__(self) -> int:
        return len(self.tokens)

    @cached_property
    def utterances(self) -> Text:
        """One line an utterance."""
        return self._text(set(self.utterance_starts))

    @cached_property
    def passages(self) -> Text:
        """One line a passage: utterances at most 3 s apart run on."""
        return self._text(self._passage_starts)

    def coded(self, codes: Sequence[str]) -> Text:
        """Return a text of one code per token (for phonetic matching), always spaced."""
        return _lay_out(codes, self._passage_starts, " ")

    def _text(self, line_starts: set[int]) -> Text:
        return _lay_out(self.tokens, line_starts, " " if uses_spaces(self.lang) else "")

    def span(self, first: int, last: int) -> tuple[int, int]:
        """Return start and end (ms) of tokens ``[first, last)``."""
        a, b = self.word_of[first], self.word_of[last - 1]
        return self.words[a].start_ms, max(word.end_ms for word in self.words[a : b + 1])

    def quote(self, first: int, last: int) -> str:
        """Return the words of tokens ``[first, last)`` as they were recognised."""
        a, b = self.word_of[first], self.word_of[last - 1]
        return join_words(word.text for word in self.words[a : b + 1])

    def confidence(self, first: int, last: int) -> float:
        """Return the mean word probability of tokens ``[first, last)``."""
        a, b = self.word_of[first], self.word_of[last - 1]
        return sum(word.probability for word in self.words[a : b + 1]) / (b + 1 - a)

    def utterance(self, token: int) -> tuple[int, int]:
        """Return the token range of the utterance that holds `token`."""
        at = bisect_right(self.utterance_starts, token) - 1
        starts = self.utterance_starts
        return starts[at], starts[at + 1] if at + 1 < len(starts) else len(self.tokens)

    def utterance_bytes(self, token: int) -> bytes:
        """Return the normalised text of the utterance that holds `token`."""
        first, last = self.utterance(token)
        text = self.utterances
        return text.data[text.starts[first] : text.ends[last - 1]]


def _lay_out(parts: Sequence[str], line_starts: set[int], glue: str) -> Text:
    starts: list[int] = []
    ends: list[int] = []
    pieces: list[str] = []
    at = 0
    width = len(glue)
    for index, part in enumerate(parts):
        if index:
            if index in line_starts:
                pieces.append("\n")
                at += 1
            elif width:
                pieces.append(glue)
                at += width
        pieces.append(part)
        starts.append(at)
        at += len(part) if part.isascii() else len(part.encode())
        ends.append(at)
    return Text("".join(pieces).encode(), starts, ends)
