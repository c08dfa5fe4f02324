"""When words that match do not count: reported speech and negation.

"You said you can't log in" is the customer's sentence in the agent's mouth; "I will not cancel"
is not "cancel". Both guards look at the words around a hit in its own utterance, and reported
speech also at what the other party said in the half minute before. They do not parse: a frame
further away than a few words is not seen.
"""

from __future__ import annotations

from collections import Counter

from speechqa.phrases.normalise import is_negation, join, uses_spaces
from speechqa.phrases.patterns import Pattern
from speechqa.phrases.stream import Stream

QUOTE_WINDOW_MS = 30_000
_FRAME = {
    "en": Pattern(
        r"\b(?:you|they|he|she|customers?|people|somebody|someone)"
        r"(?:'ve|'d|'re|'s| were| was| have| had)?(?: just| also| already)? "
        r"(?:said|say|says|saying|told|mentioned|wrote|asked|asking|reported)\b",
        False,
    ),
    "zh": Pattern(
        # 说话, 说的, 说得 and 说完 speak of speaking: no speech is reported after them.
        "(?:您|你|他|她|他们|客户|对方)(?:是|刚才|刚刚|之前|上次|也|们){0,2}"
        "(?:说|讲|提到|反映|问)(?:[^话的得完清明题]|$)",
        False,
    ),
}
_FRAME_TOKENS = {True: 8, False: 12}
_NEGATION_TOKENS = {True: 3, False: 2}
_QUOTE_MIN_TOKENS = {True: 4, False: 6}
_QUOTE_SHARE = 0.8


def is_negated(stream: Stream, first: int) -> bool:
    """Say whether a negation stands right before token `first` in the same utterance.

    Examples
    --------
    >>> from speechqa.transcript import Word
    >>> said = Stream([Word("agent", 0, 900, "we will not cancel it", 0.9)], "agent", "en")
    >>> is_negated(said, 3), is_negated(said, 0)
    (True, False)
    """
    begin = max(stream.utterance(first)[0], first - _NEGATION_TOKENS[uses_spaces(stream.lang)])
    return any(is_negation(token) for token in stream.tokens[begin:first])


def is_quoted(stream: Stream, first: int, last: int, other: Stream | None) -> bool:
    """Say whether tokens ``[first, last)`` report what someone else said.

    Parameters
    ----------
    stream
        Where the hit is.
    other
        What the other party said, when it is known.

    Examples
    --------
    >>> from speechqa.transcript import Word
    >>> said = Stream([Word("agent", 0, 900, "you said you can't log in", 0.9)], "agent", "en")
    >>> is_quoted(said, 2, 4, None), is_quoted(said, 0, 1, None)
    (True, False)
    """
    spaced = uses_spaces(stream.lang)
    frame = _FRAME.get(stream.lang)
    if frame is not None:
        begin = max(stream.utterance(first)[0], first - _FRAME_TOKENS[spaced])
        before = join(stream.tokens[begin:first], stream.lang)
        if before and frame.spans(before.encode()):
            return True
    if other is None or last - first < _QUOTE_MIN_TOKENS[spaced]:
        return False
    return _said_before(stream, first, last, other)


def _said_before(stream: Stream, first: int, last: int, other: Stream) -> bool:
    """Whether one utterance of the other party holds 80 % of the hit, at most 30 s before."""
    wanted = Counter(stream.tokens[first:last])
    at_ms = stream.span(first, last)[0]
    for number, begin in enumerate(other.utterance_starts):
        starts = other.utterance_starts
        end = starts[number + 1] if number + 1 < len(starts) else len(other.tokens)
        begin_ms, end_ms = other.span(begin, end)
        if end_ms < at_ms - QUOTE_WINDOW_MS:
            continue
        if begin_ms > at_ms:
            return False
        shared = wanted & Counter(other.tokens[begin:end])
        if shared.total() >= _QUOTE_SHARE * wanted.total():
            return True
    return False
