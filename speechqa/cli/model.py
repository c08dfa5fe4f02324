"""``speechqa model list`` and ``speechqa model pull``: models on this machine, and new ones."""

from __future__ import annotations

from typing import Annotated

import typer

from speechqa.cli.options import JsonOption, page, print_json, talk

app = typer.Typer(help="Models on this machine; fetch one from the hub.", no_args_is_help=True)


@app.command("list")
def list_models(as_json: JsonOption = False) -> None:
    """List the models found on this machine, and what is wrong with those that are broken."""
    from speechqa.asr.models import check_model, find_models, model_folders
    from speechqa.errors import ModelError

    rows = []
    for model in find_models():
        problem = None
        try:
            check_model(model)
        except ModelError as error:
            problem = error.message
        rows.append((model, problem))
    if as_json:
        for model, problem in rows:
            print_json(
                {
                    "name": model.name,
                    "path": str(model.path),
                    "size_bytes": model.size_bytes,
                    "digest": None if problem else model.digest,
                    "problem": problem,
                }
            )
        return
    for model, problem in rows:
        size = f"{model.size_bytes / 1e6:,.0f} MB"
        page().print(f"{model.name:<24}{size:>10}  {model.path}", soft_wrap=True)
        if problem:
            page().print(f"  broken: {problem}", soft_wrap=True, markup=False)
    if not rows:
        searched = ", ".join(str(folder) for folder in model_folders())
        talk().print(f"no model found in {searched}", soft_wrap=True)


@app.command("pull")
def pull(
    name: Annotated[str, typer.Argument(help="e.g. large-v3-turbo, or owner/repository.")],
    as_json: JsonOption = False,
) -> None:
    """Fetch a model from the hub; the only command that reaches out."""
    from speechqa.asr.pull import pull_model

    talk().print(f"fetching {name} from the hub ...", markup=False)
    model = pull_model(name)
    if as_json:
        print_json({"name": model.name, "path": str(model.path), "size_bytes": model.size_bytes})
    else:
        page().print(f"{model.name} is in {model.path}", soft_wrap=True, markup=False)
