"""The network: Whisper's architecture, small, with extra heads that only training uses.

The encoder learns to hear before the decoder may guess: a phone head reads an inner layer, and a
spot head must name each token from one frame inside it. Two cross-attention heads are returned so
that they can be guided to the times of the words; they become the alignment heads.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.recipe.tokens import TIMESTAMPS, VOCABULARY

MEL_BINS, AUDIO_POSITIONS, TEXT_POSITIONS = 80, 1500, 448


@dataclass(frozen=True)
class Shape:
    """Sizes of a network; ``guided`` are (layer, head) pairs of the decoder."""

    trained: int
    phones: int
    width: int = 160
    heads: int = 4
    encoder_layers: int = 6
    decoder_layers: int = 2
    phone_layer: int = 2
    guided: tuple[tuple[int, int], ...] = ((0, 0), (1, 0))

    def as_dict(self) -> dict[str, object]:
        """The sizes as plain values."""
        return asdict(self)


def sinusoids(length: int, channels: int) -> Tensor:
    """Whisper's fixed position table, ``(length, channels)``."""
    step = math.log(10_000) / (channels // 2 - 1)
    scale = torch.exp(-step * torch.arange(channels // 2))
    angle = torch.arange(length)[:, None] * scale[None]
    return torch.cat([angle.sin(), angle.cos()], 1)


class Attention(nn.Module):
    """Multi-head attention; ``log_weights`` asks for the log attention of all heads too."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q_proj, self.v_proj = nn.Linear(width, width), nn.Linear(width, width)
        self.k_proj = nn.Linear(width, width, bias=False)
        self.out_proj = nn.Linear(width, width)

    def _split(self, x: Tensor) -> Tensor:
        batch, length, width = x.shape
        return x.view(batch, length, self.heads, width // self.heads).transpose(1, 2)

    def forward(
        self, x: Tensor, memory: Tensor | None = None, *, causal: bool = False, weigh: bool = False
    ) -> tuple[Tensor, Tensor | None]:
        """Attend from ``x`` to ``memory`` (to itself when None)."""
        memory = x if memory is None else memory
        q, k = self._split(self.q_proj(x)), self._split(self.k_proj(memory))
        v = self._split(self.v_proj(memory))
        log_weights = None
        if weigh:
            scores = (q @ k.transpose(-1, -2)).float() * q.shape[-1] ** -0.5
            log_weights = scores.log_softmax(-1)
            out = log_weights.exp().to(v.dtype) @ v
        elif causal:
            out = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        else:
            # On a CPU the fused kernel's backward pass costs several times these three steps.
            scores = (q * q.shape[-1] ** -0.5) @ k.transpose(-1, -2)
            out = scores.softmax(-1, dtype=scores.dtype) @ v
        return self.out_proj(out.transpose(1, 2).flatten(2)), log_weights


class EncoderLayer(nn.Module):
    """Self-attention and feed-forward, both behind a layer norm."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.self_attn, self.self_attn_layer_norm = Attention(width, heads), nn.LayerNorm(width)
        self.fc1, self.fc2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.final_layer_norm = nn.LayerNorm(width)

    def _feed_forward(self, x: Tensor) -> Tensor:
        wide: Tensor = functional.gelu(self.fc1(self.final_layer_norm(x)))
        return x + self.fc2(wide)

    def forward(self, x: Tensor) -> Tensor:
        """One layer."""
        seen: Tensor = self.self_attn(self.self_attn_layer_norm(x))[0]
        return self._feed_forward(x + seen)


class DecoderLayer(EncoderLayer):
    """An encoder layer made causal, with attention to the audio in between."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__(width, heads)
        self.encoder_attn = Attention(width, heads)
        self.encoder_attn_layer_norm = nn.LayerNorm(width)

    def decode(self, x: Tensor, audio: Tensor, *, weigh: bool) -> tuple[Tensor, Tensor | None]:
        """One layer, with attention to the audio."""
        x = x + self.self_attn(self.self_attn_layer_norm(x), causal=True)[0]
        seen, weights = self.encoder_attn(self.encoder_attn_layer_norm(x), audio, weigh=weigh)
        return self._feed_forward(x + seen), weights


class Network(nn.Module):
    """The whole model over compact token indices (see `models.recipe.tokens.Coder`)."""

    epos: Tensor
    tpos: Tensor

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape, width, heads = shape, shape.width, shape.heads
        self.conv1 = nn.Conv1d(MEL_BINS, width, 3, padding=1)
        self.conv2 = nn.Conv1d(width, width, 3, stride=2, padding=1)
        self.register_buffer("epos", sinusoids(AUDIO_POSITIONS, width))
        self.register_buffer("tpos", sinusoids(TIMESTAMPS, width))
        self.enc = nn.ModuleList(EncoderLayer(width, heads) for _ in range(shape.encoder_layers))
        self.dec = nn.ModuleList(DecoderLayer(width, heads) for _ in range(shape.decoder_layers))
        self.enc_ln, self.dec_ln = nn.LayerNorm(width), nn.LayerNorm(width)
        self.emb = nn.Parameter(torch.randn(shape.trained, width) * 0.02)
        self.unused = nn.Parameter(torch.zeros(width))
        self.time_map = nn.Parameter(torch.linalg.qr(torch.randn(width, width))[0] * 0.02)
        self.time_bias = nn.Parameter(torch.zeros(width))
        self.dpos = nn.Parameter(sinusoids(TEXT_POSITIONS, width) * 0.02)
        self.phone_head = nn.Linear(width, shape.phones)
        self.spot_head = nn.Linear(width, width)
        for name, parameter in self.named_parameters():
            if name.endswith("weight") and parameter.dim() == 2:
                nn.init.normal_(parameter, std=0.7 * parameter.shape[1] ** -0.5)

    @property
    def untrained(self) -> int:
        """How many vocabulary entries the shared row stands for."""
        return VOCABULARY - self.shape.trained - TIMESTAMPS

    def table(self) -> Tensor:
        """Embedding rows: trained tokens, timestamps, the shared row."""
        times = self.tpos @ self.time_map + self.time_bias
        return torch.cat([self.emb, times, self.unused[None]], 0)

    def encode(self, mel: Tensor) -> tuple[Tensor, Tensor]:
        """Encoder output and the layer that the phone head reads; ``mel`` is (batch, 80, T)."""
        x = functional.gelu(self.conv1(mel))
        x = functional.gelu(self.conv2(x)).transpose(1, 2)
        x = x + self.epos[: x.shape[1]].to(x.dtype)
        inner = x
        for i, layer in enumerate(self.enc):
            x = layer(x)
            if i == self.shape.phone_layer:
                inner = x
        return self.enc_ln(x), inner

    def decode(self, tokens: Tensor, audio: Tensor, table: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Decoder output and the log attention of the guided heads."""
        x = functional.embedding(tokens, table) + self.dpos[: tokens.shape[1]]
        guided = []
        for i, layer in enumerate(self.dec):
            heads = [head for at, head in self.shape.guided if at == i]
            assert isinstance(layer, DecoderLayer)
            x, weights = layer.decode(x, audio, weigh=bool(heads))
            if weights is not None:
                guided += [weights[:, head] for head in heads]
        return self.dec_ln(x), guided

    def logits(self, hidden: Tensor, table: Tensor) -> Tensor:
        """Logits over the compact indices; the shared row counts for all it stands for."""
        out = (hidden @ table.t().to(hidden.dtype)).float()
        shift = out.new_zeros(out.shape[-1])
        shift[-1] = math.log(self.untrained)
        return out + shift
