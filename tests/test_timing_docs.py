"""docs/measures.md says what the code does: names, units, thresholds, and its example runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from speechqa.settings import TimingSettings
from speechqa.timing import MEASURES

PAGE = Path(__file__).parents[1] / "docs" / "measures.md"
TEXT = PAGE.read_text(encoding="utf-8")


def table(header):
    """Rows of every table whose first header cell is `header`."""
    found = []
    for block in re.findall(rf"^\| {header} \|.*\n\|[-|]+\n((?:\|.*\n)+)", TEXT, flags=re.M):
        found += [[c.strip() for c in line.strip("|").split("|")] for line in block.splitlines()]
    return found


def test_the_page_lists_exactly_the_registered_measures():
    listed = {row[0].strip("`"): row[1] for row in table("measure")}
    assert set(listed) == set(MEASURES)
    for name, unit in listed.items():
        one = MEASURES[name]
        assert unit == one.unit + (", per party" if one.per_party else ""), name


def test_the_page_lists_exactly_the_thresholds_with_their_defaults():
    defaults = TimingSettings().model_dump()
    limits = ", ".join(f"{c} {a:g} to {b:g}" for c, (a, b) in defaults.pop("rate_limits").items())
    wanted = {name: f"{value}" for name, value in defaults.items()} | {"rate_limits": limits}
    assert {row[0].strip("`"): row[1] for row in table("setting")} == wanted


def test_every_threshold_of_a_measure_is_explained_in_the_text():
    prose = TEXT.split("## Thresholds")[0]
    for one in MEASURES.values():
        for threshold in one.thresholds:
            assert f"`{threshold}`" in prose, (one.name, threshold)


def test_a_definition_names_only_settings_and_measures_that_exist():
    known = set(TimingSettings.model_fields) | set(MEASURES)
    for one in MEASURES.values():
        for word in re.findall(r"`(\w+)`", one.definition):
            assert word in known, (one.name, word)


@pytest.mark.parametrize("code", re.findall(r"```python\n(.*?)```", TEXT, flags=re.S))
def test_the_python_on_the_page_runs(code):
    exec(code, {})
