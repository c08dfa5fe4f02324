"""RTTM: one line per stretch of speech, times in seconds.

Source: NIST, "The 2009 (RT-09) Rich Transcription Meeting Recognition Evaluation Plan",
appendix A.
"""

from __future__ import annotations

from collections import defaultdict
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation

from speechqa.intervals import empty
from speechqa.rttm.segments import Segments, Speakers, check_interval, refuse, tidy

_OTHER_TYPES = frozenset(
    "SEGMENT NOSCORE NO_RT_METADATA LEXEME NON-LEX NON-SPEECH FILLER EDIT SU IP CB A/P "
    "SPKR-INFO".split()
)
_FIELDS = 8


def parse_rttm(text: str, path: str, speakers: Speakers) -> list[Segments]:
    """Return the segments of each recording named in `text`, in order of first mention.

    Examples
    --------
    >>> line = "SPEAKER call 1 0.250 1.5 <NA> <NA> agent <NA> <NA>"
    >>> parse_rttm(line, "call.rttm", Speakers())[0].agent.tolist()
    [[250, 1750]]
    """
    spans: dict[str, dict[str, list[tuple[int, int]]]] = {}
    unknown: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        fields = line.split()
        if not fields or line.lstrip().startswith((";;", "#")) or fields[0] in _OTHER_TYPES:
            continue
        place = f"{path}:{number}"
        if fields[0] != "SPEAKER" or len(fields) < _FIELDS:
            raise refuse(
                place,
                f"not a line of RTTM: {line.strip()[:60]!r}",
                "wanted: SPEAKER recording 1 start_s length_s <NA> <NA> agent <NA> <NA>",
            )
        span = _span(fields[3], fields[4], place)
        recording = spans.setdefault(fields[1], defaultdict(list))
        party = speakers.party(fields[7])
        if party is None:
            unknown.setdefault(fields[7], number)
        else:
            recording[party].append(span)
    if unknown:
        raise _who(unknown, path)
    if not spans:
        raise refuse(path, "no SPEAKER line", "wanted RTTM or JSON with speech intervals")
    return [_segments(path, name, found) for name, found in spans.items()]


def _span(start: str, length: str, place: str) -> tuple[int, int]:
    try:
        begin, long = Decimal(start), Decimal(length)
    except InvalidOperation:
        raise refuse(
            place, f"not a number of seconds: {start!r}, {length!r}", "columns 4 and 5 are seconds"
        ) from None
    if not (begin.is_finite() and long.is_finite()):
        raise refuse(place, f"not a time: {start}, {length}", "columns 4 and 5 are seconds")
    # Absurd exponents would make exact integers of thousands of digits.
    if max(abs(begin), abs(long)) > 10**9:
        raise refuse(place, f"time is beyond 48 hours: {start}, {length} s", "check the unit")
    if long < 0:
        raise refuse(place, f"length is negative: {length} s", "column 5 is a length, not an end")
    span = (_ms(begin), _ms(begin + long))
    if begin < 0:
        raise refuse(place, f"time is negative: {start} s", "times count from the start")
    check_interval(*span, place)
    return span


def _ms(seconds: Decimal) -> int:
    return int((seconds * 1000).quantize(Decimal(1), rounding=ROUND_HALF_EVEN))


def _segments(path: str, name: str, found: dict[str, list[tuple[int, int]]]) -> Segments:
    notes: list[str] = []
    lanes = {}
    for party in ("agent", "customer"):
        lanes[party], said = tidy(found.get(party, []), party)
        notes += said
        if not found.get(party):
            notes.append(f"{party}: no line; taken as a party who says nothing")
    return Segments(
        path,
        name,
        lanes["agent"],
        lanes["customer"],
        empty(),
        ("agent", "customer"),
        None,
        tuple(notes),
        {},
    )


def _who(unknown: dict[str, int], path: str) -> Exception:
    names = ", ".join(f"{label!r} (line {line})" for label, line in list(unknown.items())[:5])
    first = next(iter(unknown))
    return refuse(
        path,
        f"speakers who are neither agent nor customer: {names}",
        f"say who they are: --agent {first} or --customer {first}; "
        f"or leave one out: --ignore {first}",
    )
