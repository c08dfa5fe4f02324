"""How the network does on sentences that it may not learn from, while it learns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models.recipe.batches import add_shard, collate, window_maker
from models.recipe.losses import losses
from models.recipe.network import Network, Shape

BATCHES, FRAMES = 8, 3_200


class Watch:
    """The same few batches of held-out sentences every time, their inputs left whole."""

    def __init__(self, shard: Path, tokenizer: Path, plan: dict[str, Any]) -> None:
        coder, maker = window_maker(tokenizer, plan, seed=1, hides=False)
        add_shard(maker, shard, coder, plan)
        self._batches = [collate(maker.batch(FRAMES, 1.0), coder) for _ in range(BATCHES)]

    def figures(self, shape: Shape, weights: dict[str, Tensor]) -> dict[str, float]:
        """Losses and shares of right answers, the mean over the batches."""
        net = Network(shape)
        net.load_state_dict(weights)
        with torch.no_grad():
            found = [losses(net.eval(), batch) for batch in self._batches]
        return {name: float(np.mean([float(row[name]) for row in found])) for name in found[0]}
