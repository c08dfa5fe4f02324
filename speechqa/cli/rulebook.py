"""``speechqa rulebook``: check, test, show, schema, new, try.

Without a file each works on the shipped standard. A rulebook with mistakes is listed in full and
ends with exit code 4, before anything else is touched.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from speechqa.cli.options import JsonOption, RulebookOption, print_json
from speechqa.errors import InputMissing, UsageError

if TYPE_CHECKING:
    from speechqa.rulebook import CallView, Rulebook

rulebook = typer.Typer(
    help="Check, test, show and try rulebooks.", no_args_is_help=True, rich_markup_mode="rich"
)

FileArgument = Annotated[
    str | None, typer.Argument(metavar="[FILE]", help="A rulebook, or the name of a shipped one.")
]
BAD_RULEBOOK, SOME_FAILED = 4, 3


def _say(text: str) -> None:
    typer.echo(text, err=True)


def _path(file: str | None) -> Path:
    from speechqa.rulebook.reading import find
    from speechqa.settings import load_settings

    return find(file or load_settings().rules.rulebook)


@rulebook.command()
def check(file: FileArgument = None, as_json: JsonOption = False) -> None:
    """List every mistake of a rulebook, with line, column and the nearest valid name.

    [bold]Example[/bold]

      speechqa rulebook check ours.yaml
    """
    from speechqa.rulebook import read

    path = _path(file)
    book, mistakes = read(path, file if file and Path(file).is_file() else path.name)
    if as_json:
        for mistake in mistakes:
            print_json(mistake.as_dict())
    else:
        for mistake in mistakes:
            typer.echo(str(mistake))
    if mistakes or book is None:
        _say(f"{len(mistakes)} mistake{'s' if len(mistakes) != 1 else ''}")
        raise typer.Exit(BAD_RULEBOOK)
    facts = {
        "rulebook": book.name,
        "version": book.version,
        "rules": len(book.rules),
        "digest": book.digest,
    }
    if as_json:
        print_json(facts)
    else:
        typer.echo(f"{book.name} {book.version}: {len(book.rules)} rules, no mistakes")


@rulebook.command("test")
def run_tests(
    file: FileArgument = None,
    rule: Annotated[
        list[str] | None, typer.Option("--rule", help="Only this rule; may be repeated.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Run the examples inside a rulebook: what must hit, what must not, and dialogues.

    [bold]Example[/bold]

      speechqa rulebook test ours.yaml
    """
    from speechqa.rulebook import load
    from speechqa.rulebook.examples import run_examples

    book = load(_path(file))
    _known(book, rule or [])
    results = list(run_examples(book, rule or None))
    failed = [result for result in results if not result.ok]
    for result in results if as_json else failed:
        if as_json:
            print_json(result.as_dict())
        else:
            typer.echo(
                f"{result.rule} [{result.lang}] {result.kind}: {result.text!r} -> {result.got}"
            )
    _say(f"{len(results)} examples, {len(failed)} failed")
    ran = {result.rule for result in results}
    bare = [one.id for one in book.call_rules if one.id not in ran and one.id in (rule or [one.id])]
    if bare:
        _say(f"without an example: {', '.join(bare)}")
    if failed:
        raise typer.Exit(BAD_RULEBOOK)


@rulebook.command()
def show(
    file: FileArgument = None,
    rule: Annotated[
        list[str] | None, typer.Option("--rule", help="Only this rule; may be repeated.")
    ] = None,
    language: Annotated[str, typer.Option(help="Of the sentences: en or zh.")] = "en",
    as_json: JsonOption = False,
) -> None:
    """Print each rule as a sentence, by section.

    [bold]Example[/bold]

      speechqa rulebook show standard --rule silent-call-threat --language zh
    """
    from speechqa.rulebook import load

    rule_sentence = _sentences(language)
    book = load(_path(file))
    _known(book, rule or [])
    section = ""
    titles = {one.id: one.title or one.id for one in book.form.form.sections}
    order = list(titles)
    ranked = sorted(book.rules, key=lambda one: (*order, one.section).index(one.section))
    for one in ranked:
        if rule and one.id not in rule:
            continue
        if as_json:
            data = one.model_dump(mode="json", by_alias=True, exclude_defaults=True)
            print_json({"id": one.id, "sentence": rule_sentence(one)} | data)
            continue
        if one.section != section:
            section = one.section
            typer.echo(f"\n{titles.get(section, section)}")
        report = ", report only" if one.report_only else ""
        typer.echo(f"  {one.id} ({one.severity}, {one.points:g} points{report}) {one.title}")
        typer.echo(f"      {rule_sentence(one)}")


def _sentences(language: str) -> Callable[[Any], str]:
    """Return what tells a rule in a language."""
    if language == "en":
        from speechqa.rulebook.sentence import rule_sentence

        return rule_sentence
    if language == "zh":
        from speechqa.rulebook.sentence_zh import rule_sentence_zh

        return rule_sentence_zh
    raise UsageError(f"rules are not told in {language!r}", hint="--language en or --language zh")


def _known(book: Rulebook, names: list[str]) -> None:
    from speechqa.phrases import nearest

    known = [rule.id for rule in book.rules]
    for name in names:
        if name not in known:
            raise UsageError(
                f"{book.name} has no rule {name!r}{nearest(name, known)}",
                hint="`speechqa rulebook show` lists the rules",
            )


@rulebook.command()
def schema() -> None:
    """Print the JSON Schema of a rulebook file, for editors.

    [bold]Example[/bold]

      speechqa rulebook schema > rulebook.schema.json
    """
    from speechqa.rulebook.schema import rulebook_schema

    typer.echo(json.dumps(rulebook_schema(), indent=2, ensure_ascii=False))


@rulebook.command()
def new(
    file: Annotated[
        Path | None, typer.Argument(help="Where to write it; without a file it is printed.")
    ] = None,
) -> None:
    """Write a commented starter rulebook.

    [bold]Example[/bold]

      speechqa rulebook new ours.yaml
    """
    from speechqa.rulebook.reading import SHIPPED

    text = SHIPPED["starter"].read_text("utf-8")
    if file is None:
        typer.echo(text, nl=False)
        return
    text = text.replace("rulebook: starter\n", f"rulebook: {_name_of(file)}\n")
    try:
        with file.open("x", encoding="utf-8") as out:
            out.write(text)
    except FileExistsError:
        raise UsageError(f"{file} exists", hint="choose another name, or remove it") from None
    except OSError as error:
        raise InputMissing(f"{file}: {error.strerror}", hint="choose another folder") from None
    _say(f"wrote {file}; next: speechqa rulebook check {file}")


def _name_of(file: Path) -> str:
    kept = "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "-" for c in file.stem)
    return kept.strip("-_.") or "ours"


@rulebook.command("try")
def try_(
    file: Annotated[Path, typer.Argument(metavar="FILE.jsonl", help="One dialogue a line.")],
    rulebook: RulebookOption = None,
) -> None:
    """Judge written dialogues, without audio: one JSON object a line in, one a line out.

    In: {"id", "lang", "turns": [{"party", "start_ms", "end_ms", "text"}]}; times are optional.
    Out: {"id", "rules": {rule: outcome}, "hits": [...], "score": {...}}.

    [bold]Example[/bold]

      speechqa rulebook try dialogues.jsonl --rulebook ours.yaml
    """
    from speechqa import score
    from speechqa.rulebook import evaluate, load
    from speechqa.settings import load_settings

    settings = load_settings(rules={"rulebook": rulebook})
    book = load(settings.rules.rulebook, settings.rules)
    bad = 0
    for number, call in _dialogues(file):
        if isinstance(call, str):
            _say(f"{file}:{number}: {call}")
            bad += 1
            continue
        results = evaluate(book, [call])[0]
        scored = score.score_call(book, results).as_dict()
        names = ("points", "potential", "percent", "raw_percent", "coverage", "failed_by")
        print_json(
            {
                "id": call.call_id,
                "rules": {result.rule: result.outcome for result in results},
                "hits": [hit for result in results for hit in result.hits],
                "score": {name: scored[name] for name in names},
            }
        )
    if bad:
        _say(f"{bad} line{'s' if bad > 1 else ''} could not be read")
        raise typer.Exit(SOME_FAILED)


def _dialogues(file: Path) -> Iterator[tuple[int, CallView | str]]:
    from speechqa.rulebook.bench import BadDialogue, parse_dialogue

    try:
        handle = file.open(encoding="utf-8", errors="replace")
    except OSError as error:
        raise InputMissing(
            f"{file}: {error.strerror}", hint="give a file of JSON lines, one dialogue a line"
        ) from None
    with handle:
        for number, line in enumerate(handle, 1):
            if not line.strip():
                continue
            try:
                yield number, parse_dialogue(line, f"line-{number}")
            except BadDialogue as error:
                yield number, str(error)
