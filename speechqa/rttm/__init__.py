"""Speech intervals that a person or another tool made: RTTM or JSON, one or more recordings.

Knows nothing of audio. Times become integer milliseconds. What is harmless is repaired and said
in `Segments.notes`; what cannot be true is refused with file and line.
"""

from __future__ import annotations

from pathlib import Path

from speechqa.errors import CallError, InputMissing
from speechqa.rttm.lines import parse_rttm
from speechqa.rttm.objects import parse_json
from speechqa.rttm.segments import Segments, Speakers

__all__ = ["Segments", "Speakers", "read_all_segments", "read_segments"]


def read_segments(path: str | Path, speakers: Speakers | None = None) -> Segments:
    """Read the segments of one recording.

    Raises
    ------
    CallError
        As `read_all_segments`; also when the file tells of several recordings.
    """
    found = read_all_segments(path, speakers)
    if len(found) != 1:
        names = ", ".join(segments.recording for segments in found[:3])
        raise CallError(
            "bad-segments",
            f"{path}: tells of {len(found)} recordings ({names}...)",
            hint="one file per recording here: split it by its second column",
        )
    return found[0]


def read_all_segments(path: str | Path, speakers: Speakers | None = None) -> list[Segments]:
    """Read the segments of every recording in a file; ``.json`` is JSON, all else RTTM.

    Parameters
    ----------
    path
        RTTM: lines ``SPEAKER recording channel start_s length_s <NA> <NA> speaker <NA> <NA>``.
        JSON: ``{"agent": [[start_ms, end_ms], ...], "customer": [...]}``, see `parse_json`.
    speakers
        Which labels are the agent and the customer; by default just those two words.

    Raises
    ------
    InputMissing
        There is no such file, or it cannot be opened.
    CallError
        Reason ``bad-segments``: a line or value cannot be true, with its place.
    """
    speakers = speakers or Speakers()
    try:
        text = Path(path).read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise InputMissing(f"{path}: {error.strerror}", hint="check the path") from None
    except UnicodeDecodeError as error:
        raise CallError(
            "bad-segments",
            f"{path}: not text (byte {error.start} is no UTF-8)",
            hint="speechqa measure reads RTTM and JSON; audio goes to speechqa run",
        ) from None
    if str(path).lower().endswith(".json") or text.lstrip()[:1] == "{":
        return [parse_json(text, str(path))]
    return parse_rttm(text, str(path), speakers)
