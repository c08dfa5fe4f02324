"""Training windows: one to three utterances with silence around them, at most ten seconds.

Some are filled with nothing to thirty seconds, and some hold no word. Everything random here is
drawn from the generator given; the features come from the shards unnormalised, so that gain and
noise vary with every use.
"""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from models.recipe.features import FLOOR, log_mel
from models.recipe.line import wordless_sounds
from models.recipe.normalise import normal_word
from models.recipe.shards import Description, read_descriptions, read_features
from models.recipe.tokens import Coder
from models.recipe.voices import is_favourite

FloatArray = npt.NDArray[np.float32]
WIDTHS = (240, 320, 400, 520, 640, 800, 1000)
WIDTH_WEIGHTS = (0.22, 0.24, 0.22, 0.16, 0.08, 0.04, 0.04)
# Utterances of other voices than the fixtures', and strings of words without a sentence, are
# drawn with these probabilities where any other is drawn for certain.
# The recogniser gives each piece of speech a window of its own; few windows hold several.
COMPANY_SHARE = 0.15
STRANGER_SHARE, STRING_SHARE = 0.15, 0.6
NOTHING = -100
NO_SPEECH_SHARE = 0.04
# faster-whisper fills every window with zeros to 30 s, whatever the model's chunk_length says; an
# encoder that never met such windows hears half as well in them. They cost the most, so few do.
FILLED_WIDTH, FILLED_SHARE, FILLED_WINDOWS = 3_000, 0.08, 4
TIMESTAMP_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class Item:
    """An utterance ready for windows; times of tokens in frames of 10 ms."""

    lang: str
    kind: str
    favourite: bool
    mel: npt.NDArray[np.float16]
    tokens: tuple[int, ...]
    spans: tuple[tuple[float, float], ...]
    phones: npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Window:
    """One training example; ``spans`` go with ``targets`` and are in encoder frames (20 ms)."""

    mel: FloatArray
    inputs: list[int]
    targets: list[int]
    spans: list[tuple[float, float] | None]
    phones: npt.NDArray[np.int64]


def items_of(path: Path, coder: Coder, phone_index: dict[str, int]) -> list[Item]:
    """The utterances of a shard, those with an unknown token left out."""
    features = read_features(path)
    found = []
    for row in read_descriptions(path):
        item = _item(row, features, coder, phone_index)
        if item is not None:
            found.append(item)
    return found


def _item(
    row: Description,
    features: npt.NDArray[np.float16],
    coder: Coder,
    phone_index: dict[str, int],
) -> Item | None:
    lang, text = row.lang, row.text
    tokens: list[int] = []
    spans: list[tuple[float, float]] = []
    for first, past, start_s, end_s in row.words:
        unit = text[first:past] if lang == "zh" else normal_word(text[first:past])
        if not unit:
            continue
        ids = coder.encode_unit(unit, lang)
        if any(i not in coder.index for i in ids):
            return None
        for k, token in enumerate(ids):
            step = (end_s - start_s) / len(ids)
            spans.append((100 * (start_s + k * step), 100 * (start_s + (k + 1) * step)))
            tokens.append(coder.index[token])
    phones = np.zeros(row.frames // 2 + 1, np.int64)
    for (at, name), (until, _) in zip(
        row.phones, (*row.phones[1:], (row.frames / 100, "")), strict=True
    ):
        phones[round(50 * at) : round(50 * until)] = phone_index.get(name, 0)
    if not tokens:
        return None
    mel = features[row.first : row.first + row.frames]
    return Item(lang, row.kind, is_favourite(row.voice), mel, tuple(tokens), tuple(spans), phones)


class WindowMaker:
    """Makes batches of windows from a growing pool of items; may hide tokens of the inputs."""

    def __init__(self, coder: Coder, seed: int, *, hides: bool = True) -> None:
        self._coder, self._rng, self._hides = coder, np.random.default_rng(seed), hides
        self._noises = [log_mel(sound) for sound in wordless_sounds()]
        self._pool: dict[str, list[Item]] = {"en": [], "zh": []}
        self._lengths: dict[str, list[int]] = {"en": [], "zh": []}
        index = coder.index
        self._ids = {
            name: index[coder.special(name)]
            for name in (
                "endoftext startoftranscript en zh transcribe nospeech notimestamps".split()
            )
        }
        self._text = [i for t, i in index.items() if t < coder.special("endoftext")]

    def add(self, items: Sequence[Item]) -> None:
        """Put items into the pool."""
        for lang, pool in self._pool.items():
            pool += [item for item in items if item.lang == lang]
            pool.sort(key=lambda item: len(item.mel))
            self._lengths[lang] = [len(item.mel) for item in pool]

    def batch(self, frames: int, progress: float) -> list[Window]:
        """Windows of one width that hold about `frames` frames together."""
        weights = np.array(WIDTH_WEIGHTS) * (np.array(WIDTHS) <= (400 if progress < 0.1 else 1000))
        width = int(self._rng.choice(WIDTHS, p=weights / weights.sum()))
        if progress > 0.1 and self._rng.random() < FILLED_SHARE:
            windows = [self._window(width, progress) for _ in range(FILLED_WINDOWS)]
            return [_filled(window, FILLED_WIDTH) for window in windows]
        return [self._window(width, progress) for _ in range(max(4, frames // width))]

    def _pick(self, lang: str, shortest: float, longest: float) -> Item | None:
        lengths = self._lengths[lang]
        low, high = bisect.bisect_left(lengths, shortest), bisect.bisect_right(lengths, longest)
        if low >= high:
            return None
        for _ in range(6):
            item = self._pool[lang][int(self._rng.integers(low, high))]
            keep = 1.0 if item.favourite else STRANGER_SHARE
            if self._rng.random() < keep * (STRING_SHARE if item.kind == "words" else 1.0):
                break
        return item

    def _content(self, width: int, progress: float) -> list[tuple[Item, int]]:
        """Utterances and where they begin, in frames."""
        rng = self._rng
        lang = "en" if rng.random() < 0.55 else "zh"
        at = int(
            (rng.integers(0, 12), rng.integers(5, 45), rng.integers(0, width // 4))[rng.integers(3)]
        )
        room = width - at - 4
        fill = 0.45 * room if rng.random() < 0.8 else 0
        item = self._pick(lang, fill, room) or self._pick(lang, 0, room)
        placed: list[tuple[Item, int]] = []
        while item is not None:
            placed.append((item, at))
            at += len(item.mel) + int(rng.integers(5, 100))
            if len(placed) == 3 or rng.random() < (1 - COMPANY_SHARE if progress > 0.1 else 1):
                break
            item = self._pick(lang, 0, width - at - 4)
        return placed

    def _noise(self, frames: int) -> FloatArray:
        bank = self._noises[int(self._rng.integers(len(self._noises)))]
        first = int(self._rng.integers(0, len(bank) - frames))
        return bank[first : first + frames]

    def _window(self, width: int, progress: float) -> Window:
        rng = self._rng
        placed = [] if rng.random() < NO_SPEECH_SHARE else self._content(width, progress)
        phones = np.full(width // 2, NOTHING, np.int64)
        body = np.full((width, 80), FLOOR, np.float32)
        end = width if rng.random() < 0.5 else int(width * rng.uniform(0.03, 1))
        if placed:
            last, at = placed[-1]
            end = min(width, at + len(last.mel) + int(rng.integers(0, 80) * rng.integers(2)))
        for item, at in placed:
            gain = rng.uniform(-0.5, 0.5) if rng.random() < 0.5 else 0.0
            body[at : at + len(item.mel)] = item.mel.astype(np.float32) + gain
            stop = min(width // 2, at // 2 + len(item.phones))
            phones[at // 2 : stop] = item.phones[: stop - at // 2]
        body = body[:end]
        self._add_background(body, quiet=bool(placed))
        mel = np.zeros((width, 80), np.float32)
        mel[:end] = self._normalised(body, masks=bool(placed))
        heard = phones[: end // 2]
        heard[heard == NOTHING] = 0
        inputs, targets, spans = self._text_of(placed)
        return Window(mel.T, self._corrupted(inputs, progress), targets, spans, phones)

    def _add_background(self, body: FloatArray, *, quiet: bool) -> None:
        rng = self._rng
        if rng.random() < 0.4 and (quiet or rng.random() < 0.4):
            return
        noise = self._noise(len(body)) + rng.uniform(-4, -1 if quiet else 0.5)
        if quiet:
            noise = np.minimum(noise, body.max() - rng.uniform(1.8, 3.5))
        body[:] = np.log10(10.0**body + 10.0**noise)

    def _normalised(self, body: FloatArray, *, masks: bool) -> FloatArray:
        rng = self._rng
        if rng.random() < 0.5:
            body = body + np.linspace(rng.uniform(-0.4, 0.4), 0, 80, dtype=np.float32)
        body = np.maximum(body + (rng.uniform(-1.2, 0.8) if rng.random() < 0.6 else 0), FLOOR)
        loudest = body.max() + (rng.uniform(0, 1) if rng.random() < 0.3 else 0)
        body = (np.maximum(body, loudest - 8) + 4) / 4
        if masks and rng.random() < 0.35:
            low, mean = int(rng.integers(0, 72)), body.mean()
            body[:, low : low + int(rng.integers(1, 9))] = mean
            for _ in range(2):
                at = int(rng.integers(0, len(body)))
                body[at : at + int(rng.integers(1, 10))] = mean
        return np.asarray(body, np.float32)

    def _text_of(
        self, placed: list[tuple[Item, int]]
    ) -> tuple[list[int], list[int], list[tuple[float, float] | None]]:
        ids, coder, rng = self._ids, self._coder, self._rng
        lang = placed[0][0].lang if placed else str(rng.choice(["en", "zh"]))
        timed = bool(rng.random() < TIMESTAMP_SHARE)
        text: list[int] = []
        spans: list[tuple[float, float] | None] = []
        for item, at in placed:
            here = [((at + a) / 2, (at + b) / 2) for a, b in item.spans]
            start, end = here[0][0], here[-1][1]
            if timed:
                text, spans = [*text, coder.time(round(start))], [*spans, (start - 1, start + 1)]
            text, spans = [*text, *item.tokens], [*spans, *here]
            if timed:
                text, spans = [*text, coder.time(round(end))], [*spans, (end - 1, end + 1)]
        if not placed and timed:
            text, spans = [coder.time(0)], [None]
        tail = (placed[-1][1] + placed[-1][0].spans[-1][1]) / 2 if placed else None
        head = [ids["startoftranscript"], ids[lang], ids["transcribe"]]
        targets = [ids["nospeech"] if not placed else ids[lang], ids["transcribe"]]
        if not timed:
            head, targets = [*head, ids["notimestamps"]], [*targets, NOTHING]
        targets += [*text, ids["endoftext"]]
        none: list[tuple[float, float] | None] = [None] * (len(head) - 1)
        ends: tuple[float, float] | None = None if tail is None else (tail, tail + 10)
        return head + text, targets, [*none, *spans, ends]

    def _corrupted(self, inputs: list[int], progress: float) -> list[int]:
        """Inputs with some text tokens hidden or replaced, so that the text cannot be guessed.

        Towards the end most windows are left whole: what is heard alike (Chinese has much of it)
        is told apart by its neighbours.
        """
        rng, known = self._rng, len(self._coder.trained)
        whole, most = (0.35, 0.5) if progress < 0.8 else (0.6, 0.35)
        rate = 0.0 if not self._hides or rng.random() < whole else rng.uniform(0.1, most)
        out = list(inputs)
        for i in range(4, len(out)):
            if out[i] < known and rng.random() < rate:
                hide = rng.random() < 0.5
                out[i] = self._coder.unused if hide else self._text[rng.integers(len(self._text))]
        return out


def _filled(window: Window, width: int) -> Window:
    """The window with zeros behind it."""
    mel = np.zeros((80, width), np.float32)
    mel[:, : window.mel.shape[1]] = window.mel
    phones = np.full(width // 2, NOTHING, np.int64)
    phones[: len(window.phones)] = window.phones
    return replace(window, mel=mel, phones=phones)
