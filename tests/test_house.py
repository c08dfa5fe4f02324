import re
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_help_answers_at_once():
    best = min(_seconds("--help") for _ in range(3))
    # Half a second on an idle core; the margin is for a busy machine.
    assert best < 0.5 * _busy()


def test_help_loads_no_heavy_library():
    heavy = "ctranslate2 faster_whisper duckdb deltalake pyarrow ray xlsxwriter numpy av".split()
    code = f"import sys, speechqa.cli; print([name for name in {heavy!r} if name in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def test_every_command_starts_its_help_with_what_it_does_and_gives_an_example():
    listed = _run("--help").stdout
    commands = re.findall(r"^\W*(\w+) {2,}\S", listed, re.M)
    assert {"run", "scorecard", "show", "explain", "assess", "status", "doctor"} <= set(commands)
    for command in ("run", "scorecard", "show", "explain", "assess", "status", "doctor"):
        text = _run(command, "--help").stdout
        assert "Example" in text, command
        assert f"speechqa {command}" in text, command


def test_an_unknown_command_is_a_usage_error():
    assert _run("scorcard").returncode == 2


def _run(*arguments):
    command = [sys.executable, "-m", "speechqa.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)


def _seconds(*arguments):
    before = time.monotonic()
    _run(*arguments)
    return time.monotonic() - before


def _busy():
    """Return how much slower than alone a process starts now: bare Python takes some 20 ms."""
    before = time.monotonic()
    subprocess.run([sys.executable, "-S", "-c", ""], check=True)
    return max(1.0, (time.monotonic() - before) / 0.02)
