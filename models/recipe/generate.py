"""Training shards: features, text and times of some thousand utterances each.

``python -m models.recipe.generate OUT --shards 0 8 --utterances 1500`` writes ``OUT/NNN.npy``
(float16 log-mel, all utterances end to end) and ``OUT/NNN.json`` (their descriptions). A shard is
a function of its number alone (and of ``--held``), so shards can be made in any order and by
several processes.
"""

from __future__ import annotations

import argparse
import random
import time
from pathlib import Path

import numpy as np

from models.recipe.features import log_mel
from models.recipe.line import on_the_line
from models.recipe.sentences import Mixture
from models.recipe.shards import Description, write_shard
from models.recipe.voices import Cast

ENGLISH_SHARE = 0.54
TELEPHONE_SHARE = 0.8
MAX_SECONDS = 9.6


def make_shard(
    number: int, count: int, cast: Cast, mixtures: dict[str, Mixture]
) -> tuple[list[Description], np.ndarray]:
    """All utterances of one shard."""
    rng, noise_rng = random.Random(1000 + number), np.random.default_rng(1000 + number)
    texts = {lang: mixture.sentences(rng) for lang, mixture in mixtures.items()}
    found: list[Description] = []
    features: list[np.ndarray] = []
    first = 0
    while len(found) < count:
        lang = "en" if rng.random() < ENGLISH_SHARE else "zh"
        sentence = next(texts[lang])
        spoken = cast.read(sentence.text, lang, rng)
        if spoken is None or not 0.25 <= spoken.speech.duration_s <= MAX_SECONDS:
            continue
        telephone = rng.random() < TELEPHONE_SHARE
        samples = on_the_line(spoken.speech.samples, noise_rng, telephone=telephone)
        mel = log_mel(samples).astype(np.float16)
        speech = spoken.speech
        found.append(
            Description(
                lang=lang,
                kind=sentence.kind,
                text=sentence.text,
                voice=spoken.voice,
                telephone=telephone,
                first=first,
                frames=len(mel),
                words=speech.words,
                phones=speech.phones,
            )
        )
        features.append(mel)
        first += len(mel)
    return found, np.concatenate(features)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--shards", type=int, nargs=2, default=(0, 40), help="first and past last")
    parser.add_argument("--step", type=int, default=1, help="take every STEP-th shard")
    parser.add_argument("--utterances", type=int, default=1500)
    parser.add_argument("--held", action="store_true", help="of sentences kept from training")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    cast, mixtures = Cast(), {lang: Mixture(lang, held=arguments.held) for lang in ("en", "zh")}
    for number in range(arguments.shards[0], arguments.shards[1], arguments.step):
        path = arguments.out / f"{number:03d}.json"
        if path.exists():
            continue
        started = time.monotonic()
        found, features = make_shard(number, arguments.utterances, cast, mixtures)
        write_shard(path, found, features)
        hours, took = len(features) / 360_000, time.monotonic() - started
        print(f"{path.name}: {len(found)} utterances, {hours:.2f} h in {took:.0f} s", flush=True)


if __name__ == "__main__":
    main()
