"""What people (or a renderer) say is true of a call: RTTM, TextGrid, or the truth of a render.

RTTM and JSON are read by `speechqa.rttm`; the truth of a rendered call is such a JSON with more in
it (words, phrases, sounds). In a TextGrid, interval tiers named after a party hold its speech, and
tiers named "PARTY words" its words, one per interval; empty intervals are pauses. Times become
integer milliseconds; what cannot be true is refused with file and place.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from speechqa.errors import CallError, InputMissing, UsageError
from speechqa.intervals import IntervalArray
from speechqa.rttm import Segments, Speakers, read_all_segments
from speechqa.rttm.segments import check_interval, tidy
from speechqa.transcript import Party, Word

PARTIES: tuple[Party, ...] = ("agent", "customer", "mixed")


@dataclass(frozen=True)
class Reference:
    """What is true of one recording.

    Parameters
    ----------
    name
        The recording's name, as audio is looked for by it.
    path
        The file that told.
    speech
        Party to talkspurts.
    words
        In order of start; None when the reference holds no words.
    language
        ISO 639-1; None where it does not tell.
    phrases
        Planted phrases: mappings with rule, outcome, party, start_ms, end_ms; None when the
        reference says nothing of rules.
    sounds
        Party to the time of rings, tones and music on that channel.
    notes
        What was repaired, one sentence each.
    label
        What the labels call the recording themselves; audio is looked for by it where there is
        none of `name`.
    """

    name: str
    path: str
    speech: Mapping[Party, IntervalArray]
    words: tuple[Word, ...] | None = None
    language: str | None = None
    phrases: tuple[Mapping[str, Any], ...] | None = None
    sounds: Mapping[Party, IntervalArray] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    label: str | None = None


def read_references(path: str | Path, speakers: Speakers | None = None) -> list[Reference]:
    """Read every recording that a labels file tells of.

    Raises
    ------
    InputMissing
        There is no such file.
    CallError
        Reason ``bad-segments``: something in it cannot be true, with its place.
    UsageError
        A TextGrid, and the library that reads it is not installed.
    """
    if str(path).lower().endswith(".textgrid"):
        return [_textgrid(Path(path), speakers or Speakers())]
    told = read_all_segments(path, speakers)
    extra = _extra(Path(path)) if str(path).lower().endswith(".json") else {}
    return [_reference(segments, extra, Path(path), alone=len(told) == 1) for segments in told]


def _reference(
    segments: Segments, extra: Mapping[str, Any], path: Path, *, alone: bool
) -> Reference:
    words = segments.more.get("words")
    return Reference(
        # A truth or RTTM file of one recording is named after its audio; its own label may not be.
        name=path.stem if alone else segments.recording,
        path=str(path),
        speech={party: getattr(segments, party) for party in PARTIES if party in segments.parties},
        words=None if words is None else tuple(_word(word) for word in words),
        language=segments.more.get("language"),
        phrases=tuple(extra["phrases"]) if "phrases" in extra else None,
        sounds=_sounds(extra.get("sounds", [])),
        notes=segments.notes,
        label=segments.recording,
    )


def _word(word: Mapping[str, Any]) -> Word:
    return Word(
        word["party"], word["start_ms"], word["end_ms"], word["text"], word.get("probability", 1.0)
    )


def _extra(path: Path) -> Mapping[str, Any]:
    """Return what a render's truth says beyond speech; the file has been read as JSON before."""
    given = json.loads(path.read_text(encoding="utf-8-sig"))
    return given if isinstance(given.get("speech"), dict) else {}


def _sounds(sounds: list[Mapping[str, Any]]) -> dict[Party, IntervalArray]:
    found: dict[Party, list[tuple[int, int]]] = {"agent": [], "customer": []}
    for sound in sounds:
        for party, spans in found.items():
            if sound["channel"] in (party, "both"):
                spans.append((sound["start_ms"], sound["end_ms"]))
    return {party: tidy(spans, party)[0] for party, spans in found.items() if spans}


def _textgrid(path: Path, speakers: Speakers) -> Reference:
    try:
        import tgt
    except ImportError:
        raise UsageError(
            f"{path}: reading a TextGrid needs the library tgt", hint="pip install tgt"
        ) from None
    if not path.is_file():
        raise InputMissing(f"{path}: no such file", hint="check the path")
    try:
        grid = tgt.io.read_textgrid(str(path))
    except Exception as error:  # tgt raises plain Exception, ValueError and UnicodeError alike
        raise CallError(
            "bad-segments",
            f"{path}: not a TextGrid that can be read: {error}",
            hint="save it from Praat as a text file (long or short)",
        ) from None
    speech: dict[Party, IntervalArray] = {}
    words: list[Word] = []
    notes: list[str] = []
    unknown: list[str] = []
    for tier in grid.tiers:
        label, _, kind = tier.name.strip().partition(" ")
        party = speakers.party(label)
        if party == "ignored" or not hasattr(tier, "intervals"):
            continue
        if party not in ("agent", "customer") or kind.casefold() not in ("", "words"):
            unknown.append(tier.name)
            continue
        said = [(*_times(one, path, tier.name), str(one.text)) for one in tier.intervals]
        if kind:
            words += [Word(party, start, end, text, 1.0) for start, end, text in said]  # type: ignore[arg-type]
            continue
        speech[party], repaired = tidy([(s, e) for s, e, _ in said], party)  # type: ignore[index]
        notes += repaired
    if not speech:
        raise CallError(
            "bad-segments",
            f"{path}: no tier named agent or customer (found: {', '.join(unknown) or 'none'})",
            hint="say which tier is whose with --agent NAME and --customer NAME",
        )
    notes += [f"tier {name!r} was left out" for name in unknown]
    ordered = tuple(sorted(words, key=lambda word: word.start_ms)) if words else None
    return Reference(path.stem, str(path), speech, words=ordered, notes=tuple(notes))


def _times(interval: Any, path: Path, tier: str) -> tuple[int, int]:
    start, end = round(float(interval.start_time) * 1000), round(float(interval.end_time) * 1000)
    check_interval(start, end, f"{path}: tier {tier!r} at {float(interval.start_time):.3f} s")
    return start, end
