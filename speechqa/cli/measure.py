"""``speechqa measure``: timing measures of speech intervals that somebody already has."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any

import typer

from speechqa.cli.options import print_json, talk

if TYPE_CHECKING:
    from speechqa.rttm import Segments
    from speechqa.settings import Settings
    from speechqa.timing import Call

SOME_FAILED, INPUT_MISSING = 3, 5


def measure(
    files: Annotated[
        list[str], typer.Argument(metavar="FILE...", help="RTTM or JSON with speech intervals.")
    ],
    duration: Annotated[
        str | None,
        typer.Option(
            help="Length of the recordings: seconds, or e.g. 90s, 90000ms, 1:30.",
            show_default="end of the last interval",
        ),
    ] = None,
    agent: Annotated[
        list[str] | None, typer.Option(help="A label that is the agent.", metavar="LABEL")
    ] = None,
    customer: Annotated[
        list[str] | None, typer.Option(help="A label that is the customer.", metavar="LABEL")
    ] = None,
    ignore: Annotated[
        list[str] | None, typer.Option(help="A label to leave out.", metavar="LABEL")
    ] = None,
    one_channel: Annotated[
        bool,
        typer.Option(
            "--one-channel",
            help="The parties were told apart on one channel: measure no overlap.",
        ),
    ] = False,
    smooth: Annotated[
        bool,
        typer.Option("--smooth", help="Bridge short gaps and drop short islands first."),
    ] = False,
    events: Annotated[
        bool, typer.Option("--events", help="Add the list of events to each line.")
    ] = False,
) -> None:
    """Measure who spoke when, from RTTM or JSON intervals: no audio, JSON lines out.

    Intervals are taken as they are; overlapping or unsorted ones inside one party are merged,
    which is said.

    [bold]Examples[/bold]

      speechqa measure call.rttm --duration 184.2

      speechqa measure a.json b.json | jq .silence_share

      speechqa measure call.rttm --agent SPEAKER_00 --customer SPEAKER_01
    """
    from speechqa.errors import CallError, InputMissing
    from speechqa.rttm import Speakers, read_all_segments
    from speechqa.settings import load_settings
    from speechqa.timing import measure_calls

    told_ms = None if duration is None else parse_duration(duration)
    speakers = Speakers(tuple(agent or ()), tuple(customer or ()), tuple(ignore or ()))
    settings = load_settings()
    worst = 0
    for path in files:
        try:
            found = read_all_segments(path, speakers)
            calls = [
                _call(one, told_ms, settings, one_channel=one_channel, smooth=smooth)
                for one in found
            ]
        except InputMissing as error:
            _say(error)
            worst = INPUT_MISSING
            continue
        except CallError as error:
            _say(error)
            worst = max(worst, SOME_FAILED)
            continue
        measured = measure_calls(calls, settings.timing)
        for place, segments in enumerate(found):
            for note in _notes(segments, settings, smooth=smooth):
                talk().print(f"{path}: {note}", markup=False, soft_wrap=True)
            line: dict[str, Any] = {"path": path}
            if len(found) > 1:
                line["recording"] = segments.recording
            line |= measured.row(place)
            if events:
                line["events"] = measured.events(place)
            print_json(line)
    if worst:
        raise typer.Exit(worst)


def parse_duration(text: str) -> int:
    """Return a length given on the command line in ms.

    Examples
    --------
    >>> parse_duration("184.2"), parse_duration("90s"), parse_duration("90000ms")
    (184200, 90000, 90000)
    >>> parse_duration("1:30"), parse_duration("1:00:00")
    (90000, 3600000)
    """
    from decimal import Decimal

    from speechqa.errors import UsageError
    from speechqa.rttm.segments import LONGEST_MS

    number = r"\d+(?:\.\d+)?"
    plain = re.fullmatch(rf"({number})\s*(s|ms)?", text.strip())
    clock = re.fullmatch(rf"(?:(\d+):)?(\d+):({number})", text.strip())
    if plain:
        found = Decimal(plain[1]) * (1 if plain[2] == "ms" else 1000)
    elif clock:
        found = (Decimal(clock[1] or 0) * 3600 + Decimal(clock[2]) * 60 + Decimal(clock[3])) * 1000
    else:
        raise UsageError(f"--duration: {text!r} is no length", hint="write 184.2, 90000ms or 3:04")
    if not 0 < found <= LONGEST_MS:
        raise UsageError(
            f"--duration: {text!r} is not between 0 and 48 hours",
            hint="a bare number is in seconds; write 90000ms for milliseconds",
        )
    return round(found)


def _call(
    segments: Segments, told_ms: int | None, settings: Settings, *, one_channel: bool, smooth: bool
) -> Call:
    from speechqa.errors import CallError
    from speechqa.intervals import bridge, drop_short
    from speechqa.timing import Call
    from speechqa.transcript import count_units

    duration = told_ms or segments.duration_ms or segments.end_ms
    if segments.end_ms > duration:
        raise CallError(
            "bad-segments",
            f"{segments.path}: speech until {segments.end_ms} ms in a recording of {duration} ms",
            hint="correct --duration (seconds) or duration_ms",
        )
    lanes = {}
    for party in segments.parties:
        spans = getattr(segments, party)
        if smooth:
            spans = bridge(spans, shorter_than_ms=settings.vad.bridge_ms)
            spans = drop_short(spans, shorter_than_ms=settings.vad.island_ms)
        lanes[party] = spans
    if {"agent", "customer"} <= lanes.keys():
        lanes.pop("mixed", None)
    more = dict(segments.more)
    words = more.pop("words", None)
    if words is not None:
        more["words"] = [
            (w["party"], w["start_ms"], w["end_ms"], 0 if w["flag"] else count_units(w["text"]))
            for w in words
        ]
    return Call(duration_ms=duration, one_channel=one_channel, **lanes, **more)


def _notes(segments: Segments, settings: Settings, *, smooth: bool) -> list[str]:
    notes = list(segments.notes)
    for party in () if smooth else segments.parties:
        spans = getattr(segments, party)
        near = int((spans[1:, 0] - spans[:-1, 1] < settings.vad.bridge_ms).sum())
        short = int((spans[:, 1] - spans[:, 0] < settings.vad.island_ms).sum())
        if near or short:
            notes.append(
                f"{party}: {near} gaps under {settings.vad.bridge_ms} ms and {short} islands "
                f"under {settings.vad.island_ms} ms kept as given; --smooth bridges and drops them"
            )
    return notes


def _say(error: Any) -> None:
    talk().print(f"speechqa: {error.message}", markup=False, soft_wrap=True)
    if error.hint:
        talk().print(f"  next: {error.hint}", markup=False, soft_wrap=True)
