"""A trained state as a CTranslate2 model that plain faster-whisper loads.

``python -m models.recipe.export STATE TOKENIZER OUT`` writes ``model.bin`` (int8; what is not
quantised is float16), the configuration with alignment heads and language ids, the vocabulary, the
tokenizer and the feature settings (ten-second windows). ``--mean-with STATE`` takes the mean of two
moments of one training, which hears a little better than either.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from ctranslate2.converters import utils
from ctranslate2.specs import common_spec, whisper_spec
from tokenizers import Tokenizer
from torch import nn

from models.recipe.network import Attention, DecoderLayer, EncoderLayer, Network, Shape
from models.recipe.tokens import LANGUAGES, TIMESTAMPS, VOCABULARY

WINDOW_S = 10
# What stands for "nothing" where the end itself is not allowed, and how near to the end's row.
BLANK, BLANK_NEARNESS = "\n", 0.8
# Whisper's own list of symbols that are no speech, as token ids of this tokenizer.
_SYMBOLS = (
    '" # ( ) * + / : ; < = > @ [ \\ ] ^ _ ` { | } ~ 「 」 『 』 << >> <<< >>> -- --- -( -[ (\' ("'
    " (( )) ((( ))) [[ ]] {{ }} ♪♪ ♪♪♪"
).split()
_NOTES = "♩ ♪ ♫ ♬ ♭ ♮ ♯".split()


def suppressed(tokenizer: Tokenizer) -> list[int]:
    """Tokens that are never written: symbols that are no speech, and the task tokens."""
    found = {tokenizer.encode(" -").ids[0], tokenizer.encode(" '").ids[0]}
    for symbol in (*_SYMBOLS, *_NOTES):
        for text in (symbol, " " + symbol):
            ids = tokenizer.encode(text, add_special_tokens=False).ids
            if len(ids) == 1 or symbol in _NOTES:
                found.add(ids[0])
    tasks = ("startoftranscript", "translate", "transcribe", "startoflm", "startofprev", "nospeech")
    return sorted(found | {_special(tokenizer, task) for task in tasks})


def _special(tokenizer: Tokenizer, name: str) -> int:
    token = tokenizer.token_to_id(f"<|{name}|>")
    if token is None:
        raise KeyError(f"the tokenizer has no <|{name}|>")
    return int(token)


def load_states(paths: Sequence[Path]) -> tuple[Network, list[int]]:
    """The mean of the averaged networks of training states, and their trained vocabulary ids.

    All must come from one training: weights of different trainings have no mean that hears.
    """
    saved = [torch.load(path, map_location="cpu", weights_only=False) for path in paths]
    if any(other["plan"]["trained"] != saved[0]["plan"]["trained"] for other in saved):
        raise SystemExit("the states were trained on different tokens; give states of one training")
    mean = {
        name: torch.stack([state["average"][name].float() for state in saved]).mean(0)
        for name in saved[0]["average"]
    }
    net = Network(Shape(**saved[0]["shape"]))
    net.load_state_dict(mean)
    return net.eval(), saved[0]["plan"]["trained"]


def full_table(net: Network, trained: list[int]) -> npt.NDArray[np.float32]:
    """Embedding rows of the whole vocabulary: untrained tokens share one row."""
    with torch.no_grad():
        compact = net.table()
    rows = compact[-1].repeat(VOCABULARY, 1)
    rows[torch.tensor(trained)] = compact[: len(trained)]
    rows[VOCABULARY - TIMESTAMPS :] = compact[len(trained) : -1]
    return _array(rows)


def add_blank(table: npt.NDArray[np.float32], tokenizer: Tokenizer) -> None:
    """Make a line break the second choice wherever the end is the first.

    A beam search may not end at its first token, so it wrote a word on windows of pure noise. Now
    it writes a line break, which every reader strips.
    """
    (blank,) = tokenizer.encode(BLANK, add_special_tokens=False).ids
    table[blank] = BLANK_NEARNESS * table[_special(tokenizer, "endoftext")]


def _array(tensor: torch.Tensor) -> npt.NDArray[np.float32]:
    return np.asarray(tensor.detach().float().contiguous().numpy(), np.float32)


def _linear(spec: common_spec.LinearSpec, layer: nn.Linear) -> None:
    spec.weight = _array(layer.weight)
    if layer.bias is not None:
        spec.bias = _array(layer.bias)


def _norm(spec: common_spec.LayerNormSpec, layer: nn.LayerNorm) -> None:
    spec.gamma, spec.beta = _array(layer.weight), _array(layer.bias)


def _attention(spec: Any, layer: Attention, *, to_itself: bool) -> None:
    parts = [common_spec.LinearSpec() for _ in range(3)]
    for part, source in zip(parts, (layer.q_proj, layer.k_proj, layer.v_proj), strict=True):
        _linear(part, source)
    linear = spec.linear
    if to_itself:
        utils.fuse_linear(linear[0], parts)
    else:
        utils.fuse_linear(linear[0], parts[:1])
        utils.fuse_linear(linear[1], parts[1:])
    _linear(linear[-1], layer.out_proj)


def _layer(spec: Any, layer: nn.Module) -> None:
    assert isinstance(layer, EncoderLayer)
    _attention(spec.self_attention, layer.self_attn, to_itself=True)
    _norm(spec.self_attention.layer_norm, layer.self_attn_layer_norm)
    if isinstance(layer, DecoderLayer):
        _attention(spec.attention, layer.encoder_attn, to_itself=False)
        _norm(spec.attention.layer_norm, layer.encoder_attn_layer_norm)
    ffn = spec.ffn
    _linear(ffn.linear_0, layer.fc1)
    _linear(ffn.linear_1, layer.fc2)
    _norm(ffn.layer_norm, layer.final_layer_norm)


def specification(net: Network, trained: list[int], tokenizer: Tokenizer) -> Any:
    """The CTranslate2 model description of a network."""
    shape = net.shape
    spec = whisper_spec.WhisperSpec(
        shape.encoder_layers, shape.heads, shape.decoder_layers, shape.heads
    )
    encoder, decoder = spec.encoder, spec.decoder
    for target, conv in ((encoder.conv1, net.conv1), (encoder.conv2, net.conv2)):
        assert conv.bias is not None
        target.weight, target.bias = _array(conv.weight), _array(conv.bias)
    encoder.position_encodings.encodings = _array(net.epos)
    _norm(encoder.layer_norm, net.enc_ln)
    for target, layer in zip(encoder.layer, net.enc, strict=True):
        _layer(target, layer)
    table = full_table(net, trained)
    add_blank(table, tokenizer)
    decoder.embeddings.weight = table
    decoder.projection.weight = decoder.embeddings.weight
    decoder.position_encodings.encodings = _array(net.dpos)
    decoder.scale_embeddings = False
    _norm(decoder.layer_norm, net.dec_ln)
    for target, layer in zip(decoder.layer, net.dec, strict=True):
        _layer(target, layer)
    spec.register_vocabulary([tokenizer.id_to_token(i) for i in range(VOCABULARY)])
    first = _special(tokenizer, "en")
    spec.config.suppress_ids = suppressed(tokenizer)
    # Whisper forbids an empty answer; here it is the right answer to noise.
    spec.config.suppress_ids_begin = [220]
    spec.config.lang_ids = list(range(first, first + len(LANGUAGES)))
    spec.config.alignment_heads = [list(pair) for pair in shape.guided]
    return spec


def export(states: Sequence[Path], tokenizer_path: Path, out: Path) -> None:
    """Write the model folder; an older one of the same name is replaced."""
    tokenizer = Tokenizer.from_file(str(tokenizer_path))
    net, trained = load_states(states)
    spec = specification(net, trained, tokenizer)
    spec.validate()
    spec.optimize(quantization="int8_float16")
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    spec.save(str(out))
    shutil.copy(tokenizer_path, out / "tokenizer.json")
    words = json.loads((out / "vocabulary.json").read_text(encoding="utf-8"))
    (out / "vocabulary.json").write_text(
        json.dumps(words, ensure_ascii=False, separators=(",", ":")), encoding="utf-8"
    )
    card = {
        "short_windows": True,
        "max_window_s": WINDOW_S,
        "max_pieces": 1,
        "trust_no_speech": True,
        "languages": ["en", "zh"],
    }
    (out / "speechqa.json").write_text(json.dumps(card, indent=1) + "\n")
    features = {
        "chunk_length": WINDOW_S,
        "feature_size": 80,
        "hop_length": 160,
        "n_fft": 400,
        "sampling_rate": 16_000,
    }
    (out / "preprocessor_config.json").write_text(json.dumps(features, indent=1) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("state", "tokenizer", "out"):
        parser.add_argument(name, type=Path)
    parser.add_argument("--mean-with", type=Path, nargs="+", default=(), help="more states")
    arguments = parser.parse_args()
    states = [arguments.state, *arguments.mean_with]
    export(states, arguments.tokenizer, arguments.out)
    sizes = {path.name: path.stat().st_size for path in sorted(arguments.out.iterdir())}
    print(f"{arguments.out}: {sum(sizes.values()) / 1e6:.1f} MB", sizes)


if __name__ == "__main__":
    main()
