"""Make a folder of calls from a folder of scripts.

``python -m speechqa.render`` makes the project's own fixtures again, byte for byte with the same
versions of the synthesisers (each truth names them under ``made_with``).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from speechqa.errors import InputMissing
from speechqa.render.call import RenderedCall, render
from speechqa.render.script import load_script


def render_file(script: Path, *, audio_dir: Path, truth_dir: Path) -> RenderedCall:
    """Render one script into ``audio_dir/STEM.wav`` and ``truth_dir/STEM.json``."""
    call = render(load_script(script))
    stem = call.script.stem
    call.write(audio_dir / f"{stem}.wav", truth_dir / f"{stem}.json")
    return call


def render_folder(
    scripts: Path, *, audio_dir: Path, truth_dir: Path, tell: Callable[[str], object] = print
) -> int:
    """Render every script of a folder, in order of name; return how many there were.

    Raises
    ------
    InputMissing
        The folder holds no script.
    """
    files = sorted(scripts.glob("*.yaml"))
    if not files:
        raise InputMissing(f"{scripts}: no *.yaml script there", hint="check the path")
    for file in files:
        call = render_file(file, audio_dir=audio_dir, truth_dir=truth_dir)
        tell(f"{call.script.stem}.wav  {call.duration_ms / 1000:.1f} s  {file.name}")
    return len(files)
