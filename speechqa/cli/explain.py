"""``speechqa explain``: how one figure or verdict of one call came about, line by line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from speechqa.cli.options import JsonOption, RulebookOption, StoreOption, page, print_json
from speechqa.readable import clock

if TYPE_CHECKING:
    from speechqa.pipeline import Assessment, CallFacts
    from speechqa.rulebook import Rulebook


def explain(
    call: Annotated[str, typer.Argument(help="Call id, path, or the start of the key.")],
    name: Annotated[
        str, typer.Argument(help="A measure (agent.talk_share), a rule id, or `score`.")
    ],
    store: StoreOption = None,
    rulebook: RulebookOption = None,
    as_json: JsonOption = False,
) -> None:
    """Explain one measure, rule or score: definition, thresholds, intervals, arithmetic.

    [bold]Examples[/bold]

      speechqa explain CALL silence_share

      speechqa explain CALL agent.talk_share

      speechqa explain CALL score
    """
    from speechqa.settings import load_settings
    from speechqa.store import open_store
    from speechqa.store.rulebooks import kept_rulebook

    settings = load_settings(store={"path": store}, rules={"rulebook": rulebook})
    open_ = open_store(settings.store.path)
    facts = open_.find(call)
    judged = open_.assessment_of(facts.key)
    kept = kept_rulebook(open_, judged.rulebook_digest) if judged else None
    told = _explain(facts, judged, name, settings, kept)
    _compare_with_stored(told, judged, name)
    if as_json:
        print_json({"call_id": facts.call_id, **told})
    else:
        _print(facts, told)


def _compare_with_stored(told: dict[str, Any], judged: Assessment | None, name: str) -> None:
    """Say when the stored figure is another one: it was made with other thresholds."""
    if judged is None or "value" not in told:
        return
    party, _, bare = name.rpartition(".")
    stored = judged.measures.get(party, judged.measures) if party else judged.measures
    if bare not in stored:  # explained, not stored
        return
    figure, value = stored[bare], told["value"]
    if (figure is None) != (value is None) or (
        figure is not None and abs(float(figure) - float(value)) > 1e-9 * max(1.0, abs(value))
    ):
        told["arithmetic"] = [
            *told["arithmetic"],
            f"the stored figure is {figure}: it was made with other thresholds than today's "
            "(speechqa assess makes it again)",
        ]


def _explain(
    facts: CallFacts,
    judged: Assessment | None,
    name: str,
    settings: Any,
    kept: Rulebook | None = None,
) -> dict[str, Any]:
    """Return the explanation as plain values, whatever `name` names."""
    import difflib

    from speechqa.errors import UsageError
    from speechqa.pipeline.explain import explain_measure, explain_rule, explain_score
    from speechqa.rulebook import load
    from speechqa.timing import MEASURES

    if not facts.measured:
        raise UsageError(
            f"{facts.call_id}: nothing to explain, the call was {facts.status}: {facts.reason}",
            hint="see speechqa status",
        )
    party, _, bare = name.rpartition(".")
    if bare in MEASURES and party in ("", "agent", "customer"):
        return explain_measure(facts, name, settings.timing)
    if judged is None:
        raise UsageError(f"{facts.call_id}: not judged yet", hint="run speechqa assess")
    if name == "score":
        return explain_score(judged)
    rules = {result["rule"]: result for result in judged.results}
    if name in rules:
        book = load(settings.rules.rulebook, settings.rules)
        return explain_rule(facts, judged, rules[name], book, settings.timing, kept=kept)
    known = [*MEASURES, *rules, "score"]
    near = difflib.get_close_matches(bare or name, known, n=3, cutoff=0.5)
    raise UsageError(
        f"{name!r} is neither a measure nor a rule of {judged.rulebook}",
        hint="nearest: " + ", ".join(near) if near else "see speechqa show CALL for the names",
    )


def _print(facts: CallFacts, told: dict[str, Any]) -> None:
    from rich.markup import escape
    from rich.table import Table

    console = page()
    console.print(f"[bold]{escape(told['name'])}[/bold] of {escape(facts.call_id)}")
    console.print(escape(told["definition"]))
    if told["thresholds"]:
        listed = ", ".join(f"{k} = {v}" for k, v in told["thresholds"].items())
        console.print(f"thresholds: {escape(listed)}")
    if told["intervals"]:
        table = Table("what", "from", "to", "length", "detail")
        for row in told["intervals"]:
            length = f"{(row['end_ms'] - row['start_ms']) / 1000:.2f} s"
            table.add_row(
                row["what"],
                clock(row["start_ms"]),
                clock(row["end_ms"]),
                length,
                escape(row.get("detail", "")),
            )
        console.print(table)
    for line in told["arithmetic"]:
        console.print("  " + escape(line))
    console.print(f"[bold]= {escape(str(told['result']))}[/bold]")
