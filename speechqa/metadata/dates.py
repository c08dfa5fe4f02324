"""Dates of calls: ISO 8601 and the forms that file names use; never "now", never a guess.

Day-first and month-first dates look alike, so neither is accepted. A time without an offset stays
naive unless a zone was declared.
"""

from __future__ import annotations

import re
from datetime import datetime, tzinfo

from speechqa.errors import CallError

_NAME_TIME = re.compile(
    r"(\d{4})-?(\d\d)-?(\d\d)[T _-]?(\d\d)[-:.]?(\d\d)(?:[-:.]?(\d\d))?(Z|[+-]\d\d:?\d\d)?"
)
_FIRST_YEAR, _LAST_YEAR = 1980, 2100


def parse_started_at(text: str, *, where: str, zone: tzinfo | None = None) -> datetime:
    """Read the start time of a call.

    Parameters
    ----------
    text
        ISO 8601, or the same with ``-`` or nothing between hours, minutes and seconds.
    where
        Where it stands, for the message.
    zone
        Zone declared for times that carry no offset.

    Raises
    ------
    CallError
        ``bad-metadata-date``: it is no date of these forms, or not of this age.

    Examples
    --------
    >>> parse_started_at("2025-02-20T07-55-51", where="the name").isoformat()
    '2025-02-20T07:55:51'
    >>> parse_started_at("2025-02-20T07:55:51+08:00", where="the name").utcoffset()
    datetime.timedelta(seconds=28800)
    """
    plain = text.strip()
    try:
        moment = _read(plain)
    except ValueError:
        moment = None
    if moment is None or not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise CallError(
            "bad-metadata-date",
            f"{where}: {plain[:60]!r} is not a start time",
            hint="write it as 2025-02-20T07:55:51, with +08:00 or Z at the end if the zone is "
            "known; in a file name 2025-02-20T07-55-51",
        )
    return moment.replace(tzinfo=zone) if moment.tzinfo is None and zone else moment


def _read(text: str) -> datetime | None:
    match = _NAME_TIME.fullmatch(text)
    if match:
        year, month, day, hour, minute, second, offset = match.groups()
        return datetime.fromisoformat(
            f"{year}-{month}-{day}T{hour}:{minute}:{second or '00'}{offset or ''}"
        )
    if not re.match(r"\d{4}-\d\d-\d\d", text):
        return None  # a bare number could be anything
    return datetime.fromisoformat(text)
