"""Whisper models of any published shape with random weights: the same arithmetic, no download.

    python -m benchmarks.random_whisper large-v3 OUT_DIR
    python -m benchmarks.random_whisper tiny OUT_DIR --tokenizer models/speechqa-tiny

Written straight in CTranslate2's format, in float16. What such a model says means nothing: it is
for timing encoders and decoders with a fixed number of tokens, and for tests of shapes.
"""

from __future__ import annotations

import argparse
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Shape:
    """Sizes of a Whisper model; source: the configurations published by OpenAI."""

    width: int
    heads: int
    encoder_layers: int
    decoder_layers: int
    mels: int = 80
    tokens: int = 51865


SHAPES = {
    "tiny": Shape(384, 6, 4, 4),
    "base": Shape(512, 8, 6, 6),
    "small": Shape(768, 12, 12, 12),
    "medium": Shape(1024, 16, 24, 24),
    "large-v3": Shape(1280, 20, 32, 32, mels=128, tokens=51866),
    "large-v3-turbo": Shape(1280, 20, 32, 4, mels=128, tokens=51866),
}


class Weights:
    """Random float16 weights, scaled so that activations stay finite through all layers."""

    def __init__(self, seed: int) -> None:
        self._random = np.random.default_rng(seed)

    def matrix(self, *shape: int) -> np.ndarray:
        """Return a matrix whose products keep the size of their input."""
        inputs = np.prod(shape[1:])
        return (self._random.standard_normal(shape, np.float32) / np.sqrt(inputs)).astype(
            np.float16
        )

    def fill(self, linear: Any, outputs: int, inputs: int, *, bias: bool = True) -> None:
        """Fill a linear layer."""
        linear.weight = self.matrix(outputs, inputs)
        if bias:
            linear.bias = np.zeros(outputs, np.float16)


def layer_norm(spec: Any, width: int) -> None:
    spec.gamma = np.ones(width, np.float16)
    spec.beta = np.zeros(width, np.float16)


def attention(weights: Weights, spec: Any, width: int, *, itself: bool) -> None:
    layer_norm(spec.layer_norm, width)
    first, *rest = spec.linear
    weights.fill(first, 3 * width if itself else width, width)
    if not itself:
        weights.fill(rest[0], 2 * width, width)
    weights.fill(spec.linear[-1], width, width)


def feed_forward(weights: Weights, spec: Any, width: int) -> None:
    layer_norm(spec.layer_norm, width)
    weights.fill(spec.linear_0, 4 * width, width)
    weights.fill(spec.linear_1, width, 4 * width)


def build(shape: Shape, seed: int = 0) -> Any:
    """Return a CTranslate2 specification with random weights."""
    from ctranslate2.specs import whisper_spec

    weights, width = Weights(seed), shape.width
    spec = whisper_spec.WhisperSpec(
        shape.encoder_layers, shape.heads, shape.decoder_layers, shape.heads
    )
    encoder, decoder = spec.encoder, spec.decoder
    for conv, inputs in ((encoder.conv1, shape.mels), (encoder.conv2, width)):
        conv.weight = weights.matrix(width, inputs, 3)
        conv.bias = np.zeros(width, np.float16)
    encoder.position_encodings.encodings = weights.matrix(1500, width)
    layer_norm(encoder.layer_norm, width)
    for layer in encoder.layer:
        attention(weights, layer.self_attention, width, itself=True)
        feed_forward(weights, layer.ffn, width)
    decoder.embeddings.weight = weights.matrix(shape.tokens, width)
    decoder.projection.weight = decoder.embeddings.weight
    decoder.position_encodings.encodings = weights.matrix(448, width)
    decoder.scale_embeddings = False
    layer_norm(decoder.layer_norm, width)
    for layer in decoder.layer:
        attention(weights, layer.self_attention, width, itself=True)
        attention(weights, layer.attention, width, itself=False)
        feed_forward(weights, layer.ffn, width)
    return spec


def write(shape: Shape, folder: Path, tokenizer: Path, seed: int = 0) -> None:
    """Write a model folder with random weights and the tokenizer of another model."""
    folder.mkdir(parents=True, exist_ok=True)
    spec = build(shape, seed)
    vocabulary = json.loads((tokenizer / "vocabulary.json").read_text("utf-8"))
    vocabulary += [f"<|extra_{n}|>" for n in range(shape.tokens - len(vocabulary))]
    spec.register_vocabulary(vocabulary)
    theirs = json.loads((tokenizer / "config.json").read_text("utf-8"))
    spec.config.suppress_ids = theirs["suppress_ids"]
    spec.config.suppress_ids_begin = theirs["suppress_ids_begin"]
    spec.config.lang_ids = theirs["lang_ids"]
    middle = shape.decoder_layers // 2
    spec.config.alignment_heads = [(layer, 0) for layer in range(middle, shape.decoder_layers)]
    spec.validate()
    spec.save(str(folder))
    shutil.copy(tokenizer / "tokenizer.json", folder)
    (folder / "preprocessor_config.json").write_text(json.dumps({"feature_size": shape.mels}))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("shape", choices=SHAPES)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--tokenizer", type=Path, default=Path("models/speechqa-tiny"))
    asked = parser.parse_args()
    write(SHAPES[asked.shape], asked.folder, asked.tokenizer)


if __name__ == "__main__":
    main()
