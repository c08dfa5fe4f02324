"""Training, on the CPU or a GPU, stoppable and resumable.

``python -m models.recipe.train DATA STATE --minutes 90`` reads shards from DATA (new ones are
picked up while it runs), and saves weights, their moving average, optimiser state and progress to
STATE every few minutes; the same command goes on from there. The learning rate follows the share
of the minutes that are used up.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing as mp
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional

from models.recipe.grammar import lines
from models.recipe.lexicon import source_texts
from models.recipe.network import Network, Shape
from models.recipe.normalise import normal_units
from models.recipe.shards import read_descriptions, shard_paths
from models.recipe.tokens import Coder
from models.recipe.windows import NOTHING, Window, WindowMaker, items_of

PHONE_WEIGHT, SPOT_WEIGHT, GUIDE_WEIGHT = 0.5, 0.5, 0.4
PEAK_RATE = 2e-3
FRAMES_PER_BATCH = 6_400
SAVE_SECONDS = 150
MEET_SECONDS = 20


def make_coder(tokenizer: Tokenizer) -> Coder:
    """The coder of all tokens that the recipe's texts can hold."""
    units = {
        (unit, lang)
        for lang in ("en", "zh")
        for text in (*lines(f"words_{lang}.txt"), *source_texts(lang))
        for unit in normal_units(text, lang)
    }
    return Coder.for_texts(tokenizer, sorted(units))


def collate(windows: list[Window], coder: Coder) -> dict[str, Tensor]:
    """A batch of equal-width windows as tensors; unused places hold `NOTHING` or -1."""
    length = max(len(w.inputs) for w in windows)
    shape = (len(windows), length)
    inputs = np.full(shape, coder.index[coder.special("endoftext")], np.int64)
    targets, spans = np.full(shape, NOTHING, np.int64), np.full((*shape, 2), -1, np.int64)
    frames = len(windows[0].phones)
    for row, window in enumerate(windows):
        inputs[row, : len(window.inputs)] = window.inputs
        targets[row, : len(window.targets)] = window.targets
        for k, span in enumerate(window.spans):
            if span is not None:
                first = min(max(0, round(span[0])), frames - 1)
                spans[row, k] = first, min(frames, max(first + 1, round(span[1])))
    arrays = {"inputs": inputs, "targets": targets, "spans": spans}
    arrays["mel"] = np.stack([w.mel for w in windows])
    arrays["phones"] = np.stack([w.phones for w in windows])
    return {name: torch.from_numpy(np.ascontiguousarray(a)) for name, a in arrays.items()}


def produce(
    data: Path, tokenizer: Path, plan: dict[str, Any], progress: Any, out: Any, seed: int
) -> None:
    """Worker process: fill the queue with batches for ever."""
    torch.set_num_threads(1)
    coder = Coder(Tokenizer.from_file(str(tokenizer)), plan["trained"])
    phones = {name: i + 1 for i, name in enumerate(plan["phones"])}
    maker, known = WindowMaker(coder, seed), set[Path]()
    made = 0
    while True:
        if made % 300 == 0:
            for path in shard_paths(data):
                if path not in known:
                    maker.add(items_of(path, coder, phones))
                    known.add(path)
        out.put(collate(maker.batch(plan["frames"], progress.value), coder))
        made += 1


def losses(net: Network, batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """All parts of the loss, and the accuracies to watch."""
    with torch.autocast(batch["mel"].device.type, dtype=torch.bfloat16):
        table = net.table()
        audio, inner = net.encode(batch["mel"])
        hidden, guided = net.decode(batch["inputs"], audio, table)
        spans, targets = batch["spans"], batch["targets"]
        asked = targets != NOTHING
        logits = net.logits(hidden[asked], table)
        phone_logits = net.phone_head(inner).float()
        placed = (spans[..., 0] >= 0) & (targets < net.shape.trained)
        rows, _ = placed.nonzero(as_tuple=True)
        first, past = spans[placed].unbind(-1)
        at = first + ((past - first) * torch.rand(len(first), device=first.device)).long()
        spot_logits = net.logits(net.spot_head(audio[rows, at]), table)
    answer = targets[asked]
    text = answer < net.shape.trained
    phones = batch["phones"]
    out = {
        "token": functional.cross_entropy(logits, answer),
        "phone": functional.cross_entropy(
            phone_logits.flatten(0, 1), phones.flatten(), ignore_index=NOTHING
        ),
        "spot": functional.cross_entropy(spot_logits, targets[placed]),
        "guide": _guide(guided, spans),
    }
    with torch.no_grad():
        right = logits.argmax(1) == answer
        heard = phones != NOTHING
        out["token_acc"] = right[text].float().mean()
        out["phone_acc"] = (phone_logits.argmax(-1) == phones)[heard].float().mean()
        out["spot_acc"] = (spot_logits.argmax(1) == targets[placed]).float().mean()
    return out


def _guide(guided: list[Tensor], spans: Tensor) -> Tensor:
    """How far the guided heads look away from the token that comes next."""
    known = spans[..., 0] >= 0
    here = spans[known]
    frames = torch.arange(guided[0].shape[-1], device=spans.device)
    inside = ((frames >= here[:, :1]) & (frames < here[:, 1:])).float()
    inside = inside / inside.sum(1, keepdim=True)
    parts = [-(weights[known] * inside).sum(1).mean() for weights in guided]
    return torch.stack(parts).mean()


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
        loss = parts["token"] + PHONE_WEIGHT * parts["phone"]
        loss = loss + SPOT_WEIGHT * parts["spot"] + GUIDE_WEIGHT * parts["guide"]
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self.optimiser.step()
        self.step += 1
        if self.step % 4 == 0:
            keep = min(0.995, self.step / (self.step + 200))
            for name, value in self.net.state_dict().items():
                self.average[name].lerp_(value, 1 - keep)
        return {name: float(value.detach()) for name, value in parts.items()}


def warm_start(net: Network, path: Path, phones: list[str], old_phones: list[str]) -> None:
    """Take a trial's encoder; layers it lacks begin as (almost) no change."""
    saved = torch.load(path, map_location="cpu", weights_only=False)
    source, own = saved["m"] | saved["ema"], net.state_dict()
    for name in own:
        if name.startswith(("conv", "enc")) and name in source:
            own[name].copy_(source[name])
    for i, layer in enumerate(net.enc):
        if f"enc.{i}.fc1.weight" not in source:
            assert hasattr(layer, "fc2")
            own[f"enc.{i}.fc2.weight"].mul_(0.05)
            own[f"enc.{i}.self_attn.out_proj.weight"].mul_(0.05)
    for i, name in enumerate(["", *phones]):
        if not name or name in old_phones:
            j = old_phones.index(name) + 1 if name else 0
            own["phone_head.weight"][i].copy_(source["ph.weight"][j])
            own["phone_head.bias"][i].copy_(source["ph.bias"][j])


def read_phones(data: Path) -> list[str]:
    """Phone names that occur in the shards made so far."""
    names: set[str] = set()
    for path in shard_paths(data)[:8]:
        for row in read_descriptions(path):
            names |= {name for _, name in row.phones if name}
    return sorted(names)


class Meeting:
    """Processes that train apart and, every few seconds, go on from the mean of their weights.

    One thread per process does twice the work per core of two threads on one batch, and nobody
    waits for a busy neighbour at every layer.
    """

    def __init__(self, rank: int, count: int, place: Path, started: float) -> None:
        self.count, self._next = count, started + MEET_SECONDS
        if count > 1:
            address = f"file://{place}"
            dist.init_process_group("gloo", init_method=address, rank=rank, world_size=count)

    def attend(self, net: torch.nn.Module, now: float) -> None:
        """Hold every meeting that is due by `now`."""
        while self._next <= now:
            self._next += MEET_SECONDS
            if self.count > 1:
                with torch.no_grad():
                    parts = list(net.parameters())
                    flat = torch.cat([part.reshape(-1) for part in parts])
                    dist.all_reduce(flat)
                    sizes = [part.numel() for part in parts]
                    for part, mean in zip(parts, (flat / self.count).split(sizes), strict=True):
                        part.copy_(mean.view(part.shape))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("state", type=Path)
    parser.add_argument("--tokenizer", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=90)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--warm", type=Path, nargs=2, help="trial checkpoint and its phone list")
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
    if not saved and arguments.warm:
        old = json.loads(arguments.warm[1].read_text(encoding="utf-8"))["phs"]
        warm_start(net, arguments.warm[0], plan["phones"], old)
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
    try:
        _loop(trainer, batches, share, meeting, started, arguments, rank == 0)
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
            shown = " ".join(f"{name} {np.mean(v):.3f}" for name, v in seen.items())
            print(f"{trainer.step} {share.value:.3f} {shown} pace {pace:.0f}", flush=True)
            seen, audio_s, marked = {}, 0.0, time.monotonic()
        if leads and now - saved_at > SAVE_SECONDS:
            trainer.save()
            saved_at = time.monotonic()


if __name__ == "__main__":
    main()
