"""What the training minimises, and the shares of right answers to watch.

Cross-entropy of the text, of the phones heard on an inner layer, of each token named from a single
frame inside it, and how far the guided heads look away from the word that they time.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from models.recipe.network import Network
from models.recipe.windows import NOTHING

PHONE_WEIGHT, SPOT_WEIGHT, GUIDE_WEIGHT = 0.5, 0.5, 0.4


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


def together(parts: dict[str, Tensor]) -> Tensor:
    """The weighted sum that is minimised."""
    loss = parts["token"] + PHONE_WEIGHT * parts["phone"]
    return loss + SPOT_WEIGHT * parts["spot"] + GUIDE_WEIGHT * parts["guide"]
