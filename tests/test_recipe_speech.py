"""The recipe's speech and training windows, without torch: times, features, targets."""

import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("soxr")
if not (shutil.which("espeak-ng") and shutil.which("flite")):
    pytest.skip("needs the synthesisers espeak-ng and flite", allow_module_level=True)

from tokenizers import Tokenizer

from models.recipe.features import log_mel
from models.recipe.generate import make_shard
from models.recipe.line import mu_law, wordless_sounds
from models.recipe.sentences import Mixture
from models.recipe.shards import Description, read_descriptions, read_features, write_shard
from models.recipe.tokens import Coder
from models.recipe.voices import HELD_VARIANTS, Cast
from models.recipe.windows import NOTHING, Item, WindowMaker, items_of

TOKENIZER = Path(__file__).parents[1] / "models" / "speechqa-tiny" / "tokenizer.json"


@pytest.fixture(scope="module")
def shard(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("shards") / "000.json"
    rows, features = make_shard(0, 24, Cast(), {lang: Mixture(lang) for lang in ("en", "zh")})
    write_shard(path, rows, features)
    return path


@pytest.fixture(scope="module")
def coder(shard: Path) -> Coder:
    tokenizer = Tokenizer.from_file(str(TOKENIZER))
    words = [
        (unit, row.lang)
        for row in read_descriptions(shard)
        for unit in (row.text if row.lang == "zh" else row.text.lower().split())
    ]
    return Coder.for_texts(tokenizer, words)


@pytest.fixture(scope="module")
def items(shard: Path, coder: Coder) -> list[Item]:
    return items_of(shard, coder, {})


def _rows(shard: Path) -> list[Description]:
    return read_descriptions(shard)


def test_words_follow_each_other_within_the_utterance(shard: Path) -> None:
    for row in _rows(shard):
        starts = [start for _, _, start, _ in row.words]
        assert starts == sorted(starts)
        assert all(0 <= start < end for _, _, start, end in row.words)
        assert row.words[-1][3] <= row.frames / 100 + 0.05


def test_speech_is_louder_inside_words_than_before_them(shard: Path) -> None:
    features = read_features(shard)
    louder = []
    for row in _rows(shard):
        mel = features[row.first : row.first + row.frames].astype(np.float32)
        start, end = round(100 * row.words[0][2]), round(100 * row.words[-1][3])
        outside = np.concatenate([mel[: max(0, start - 3)], mel[end + 3 :]])
        if len(outside) > 5:
            louder.append(mel[start:end].mean() - outside.mean())
    assert np.mean(np.array(louder) > 0.3) > 0.9


def test_held_out_voices_never_read_training_text(shard: Path) -> None:
    assert not any(row.voice.split("+")[-1] in HELD_VARIANTS for row in _rows(shard))


def test_a_shard_depends_on_its_number_alone(shard: Path) -> None:
    rows, _ = make_shard(0, 5, Cast(), {lang: Mixture(lang) for lang in ("en", "zh")})
    assert [row.text for row in rows] == [row.text for row in _rows(shard)[:5]]


def test_features_equal_those_that_recognition_uses() -> None:
    from faster_whisper.feature_extractor import FeatureExtractor

    samples = np.random.default_rng(0).standard_normal(16_000).astype(np.float32) * 0.1
    ours = log_mel(samples)
    ours = (np.maximum(ours, ours.max() - 8) + 4) / 4
    theirs = FeatureExtractor()(samples).T
    count = min(len(ours), len(theirs))
    assert np.abs(ours[:count] - theirs[:count]).max() < 1e-3


def test_mu_law_keeps_levels_and_is_idempotent() -> None:
    samples = np.linspace(-1, 1, 999, dtype=np.float32)
    once = mu_law(samples)
    assert np.abs(once - samples).max() < 0.03
    assert np.allclose(mu_law(once), once, atol=1e-6)


def test_windows_pair_every_input_with_a_target_and_a_place(
    items: list[Item], coder: Coder
) -> None:
    maker = WindowMaker(coder, seed=1)
    maker.add(items)
    end = coder.index[coder.special("endoftext")]
    windows = [window for _ in range(12) for window in maker.batch(4000, progress=0.5)]
    for window in windows:
        assert len(window.inputs) == len(window.targets) == len(window.spans)
        assert window.targets[-1] == end
        assert window.mel.shape == (80, 2 * len(window.phones))
        assert np.isfinite(window.mel).all()
        starts = [span[0] for span in window.spans if span is not None]
        assert all(later >= sooner - 2 for sooner, later in pairwise(starts))
    assert any(coder.unused in window.inputs for window in windows)
    assert not any(coder.unused in window.targets for window in windows)


def test_targets_are_the_text_that_was_said(items: list[Item], coder: Coder) -> None:
    maker = WindowMaker(coder, seed=2)
    maker.add(items)
    said = {item.tokens for item in items}
    known = len(coder.trained)
    special = {coder.index[coder.special(n)] for n in ("endoftext", "en", "zh", "transcribe")}
    special.add(coder.index[coder.special("nospeech")])
    found = 0
    for window in maker.batch(40_000, progress=0.0):
        text = tuple(t for t in window.targets if t != NOTHING and t < known and t not in special)
        found += text in said
    assert found > 50


def test_windows_without_speech_ask_for_nothing(coder: Coder) -> None:
    maker = WindowMaker(coder, seed=3)
    nospeech = coder.index[coder.special("nospeech")]
    for window in maker.batch(8000, progress=0.5):
        assert window.targets[0] == nospeech
        assert not any(0 <= t < len(coder.trained) for t in window.targets[2:-1])


def test_wordless_sounds_are_many_and_audible() -> None:
    sounds = wordless_sounds(seconds=1)
    assert len(sounds) > 30
    assert all(0.001 < float(np.sqrt(np.mean(sound**2))) < 0.2 for sound in sounds)
