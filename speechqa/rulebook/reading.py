"""Reading a rulebook: all mistakes at once, each with file, line, column and the nearest name.

``load`` takes the name of a shipped rulebook (``standard``, ``starter``) or a path. Included files
are read beside the file that names them. A rulebook with one mistake judges nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from speechqa.errors import RulebookError
from speechqa.phrases import nearest
from speechqa.rulebook import kept
from speechqa.rulebook.book import Rulebook, RulebookForm
from speechqa.rulebook.checks import Known, check_form
from speechqa.rulebook.mistakes import data_path, explain
from speechqa.rulebook.salvage import salvage
from speechqa.rulebook.second_look import beside_broken_extras, under_meant_kinds
from speechqa.rulebook.yaml_text import Document, Mistake, Path_, read_yaml
from speechqa.settings import RulebookSettings

_HERE = Path(__file__).parent
SHIPPED = {"standard": _HERE / "standard" / "standard.yaml", "starter": _HERE / "starter.yaml"}
_PART_KEYS = ("words", "allow_list", "rules")
_SHOWN = 200


class BadRulebook(RulebookError):
    """A rulebook with mistakes; `mistakes` holds all of them."""

    def __init__(self, name: str, mistakes: list[Mistake]) -> None:
        self.mistakes = sorted(set(mistakes))
        shown = [str(mistake) for mistake in self.mistakes[:_SHOWN]]
        more = len(self.mistakes) - len(shown)
        count = len(self.mistakes)
        super().__init__(
            f"{name}: {count} mistake{'s' if count != 1 else ''}\n  "
            + "\n  ".join(shown)
            + (f"\n  and {more} more" if more else ""),
            hint="correct the lines above; `speechqa rulebook check` reads the file again",
        )


def find(name_or_path: str | Path) -> Path:
    """Return the file of a shipped name or a path.

    Raises
    ------
    RulebookError
        Neither a shipped name nor a file.
    """
    name = str(name_or_path)
    if name in SHIPPED:
        return SHIPPED[name]
    path = Path(name)
    if path.is_file():
        return path
    if path.is_dir() and (path / "rulebook.yaml").is_file():
        return path / "rulebook.yaml"
    raise RulebookError(
        f"{name}: no such rulebook file{nearest(name, list(SHIPPED))}",
        hint=f"give a YAML file, or one of the shipped rulebooks: {', '.join(SHIPPED)}",
    )


def load(
    name_or_path: str | Path | None = None, settings: RulebookSettings | None = None
) -> Rulebook:
    """Return a checked rulebook.

    Parameters
    ----------
    name_or_path
        A shipped name or a file; None takes the one of the settings.
    settings
        Options set here (``rules.options``) replace the file's values.

    Raises
    ------
    BadRulebook
        The file has mistakes; all of them are listed. Exit code 4.
    RulebookError
        There is no such file.

    Examples
    --------
    >>> load("starter").name
    'starter'
    """
    settings = settings or RulebookSettings()
    path = find(name_or_path or settings.rulebook)
    form = kept.recall(path)
    book = None if form is None else Rulebook(form)
    if book is None:
        book, mistakes = read(path)
        if book is None or mistakes:
            raise BadRulebook(path.name, mistakes)
        kept.keep(path, book.form.include, book.form)
    if settings.slots:
        book = book.with_slots(_wanted_slots(book, settings))
    return book.with_options(_wanted_options(book, settings)) if settings.options else book


def _wanted_slots(book: Rulebook, settings: RulebookSettings) -> dict[str, Any]:
    for name in settings.slots:
        if name not in book.form.slots:
            known = nearest(name, list(book.form.slots))
            raise RulebookError(
                f"the settings fill slot {name!r}, which {book.name} does not have{known}",
                hint="look at `speechqa rulebook show`, or correct rules.slots in the settings",
            )
    return settings.slots


def _wanted_options(book: Rulebook, settings: RulebookSettings) -> dict[str, Any]:
    wanted: dict[str, Any] = {}
    for name, value in settings.options.items():
        option = book.form.options.get(name)
        if option is None:
            known = nearest(name, list(book.form.options))
            raise RulebookError(
                f"the settings choose option {name!r}, which {book.name} does not have{known}",
                hint="look at `speechqa rulebook show`, or correct rules.options in the settings",
            )
        matching = [one for one in option.values if str(one) == str(value)]
        if not matching:
            raise RulebookError(
                f"option {name!r} of {book.name} cannot be {value!r}",
                hint=f"it is one of {', '.join(map(str, option.values))}",
            )
        wanted[name] = matching[0]
    return wanted


def read(path: Path, name: str | None = None) -> tuple[Rulebook | None, list[Mistake]]:
    """Return the rulebook (None when it cannot be built) and every mistake."""
    try:
        main = read_yaml(path, name)
    except OSError as error:
        return None, [Mistake(name or str(path), 1, 1, f"cannot be read: {error.strerror}")]
    reader = _Reader(path, main)
    return reader.rulebook(), sorted(set(reader.mistakes))


class _Reader:
    """One rulebook of one or more files: merged data, and where each part came from."""

    def __init__(self, path: Path, main: Document) -> None:
        self.path = path
        self.main = main
        self.mistakes = list(main.mistakes)
        self.data: dict[str, Any] = {}
        self._origin: dict[Path_, tuple[Document, Path_]] = {}
        if isinstance(main.data, dict):
            self.data = dict(main.data)
            self._include()
        elif not self.mistakes:
            self.mistakes.append(Mistake(main.file, 1, 1, "a rulebook is a mapping of keys"))

    def _include(self) -> None:
        names = self.data.get("include")
        for index, name in enumerate(names if isinstance(names, list) else []):
            part_path = self.path.parent / str(name)
            try:
                part = read_yaml(part_path, str(Path(self.main.file).parent / str(name)))
            except OSError as error:
                self._note(("include", index), False, f"{name}: cannot be read: {error.strerror}")
                continue
            self.mistakes.extend(part.mistakes)
            if isinstance(part.data, dict):
                self._merge(part)

    def _merge(self, part: Document) -> None:
        for key, value in part.data.items():
            if key not in _PART_KEYS:
                guess = nearest(key, _PART_KEYS) or f"; valid here: {', '.join(_PART_KEYS)}"
                line, column = part.place((key,), key=True)
                self.mistakes.append(
                    Mistake(part.file, line, column, f"unknown key {key!r}{guess}")
                )
            elif isinstance(value, list):
                here = list(self.data.get(key) or [])
                for index in range(len(value)):
                    self._origin[(key, len(here) + index)] = (part, (key, index))
                self.data[key] = here + value
            elif isinstance(value, dict):
                self._merge_names(part, key, value)

    def _merge_names(self, part: Document, key: str, value: dict[str, Any]) -> None:
        here = dict(self.data.get(key) or {})
        for name, item in value.items():
            if name in here:
                line, column = part.place((key, name), key=True)
                text = f"duplicate key {name!r}: another file of this rulebook has it"
                self.mistakes.append(Mistake(part.file, line, column, text))
                continue
            here[name] = item
            self._origin[(key, name)] = (part, (key, name))
        self.data[key] = here

    def _note(self, path: Path_, key: bool, message: str) -> None:
        document, inner = self.main, path
        if path[:2] in self._origin:
            document, prefix = self._origin[path[:2]]
            inner = (*prefix, *path[2:])
        line, column = document.place(inner, key=key)
        self.mistakes.append(Mistake(document.file, line, column, message))

    def rulebook(self) -> Rulebook | None:
        """Return the rulebook; None when the form itself has mistakes."""
        if not self.data:
            return None
        try:
            form = RulebookForm.model_validate(self.data)
        except ValidationError as error:
            items = [*error.errors(), *under_meant_kinds(self.data)]
            items += beside_broken_extras(self.data, items)
            for item in items:
                if not (item["type"] == "too_short" and self.data.get(str(item["loc"][-1]))):
                    self._note(*explain(item, self.data))
            self._check_what_is_left(items)
            return None
        for path, message in check_form(form):
            self._note(data_path(path, self.data), False, message)
        return Rulebook(form)

    def _check_what_is_left(self, items: Sequence[Any]) -> None:
        """Check names and patterns of what is well formed, beside what is broken."""
        left = salvage(self.data, [tuple(item["loc"]) for item in items])
        try:
            form = RulebookForm.model_validate(left.data)
        except ValidationError:
            return
        for path, message in check_form(form, Known.of_data(self.data)):
            self._note(data_path(left.written_at(path), self.data), False, message)
