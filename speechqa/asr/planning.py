"""How long a night will take, from costs measured on this machine with this model.

`measure` times the recogniser's stages on a few windows; `plan` multiplies them out. The plan
counts windows, tokens and processor seconds; it knows nothing of queues, disks or other tenants
of the machine. Times here are seconds, since a night is measured in hours.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from speechqa.asr.decoding import Row, join, rows_of
from speechqa.asr.device import worker_processes
from speechqa.asr.whisper import WhisperEngine
from speechqa.settings import AsrSettings

SPEECH_SHARE = 0.40
"""Share of a channel's time in which its party speaks: two parties, pauses, holds."""

TOKENS_PER_SPEECH_S = 4.5
"""Tokens of Whisper's vocabulary per second of speech, English and Mandarin telephone calls."""

PREPARE_S_PER_CHANNEL_S = 0.003
"""Processor seconds to decode a second of one channel, check it and find its speech; about twice
what `benchmarks/throughput.py` prints, for the compressed formats."""

_FEATURE_S_PER_S = 0.00025
_TRIAL_TOKENS, _TRIAL_WINDOWS = 24, 4


@dataclass(frozen=True)
class StageCosts:
    """What the recogniser's stages cost, in seconds of one worker.

    Parameters
    ----------
    window_s
        Length of the windows timed.
    fill
        Share of a window that holds speech, as windows come out of packing.
    encode_s
        For one window.
    token_s
        To generate one token in a full batch.
    align_s
        To place one token in time in a full batch.
    workers
        Workers that run side by side: cores, or GPUs.
    """

    window_s: float
    fill: float
    encode_s: float
    token_s: float
    align_s: float
    workers: int


@dataclass(frozen=True)
class Plan:
    """What a night needs.

    Parameters
    ----------
    audio_h
        Hours of recordings.
    windows
        Windows to recognise.
    prepare_h, encode_h, decode_h
        Worker hours of each stage.
    hours
        Hours until all is done.
    workers
        Recognisers side by side.
    """

    audio_h: float
    windows: int
    prepare_h: float
    encode_h: float
    decode_h: float
    hours: float
    workers: int = 1

    @property
    def real_time_factor(self) -> float:
        """Hours of recordings done in one hour.

        Examples
        --------
        >>> Plan(100, 1, 0, 0, 0, 4.0).real_time_factor
        25.0
        """
        return self.audio_h / self.hours if self.hours else float("inf")


def plan(
    audio_s: float,
    *,
    costs: StageCosts,
    channels: int = 2,
    speech_share: float = SPEECH_SHARE,
    workers: int | None = None,
    cores: int | None = None,
) -> Plan:
    """Return how long `audio_s` seconds of recordings will take.

    Parameters
    ----------
    audio_s
        Total length of the recordings.
    costs
        From `measure`, on a machine of the kind that will do the work.
    channels
        Channels of each recording.
    speech_share
        Share of each channel that is speech.
    workers
        Recognisers side by side; by default those of `costs`.
    cores
        Cores that prepare, where recognisers run on GPUs; by default the recognisers' own.

    Examples
    --------
    >>> costs = StageCosts(30, fill=0.8, encode_s=0.1, token_s=0.001, align_s=0, workers=2)
    >>> night = plan(3600 * 1000, costs=costs)
    >>> night.windows, round(night.hours, 1)
    (120000, 6.6)
    """
    count = workers or costs.workers
    speech_s = audio_s * channels * speech_share
    windows = int(np.ceil(speech_s / (costs.window_s * costs.fill)))
    prepare = audio_s * channels * PREPARE_S_PER_CHANNEL_S + speech_s * _FEATURE_S_PER_S
    encode = windows * costs.encode_s
    decode = speech_s * TOKENS_PER_SPEECH_S * (costs.token_s + costs.align_s)
    if cores is None:
        wall = (prepare + encode + decode) / count
    else:  # the slower of the two lines, since they run side by side
        wall = max(prepare / cores, (encode + decode) / count)
    hours = (value / 3600 for value in (audio_s, prepare, encode, decode, wall))
    audio_h, prepare_h, encode_h, decode_h, wall_h = hours
    return Plan(audio_h, windows, prepare_h, encode_h, decode_h, wall_h, count)


def estimate(
    settings: AsrSettings, audio_s: float, *, channels: int = 2, workers: int = 0
) -> Plan | None:
    """Load the model of `settings`, time it, and plan `audio_s` seconds of recordings.

    Parameters
    ----------
    workers
        Recognisers side by side, on this machine or on others of its kind; 0 for those that a run
        here would start.

    Returns
    -------
    Plan or None
        None for a recogniser of another package, whose costs are not known here.

    Raises
    ------
    ModelError, UsageError
        As `speechqa.asr.load_engine`.
    """
    from speechqa.asr.loading import load_engine

    engine = load_engine(settings)
    if not isinstance(engine, WhisperEngine):
        return None
    # The process that feeds a GPU also decodes and finds the speech.
    count = worker_processes(settings, workers) if engine.device.kind == "cuda" else workers
    return plan(audio_s, costs=measure(engine), channels=channels, workers=count or None)


def measure(engine: WhisperEngine, *, fill: float | None = None) -> StageCosts:
    """Time the stages of `engine` on a batch of windows; takes some seconds on a CPU.

    Parameters
    ----------
    engine
        Loaded as the run will load it.
    fill
        Share of a window that holds speech; by default 0.85 for windows as long as their speech
        and 0.75 for exact ones.
    """
    lengths = engine.windowing.lengths_ms
    bucketed = len(lengths) > 1
    # Speech comes in stretches of a few seconds: the middle bucket stands for all.
    window_ms = lengths[len(lengths) // 2] if bucketed else lengths[0]
    rows = engine.device.decode_batch
    shape = (rows, len(engine.mel_filters), window_ms // 10)
    sound = np.random.default_rng(0).standard_normal(shape, np.float32) / np.float32(4)
    decoder = engine.decoder
    language = decoder.texts.languages()[0]
    decoder.generate(decoder.encode(sound[:1]), [language], 1.0)
    # Processor time leaves other tenants of the machine out; a GPU's work shows in wall time only.
    clock = time.process_time if engine.device.kind == "cpu" else time.perf_counter
    begun = clock()
    few = decoder.encode(sound[:_TRIAL_WINDOWS])
    encode_s = (clock() - begun) / few.shape[0]
    encoded = join([np.resize(rows_of(few), (rows, *few.shape[1:]))])
    begun = clock()
    tokens = decoder.forced(encoded, [language] * rows, _TRIAL_TOKENS)
    token_s = clock() - begun
    begun = clock()
    decoder.align(
        encoded,
        [Row(row, 0.0, 0.0, 1.0, False) for row in tokens],
        [language] * rows,
        [window_ms // 10] * rows,
    )
    align_s = clock() - begun
    made = sum(len(row) for row in tokens)
    return StageCosts(
        window_s=window_ms / 1000,
        fill=fill or (0.85 if bucketed else 0.75),
        encode_s=encode_s,
        token_s=token_s / made,
        align_s=align_s / made,
        workers=engine.device.replicas,
    )
