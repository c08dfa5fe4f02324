"""Masking of card numbers and codes in what was said, before anything is written.

A transcript with a card number in it turns a tolerated recording into a breach: the PCI DSS
forbids to keep sensitive authentication data after authorisation (requirement 3.3.1). Numbers are
found as they are spoken: digits, words, "double four", Chinese digits, with fillers between, and
across the other party's "yes". Words of a one-channel call that nobody can be given count for both
parties. The words are masked and their places listed, so that the audio can be muted there. It
knows nothing of files or stores.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from speechqa.transcript import Word

MASK = "▇"
CARD_DIGITS = 12
"""A run of at least this many digits is masked: cards have 12 to 19, telephone numbers fewer."""

CODE_DIGITS = (3, 8)
CODE_WITHIN_MS = 20_000
"""A run of this many digits is masked when a code was named at most this long before it."""

CODE_AFTER_MS = 2000
"""Or when who spoke them names a code at most this long after: "seven two nine is the code"."""

WITHIN_A_WORD_DIGITS = 8
"""A word that holds letters too counts as a number from this many digits on."""

FILLERS_BETWEEN = 4
PAUSE_MS = 15_000
"""What may lie between two digits of one number: so many other words, and so long a pause."""

_ONES = frozenset(
    "zero one two three four five six seven eight nine oh o nought niner".split()
) | frozenset("零一二三四五六七八九〇幺两壹贰叁肆伍陆柒捌玖")
_TEENS = frozenset(
    "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
)
_TENS = frozenset("twenty thirty forty fifty sixty seventy eighty ninety".split())
_REPEATS = {"double": 2, "triple": 3, "treble": 3}
_EDGES = re.compile(r"^\W+|\W+$")
_DASHES = re.compile(r"[-\u2010-\u2015\u2212]")
_CODE_NAMES = re.compile(
    r"security (code|number)|cvv|cvc|c v v|c v c|card verification|verification code"
    r"|one[ -]time (code|password|passcode)|passcode|password|\bpin\b|\bp i n\b"
    r"|(three|last three) digits on the (back|reverse)"
    r"|安全码|验证码|校验码|密码|背面.{0,4}(三|后三)位|动态码"
)


@dataclass(frozen=True)
class Masked:
    """Words with numbers masked, and where that was.

    Parameters
    ----------
    words
        As given, in the same order; masked ones have `MASK` as their text.
    spans
        Party, start and end (ms) of each masked stretch.
    """

    words: tuple[Word, ...]
    spans: tuple[tuple[str, int, int], ...]


def mask_numbers(words: Sequence[Word]) -> Masked:
    """Mask card numbers and codes in the words of one call.

    Parameters
    ----------
    words
        Of all parties, in order of start.

    Examples
    --------
    >>> said = "my card is four five double three one two three four five six seven eight".split()
    >>> heard = [Word("customer", 300 * i, 300 * i + 250, t, 0.9) for i, t in enumerate(said)]
    >>> masked = mask_numbers(heard)
    >>> [word.text for word in masked.words][:6], masked.spans
    (['my', 'card', 'is', '▇', '▇', '▇'], (('customer', 900, 4450),))
    """
    named = _code_names(words)
    hide: set[int] = set()
    spans: list[tuple[str, int, int]] = []
    for party in dict.fromkeys(word.party for word in words):
        for run in _runs(words, party):
            digits = sum(count for _, count in run)
            first, last = words[run[0][0]], words[run[-1][0]]
            code = CODE_DIGITS[0] <= digits <= CODE_DIGITS[1] and any(
                0 <= first.start_ms - at <= CODE_WITHIN_MS
                or (who == party and 0 <= at - last.end_ms <= CODE_AFTER_MS)
                for who, at in named
            )
            if digits >= CARD_DIGITS or code:
                hide.update(place for place, _ in run)
                spans.append((party, first.start_ms, last.end_ms))
    if not hide:
        return Masked(tuple(words), ())
    shown = [
        replace(word, text=MASK) if place in hide else word for place, word in enumerate(words)
    ]
    return Masked(tuple(shown), tuple(sorted(spans, key=lambda span: span[1])))


def _runs(words: Sequence[Word], party: str) -> Iterator[list[tuple[int, int]]]:
    """Yield runs of digit words of one party: (place, digits spoken there).

    "double" and "twenty" are held back until the word after them says how many digits they are.
    """
    run: list[tuple[int, int]] = []
    others = 0
    for place, count in _digit_words(words, party):
        if count is None:
            others += 1
            continue
        apart = run and words[place].start_ms - words[run[-1][0]].end_ms > PAUSE_MS
        if run and (others > FILLERS_BETWEEN or apart):
            yield run
            run = []
        others = 0
        run.append((place, count))
    if run:
        yield run


def _digit_words(words: Sequence[Word], party: str) -> Iterator[tuple[int, int | None]]:
    """Yield (place, digits) for each word of `party`; None for a word that is no number.

    A word that is several, such as "forty-five", gives each of them.
    """
    own = [
        (place, part)
        for place, word in enumerate(words)
        if _is_of(word, party)
        for part in _parts(_plain(word.text))
    ]
    repeat = 0
    for here, (place, text) in enumerate(own):
        following = own[here + 1][1] if here + 1 < len(own) else ""
        if text in _REPEATS and _digits(following) == 1:
            yield place, 0
            repeat = _REPEATS[text]
            continue
        count = _digits(text)
        if text in _TENS:
            # "forty two" is two digits in all, "forty" alone also
            count = 1 if following in _ONES and following not in ("zero", "oh", "o") else 2
        if count is not None and repeat:
            count *= repeat
        repeat = 0
        yield place, count


def _digits(text: str) -> int | None:
    """Return how many digits a word speaks, or None when it is no number.

    Examples
    --------
    >>> _digits("4111"), _digits("four"), _digits("fifteen"), _digits("四五"), _digits("four5x")
    (4, 1, 2, 2, None)
    >>> _digits("card:4533123456789012")
    16
    """
    if not text:
        return None
    if text in _ONES:
        return 1
    if text in _TEENS or text in _TENS:
        return 2
    bare = re.sub(r"[-\s.,/]", "", text)
    if bare and all(char.isdigit() or char in _ONES for char in bare) and not bare.isalpha():
        return len(bare)
    if bare and all(char in _ONES and not char.isascii() for char in bare):
        return len(bare)
    among = sum(char.isdigit() for char in bare)
    return among if among >= WITHIN_A_WORD_DIGITS else None


def _is_of(word: Word, party: str) -> bool:
    """Whether a word is of `party`, or may be: nobody can say whose a mixed one is."""
    return word.party in (party, "mixed")


def _parts(text: str) -> list[str]:
    """Return the numbers that a word with hyphens is made of, else the word.

    Examples
    --------
    >>> _parts("forty-five"), _parts("double-four"), _parts("one-time"), _parts("4533-1234")
    (['forty', 'five'], ['double', 'four'], ['one-time'], ['4533', '1234'])
    """
    parts = [part for part in _DASHES.split(text) if part]
    if len(parts) > 1 and all(part in _REPEATS or _digits(part) for part in parts):
        return parts
    return [text]


def _code_names(words: Sequence[Word]) -> list[tuple[str, int]]:
    """Return who has just named a code, and at which instants (ms)."""
    found: list[tuple[str, int]] = []
    for party in dict.fromkeys(word.party for word in words):
        own = [word for word in words if _is_of(word, party)]
        line, ends = "", []
        for word in own:
            text = _plain(word.text)
            glue = "" if not line or (text and not text.isascii()) else " "
            line += glue + text
            ends.append((len(line), word.end_ms))
        stops = [match.end() for match in _CODE_NAMES.finditer(line)]
        found += [(party, next(ms for length, ms in ends if length >= stop)) for stop in stops]
    return found


def _plain(text: str) -> str:
    return _EDGES.sub("", unicodedata.normalize("NFKC", text).lower())
