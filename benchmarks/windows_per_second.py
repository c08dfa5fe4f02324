"""R9: windows of 30 s per second on one device, with a model of a published shape.

    python -m benchmarks.windows_per_second large-v3 --device cuda
    python -m benchmarks.windows_per_second tiny --device cpu --windows 32

The model has random weights (see `benchmarks.random_whisper`) and each window is made to give the
same number of tokens, so the arithmetic is that of the real model and nothing is downloaded. The
output is checked: as many tokens as asked for, finite encoder output. For comparison: 67.9
windows/s, Whisper large-v3 on one H200, MLPerf Inference v5.1.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.random_whisper import SHAPES, write
from speechqa.asr.decoding import Row, rows_of
from speechqa.asr.loading import load_whisper
from speechqa.settings import AsrSettings

ROOT = Path(__file__).resolve().parents[1]


def recognise(engine: Any, batch: np.ndarray, tokens: int, align: bool) -> dict[str, float]:
    """Recognise one batch of features; return seconds by stage and tokens made."""
    decoder, times = engine.decoder, {}
    start = time.perf_counter()
    encoded = decoder.encode(batch)
    times["encode_s"] = time.perf_counter() - start
    start = time.perf_counter()
    rows = decoder.forced(encoded, ["en"] * len(batch), tokens)
    times["generate_s"] = time.perf_counter() - start
    if min(map(len, rows)) < tokens // 2:
        raise SystemExit(f"a window gave {min(map(len, rows))} tokens of {tokens}: broken library?")
    start = time.perf_counter()
    if align:
        found = [Row(row, 0.0, 0.0, 1.0, False) for row in rows]
        decoder.align(encoded, found, ["en"] * len(batch), [batch.shape[2]] * len(batch))
    times["align_s"] = time.perf_counter() - start
    if not np.isfinite(rows_of(encoded)[0]).all():
        raise SystemExit("the encoder's output is not finite")
    return times | {"tokens": float(sum(map(len, rows)))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("shape", choices=SHAPES)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--windows", type=int, default=512)
    parser.add_argument("--batch", type=int, default=0, help="0: the device's default")
    parser.add_argument("--beam-size", type=int, default=1)
    parser.add_argument("--tokens", type=int, default=90, help="per window")
    parser.add_argument("--align", action="store_true", help="also find word times")
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as parent:
        folder = Path(parent) / asked.shape
        write(SHAPES[asked.shape], folder, ROOT / "models" / "speechqa-tiny")
        engine = load_whisper(
            AsrSettings(
                model=str(folder),
                device=asked.device,
                encode_batch=asked.batch,
                decode_batch=asked.batch,
                beam_size=asked.beam_size,
            )
        )
    size = engine.device.decode_batch
    shape = (size, SHAPES[asked.shape].mels, 3000)
    batch = np.random.default_rng(0).standard_normal(shape, np.float32) / np.float32(4)
    recognise(engine, batch, asked.tokens, asked.align)
    count = max(1, asked.windows // size)
    device = engine.device
    print(
        f"{asked.shape} on {device.kind} ({device.compute_type}), {device.workers} in flight, "
        f"batches of {size}, beam {asked.beam_size}, {asked.tokens} tokens a window"
        + (", word times" if asked.align else "")
    )
    with ThreadPoolExecutor(device.workers) as pool:
        for _ in range(asked.rounds):
            start = time.perf_counter()
            done = list(
                pool.map(
                    lambda _: recognise(engine, batch, asked.tokens, asked.align), range(count)
                )
            )
            wall = time.perf_counter() - start
            stages = {k: sum(d[k] for d in done) / count / size for k in done[0] if k != "tokens"}
            tokens = sum(d["tokens"] for d in done)
            print(
                f"{count * size / wall:8.2f} windows/s  {count * size * 30 / wall:8.0f} x real time"
                f"  {tokens / wall:8.0f} tokens/s  "
                + "  ".join(f"{k[:-2]} {1000 * v:.1f} ms" for k, v in stages.items())
            )


if __name__ == "__main__":
    main()
