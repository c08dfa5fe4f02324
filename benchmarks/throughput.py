"""How fast recordings become words, against faster-whisper with the same model: R1, R2, R3.

    python -m benchmarks.throughput                       the shipped recordings and model
    python -m benchmarks.throughput --model DIR --files "calls/*.wav" --beam-size 5 --rounds 9

R1  speechqa from file to words, against faster-whisper's `BatchedInferencePipeline` on each
    channel (the fastest of several batch sizes and thread layouts, found first), the same with our
    allocator setting, the same given our windows, and a script that sends each stretch of speech
    by itself. With exact windows of 30 s, and as the model's card says. The batched pipeline
    tries no window again whatever it says, so with exact windows speechqa does not either: a
    model made for short windows fails in most long ones. `--retry` shows what that costs.
R2  the processor seconds inside CTranslate2's own calls, of those that recognising takes, on one
    thread; also with the hypotheses that the model's card asks for. `--r2` measures it alone.
R3  seconds of speech in the seconds of windows recognised.

Contenders run in processes of their own and take turns (A B C, A B C ...); a ratio is taken
within a round. Printed: medians with bootstrap 95 % intervals. CPU seconds are those of all
threads of a contender; on a machine shared with others they say more than wall seconds.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import glob
import json
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, table
from benchmarks.throughput_contenders import ROOT, compare, given_layout, tune
from benchmarks.throughput_report import report
from benchmarks.throughput_share import bare_share, fill, share_figures


def stock_copy(model: Path, parent: str) -> str:
    """Return a copy of `model` without its card: exact windows of 30 s."""
    folder = Path(parent) / "stock"
    folder.mkdir()
    for file in model.iterdir():
        if file.name != "speechqa.json" and file.is_file():
            shutil.copy(file, folder)
    return str(folder)


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--model", default="speechqa-tiny")
    parser.add_argument("--files", default=str(ROOT / "fixtures" / "audio" / "*.wav"))
    parser.add_argument("--calls", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--beam-size", type=int, default=1)
    parser.add_argument("--peer", help="workers,threads,batch of the peer, instead of tuning it")
    parser.add_argument("--skip-segments", action="store_true", help="the slowest peer")
    parser.add_argument(
        "--retry", action="store_true", help="let exact windows that failed be tried again"
    )
    parser.add_argument("--skip-r2", action="store_true")
    parser.add_argument("--r2", action="store_true", help="only R2, with the model's windows")
    parser.add_argument("--r3", action="store_true", help="only R3, of all files: no model runs")
    parser.add_argument("--json", type=Path, help="also write every run's figures here")
    return parser.parse_args()


def alone(asked: argparse.Namespace, model: Any, files: Sequence[str]) -> list[Figure]:
    """Return R2 or R3, whichever is asked for."""
    if asked.r3:
        return fill(model.card, files)
    beams = sorted({asked.beam_size, model.card.beam_size})
    return share_figures(
        {
            f"the model's windows, beam {beam}": bare_share(
                str(model.path), files, beam, asked.rounds
            )
            for beam in beams
        }
    )


def contenders(
    asked: argparse.Namespace, peer: dict[str, Any], own: dict[str, Any]
) -> dict[str, dict[str, Any]]:
    """Return the configurations of R1's contenders.

    Parameters
    ----------
    peer
        That of `BatchedInferencePipeline`, tuned.
    own
        The recogniser's options with the model as it is shipped.
    """
    ours = {"contender": "speechqa", "files": peer["files"]}
    given = peer | {"mallopt": True}
    named = {
        "speechqa, exact windows": ours | {"asr": peer["asr"], "retry": asked.retry},
        "speechqa, the model's windows": ours | {"asr": own},
        "faster-whisper batched": peer,
        "  with our mallopt": given,
        "  with our windows and mallopt": given | {"contender": "batched_same_windows"},
    }
    if not asked.skip_segments:
        named["faster-whisper, each segment"] = peer | {"contender": "segments"}
    return named


def main() -> None:
    from speechqa.asr import find_model

    asked = options()
    model = find_model(asked.model)
    files = sorted(glob.glob(asked.files))[: None if asked.r3 else asked.calls]
    if asked.r2 or asked.r3:
        found = alone(asked, model, files)
        print(table(found))
        if asked.json:
            asked.json.write_text(json.dumps([asdict(figure) for figure in found]))
        return
    with tempfile.TemporaryDirectory() as parent:
        exact = stock_copy(model.path, parent)
        own, stock = ({"model": m, "beam_size": asked.beam_size} for m in (str(model.path), exact))
        peer = {"contender": "batched", "asr": stock, "files": files}
        best = given_layout(asked.peer) if asked.peer else tune(peer, files[:2])
        results = compare(contenders(asked, peer | best, own), asked.rounds)
        shares = {
            f"{name} windows, beam {beam}": bare_share(path, files, beam, asked.rounds)
            for name, path in (("exact", exact), ("the model's", str(model.path)))
            for beam in sorted({asked.beam_size, model.card.beam_size})
            if not asked.skip_r2
        }
    report(asked, model.name, files, best, results, shares)


if __name__ == "__main__":
    main()
