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
import contextlib
import difflib
import glob
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.figures import Figure, interval, say
from benchmarks.figures import table as figure_table

CORES = len(os.sched_getaffinity(0))
KINDS = ("cpu_s", "wall_s")
ROOT = Path(__file__).resolve().parents[1]


class Contender:
    """A worker process that runs when told to."""

    def __init__(self, config: dict[str, Any]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.throughput_worker", json.dumps(config)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        self._answer()

    def run(self) -> dict[str, Any]:
        """Run once and return the figures."""
        assert self._process.stdin
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        """Let the process end."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("a contender died; its message is above")
        answer: dict[str, Any] = json.loads(line)
        return answer


@contextlib.contextmanager
def started(configs: dict[str, dict[str, Any]]) -> Iterator[dict[str, Contender]]:
    running = {}
    try:
        for name, config in configs.items():
            running[name] = Contender(config)
        yield running
    finally:
        for contender in running.values():
            contender.close()


def tune(base: dict[str, Any], files: Sequence[str]) -> dict[str, Any]:
    """Return the fastest layout of the peer, by CPU seconds, on a few recordings."""
    layouts = [{"workers": CORES, "cpu_threads": 1}, {"workers": 1, "cpu_threads": CORES}]
    best, least = {}, np.inf
    for layout in layouts:
        for batch_size in (4, 8, 16):
            config = base | layout | {"batch_size": batch_size, "files": list(files)}
            with started({"peer": config}) as running:
                running["peer"].run()
                cpu = running["peer"].run()["cpu_s"]
            say(f"  tuning {layout} batch {batch_size}: {cpu:.2f} CPU s")
            if cpu < least:
                best, least = layout | {"batch_size": batch_size}, cpu
    return best


def given_layout(text: str) -> dict[str, Any]:
    """Return a peer's layout as written on the command line.

    >>> given_layout("2,1,16")
    {'workers': 2, 'cpu_threads': 1, 'batch_size': 16}
    """
    workers, threads, batch = (int(part) for part in text.split(","))
    return {"workers": workers, "cpu_threads": threads, "batch_size": batch}


def compare(configs: dict[str, dict[str, Any]], rounds: int) -> dict[str, list[dict[str, Any]]]:
    results: dict[str, list[dict[str, Any]]] = {name: [] for name in configs}
    with started(configs) as running:
        for contender in running.values():
            contender.run()
        for number in range(rounds):
            for name in configs:
                results[name].append(running[name].run())
            say(f"  round {number + 1} of {rounds} done")
    return results


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


def bare_share(model: str, files: Sequence[str], beam_size: int, rounds: int) -> list[float]:
    """R2: CPU seconds inside CTranslate2's calls, of all that recognising takes, one thread."""
    from benchmarks.throughput_worker import jobs_of
    from speechqa.asr.loading import load_whisper
    from speechqa.settings import AsrSettings

    engine = load_whisper(AsrSettings(model=model, device="cpu", threads=1, beam_size=beam_size))
    jobs = jobs_of(files)
    engine.transcribe(jobs)
    meter = engine.decoder.whisper = Meter(engine.decoder.whisper)
    shares = []
    for _ in range(rounds):
        meter.seconds, start = 0.0, time.process_time()
        engine.transcribe(jobs)
        shares.append(meter.seconds / (time.process_time() - start))
    return shares


class Meter:
    """Passes calls on to CTranslate2 and adds up their processor seconds."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.seconds = 0.0

    def __getattr__(self, name: str) -> Any:
        def call(*given: Any, **named: Any) -> Any:
            start = time.process_time()
            answer = getattr(self.inner, name)(*given, **named)
            self.seconds += time.process_time() - start
            return answer

        return call


def fill(card: Any, files: Sequence[str]) -> list[Figure]:
    """R3 alone: pack the speech of `files`, as they are and joined to longer calls."""
    from benchmarks.throughput_worker import jobs_of
    from speechqa.asr.models import ModelCard
    from speechqa.asr.windowing import Windowing
    from speechqa.settings import AsrSettings

    jobs = jobs_of(files)
    out = []
    for together in (1, 2, 4):
        calls = joined(jobs, together)
        minutes = np.mean([job.duration_ms for job in calls]) / 60_000
        speech_s = sum(int((job.speech[:, 1] - job.speech[:, 0]).sum()) for job in calls) / 1000
        for name, kind in (("exact", ModelCard()), ("the model's", card)):
            items = Windowing.of(kind, AsrSettings()).items(calls)
            share = speech_s / (sum(item.frames for item in items) / 100)
            what = f"speech / windows, {name}, calls of {minutes:.1f} min"
            out.append(Figure.of("R3", what, [share], ">= 0.70"))
    return out


def joined(jobs: Sequence[Any], together: int) -> list[Any]:
    """Return channels of longer calls: those of `together` calls, one after the other."""
    from speechqa.asr import SpeechJob

    out = []
    for side in (0, 1):
        channels = jobs[side::2]
        for first in range(0, len(channels) - together + 1, together):
            part = channels[first : first + together]
            starts = np.concatenate([[0], np.cumsum([job.duration_ms for job in part])])
            samples = [job.samples[: job.duration_ms * job.rate_hz // 1000] for job in part]
            spans = [job.spans + at for job, at in zip(part, starts, strict=False)]
            speech = [job.speech + at for job, at in zip(part, starts, strict=False)]
            out.append(
                SpeechJob(
                    key=f"{side}/{first}",
                    samples=np.concatenate(samples),
                    rate_hz=part[0].rate_hz,
                    spans=np.concatenate(spans),
                    speech=np.concatenate(speech),
                )
            )
    return out


def stock_copy(model: Path, parent: str) -> str:
    """Return a copy of `model` without its card: exact windows of 30 s."""
    folder = Path(parent) / "stock"
    folder.mkdir()
    for file in model.iterdir():
        if file.name != "speechqa.json" and file.is_file():
            shutil.copy(file, folder)
    return str(folder)


def main() -> None:
    from speechqa.asr import find_model

    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
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
    asked = parser.parse_args()

    model = find_model(asked.model)
    files = sorted(glob.glob(asked.files))[: None if asked.r3 else asked.calls]
    if asked.r2 or asked.r3:
        found = (
            fill(model.card, files)
            if asked.r3
            else share_figures(
                {
                    f"the model's windows, beam {beam}": bare_share(
                        str(model.path), files, beam, asked.rounds
                    )
                    for beam in sorted({asked.beam_size, model.card.beam_size})
                }
            )
        )
        print(figure_table(found))
        if asked.json:
            asked.json.write_text(json.dumps([asdict(figure) for figure in found]))
        return
    with tempfile.TemporaryDirectory() as parent:
        exact = stock_copy(model.path, parent)
        as_is = {"model": str(model.path), "beam_size": asked.beam_size}
        stock = {"model": exact, "beam_size": asked.beam_size}
        peer = {"contender": "batched", "asr": stock, "files": files}
        best = given_layout(asked.peer) if asked.peer else tune(peer, files[:2])
        peer |= best
        configs: dict[str, dict[str, Any]] = {
            "speechqa, exact windows": {
                "contender": "speechqa",
                "asr": stock,
                "files": files,
                "retry": asked.retry,
            },
            "speechqa, the model's windows": {
                "contender": "speechqa",
                "asr": as_is,
                "files": files,
            },
            "faster-whisper batched": peer,
            "  with our mallopt": peer | {"mallopt": True},
            "  with our windows and mallopt": peer
            | {"mallopt": True, "contender": "batched_same_windows"},
        }
        if not asked.skip_segments:
            configs["faster-whisper, each segment"] = peer | {"contender": "segments"}
        results = compare(configs, asked.rounds)
        shares = {
            f"{name} windows, beam {beam}": bare_share(path, files, beam, asked.rounds)
            for name, path in (("exact", exact), ("the model's", str(model.path)))
            for beam in sorted({asked.beam_size, model.card.beam_size})
            if not asked.skip_r2
        }
    report(asked, model.name, files, best, results, shares)


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


PEERS = {
    "faster-whisper batched": "BatchedInferencePipeline",
    "  with our mallopt": "the same with our mallopt",
    "  with our windows and mallopt": "the same with our speech, windows, features",
    "faster-whisper, each segment": "each segment by itself",
}


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


def share_figures(shares: dict[str, list[float]]) -> list[Figure]:
    """Return R2."""
    return [
        Figure.of("R2", f"bare CTranslate2 / speechqa, {name}", values, ">= 0.95")
        for name, values in shares.items()
    ]


if __name__ == "__main__":
    main()
