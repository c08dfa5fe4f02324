"""``speechqa assess``: apply a rulebook to stored facts again, without audio or model."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from speechqa.cli.options import JsonOption, RulebookOption, StoreOption, page, print_json, talk

if TYPE_CHECKING:
    from speechqa.batch.differences import Differences


def assess(
    store: StoreOption = None,
    rulebook: RulebookOption = None,
    diff: Annotated[
        bool, typer.Option("--diff", help="Show what would change, and why; store nothing.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Judge stored calls again by a rulebook: seconds, not hours.

    [bold]Examples[/bold]

      speechqa assess --rulebook ours.yaml

      speechqa assess --rulebook ours.yaml --diff
    """
    from speechqa.batch.differences import differences
    from speechqa.batch.judge import judge_missing
    from speechqa.batch.lock import hold
    from speechqa.discovery import shown
    from speechqa.rulebook import load
    from speechqa.settings import load_settings
    from speechqa.store import open_store

    settings = load_settings(store={"path": store}, rules={"rulebook": rulebook})
    book = load(settings.rules.rulebook, settings.rules)
    open_ = open_store(settings.store.path)
    before = time.monotonic()
    if diff:
        found = differences(open_, book, settings.timing, workers=settings.run.worker_count)
        if as_json:
            for line in found.as_lines():
                print_json(line)
        else:
            _print(found)
        for path, where in found.failed:
            talk().print(f"{shown(path)}: not judged: {where}", markup=False)
        return
    with hold(open_.local):
        tally = judge_missing(open_, book, settings.timing, workers=settings.run.worker_count)
    seconds = time.monotonic() - before
    if as_json:
        print_json(
            {
                "judged": tally.count,
                "failed": len(tally.failed),
                "rulebook": f"{book.name} {book.version}",
            }
        )
    for path, where in tally.failed:
        talk().print(f"{shown(path)}: not judged: {where}", markup=False)
    talk().print(f"{tally.count} calls judged by {book.name} {book.version} in {seconds:.1f} s")


def _print(found: Differences) -> None:
    from rich.table import Table

    console = page()
    console.print(
        f"{found.compared} calls compared, {len(found.calls)} change, "
        f"{len(found.rules)} rule{'s answer' if len(found.rules) != 1 else ' answers'} otherwise"
    )
    if not found.calls:
        return
    rules = Table("rule", "calls", "answers", title="Why: rules that answer otherwise")
    for rule, changes in found.rules.items():
        answers = ", ".join(f"{a} → {b} ({n})" for (a, b), n in changes.items())
        rules.add_row(rule, str(sum(changes.values())), answers)
    console.print(rules)
    _print_weights(console, found)
    agents = Table("agent", "calls changed", "score before", "score after", title="Agents")
    for row in found.agents:
        agents.add_row(row["agent"], str(row["changed"]), _p(row["before"]), _p(row["after"]))
    console.print(agents)
    calls = Table("call", "agent", "before", "after", "because", title="Calls")
    for row in found.calls[:50]:
        before, after = _p(row["before"]), _p(row["after"])
        calls.add_row(row["call_id"], row["agent"], before, after, _because(row))
    console.print(calls)
    if len(found.calls) > 50:
        console.print(f"{len(found.calls) - 50} more calls: use --json for all")


def _print_weights(console: Any, found: Differences) -> None:
    from rich.table import Table

    came = sum(before is None for before, _ in found.weights.values())
    went = sum(after is None for _, after in found.weights.values())
    if came or went:
        console.print(f"rules that count: {came} came, {went} went")
    weights = Table("rule", "weight before", "weight after", title="Why: other weights")
    for rule, (before, after) in found.weights.items():
        if before is not None and after is not None:
            weights.add_row(rule, f"{before:g}", f"{after:g}")
    if weights.row_count:
        console.print(weights)


def _because(row: dict[str, Any]) -> str:
    """Return why a call changes: answers, else points in part, else weights alone."""
    parts = [f"{rule}: {a} → {b}" for rule, (a, b) in row["rules"].items()]
    parts += [f"{rule}: other points" for rule in row["graded"]]
    return ", ".join(parts) or "other rules or weights"


def _p(value: Any) -> str:
    return "-" if value is None else f"{value:.1f} %"
