"""Everything from text to the shipped folder: ``python -m models.recipe.make WORK``.

Makes the shards, trains, exports and prints the figures. WORK holds shards and the training state
(some gigabytes); a run that was stopped goes on where it was. The tokenizer is the one shipped with
the model, which `models.recipe.tokens` builds from Whisper's published ranks.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

SHIPPED = Path(__file__).parents[1] / "speechqa-tiny"


def generate(data: Path, *, shards: int, utterances: int, processes: int) -> None:
    """Make all shards, each process every so many, and one of held-out sentences to watch."""
    command = [sys.executable, "-m", "models.recipe.generate"]
    size = ["--utterances", str(utterances)]
    # One thread each: the processes already fill the cores.
    environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    running = [
        subprocess.Popen(
            [*command, str(data), *size, "--shards", str(k), str(shards), "--step", str(processes)],
            env=environment,
        )
        for k in range(processes)
    ]
    held = [*command, str(data / "held"), *size, "--shards", "0", "1", "--held"]
    running.append(subprocess.Popen(held, env=environment))
    failures = [process.wait() for process in running]
    if any(failures):
        raise SystemExit("speech could not be made; the messages above say why")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path)
    parser.add_argument("--shards", type=int, default=60, help="of so many utterances each")
    parser.add_argument("--utterances", type=int, default=1500)
    parser.add_argument("--minutes", type=float, default=360, help="of training")
    parser.add_argument("--processes", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--figures", type=int, default=220, help="sentences for each figure")
    parser.add_argument("--out", type=Path, default=SHIPPED)
    arguments = parser.parse_args()
    data, state = arguments.work / "data", arguments.work / "state.pt"
    tokenizer = arguments.work / "tokenizer.json"
    arguments.work.mkdir(parents=True, exist_ok=True)
    tokenizer.write_bytes((SHIPPED / "tokenizer.json").read_bytes())
    generate(
        data,
        shards=arguments.shards,
        utterances=arguments.utterances,
        processes=arguments.processes,
    )
    pace = ["--minutes", arguments.minutes, "--processes", arguments.processes]
    steps = [
        ["models.recipe.train", data, state, "--tokenizer", tokenizer, *pace],
        ["models.recipe.export", state, tokenizer, arguments.out],
        ["benchmarks.model_accuracy", "--model", arguments.out, "--count", arguments.figures],
    ]
    for module, *rest in steps:
        subprocess.run([sys.executable, "-m", str(module), *map(str, rest)], check=True)


if __name__ == "__main__":
    main()
