"""``speechqa evaluate``: how right the figures are on calls that somebody labelled."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from speechqa.cli.options import JsonOption, RulebookOption, page, print_json, talk

if TYPE_CHECKING:
    from rich.table import Table

    from speechqa.evaluation.run import Evaluated

SOME_FAILED, INPUT_MISSING = 3, 5


def evaluate(
    references: Annotated[
        list[str],
        typer.Argument(
            metavar="REFERENCE...", help="Labels: RTTM, TextGrid, truth JSON, or folders of them."
        ),
    ],
    audio: Annotated[
        str | None,
        typer.Option(
            help="Folder of the recordings.", metavar="DIR", show_default="beside the labels"
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
    agent_channel: Annotated[
        str | None, typer.Option(help="left or right.", show_default="left")
    ] = None,
    vad: Annotated[
        str | None, typer.Option(help="webrtc, silero or auto.", show_default="as set")
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(help="Model name or folder.", show_default="the shipped small model"),
    ] = None,
    language: Annotated[
        str | None, typer.Option(help="auto, en, zh, ...", show_default="auto")
    ] = None,
    rulebook: RulebookOption = None,
    words: Annotated[
        bool, typer.Option("--words/--no-words", help="Transcribe, and compare words and rules.")
    ] = True,
    as_json: JsonOption = False,
) -> None:
    """Compare figures with labelled calls: speech, silences, interruptions, rates, words, rules.

    The calls are processed as `run` would, and nothing is stored. With --json: one line per call,
    then one line for all of them.

    [bold]Examples[/bold]

      speechqa evaluate labels/ --audio recordings/

      speechqa evaluate call.rttm --agent SPEAKER_00 --customer SPEAKER_01 --no-words
    """
    from speechqa.asr import load_engine
    from speechqa.evaluation.figures import Figures
    from speechqa.evaluation.run import evaluate_calls, find_labels
    from speechqa.rttm import Speakers
    from speechqa.rulebook import load
    from speechqa.settings import load_settings

    settings = load_settings(
        asr={"model": model, "language": language},
        rules={"rulebook": rulebook},
        vad={"detector": vad},
        run={"agent_channel": agent_channel},
    )
    labels = find_labels(references)
    rows: list[Evaluated] = []
    for row in evaluate_calls(
        labels,
        folder=audio,
        speakers=Speakers(tuple(agent or ()), tuple(customer or ()), tuple(ignore or ())),
        settings=settings,
        engine=load_engine(settings.asr) if words else None,
        book=load(settings.rules.rulebook, settings.rules) if words else None,
    ):
        rows.append(row)
        _say(row)
        if as_json:
            print_json(_line(row))
    done = [row for row in rows if row.figures is not None]
    pooled = sum((row.figures for row in done if row.figures is not None), Figures())
    if as_json:
        print_json(
            {"call": None, "calls": len(done), "failed": len(rows) - len(done)} | pooled.as_dict()
        )
    elif done:
        console = page()
        console.print(_calls(done))
        console.print(_pooled(pooled.as_dict(), len(done)))
    if len(done) < len(rows):
        raise typer.Exit(SOME_FAILED if done else INPUT_MISSING)


def _say(row: Evaluated) -> None:
    for note in row.notes:
        talk().print(f"{row.name}: {note}", markup=False, soft_wrap=True)
    if row.problem:
        talk().print(f"not compared: {row.problem}", markup=False, soft_wrap=True)


def _line(row: Evaluated) -> dict[str, Any]:
    if row.figures is None:
        return {"call": row.name, "problem": row.problem}
    return {"call": row.name} | row.figures.as_dict()


def _calls(rows: Sequence[Evaluated]) -> Table:
    from rich.markup import escape
    from rich.table import Table

    columns = ("edges ms", "silences", "interr.", "rate", "words", "phrases")
    table = Table("call", *columns, caption="found of true + false; errors of rate and words")
    for row in rows:
        assert row.figures is not None
        one = row.figures.as_dict()
        activity, text = one["activity"], row.figures
        spoken = text.words if text.words.said else text.characters
        table.add_row(
            escape(row.name),
            f"{_number(activity['edge_median_ms'])}/{_number(activity['edge_p90_ms'])}",
            _counts(text.activity.silences),
            _counts(text.activity.interruptions),
            _percent(one["rates"]["error_median"]),
            _percent(spoken.rate),
            f"{text.phrases.matched}/{text.phrases.true}" if text.phrases.true else "-",
        )
    return table


def _pooled(all_: dict[str, Any], calls: int) -> Table:
    from rich.table import Table

    activity, rules = all_["activity"], all_["rules"]
    table = Table("figure", "value", "of", title=f"All {calls} calls", title_justify="left")
    speech = f"{_percent(activity['speech_recall'])} / {_percent(activity['speech_precision'])}"
    edges = f"{_number(activity['edge_median_ms'])} / {_number(activity['edge_p90_ms'])} ms"
    rows = [
        ("speech time, recall / precision", speech, ""),
        ("edge error, median / 90th percentile", edges, ""),
        ("edges without a partner", _percent(activity["edges_missed"]), ""),
        ("silences of 3 s, F1", _percent(activity["silence_f1"]), activity["silences"]),
        ("interruptions, F1", _percent(activity["interruption_f1"]), activity["interruptions"]),
        ("tones and music called speech", _percent(activity["sounds_called_speech"]), ""),
        (
            "speech rate, median error",
            _percent(all_["rates"]["error_median"]),
            all_["rates"]["measured"],
        ),
        ("word error rate", _percent(all_["words"]["error_rate"]), all_["words"]["units"]),
        (
            "character error rate (Chinese)",
            _percent(all_["characters"]["error_rate"]),
            all_["characters"]["units"],
        ),
        ("planted phrases found", _percent(rules["recall"]), rules["phrases"]),
        ("violations without a planted phrase", _number(rules["extra_violations"]), ""),
    ]
    for name, value, of in rows:
        table.add_row(name, value, str(of))
    return table


def _counts(counts: Any) -> str:
    false = counts.found - counts.matched
    return f"{counts.matched}/{counts.true}" + (f" +{false}" if false else "")


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.1f} %"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"
