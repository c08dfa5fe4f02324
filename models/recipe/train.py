"""Training, on the CPU or a GPU, stoppable and resumable.

``python -m models.recipe.train DATA STATE --minutes 90`` reads shards from DATA (new ones are
picked up while it runs), and saves weights, their moving average, optimiser state and progress to
STATE every few minutes; the same command goes on from there. The learning rate follows the share
of the minutes that are used up. With shards of held-out sentences in DATA/held it prints, at every
saving, how well those are heard.
"""

from __future__ import annotations

import argparse
import multiprocessing as mp
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer
from torch import Tensor

from models.recipe.batches import make_coder, produce, read_phones
from models.recipe.losses import losses, together
from models.recipe.meeting import Meeting
from models.recipe.network import Network, Shape
from models.recipe.shards import shard_paths
from models.recipe.watch import Watch

PEAK_RATE = 2e-3
FRAMES_PER_BATCH = 6_400
SAVE_SECONDS = 150


def rate_at(progress: float, step: int, peak: float = PEAK_RATE) -> float:
    """Learning rate: a short warm-up, a plateau, then down to almost nothing."""
    warm = min(1.0, (step + 1) / 300)
    return peak * warm * (1.0 if progress < 0.4 else max(0.02, (1 - progress) / 0.6))


class Trainer:
    """Network, optimiser, moving average and their state on disk."""

    def __init__(
        self,
        state: Path,
        net: Network,
        plan: dict[str, Any],
        device: str,
        saved: dict[str, Any] | None,
    ) -> None:
        self.state, self.net, self.plan, self.device = state, net.to(device), plan, device
        decayed = [p for n, p in net.named_parameters() if p.dim() > 1 and n not in ("emb", "dpos")]
        ids = {id(p) for p in decayed}
        others = [p for p in net.parameters() if id(p) not in ids]
        groups = [{"params": decayed, "weight_decay": 0.02}, {"params": others, "weight_decay": 0}]
        self.optimiser = torch.optim.AdamW(groups, lr=PEAK_RATE, betas=(0.9, 0.98), fused=True)
        self.average = {k: v.clone() for k, v in net.state_dict().items()}
        self.step, self.seconds = 0, 0.0
        if saved:
            net.load_state_dict(saved["net"])
            self.average = saved["average"]
            self.optimiser.load_state_dict(saved["optimiser"])
            self.step, self.seconds = saved["step"], saved["seconds"]

    def save(self) -> None:
        """Write the state aside, then put it in place."""
        temporary = self.state.with_suffix(".tmp")
        parts = {"net": self.net.state_dict(), "average": self.average, "plan": self.plan}
        parts |= {"optimiser": self.optimiser.state_dict(), "shape": self.net.shape.as_dict()}
        torch.save(parts | {"step": self.step, "seconds": self.seconds}, temporary)
        os.replace(temporary, self.state)

    def learn(self, batch: dict[str, Tensor], rate: float) -> dict[str, float]:
        """One step; the parts of the loss as numbers."""
        for group in self.optimiser.param_groups:
            group["lr"] = rate
        parts = losses(self.net, {k: v.to(self.device) for k, v in batch.items()})
        self.optimiser.zero_grad(set_to_none=True)
        together(parts).backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self.optimiser.step()
        self.step += 1
        if self.step % 4 == 0:
            keep = min(0.995, self.step / (self.step + 200))
            for name, value in self.net.state_dict().items():
                self.average[name].lerp_(value, 1 - keep)
        return {name: float(value.detach()) for name, value in parts.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("state", type=Path)
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=90)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--start", type=Path, help="a state to begin with, its schedule anew")
    parser.add_argument("--peak", type=float, default=PEAK_RATE, help="highest learning rate")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    arguments = parser.parse_args()
    place = arguments.state.with_suffix(".meeting").absolute()
    place.unlink(missing_ok=True)
    context, started = mp.get_context("spawn"), time.monotonic()
    trainers = [
        context.Process(target=run, args=(arguments, rank, place, started))
        for rank in range(arguments.processes)
    ]
    # A stopped training keeps what it has learnt.
    signal.signal(signal.SIGTERM, lambda *_: [trainer.terminate() for trainer in trainers])
    for trainer in trainers:
        trainer.start()
    for trainer in trainers:
        trainer.join()
    sys.exit(max(abs(trainer.exitcode or 0) for trainer in trainers))


def _saved(state: Path, start: Path | None, device: str) -> dict[str, Any] | None:
    """The state to go on from: this training's own, or another's with its time set back."""
    if state.exists():
        own: dict[str, Any] = torch.load(state, map_location=device, weights_only=False)
        return own
    if start is None:
        return None
    other: dict[str, Any] = torch.load(start, map_location=device, weights_only=False)
    return other | {"seconds": 0.0}


def run(arguments: argparse.Namespace, rank: int, place: Path, started: float) -> None:
    """One training process: train until the minutes are used up."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    torch.manual_seed(rank)
    torch.set_num_threads(1)
    saved = _saved(arguments.state, arguments.start, arguments.device)
    if saved:
        plan = saved["plan"]
    else:
        coder = make_coder(Tokenizer.from_file(str(arguments.tokenizer)))
        plan = {"trained": coder.trained, "phones": read_phones(arguments.data)}
    plan["frames"] = FRAMES_PER_BATCH
    net = Network(Shape(trained=len(plan["trained"]), phones=len(plan["phones"]) + 1))
    trainer = Trainer(arguments.state, net, plan, arguments.device, saved)
    if rank == 0:
        count = sum(p.numel() for p in net.parameters())
        print(f"{count} parameters, {len(plan['trained'])} tokens, step {trainer.step}", flush=True)
    meeting = Meeting(rank, arguments.processes, place, started)
    context = mp.get_context("spawn")
    batches, share = context.Queue(8), context.Value("d", 0.0)
    seed = 1000 * rank + trainer.step
    work = (arguments.data, arguments.tokenizer, plan, share, batches, seed)
    worker = context.Process(target=produce, args=work, daemon=True)
    worker.start()
    held = shard_paths(arguments.data / "held")
    watch = Watch(held[0], arguments.tokenizer, plan) if held and rank == 0 else None
    try:
        _loop(trainer, batches, share, meeting, started, arguments, watch, leads=rank == 0)
    finally:
        if rank == 0:
            trainer.save()
        worker.terminate()


def _loop(
    trainer: Trainer,
    batches: Any,
    share: Any,
    meeting: Meeting,
    started: float,
    arguments: argparse.Namespace,
    watch: Watch | None,
    *,
    leads: bool,
) -> None:
    seen: dict[str, list[float]] = {}
    audio_s, marked, saved_at = 0.0, time.monotonic(), time.monotonic()
    before_s, budget_s = trainer.seconds, 60 * arguments.minutes
    while trainer.seconds < budget_s:
        batch = batches.get(timeout=300)
        share.value = trainer.seconds / budget_s
        rate = rate_at(share.value, trainer.step, arguments.peak)
        for name, value in trainer.learn(batch, rate).items():
            seen.setdefault(name, []).append(value)
        now = time.monotonic()
        trainer.seconds = before_s + now - started
        meeting.attend(trainer.net, min(now, started + budget_s - before_s))
        audio_s += batch["mel"].shape[0] * batch["mel"].shape[2] / 100
        if leads and trainer.step % 100 == 0:
            pace = audio_s * meeting.count / (time.monotonic() - marked)
            means = {name: float(np.mean(values)) for name, values in seen.items()}
            print(f"{trainer.step} {share.value:.3f} {_shown(means)} pace {pace:.0f}", flush=True)
            seen, audio_s, marked = {}, 0.0, time.monotonic()
        if leads and now - saved_at > SAVE_SECONDS:
            trainer.save()
            saved_at = time.monotonic()
            if watch:
                found = watch.figures(trainer.net.shape, trainer.average)
                print(f"{trainer.step} held {_shown(found)}", flush=True)


def _shown(parts: dict[str, float]) -> str:
    return " ".join(f"{name} {value:.3f}" for name, value in parts.items())


if __name__ == "__main__":
    main()
