"""``speechqa render``: a written script becomes a stereo call and its truth."""

from __future__ import annotations

from typing import Annotated

import typer

from speechqa.cli.options import JsonOption, page, print_json, talk
from speechqa.readable import clock


def render(
    scripts: Annotated[
        list[str], typer.Argument(metavar="SCRIPT...", help="Scripts in YAML or JSON.")
    ],
    out: Annotated[
        str, typer.Option("--out", "-o", metavar="DIR", help="Folder for audio and truth.")
    ] = ".",
    condition: Annotated[
        str | None,
        typer.Option(help="Line condition instead of the script's own line, e.g. noise-10."),
    ] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Only read the scripts; needs no synthesiser.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Render scripts of calls: DIR/NAME.wav, and what is true of it in DIR/truth/NAME.json.

    Needs espeak-ng and flite (apt-get install espeak-ng flite). The agent is on the left. The
    same script always gives the same bytes.

    [bold]Examples[/bold]

      speechqa render my-call.yaml -o calls

      speechqa render my-call.yaml -o calls --condition noise-10
    """
    from pathlib import Path

    from speechqa.render.conditions import with_condition
    from speechqa.render.script import load_script

    # All are read first: a typo in the last one should not cost the rendering of the others.
    read = [load_script(path) for path in scripts]
    if condition is not None:
        read = [with_condition(script, condition) for script in read]
    if check:
        talk().print(f"{len(read)} scripts read, none at fault")
        return
    from speechqa.render.call import render as perform

    folder = Path(out)
    for script in read:
        call = perform(script)
        name = script.stem if condition is None else f"{condition}_{script.stem}"
        audio, truth = folder / f"{name}.wav", folder / "truth" / f"{name}.json"
        call.write(audio, truth)
        if as_json:
            line = {"audio": str(audio), "truth": str(truth), "duration_ms": call.duration_ms}
            print_json(line)
            continue
        facts = call.truth
        page().print(
            f"{audio}  {clock(call.duration_ms)}  {len(facts['turns'])} turns, "
            f"{len(facts['silences'])} silences, {len(facts['interruptions'])} interruptions, "
            f"{len(facts['phrases'])} planted phrases",
            markup=False,
            soft_wrap=True,
        )
