"""One contender of the throughput benchmark in a process of its own.

Started by `benchmarks.throughput`. Loads its model, then transcribes the recordings once for each
line on stdin and answers with one line of JSON: wall and CPU seconds, the words of each channel,
seconds of windows. Every contender starts from the files and ends with words and their times.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

Run = Callable[[], dict[str, Any]]


def jobs_of(files: Sequence[str]) -> list[Any]:
    """Read recordings and find their speech, as a run of speechqa does."""
    from speechqa.asr import SpeechJob
    from speechqa.audio import read_recording
    from speechqa.settings import AudioSettings, VadSettings
    from speechqa.vad import asr_spans, speech_of_channels

    jobs = []
    for file in files:
        call = read_recording(file, AudioSettings())
        for number, spoken in enumerate(
            speech_of_channels(call.samples, call.rate_hz, VadSettings())
        ):
            jobs.append(
                SpeechJob(
                    key=f"{file}#{number}",
                    samples=call.samples[number],
                    rate_hz=call.rate_hz,
                    spans=asr_spans(spoken, call.duration_ms, VadSettings()),
                    speech=spoken,
                    call=file,
                )
            )
    return jobs


def speechqa(config: dict[str, Any]) -> Run:
    """The whole way of speechqa, windows of all recordings batched together."""
    from speechqa.asr import decoding, load_engine
    from speechqa.settings import AsrSettings

    if not config.get("retry", True):
        decoding.Row.failed = lambda row, settings: False  # type: ignore[method-assign]
    engine = load_engine(AsrSettings(device="cpu", **config["asr"]))

    def run() -> dict[str, Any]:
        jobs = jobs_of(config["files"])
        heard = engine.transcribe(jobs)
        speech = sum(int((job.speech[:, 1] - job.speech[:, 0]).sum()) for job in jobs)
        return {
            "texts": [[word.text for word in channel.words] for channel in heard],
            "window_s": sum(channel.window_ms for channel in heard) / 1000,
            "windows": sum(channel.windows for channel in heard),
            "speech_s": speech / 1000,
        }

    return run


def words_of(segments: Iterable[Any]) -> list[str]:
    """Return the words of faster-whisper's segments."""
    return [word.word.strip() for segment in segments for word in segment.words or ()]


def _faster_whisper(config: dict[str, Any]) -> Any:
    from faster_whisper import WhisperModel

    if config.get("mallopt"):
        from speechqa.asr.allocator import keep_large_buffers

        keep_large_buffers()
    return WhisperModel(
        config["asr"]["model"],
        device="cpu",
        compute_type="int8",
        cpu_threads=config["cpu_threads"],
        num_workers=config["workers"],
    )


def batched(config: dict[str, Any]) -> Run:
    """`BatchedInferencePipeline` on each channel, its own voice activity, word times."""
    from faster_whisper import BatchedInferencePipeline
    from faster_whisper.audio import decode_audio

    model = _faster_whisper(config)

    def channel(audio: np.ndarray) -> list[str]:
        # A pipeline keeps state between calls, so each thread has its own; they share the model.
        segments, _ = BatchedInferencePipeline(model).transcribe(
            audio,
            batch_size=config["batch_size"],
            beam_size=config["asr"]["beam_size"],
            word_timestamps=True,
        )
        return words_of(segments)

    def run() -> dict[str, Any]:
        with ThreadPoolExecutor(config["workers"]) as pool:
            audio = [x for f in config["files"] for x in decode_audio(f, split_stereo=True)]
            return {"texts": list(pool.map(channel, audio))}

    return run


def batched_same_windows(config: dict[str, Any]) -> Run:
    """`BatchedInferencePipeline` on the windows that speechqa packs, one channel at a time.

    The best a user of it could do: our voice activity, our packing and our log-mel are given.
    """
    from faster_whisper import BatchedInferencePipeline
    from faster_whisper.tokenizer import Tokenizer
    from faster_whisper.transcribe import TranscriptionOptions, get_suppressed_tokens

    from speechqa.asr.features import log_mel, native_rate, padded_features, window_samples
    from speechqa.asr.models import ModelCard
    from speechqa.asr.windowing import Windowing
    from speechqa.settings import AsrSettings

    model = _faster_whisper(config)
    windowing = Windowing.of(ModelCard(), AsrSettings())
    filters = model.feature_extractor.mel_filters

    def channel(job: Any) -> list[str]:
        windows = windowing.windows(job)
        if not windows:
            return []
        features = np.stack(
            [
                padded_features(
                    log_mel(window_samples(job, w), native_rate(job.rate_hz), filters), 3000
                )
                for w in windows
            ]
        )
        language, _, _ = model.detect_language(features=features[0])
        tokenizer = Tokenizer(model.hf_tokenizer, True, task="transcribe", language=language)
        options = _options(TranscriptionOptions, config, get_suppressed_tokens(tokenizer, [-1]))
        metadata = [{"offset": 0.0, "duration": w.end_ms / 1000, "segments": []} for w in windows]
        segments = BatchedInferencePipeline(model)._batched_segments_generator(
            features, tokenizer, metadata, config["batch_size"], options, False
        )
        return words_of(segments)

    def run() -> dict[str, Any]:
        with ThreadPoolExecutor(config["workers"]) as pool:
            return {"texts": list(pool.map(channel, jobs_of(config["files"])))}

    return run


def _options(kind: Any, config: dict[str, Any], suppressed: Sequence[int]) -> Any:
    """Return what `BatchedInferencePipeline.transcribe` would pass by default."""
    return kind(
        beam_size=config["asr"]["beam_size"],
        best_of=5,
        patience=1,
        length_penalty=1,
        repetition_penalty=1,
        no_repeat_ngram_size=0,
        log_prob_threshold=-1.0,
        no_speech_threshold=0.6,
        compression_ratio_threshold=2.4,
        condition_on_previous_text=False,
        prompt_reset_on_temperature=0.5,
        temperatures=[0.0],
        initial_prompt=None,
        prefix=None,
        suppress_blank=True,
        suppress_tokens=suppressed,
        without_timestamps=True,
        max_initial_timestamp=0.0,
        word_timestamps=True,
        prepend_punctuations="\"'“¿([{-",
        append_punctuations="\"'.。,，!！?？:：”)]}、",
        multilingual=False,
        max_new_tokens=None,
        clip_timestamps=[],
        hallucination_silence_threshold=None,
        hotwords=None,
    )


def segments(config: dict[str, Any]) -> Run:
    """The usual script: each stretch of speech by itself through `WhisperModel.transcribe`."""
    from speechqa.audio import resample

    model = _faster_whisper(config)

    def run() -> dict[str, Any]:
        texts: list[list[str]] = []
        for job in jobs_of(config["files"]):
            texts.append([])
            for start, end in job.spans.tolist():
                first, last = (edge * job.rate_hz // 1000 for edge in (start, end))
                audio = resample(job.samples[first:last], job.rate_hz, 16000)
                found, _ = model.transcribe(
                    audio,
                    beam_size=config["asr"]["beam_size"],
                    word_timestamps=True,
                    condition_on_previous_text=False,
                )
                texts[-1] += words_of(found)
        return {"texts": texts}

    return run


CONTENDERS = {
    "speechqa": speechqa,
    "batched": batched,
    "batched_same_windows": batched_same_windows,
    "segments": segments,
}


def main() -> None:
    config = json.loads(sys.argv[1])
    run = CONTENDERS[config["contender"]](config)
    print(json.dumps({"ready": True}), flush=True)
    for _ in sys.stdin:
        wall, cpu = time.perf_counter(), time.process_time()
        result = run()
        result["wall_s"] = time.perf_counter() - wall
        result["cpu_s"] = time.process_time() - cpu
        print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
