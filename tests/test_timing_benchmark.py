"""The timing benchmark keeps working: its contenders agree and its table has every line."""

from __future__ import annotations

import json
import sys

import pytest

pytest.importorskip("numba", reason="the extra `bench` is not installed")
pytest.importorskip("pandas", reason="the extra `bench` is not installed")
pytest.importorskip("pyannote.core", reason="the extra `bench` is not installed")

from benchmarks import timing_speed


def test_the_contenders_agree_and_every_line_is_printed(monkeypatch, capsys):
    monkeypatch.setattr(timing_speed, "PYANNOTE_TALKSPURTS", 600)
    monkeypatch.setattr(timing_speed, "MEASURED_TALKSPURTS", 3000)
    monkeypatch.setattr(sys, "argv", ["timing_speed", "--talkspurts", "6000", "--rounds", "2"])
    timing_speed.main()
    printed = capsys.readouterr().out
    for name in ("gaps and overlaps", "numba", "pandas", "pyannote.core", "full set with words"):
        assert f"\n{name}" in printed
    monkeypatch.setattr(sys, "argv", [*sys.argv, "--json"])
    timing_speed.main()
    report = json.loads(capsys.readouterr().out)
    assert set(report["ratios"]) == {"pyannote.core", "pandas", "numba"}


def test_contenders_that_disagree_are_not_timed():
    with pytest.raises(SystemExit, match="the contenders disagree"):
        timing_speed.agree((1, 2, 3, 4), (1, 2, 3, 5))
