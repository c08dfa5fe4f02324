"""What the throughput benchmark prints: one line for each contender, and the ratios of R1 to R3."""

from __future__ import annotations

import argparse
import difflib
import json
import re
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from benchmarks.figures import Figure, interval
from benchmarks.figures import table as figure_table
from benchmarks.throughput_contenders import CORES
from benchmarks.throughput_share import share_figures

KINDS = ("cpu_s", "wall_s")
PEERS = {
    "faster-whisper batched": "BatchedInferencePipeline",
    "  with our mallopt": "the same with our mallopt",
    "  with our windows and mallopt": "the same with our speech, windows, features",
    "faster-whisper, each segment": "each segment by itself",
}


def table(results: dict[str, list[dict[str, Any]]], ours: str, audio_s: float) -> None:
    """Print one line for each contender, with what it takes over `ours`."""
    print(
        f"{'over ' + ours:36}{'CPU s':>7}{'wall s':>8}{'speed':>7}{'words':>7}{'agree':>7}", end=""
    )
    print(f"   {'CPU ratio':18}   wall ratio")
    for name, runs in results.items():
        cpu, wall = (float(np.median([run[kind] for run in runs])) for kind in KINDS)
        words = sum(len(channel) for channel in runs[0]["texts"])
        alike = agreement(runs[0]["texts"], results[ours][0]["texts"])
        line = f"  {name:34}{cpu:7.2f}{wall:8.2f}{audio_s / cpu:6.0f}x{words:7}{alike:7.1%}"
        for kind in KINDS:
            ratios = [a[kind] / b[kind] for a, b in zip(runs, results[ours], strict=True)]
            median, low, high = interval(ratios)
            line += f"   {median:5.2f} [{low:4.2f}, {high:5.2f}]"
        print(line)


def agreement(ours: Sequence[Sequence[str]], theirs: Sequence[Sequence[str]]) -> float:
    """Return the share of words that two transcripts of the same channels have in common.

    >>> agreement([["how", "are", "you"]], [["how", "is", "you"]])
    0.6666666666666666
    """
    plain = [
        [[re.sub(r"\W", "", word.casefold()) for word in channel] for channel in side]
        for side in (ours, theirs)
    ]
    common = sum(
        block.size
        for a, b in zip(*plain, strict=True)
        for block in difflib.SequenceMatcher(None, a, b, autojunk=False).get_matching_blocks()
    )
    most = max(sum(map(len, side)) for side in plain)
    return common / most if most else 1.0


def report(
    asked: argparse.Namespace,
    model: str,
    files: Sequence[str],
    best: dict[str, Any],
    results: dict[str, list[dict[str, Any]]],
    shares: dict[str, list[float]],
) -> None:
    import soundfile

    audio_s = sum(info.duration * info.channels for info in map(soundfile.info, files))
    print(
        f"{len(files)} recordings, {audio_s:.0f} s of channels; model {model}, beam "
        f"{asked.beam_size}, {CORES} cores, {asked.rounds} rounds; peer tuned to {best}"
    )
    print("\nR1  file to words")
    table(results, "speechqa, exact windows", audio_s)
    print("\n    the same, over the model's own windows")
    table(results, "speechqa, the model's windows", audio_s)
    print("\nR2  bare CTranslate2 / speechqa, CPU, one thread")
    for name, values in shares.items():
        median, low, high = interval(values)
        print(f"    {name:32} {median:.3f} [{low:.3f}, {high:.3f}]")
    print("\nR3  speech / windows, seconds")
    for name in ("speechqa, exact windows", "speechqa, the model's windows"):
        run = results[name][0]
        share = run["speech_s"] / run["window_s"] if run["window_s"] else float("nan")
        print(f"    {name:34} {run['speech_s']:.0f} / {run['window_s']:.0f} = {share:.2f}")
    found = figures(results, shares, retry=asked.retry)
    print()
    print(figure_table(found))
    if asked.json:
        asked.json.write_text(json.dumps([asdict(figure) for figure in found]))


def figures(
    results: dict[str, list[dict[str, Any]]], shares: dict[str, list[float]], *, retry: bool
) -> list[Figure]:
    """Return the ratios that R1 and R2 ask for, in processor seconds."""
    out = []
    for name, wanted in (("exact", ">= 1.3"), ("the model's", ">= 1.7")):
        ours = results[f"speechqa, {name} windows"]
        for peer, told in PEERS.items():
            if peer in results:
                ratios = [a["cpu_s"] / b["cpu_s"] for a, b in zip(results[peer], ours, strict=True)]
                tried = " with retries" if retry and name == "exact" else ""
                out.append(Figure.of("R1", f"{told} / {name} windows{tried}", ratios, wanted))
    return out + share_figures(shares)
