"""The table of ratios: what is judged, how it is shown, and that it can be drawn."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, replace

import pytest

from benchmarks import ratios
from benchmarks.executors import Took, per_call
from benchmarks.figures import Figure, table

FIGURES = [
    Figure.of("R2", "bare / whole", [0.9, 0.92, 0.97], ">= 0.95"),
    Figure.of("R8", "assess again", [30.0], "<= 60", "s"),
    Figure.of("R4", "frames wrong", [4.2], unit="%"),
]


def test_a_figure_is_judged_on_its_median_in_the_direction_that_is_wanted():
    assert [figure.cells()[-1] for figure in FIGURES] == ["missed", "met", ""]
    assert FIGURES[0].margin == pytest.approx(0.92 / 0.95)
    assert FIGURES[1].margin == 2.0
    low, high = FIGURES[0].margins
    assert low <= FIGURES[0].margin <= high


def test_the_table_has_a_line_for_each_figure_and_all_lines_are_as_long():
    lines = table(FIGURES).splitlines()
    assert len(lines) == 2 + len(FIGURES)
    assert len({len(line) for line in lines}) == 1


def test_what_a_call_costs_is_the_slope_between_few_calls_and_many():
    """The start of a cluster is in both runs, so it is in no call's cost."""
    pairs = [(Took(wall_s=14.0, cpu_s=9.0), Took(wall_s=22.0, cpu_s=13.0))]
    assert per_call(pairs, "wall_s", 16) == [0.5]
    assert per_call(pairs, "cpu_s", 16) == [0.25]


def test_figures_measured_before_are_shown_in_order_of_rows_and_drawn(
    tmp_path, monkeypatch, capsys
):
    pytest.importorskip("matplotlib", reason="the plot extra is not installed")
    for number, figure in enumerate(FIGURES[::-1]):
        (tmp_path / f"{number}.json").write_text(json.dumps([asdict(figure)]))
    files = [str(tmp_path / f"{number}.json") for number in range(3)]
    plots = [tmp_path / "a.svg", tmp_path / "b.svg"]
    for plot in plots:
        monkeypatch.setattr(sys, "argv", ["ratios", "--from", *files, "--plot", str(plot)])
        ratios.main()
    shown = [line.split()[1] for line in capsys.readouterr().out.splitlines() if "| R" in line]
    assert shown == ["R2", "R4", "R8"] * 2
    assert "R8" in plots[0].read_text()
    assert plots[0].read_bytes() == plots[1].read_bytes()


def test_a_part_that_is_measured_again_takes_its_old_place(tmp_path):
    file = tmp_path / "all.json"
    both = [
        replace(FIGURES[0], row="R7", part="R7.ray"),
        replace(FIGURES[1], row="R7", part="R7.memory"),
    ]
    for figures in ([both[0]], [both[1]], [replace(both[0], median=7.0)]):
        ratios.put(figures, file)
    assert [(f.part, f.median) for f in ratios.read([file])] == [
        ("R7.ray", 7.0),
        ("R7.memory", 30.0),
    ]


def test_a_row_that_is_not_there_is_told(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["ratios", "--only", "R2,R12"])
    with pytest.raises(SystemExit, match="no such row: R12"):
        ratios.main()
