"""The supervisors' workbook: agents, days, calls, hits, rules, measures, and charts over them.

``export scorecards --format xlsx`` writes all sheets; another table gets its own sheet and the
definitions. Charts refer to cells; no cell holds a formula.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO

import pyarrow as pa

from speechqa.errors import UsageError
from speechqa.export.choice import Choice
from speechqa.export.rows import Advance, What, blocks, cards_table
from speechqa.export.sheet import Sheet
from speechqa.rulebook import Rulebook
from speechqa.rulebook.sentence import rule_sentence
from speechqa.store import Store
from speechqa.timing import MEASURES

if TYPE_CHECKING:
    from xlsxwriter.workbook import Workbook

MOST_BARS = 40
TOP_RULES = 15
RULES = pa.schema(
    [
        ("rule", pa.string()),
        ("title", pa.string()),
        ("section", pa.string()),
        ("severity", pa.string()),
        ("violated", pa.int64()),
        ("of_calls", pa.int64()),
        ("sentence", pa.string()),
    ]
)
DEFINITIONS = pa.schema(
    [
        ("measure", pa.string()),
        ("of", pa.string()),
        ("unit", pa.string()),
        ("good_from", pa.float64()),
        ("good_to", pa.float64()),
        ("definition", pa.string()),
    ]
)


def write_workbook(
    file: BinaryIO,
    store: Store,
    what: What,
    choice: Choice,
    book: Rulebook,
    *,
    text: bool,
    advance: Advance = lambda calls: None,
) -> int:
    """Write the workbook and return the rows of its main table.

    Parameters
    ----------
    book
        For the rules' titles and sentences.
    text
        False leaves out what was said.

    Raises
    ------
    UsageError
        No call fits, a sheet would be too long, or the library xlsxwriter is missing.
    """
    with _workbook(file) as out:
        if what != "scorecards":
            made = _sheet(out, what, blocks(store, what, choice, text=text, advance=advance))
            _table(out, "Measures", definitions())
            return made.rows
        overview = out.add_worksheet("Overview")
        agents = _table(out, "Agents", cards_table(store, choice))
        days = _table(out, "Days", cards_table(store, choice, by="day"))
        broken: Counter[str] = Counter()
        calls = _sheet(out, "Calls", _counting(store, choice, text, broken))
        findings = blocks(store, "hits", choice, text=text, advance=advance)
        hits = _sheet(out, "Hits", (_violations(block) for block in findings))
        rules = _table(out, "Rules", _rules(book, broken, calls.rows))
        _table(out, "Measures", definitions())
        _overview(out, overview, choice, (agents, days, calls, hits, rules))
        return agents.rows


def definitions() -> pa.Table:
    """Return every measure with unit, good range and definition."""
    rows = [
        {
            "measure": one.name,
            "of": "each party" if one.per_party else "the call",
            "unit": one.unit,
            "good_from": one.good[0],
            "good_to": one.good[1],
            "definition": " ".join(one.definition.split()),
        }
        for one in MEASURES.values()
    ]
    return pa.Table.from_pylist(rows, schema=DEFINITIONS)


@contextmanager
def _workbook(file: BinaryIO) -> Iterator[Workbook]:
    try:
        import xlsxwriter
    except ImportError:
        raise UsageError(
            "writing xlsx needs the library xlsxwriter", hint="pip install 'speechqa[export]'"
        ) from None
    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    made = xlsxwriter.Workbook(file, options | {"strings_to_numbers": False})
    yield made
    made.close()


def _sheet(out: Workbook, name: str, parts: Iterator[pa.Table]) -> Sheet:
    sheet = None
    for block in parts:
        sheet = sheet or Sheet(out, name, block.schema)
        sheet.write(block)
    assert sheet is not None
    sheet.close()
    sheet.shade(out)
    return sheet


def _table(out: Workbook, name: str, table: pa.Table) -> Sheet:
    return _sheet(out, name, iter([table]))


def _counting(store: Store, choice: Choice, text: bool, broken: Counter[str]) -> Iterator[pa.Table]:
    for block in blocks(store, "calls", choice, text=text):
        for rules in block["violated"].to_pylist():
            broken.update(rules or ())
        yield block


def _violations(block: pa.Table) -> pa.Table:
    import pyarrow.compute as pc

    return block.filter(pc.equal(block["outcome"], "violated"))


def _rules(book: Rulebook, broken: Counter[str], calls: int) -> pa.Table:
    known = {rule.id: rule for rule in book.call_rules}
    rows = []
    for name in sorted({*known, *broken}, key=lambda rule: (-broken[rule], rule)):
        rule = known.get(name)
        rows.append(
            {
                "rule": name,
                "title": rule.title if rule else None,
                "section": rule.section if rule else None,
                "severity": rule.severity if rule else None,
                "violated": broken[name],
                "of_calls": calls,
                "sentence": rule_sentence(rule) if rule else None,
            }
        )
    return pa.Table.from_pylist(rows, schema=RULES)


def _overview(out: Workbook, sheet: Any, choice: Choice, sheets: tuple[Sheet, ...]) -> None:
    agents, days, calls, hits, rules = sheets
    bold, dim = out.add_format({"bold": True, "font_size": 16}), out.add_format({"italic": True})
    given = {"from": choice.since, "to": choice.until, "queue": choice.queue, "agent": choice.agent}
    lines = [f"{agents.rows:,} agents, {calls.rows:,} calls, {hits.rows:,} findings"]
    lines += [f"{name}: {value}" for name, value in given.items() if value]
    lines += ["Score: points over potential points, pooled over calls, with its 95 % interval."]
    lines += ["Hits: findings against a rule; `export hits` has the kept rules too."]
    sheet.hide_gridlines(2)
    sheet.set_column(0, 0, 14)
    sheet.write_string(0, 0, "Scorecards", bold)
    for row, line in enumerate(lines, 1):
        sheet.write_string(row, 0, line, dim)
    top = len(lines) + 2
    sheet.insert_chart(top, 0, _by_agent(out, agents))
    sheet.insert_chart(top, 9, _by_day(out, days))
    sheet.insert_chart(top + 24, 0, _by_rule(out, rules))
    sheet.activate()


def _by_agent(out: Workbook, agents: Sheet) -> Any:
    """Return a bar per agent, best first, with the interval's ends beside."""
    last = min(agents.rows, MOST_BARS)
    chart: Any = out.add_chart({"type": "bar"})
    for name, colour in (("score_percent", "#2F6F8F"), ("score_low", "#B9CDD8")):
        chart.add_series(
            {"name": name, "categories": _cells(agents, "agent", last), "gap": 40}
            | {"values": _cells(agents, name, last), "fill": {"color": colour}}
        )
    chart.set_title({"name": "Score by agent, and the low end of its 95 % interval"})
    chart.set_x_axis({"min": 0, "max": 100, "num_format": "0"})
    chart.set_y_axis({"reverse": True})
    chart.set_legend({"position": "bottom"})
    chart.set_size({"width": 560, "height": max(280, 60 + 22 * last)})
    return chart


def _by_day(out: Workbook, days: Sheet) -> Any:
    chart: Any = out.add_chart({"type": "line"})
    for name, look in (
        ("score_percent", {"color": "#2F6F8F", "width": 2}),
        ("score_low", {"color": "#9BB7C6", "dash_type": "dash", "width": 1}),
        ("score_high", {"color": "#9BB7C6", "dash_type": "dash", "width": 1}),
    ):
        chart.add_series(
            {"name": name, "categories": _cells(days, "day"), "values": _cells(days, name)}
            | {"line": look, "marker": {"type": "circle", "size": 4}}
        )
    chart.set_title({"name": "Score by day, with its 95 % interval"})
    chart.set_y_axis({"num_format": "0", "max": 100})
    chart.set_legend({"position": "bottom"})
    chart.set_size({"width": 640, "height": 360})
    return chart


def _by_rule(out: Workbook, rules: Sheet) -> Any:
    last = min(rules.rows, TOP_RULES)
    chart: Any = out.add_chart({"type": "bar"})
    chart.add_series(
        {"name": "calls", "categories": _cells(rules, "rule", last), "gap": 40}
        | {"values": _cells(rules, "violated", last), "fill": {"color": "#B5533C"}}
    )
    chart.set_title({"name": "Most frequent violations, calls"})
    chart.set_y_axis({"reverse": True})
    chart.set_legend({"none": True})
    chart.set_size({"width": 640, "height": max(280, 60 + 22 * last)})
    return chart


def _cells(sheet: Sheet, column: str, rows: int | None = None) -> list[Any]:
    """Return a column's cells as xlsxwriter names them: sheet, first row and column, last."""
    place = sheet.schema.names.index(column)
    return [sheet.name, 1, place, max(1, sheet.rows if rows is None else rows), place]
