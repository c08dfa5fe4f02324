"""From what a rulebook writes (phrases, regexes, slots) to one linear-time pattern.

A phrase is whole words with ``*`` (any one word), ``...`` (up to four words), ``(a|b)`` and
``{slot}``. A regex is RE2: no look-around, no back-references, hence no pattern that stalls on
some text. Both end up as one alternation per word list, so that a list costs one search.
Patterns see normalised text only (`speechqa.phrases.normalise`).
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import count
from time import thread_time_ns
from typing import Any

import re2

from speechqa.phrases.entities import ENTITIES, entity_source
from speechqa.phrases.normalise import DIGIT_PATTERN, is_cjk, tokens, uses_spaces

Slots = Mapping[str, Sequence[str]]
"""Alternatives of each ``{slot}``, already of one language."""

BUDGET_MS = 80
"""Processor time the patterns of one rule may take on one call; beyond it it is not evaluated."""

SHORT_TEXT = 8192
"""Bytes of text on which no pattern takes long enough to be timed."""

_BIG_PROGRAM = 3000
_CHUNK = SHORT_TEXT
_CLOCK_EVERY = 8
_MAX_PROGRAM = 200_000
_SLOT = re.compile(r"\{([a-z_][a-z0-9_]*)\}")
_PIECE = re.compile(r"(\{[a-z_][a-z0-9_]*\}|\([^()]*\)|\*|\.\.\.|…)")
_UNANCHORED = re2._Anchor.UNANCHORED
_NO_MATCH = (-1, -1)
_LOOK_AROUND = re.compile(r"\(\?<?[=!]")
_BACK_REFERENCE = re.compile(r"\\[1-9]|\(\?P=")


class PatternError(ValueError):
    """A phrase or regex that cannot be used, with the reason and what to do."""


def phrase_source(phrase: str, lang: str, slots: Slots) -> str:
    r"""Return the regex of a phrase.

    Examples
    --------
    >>> phrase_source("I can't (help|assist) you", "en", {})
    "\\bi can'?t (?:help|assist) you\\b"
    >>> phrase_source("欢迎致电{company}", "zh", {"company": ["安可公司", "安可"]})
    '欢迎致电(?:安可公司|安可)'
    """
    body = _phrase_body(phrase, lang, slots)
    if not body:
        raise PatternError(f"the phrase {phrase!r} holds no word")
    return rf"\b{body}\b" if uses_spaces(lang) else body


def _phrase_body(phrase: str, lang: str, slots: Slots) -> str:
    spaced = uses_spaces(lang)
    parts: list[str] = []
    for piece in _PIECE.split(phrase):
        if piece in {"...", "…"}:
            parts.append("\0gap")
        elif piece == "*":
            parts.append(r"[^\s]+" if spaced else r"[^\n]")
        elif piece.startswith("{") and piece.endswith("}"):
            parts.append(_slot_source(piece[1:-1], lang, slots))
        elif piece.startswith("(") and piece.endswith(")"):
            options = [_phrase_body(option, lang, slots) for option in piece[1:-1].split("|")]
            parts.append("(?:" + "|".join(options) + ")")
        else:
            parts.extend(_literal(token) for token in tokens(piece, lang))
    while parts and parts[0] == "\0gap":
        parts.pop(0)
    while parts and parts[-1] == "\0gap":
        parts.pop()
    return _glue(parts, spaced)


def _glue(parts: Sequence[str], spaced: bool) -> str:
    if not spaced:
        return "".join(r"[^\n]{0,8}" if part == "\0gap" else part for part in parts)
    out = ""
    for index, part in enumerate(parts):
        if part == "\0gap":
            out += r" (?:[^\s]+ ){0,4}"
        else:
            out += part if not index or parts[index - 1] == "\0gap" else f" {part}"
    return out


def _literal(token: str) -> str:
    if is_cjk(token):
        return token
    return re.escape(token).replace("'", "'?")


def _slot_source(name: str, lang: str, slots: Slots) -> str:
    if name not in slots:
        entity = entity_source(name, lang)
        if entity is None:
            raise PatternError(f"unknown slot {{{name}}}{nearest(name, [*slots, *ENTITIES])}")
        return entity
    return "(?:" + "|".join(_phrase_body(value, lang, {}) for value in slots[name]) + ")"


def nearest(name: str, known: Sequence[str]) -> str:
    """Return ``; did you mean ...?`` for the nearest known name, or nothing.

    Examples
    --------
    >>> nearest("compny", ["company", "agent"])
    '; did you mean company?'
    """
    found = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"; did you mean {found[0]}?" if found else ""


def regex_source(pattern: str, lang: str, slots: Slots) -> str:
    r"""Return the RE2 source of a rulebook's regex, or raise `PatternError` with the reason.

    Examples
    --------
    >>> regex_source(r"\bin \d+ days\b", "zh", {})
    '\\bin [零一二三四五六七八九幺]+ days\\b'
    """
    if match := _LOOK_AROUND.search(pattern):
        raise PatternError(
            f"{match.group()!r} (look-around) needs a backtracking engine that can stall; write "
            "the exception under `unless` (overlaps the hit) or `unless_said` (same utterance)"
        )
    if _BACK_REFERENCE.search(pattern):
        raise PatternError("back-references need a backtracking engine that can stall")
    bare = re.sub(r"\\[a-zA-Z]|\\.|\(\?[a-zA-Z<>P]+", "", pattern)
    if upper := re.search(r"[A-Z]", bare):
        raise PatternError(
            f"{upper.group()!r} never matches: text is in lower case; write the pattern in "
            "lower case"
        )
    source = _SLOT.sub(lambda found: _slot_source(found.group(1), lang, slots), pattern)
    source = _spoken_digits(source, lang)
    compiled = _compile(source)
    if compiled.Match(_UNANCHORED, b"", 0, 0)[0] != _NO_MATCH:
        raise PatternError("the pattern matches the empty text, so it would match everywhere")
    return source


def _spoken_digits(source: str, lang: str) -> str:
    digit = DIGIT_PATTERN["zh" if lang == "zh" else "en"]
    if lang == "zh":
        inside = digit.strip("[]")
        parts = re.split(r"(\[(?:\\.|[^\]\\])*\])", source)
        return "".join(
            part.replace(r"\d", inside if index % 2 else digit) for index, part in enumerate(parts)
        )
    if re.search(r"\[[^\]]*\\d", source):
        raise PatternError(r"\d inside [...] has no meaning: digits are spoken words here")

    def repeat(found: re.Match[str]) -> str:
        times = found.group(1) or ""
        if times in {"", "?"}:
            return digit + times
        low, high = {"+": ("1", ""), "*": ("0", "")}.get(times, _bounds(times))
        most = str(int(high) - 1) if high else ""
        run = rf"(?:{digit}(?: {digit}){{{max(int(low) - 1, 0)},{most}}})"
        return run + ("?" if low == "0" else "")

    return re.sub(r"\\d(\+|\*|\?|\{\d+(?:,\d*)?\})?", repeat, source)


def _bounds(times: str) -> tuple[str, str]:
    low, comma, high = times.strip("{}").partition(",")
    return low, high if comma else low


@lru_cache(maxsize=1)
def _options() -> Any:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 32 << 20
    options.never_capture = True
    return options


@lru_cache(maxsize=16_384)
def _compile(source: str) -> Any:
    try:
        compiled = re2._re2.RE2(f"(?m){source}".encode(), _options())
    except re2.error as error:  # pragma: no cover - the binding reports through ok()
        raise PatternError(str(error)) from None
    if not compiled.ok():
        raise PatternError(_reason(compiled.error()))
    if compiled.ProgramSize() > _MAX_PROGRAM:
        raise PatternError("the pattern unfolds to too many states; lower its repeat counts")
    return compiled


def _reason(error: object) -> str:
    text = error.decode() if isinstance(error, bytes) else str(error)
    return f"the linear-time engine refuses it: {text}"


def is_anchored(source: str) -> bool:
    r"""Say whether a regex speaks of the edges of an utterance.

    Examples
    --------
    >>> is_anchored("^what$"), is_anchored(r"\$ what [^a]")
    (True, False)
    """
    bare = re.sub(r"\\.", "", source)
    bare = re.sub(r"\[\^?[^\]]*\]", "", bare)
    return "^" in bare or "$" in bare


@dataclass(frozen=True)
class Pattern:
    """One compiled alternation; `anchored` ones run on utterances, the others on passages."""

    source: str
    anchored: bool

    @cached_property
    def compiled(self) -> Any:
        """The engine's object (built once per process)."""
        return _compile(self.source)

    @property
    def filter_source(self) -> bytes:
        """The source as the literal prefilter wants it."""
        return f"(?m){self.source}".encode()

    def spans(self, data: bytes, budget_ms: float = BUDGET_MS) -> list[tuple[int, int]] | None:
        r"""Return the byte spans of all matches, or None when the time ran out.

        Examples
        --------
        >>> Pattern(r"\bno\b", False).spans(b"no, not no")
        [(0, 2), (8, 10)]
        """
        compiled = self.compiled
        if len(data) <= _CHUNK:
            return _find_all(compiled, data, 0, len(data), 0, budget_ms)
        deadline = thread_time_ns() + int(budget_ms * 1_000_000)
        if compiled.ProgramSize() <= _BIG_PROGRAM:
            return _find_all(compiled, data, 0, len(data), deadline, budget_ms)
        found: list[tuple[int, int]] = []
        overlap = _CHUNK // 4
        for at in range(0, len(data), _CHUNK - overlap):
            part = _find_all(compiled, data, at, min(at + _CHUNK, len(data)), deadline, budget_ms)
            if part is None:
                return None
            floor = found[-1][1] if found else 0
            found.extend(span for span in part if span[0] >= floor)
        return found


def _find_all(
    compiled: Any, data: bytes, at: int, end: int, deadline: int, budget_ms: float
) -> list[tuple[int, int]] | None:
    """Find all matches in ``data[at:end]``; a `deadline` of 0 begins with the eighth match."""
    match = compiled.Match
    found: list[tuple[int, int]] = []
    for turn in count():
        span = match(_UNANCHORED, data, at, end)[0] if at <= end else _NO_MATCH
        if span == _NO_MATCH:
            break
        if turn % _CLOCK_EVERY == _CLOCK_EVERY - 1:
            now = thread_time_ns()
            deadline = deadline or now + int(budget_ms * 1_000_000)
            if now > deadline:
                return None
        start, stop = span
        if data[stop : stop + 2] == b"'t" or stop == start:  # "can" is not in "can't"
            at = max(start + 1, at + 1)
            continue
        found.append(span)
        at = stop
    return None if deadline and thread_time_ns() > deadline else found


def alternation(sources: Sequence[str]) -> list[Pattern]:
    """Join sources into at most two patterns: those on utterances and those on passages.

    Longer sources come first, so that the longest wording is the one that is shown.
    """
    groups: dict[bool, list[str]] = {}
    for source in sorted(dict.fromkeys(sources), key=len, reverse=True):
        groups.setdefault(is_anchored(source), []).append(f"(?:{source})")
    return [Pattern("|".join(group), anchored) for anchored, group in groups.items()]
