"""The tables of docs/standard.md: every rule of the shipped standard and how it is checked.

``python -m tests.standard_table`` writes them below the marker; a test holds the page to them.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from speechqa.rulebook import Rulebook, load
from speechqa.rulebook.sentence import rule_sentence

PAGE = Path(__file__).parents[1] / "docs" / "standard.md"
MARKER = "<!-- Below: written by python -m tests.standard_table -->\n"


def tables(book: Rulebook) -> str:
    """Return all tables as Markdown."""
    return "\n".join([*_options(book), *_sections(book), *_columns(book)]) + "\n"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _options(book: Rulebook) -> Iterator[str]:
    yield "\n## Options\n"
    yield "| option | values (default first) | what it decides |"
    yield "|---|---|---|"
    for name, option in book.form.options.items():
        values = sorted(option.values, key=lambda value: value != option.value)
        yield f"| `{name}` | {', '.join(map(str, values))} | {_cell(option.about)} |"


def _sections(book: Rulebook) -> Iterator[str]:
    for section in book.form.form.sections:
        rules = [rule for rule in book.rules if rule.section == section.id]
        weight = f", weight {section.weight:g}" if section.weight else ""
        yield f"\n## {section.title} ({len(rules)} rules{weight})\n"
        yield "| rule | what | severity | how it is checked |"
        yield "|---|---|---|---|"
        for rule in rules:
            yield f"| `{rule.id}` | {_cell(rule.title)} | {_severity(rule)} | {_how(rule)} |"


def _severity(rule: Any) -> str:
    return f"{rule.severity}, shown only" if getattr(rule, "report_only", False) else rule.severity


def _how(rule: Any) -> str:
    note = f" *{_cell(rule.note)}*" if rule.note else ""
    return _cell(rule_sentence(rule)) + note


def _columns(book: Rulebook) -> Iterator[str]:
    yield "\n## Columns that the figures over calls and cases read\n"
    yield "| table | column | rules |"
    yield "|---|---|---|"
    needed: dict[tuple[str, str], list[str]] = {}
    for rule in book.rules:
        if rule.kind == "team":
            for name in rule.needs:
                needed.setdefault((rule.table, name), []).append(f"`{rule.id}`")
    for (table, name), ids in sorted(needed.items()):
        yield f"| {table} | `{name}` | {', '.join(ids)} |"


def page() -> str:
    """Return the page as it should be: the text above the marker, then the tables."""
    above = PAGE.read_text(encoding="utf-8").split(MARKER)[0]
    return above + MARKER + tables(load("standard"))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
