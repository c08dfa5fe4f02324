"""``speechqa show``: one call as a person wants to see it, or as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from speechqa.cli.options import JsonOption, StoreOption, page, print_json, stored
from speechqa.readable import clock, good_range, value_text, within

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.text import Text

    from speechqa.pipeline import Assessment, CallFacts

SEVERITIES = ("critical", "major", "minor")
HIT_STYLE = {"critical": "bold red", "major": "red", "minor": "yellow"}


def show(
    call: Annotated[str, typer.Argument(help="Call id, path, or the start of the key.")],
    store: StoreOption = None,
    plot: Annotated[
        str | None, typer.Option(help="Draw waveforms and intervals.", metavar="FILE.png|.svg")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show one call: who spoke when, measures, hits with quote and time, transcript.

    [bold]Example[/bold]

      speechqa show CALL --store night
    """
    from speechqa.store.views import call_document

    open_ = stored(store)
    facts = open_.find(call)
    judged = open_.assessment_of(facts.key)
    if plot is not None:
        from speechqa.cli.picture import draw_picture

        draw_picture(facts, judged, plot)
    if as_json:
        print_json(call_document(facts, judged))
    if as_json or plot is not None:
        return
    console = page()
    for part in parts(facts, judged, width=console.width):
        console.print(part)


def parts(facts: CallFacts, judged: Assessment | None, *, width: int) -> Iterator[RenderableType]:
    """Yield the parts of the page of one call, top to bottom."""
    from speechqa.cli.draw import lanes, legend

    yield from _header(facts, judged)
    if not facts.measured:
        return
    events = judged.events if judged else []
    yield ""
    yield from lanes(facts.speech, events, duration_ms=facts.duration_ms, width=width)
    if marks := legend(events):
        yield f"          [dim]{marks}[/dim]"
    yield ""
    if judged is None:
        yield "not judged yet: run `speechqa assess`"
    else:
        yield measures_table(judged.measures, language=facts.language)
        yield from _hits(judged)
    yield ""
    yield from _transcript(facts, judged.hits if judged else [])


def _header(facts: CallFacts, judged: Assessment | None) -> Iterator[RenderableType]:
    from rich.markup import escape
    from rich.rule import Rule

    from speechqa.discovery import shown

    yield Rule(escape(shown(facts.call_id)), align="left")
    started = facts.started_at.isoformat(sep=" ") if facts.started_at else None
    yield "   ".join(
        f"{label} [bold]{escape(shown(value))}[/bold]{_origin(facts, field)}"
        if value
        else f"{label} unknown"
        for label, value, field in (
            ("agent", facts.agent_id, "agent_id"),
            ("queue", facts.queue, "queue"),
            ("started", started, "started_at"),
        )
    )
    sure = f" (p = {facts.language_probability:.2f})" if facts.language_probability else ""
    yield (
        f"{clock(facts.duration_ms)} long   language {facts.language or 'unknown'}{sure}   "
        f"evidence grade {facts.grade}   {facts.status}"
    )
    if facts.reason:
        yield f"[yellow]{facts.status}: {escape(shown(facts.reason, limit=400))}[/yellow]"
    for check in facts.checks:
        yield f"[yellow]line: {escape(check['message'])}[/yellow]"
    for flag in facts.flags:
        yield f"[yellow]transcript: {flag}[/yellow]"
    if judged is not None:
        yield _score(judged)


def _origin(facts: CallFacts, field: str) -> str:
    """Say where a field came from: CSV, JSON or the file's name."""
    origin = facts.metadata_sources.get(field)
    return f" [dim](from the {origin})[/dim]" if origin else ""


def _score(judged: Assessment) -> str:
    score = judged.score
    share = score["coverage"]
    coverage = "nothing was due" if share is None else f"coverage {share:.0%}"
    if score["percent"] is None:
        text = f"score: none, {score.get('reason') or 'insufficient evidence'} ({coverage})"
    else:
        text = (
            f"score [bold]{score['percent']:.1f} %[/bold]   {score['points']:.1f} of "
            f"{score['potential']:.1f} points   {coverage}"
        )
        if score["failed_by"]:
            text += f"   [bold red]failed by {', '.join(score['failed_by'])}[/bold red]"
            text += f" (raw {score['raw_percent']:.1f} %)"
    return text + f"   rulebook {judged.rulebook}"


def measures_table(measures: Mapping[str, Any], *, language: str | None) -> RenderableType:
    """Return the measures with their unit and good range, parties side by side."""
    from rich.columns import Columns
    from rich.table import Table

    from speechqa.timing import MEASURES

    shared = Table("measure", "value", "good", title="Call", title_justify="left", box=None)
    parties = Table(
        "measure", "agent", "customer", "good", title="Parties", title_justify="left", box=None
    )
    for name, one in MEASURES.items():
        good = good_range(one.good, one.unit)
        if one.per_party and name in measures["agent"]:
            values = (measures[party][name] for party in ("agent", "customer"))
            cells = [value_text(value, one.unit, named=False) for value in values]
            parties.add_row(name.removesuffix("_ms"), *cells, good)
        elif name in measures:
            value = measures[name]
            text = value_text(value, one.unit, named=False)
            style = "" if within(value, one.good) else "[yellow]"
            shared.add_row(name.removesuffix("_ms"), style + text, good)
    return Columns([shared, parties], padding=(0, 4))


def _hits(judged: Assessment) -> Iterator[RenderableType]:
    """Yield the violations: a row per rule, the gravest first, each with its first evidence."""
    from rich.table import Table

    violated = [result for result in judged.results if result["outcome"] == "violated"]
    yield ""
    if not violated:
        yield "[green]no violation found[/green]"
        return
    table = Table(title="Violations", title_justify="left")
    table.add_column("rule", overflow="fold", min_width=18)
    for name in ("severity", "at", "party"):
        table.add_column(name, no_wrap=True)
    table.add_column("what", overflow="fold")
    rows = [(result, _evidence(judged, result["rule"])) for result in violated]
    rows.sort(key=lambda row: (SEVERITIES.index(row[0]["severity"]), _first_ms(row[1])))
    for result, hits in rows:
        severity = result["severity"]
        first = hits[0] if hits else None
        table.add_row(
            result["rule"],
            f"[{HIT_STYLE.get(severity, '')}]{severity}[/]",
            clock(first["start_ms"]) if first else "",
            (first["party"] or "") if first else "",
            _what(result, hits),
        )
    yield table


def _evidence(judged: Assessment, rule: str) -> list[Mapping[str, Any]]:
    """Return a violated rule's hits, one per place, in order of time."""
    hits = [hit for hit in judged.hits if hit["rule"] == rule and hit["outcome"] == "violated"]
    places = {(hit["start_ms"], hit["end_ms"]): hit for hit in reversed(hits)}
    return [places[place] for place in sorted(places)]


def _first_ms(hits: Sequence[Mapping[str, Any]]) -> float:
    return float(hits[0]["start_ms"]) if hits else float("inf")


def _what(result: Mapping[str, Any], hits: Sequence[Mapping[str, Any]]) -> str:
    from rich.markup import escape

    quotes = list(dict.fromkeys(hit["quote"] for hit in hits if hit["quote"]))
    text = escape(f"“{quotes[0]}”") if quotes else ""
    if len(hits) > 1:
        text += f" and {len(hits) - 1} more" if quotes else ""
    reason = result["reason"] or f"met {result['met']:g} of {result['due']:g}"
    text = text or escape(reason)
    return text + (" (fragile: a person should listen)" if result["fragile"] else "")


def _transcript(facts: CallFacts, hits: Sequence[Mapping[str, Any]]) -> Iterator[RenderableType]:
    from speechqa.transcript import turns

    yield "[bold]Transcript[/bold]"
    marked = [hit for hit in hits if hit["outcome"] == "violated" and hit["quote"]]
    for turn in turns(facts.words):
        yield _line(turn, marked)
    if not facts.words:
        yield "no words were recognised"


def _line(turn: Any, hits: Sequence[Mapping[str, Any]]) -> Text:
    from rich.text import Text

    from speechqa.cli.draw import colour_of
    from speechqa.transcript import join_words

    line = Text(f"{clock(turn.start_ms):>8}  ")
    line.append(f"{turn.party:<9}", style=colour_of(turn.party))
    said = ""
    for word in turn.words:
        longer = join_words([said, word.text]) if said else word.text
        inside = any(
            hit["party"] == word.party
            and word.start_ms < hit["end_ms"]
            and word.end_ms > hit["start_ms"]
            for hit in hits
        )
        style = "bold red underline" if inside else "dim" if word.flag else ""
        line.append(longer[len(said) :], style=style)
        said = longer
    return line
