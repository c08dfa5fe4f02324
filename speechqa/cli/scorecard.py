"""``speechqa scorecard``: one line per agent, or one agent in full."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from speechqa.cli.options import (
    JsonOption,
    RulebookOption,
    SinceOption,
    StoreOption,
    UntilOption,
    page,
    print_json,
    stored,
)

if TYPE_CHECKING:
    from rich.console import RenderableType

    from speechqa.rulebook.kpi import TeamResult
    from speechqa.scorecard import Card
    from speechqa.store import Store

NARROW = 120
"""Columns of the terminal under which the less important figures are left out."""


def scorecard(
    store: StoreOption = None,
    agent: Annotated[str | None, typer.Option(help="One agent, in full.")] = None,
    since: SinceOption = None,
    until: UntilOption = None,
    queue: Annotated[str | None, typer.Option(help="Only calls of this queue.")] = None,
    by: Annotated[str, typer.Option(help="Group by agent, queue or day.")] = "agent",
    cases: Annotated[
        str | None, typer.Option(help="CSV of cases, for the team rules.", metavar="CSV")
    ] = None,
    rulebook: RulebookOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the team's scorecards: score with its 95 % interval, behaviour, sections.

    [bold]Examples[/bold]

      speechqa scorecard --store night

      speechqa scorecard --agent AnnaP --since 2025-02-20
    """
    from speechqa.errors import UsageError
    from speechqa.scorecard import scorecards

    if by not in ("agent", "queue", "day"):
        raise UsageError(f"--by: {by!r} is not a grouping", hint="use agent, queue or day")
    open_ = stored(store)
    # A part of the calls says nothing of figures that are meant for all of them.
    part = any(one is not None for one in (agent, since, until, queue))
    shown = [] if part else _team_rules(open_, rulebook, cases)
    cards = scorecards(open_, by=by, agent=agent, queue=queue, since=since, until=until)  # type: ignore[arg-type]
    if as_json:
        for card in cards:
            print_json({"kind": "card"} | card.as_dict())
        for result in shown:
            print_json({"kind": "team rule"} | result.as_dict())
    if not cards:
        raise UsageError(
            f"{open_.uri}: no judged call fits",
            hint="look at `speechqa status`, or widen --agent, --queue, --since, --until",
        )
    if as_json:
        return
    console = page()
    if agent is not None:
        for card in cards:
            console.print(one_card(card))
    else:
        console.print(team(cards, by=by, wide=console.width >= NARROW))
        console.print(
            "Score: points over potential points, pooled over calls, with its 95 % interval. "
            "Ranked from 10 judged calls on.",
            style="dim",
        )
        if shown:
            console.print(team_rules(shown))


def _team_rules(store: Store, rulebook: str | None, cases: str | None) -> list[TeamResult]:
    """Return the answers of the team rules for which there are columns."""
    from speechqa.rulebook import load
    from speechqa.settings import load_settings
    from speechqa.team import team_results

    settings = load_settings(rules={"rulebook": rulebook})
    book = load(settings.rules.rulebook, settings.rules)
    results = team_results(store, book, cases=cases)
    return [result for result in results if result.outcome != "not_applicable"]


def team_rules(results: Sequence[TeamResult]) -> RenderableType:
    """Return the table of the team rules that apply."""
    from rich.table import Table
    from rich.text import Text

    from speechqa.discovery import shown

    table = Table("team rule", "answer", "figure", "why", title="Over all calls and cases")
    for result in results:
        where = " ".join(part for part in (result.group, result.period) if part)
        table.add_row(
            Text(shown(f"{result.rule} {where}".strip())),
            result.outcome,
            number(result.value, 2),
            Text(shown(result.reason, limit=400)),
        )
    return table


def team(cards: list[Card], *, by: str, wide: bool) -> RenderableType:
    """Return the team's table."""
    from rich.table import Table
    from rich.text import Text

    from speechqa.discovery import shown

    table = Table(title="Scorecards", header_style="bold")
    table.add_column(by, overflow="fold")
    ranked = any(card.rank for card in cards)
    if ranked:
        table.add_column("rank", justify="right")
    for name in ("calls", "score (95 % interval)", "failed"):
        table.add_column(name, justify="right")
    if wide:
        for name in ("talk", "silence", "interruptions", "units/min"):
            table.add_column(name, justify="right")
    table.add_column("most frequent violations", overflow="fold", ratio=1)
    for card in cards:
        cells: list[Text | str] = [Text(shown(card.name))]
        if ranked:
            cells.append(str(card.rank or "-"))
        cells += [
            _calls(card),
            f"{percent(card.percent)} {interval(card)}",
            str(card.failed or "-"),
        ]
        if wide:
            cells += [
                percent(card.talk_share, scale=100),
                percent(card.silence_share, scale=100),
                number(card.interruptions_per_call, 1),
                number(card.articulation_rate, 0),
            ]
        top = list(card.violations.items())[:3]
        table.add_row(*cells, "\n".join(f"{rule} {n}" for rule, n in top) or "none")
    return table


def one_card(card: Card) -> RenderableType:
    """Return one agent's card in full."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    from speechqa.discovery import shown

    head = Table(title=Text(shown(card.name)), show_header=False, box=None, title_justify="left")
    head.add_row("score", f"{percent(card.percent)}  {interval(card)}  over {_calls(card)} calls")
    head.add_row("failed by a critical rule", str(card.failed))
    head.add_row("talk share", percent(card.talk_share, scale=100))
    head.add_row("silence share", percent(card.silence_share, scale=100))
    head.add_row("interruptions per call", number(card.interruptions_per_call, 1))
    head.add_row("articulation rate", number(card.articulation_rate, 0) + " units/min")
    sections = Table("section", "score", "")
    for name, value in card.sections.items():
        sections.add_row(name, percent(value), bar(value))
    rules = Table("violated rule", "calls")
    for rule, calls in card.violations.items():
        rules.add_row(rule, str(calls))
    return Group(head, sections, rules)


def bar(value: float | None, *, width: int = 20) -> str:
    """Return a percentage as a bar.

    Examples
    --------
    >>> bar(50, width=4), bar(None)
    ('██··', '')
    """
    if value is None:
        return ""
    full = round(value / 100 * width)
    return "█" * full + "·" * (width - full)


def percent(value: float | None, *, scale: float = 1) -> str:
    """Return a percentage with one decimal, or a dash where there is none.

    Examples
    --------
    >>> percent(83.25), percent(0.5, scale=100), percent(None)
    ('83.2 %', '50.0 %', '-')
    """
    return "-" if value is None else f"{value * scale:.1f} %"


def number(value: float | None, decimals: int) -> str:
    """Return a figure, or a dash where there is none."""
    return "-" if value is None else f"{value:.{decimals}f}"


def interval(card: Card) -> str:
    """Return the score's interval."""
    if card.low is None or card.high is None:
        return ""
    return f"({card.low:.0f} to {card.high:.0f})"


def _calls(card: Card) -> str:
    return str(card.calls) if card.judged == card.calls else f"{card.judged} of {card.calls}"
