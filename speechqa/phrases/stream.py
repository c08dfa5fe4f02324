"""What one party said in one call, as one normalised text with an index back to word times.

Two texts of the same tokens: *utterances* (a pause of 600 ms ends a line, so ``^`` and ``$`` mean
the edges of an utterance) and *passages* (only a pause over 3 s ends a line, so that a phrase is
found across the borders a recogniser happened to draw). Texts are UTF-8 bytes: the regex engine
counts bytes, and an index of token starts maps a match back to words. Flagged words (loops, words
over silence) are left out: they never fire a rule.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate

from speechqa.phrases.normalise import known_tokens, tokens, uses_spaces
from speechqa.transcript import Word, join_words

UTTERANCE_PAUSE_MS = 600
PASSAGE_PAUSE_MS = 3000
OTHERS_WORDS = 3
"""More words of the other party than this end a passage: no wording runs across a turn."""
_NEWLINE = 10
_FAR = 1 << 60


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
        self.first_token: list[int] = []
        self.utterance_starts: list[int] = []
        self._passage_starts: list[int] = []
        parts_out, word_of, heard, count = self.tokens, self.word_of, self.words, 0
        last_end = -_FAR
        known = known_tokens(lang)
        between = 0  # words of the other party since the last own one
        for word in words:
            if word.flag:
                continue
            if word.party != party and party != "any":
                between += 1
                continue
            text = word.text
            parts = known.get(text)
            if parts is None:
                parts = tokens(text, lang)
            if not parts:
                continue
            pause = word.start_ms - last_end
            if pause >= UTTERANCE_PAUSE_MS:
                self.utterance_starts.append(len(parts_out))
                if pause > PASSAGE_PAUSE_MS or between > OTHERS_WORDS:
                    self._passage_starts.append(len(parts_out))
            between = 0
            if word.end_ms > last_end:
                last_end = word.end_ms
            self.first_token.append(len(parts_out))
            if len(parts) == 1:
                parts_out.append(parts[0])
                word_of.append(count)
            else:
                parts_out.extend(parts)
                word_of.extend([count] * len(parts))
            heard.append(word)
            count += 1

    def __len__(self) -> int:
        return len(self.tokens)

    @cached_property
    def utterances(self) -> Text:
        """One line an utterance."""
        return self._text(self.utterance_starts)

    @cached_property
    def passages(self) -> Text:
        """One line a passage: utterances at most 3 s apart run on."""
        return self._text(self._passage_starts)

    def is_broken(self, first: int, last: int) -> bool:
        """Say whether a long pause lies inside tokens ``[first, last)``."""
        starts = self._passage_starts
        return bisect_right(starts, first) < bisect_left(starts, last)

    def _text(self, line_starts: Collection[int]) -> Text:
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

    @cached_property
    def _word_starts(self) -> list[int]:
        return [word.start_ms for word in self.words]

    def tokens_between(self, start_ms: int, end_ms: int) -> tuple[int, int]:
        """Return the token range of the words that start in ``[start_ms, end_ms)``."""
        first = bisect_left(self._word_starts, start_ms)
        last = bisect_left(self._word_starts, end_ms)
        if first >= last:
            return 0, 0
        begin = self.first_token[first]
        end = self.first_token[last] if last < len(self.words) else len(self.tokens)
        return begin, end

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


def _lay_out(parts: Sequence[str], line_starts: Collection[int], glue: str) -> Text:
    joined = glue.join(parts)
    if joined.isascii():
        lengths = [len(part) for part in parts]
        data = bytearray(joined, "ascii")
    else:
        lengths = [len(part.encode()) for part in parts]
        data = bytearray(joined, "utf-8")
    breaks = sorted(index for index in line_starts if 0 < index < len(parts))
    if glue:
        ends = list(accumulate(lengths, lambda end, length: end + 1 + length))
        starts = [end - length for end, length in zip(ends, lengths, strict=True)]
        for index in breaks:
            data[starts[index] - 1] = _NEWLINE
        return Text(bytes(data), starts, ends)
    ends = list(accumulate(lengths))
    lines: list[bytes] = []
    at = first = 0
    for shift, index in enumerate([*breaks, len(parts)]):
        stop = ends[index - 1] if index else 0
        lines.append(bytes(data[at:stop]))
        at = stop
        if shift:
            ends[first:index] = [end + shift for end in ends[first:index]]
        first = index
    starts = [end - length for end, length in zip(ends, lengths, strict=True)]
    return Text(b"\n".join(lines), starts, ends)
