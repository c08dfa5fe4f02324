"""The command table: names, order and help of every command."""

from __future__ import annotations

from typing import Annotated

import typer

import speechqa
from speechqa.cli.assess import assess
from speechqa.cli.doctor import doctor
from speechqa.cli.evaluate import evaluate
from speechqa.cli.explain import explain
from speechqa.cli.export import export
from speechqa.cli.measure import measure
from speechqa.cli.model import app as model
from speechqa.cli.render import render
from speechqa.cli.report import report
from speechqa.cli.rulebook import rulebook
from speechqa.cli.run import run
from speechqa.cli.scorecard import scorecard
from speechqa.cli.serve import serve
from speechqa.cli.show import show
from speechqa.cli.status import status
from speechqa.cli.store import app as store

HELP = """Judge recorded calls offline: who spoke when, what was said, what the rulebook says.

[bold]Examples[/bold]

  speechqa run recordings/       transcribe, measure and judge a folder of calls

  speechqa scorecard             one line per agent

  speechqa show CALL             one call: who spoke when, hits, transcript
"""

app = typer.Typer(
    name="speechqa",
    help=HELP,
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # a traceback box can quote a transcript
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"speechqa {speechqa.__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Judge recorded calls offline."""


app.command(rich_help_panel="Every night")(run)
app.command(rich_help_panel="Every night")(status)
app.command(rich_help_panel="Reading results")(scorecard)
app.command(rich_help_panel="Reading results")(show)
app.command(rich_help_panel="Reading results")(explain)
app.command(rich_help_panel="Reading results")(measure)
app.command(rich_help_panel="Reading results")(serve)
app.command(rich_help_panel="Reading results")(export)
app.command(rich_help_panel="Reading results")(report)
app.command(rich_help_panel="Rules")(assess)
app.command(rich_help_panel="Checking us")(evaluate)
app.command(rich_help_panel="Checking us")(render)
app.add_typer(rulebook, name="rulebook", rich_help_panel="Rules")
app.add_typer(model, name="model", rich_help_panel="This machine")
app.add_typer(store, name="store", rich_help_panel="This machine")
app.command(rich_help_panel="This machine")(doctor)
