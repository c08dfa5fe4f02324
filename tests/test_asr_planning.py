"""Where the recogniser runs, what a night costs, and models of any shape with random weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.figures import interval
from benchmarks.night import row
from benchmarks.random_whisper import SHAPES, Shape, write
from speechqa.asr import SpeechJob, device, find_model, planning
from speechqa.asr.device import choose_device, worker_environment, worker_processes
from speechqa.asr.loading import load_whisper
from speechqa.asr.planning import StageCosts, estimate, measure, plan
from speechqa.batch.forecast import Forecast
from speechqa.errors import ModelError
from speechqa.settings import AsrSettings

COSTS = StageCosts(window_s=30, fill=0.8, encode_s=0.1, token_s=0.001, align_s=0.001, workers=2)


@pytest.fixture(scope="module")
def random_model(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "random"
    small = Shape(width=64, heads=2, encoder_layers=1, decoder_layers=2, mels=128, tokens=51866)
    write(small, folder, find_model("speechqa-tiny").path)
    return folder


def test_twice_the_audio_takes_twice_as_long_and_twice_the_workers_half():
    once, twice = plan(10_000, costs=COSTS), plan(20_000, costs=COSTS)
    assert twice.hours == pytest.approx(2 * once.hours, rel=1e-3)
    assert plan(10_000, costs=COSTS, workers=4).hours == pytest.approx(once.hours / 2)


def test_a_plans_stages_add_up_to_its_hours():
    night = plan(3600, costs=COSTS)
    assert night.hours == pytest.approx(
        (night.prepare_h + night.encode_h + night.decode_h) / COSTS.workers
    )


def test_with_gpus_the_slower_of_preparing_and_recognising_decides():
    fast = replace(COSTS, encode_s=1e-6, token_s=1e-9, align_s=1e-9, workers=1)
    night = plan(36_000, costs=fast, cores=4)
    assert night.hours == pytest.approx(night.prepare_h / 4)


def test_nothing_to_do_takes_no_time():
    assert plan(0, costs=COSTS).hours == 0


def test_costs_are_measured_on_the_loaded_model(random_model):
    engine = load_whisper(AsrSettings(model=str(random_model), device="cpu", decode_batch=2))
    costs = measure(engine)
    assert costs.window_s == 30
    assert min(costs.encode_s, costs.token_s, costs.align_s) > 0


def test_a_night_is_estimated_from_the_settings_and_not_for_engines_unknown(random_model):
    settings = AsrSettings(model=str(random_model), device="cpu", decode_batch=6)
    night = estimate(settings, 7200)
    assert night is not None
    assert night.audio_h == 2
    assert 0 < night.hours < 2
    assert estimate(AsrSettings(engine="stub"), 7200) is None


def test_a_plan_is_for_the_workers_that_are_asked_for(random_model, monkeypatch):
    monkeypatch.setattr(planning, "measure", lambda engine: COSTS)
    settings = AsrSettings(model=str(random_model), device="cpu", threads=2)
    here, many = estimate(settings, 36_000), estimate(settings, 36_000, workers=64)
    assert (here.workers, many.workers) == (COSTS.workers, 64)
    assert many.hours == pytest.approx(here.hours * COSTS.workers / 64)
    told = Forecast(3, 0, 36_000, many).text
    assert "with 64 workers; worker hours: " in told


def test_a_nights_need_of_cores_and_money_follows_from_the_costs():
    costs = StageCosts(30, fill=0.75, encode_s=1, token_s=0.01, align_s=0.01, workers=1)
    cells = row("small", costs, hours=1000, window_h=8, price=0.05)
    night = plan(3_600_000, costs=costs, workers=1)
    assert cells[0] == "small"
    assert int(cells[3]) == -(-night.hours // 8)
    assert float(cells[5]) == pytest.approx(0.05 * night.hours / 1000, abs=1e-4)
    assert row("small", costs, 1000, 8, 0)[5] == ""


def test_a_model_of_large_v3s_mels_and_vocabulary_is_heard_on_the_same_way(random_model):
    """128 mel bands and one more token than the models before: the shapes differ, not the code."""
    engine = load_whisper(AsrSettings(model=str(random_model), device="cpu", threads=1))
    span = np.array([[0, 3000]])
    rng = np.random.default_rng(0)
    samples = (rng.normal(0, 0.1, 24_000) * np.repeat(rng.uniform(0, 1, 60), 400)).astype(
        np.float32
    )
    (answer,) = engine.transcribe([SpeechJob("a", samples, 8000, span, span, language="en")])
    assert answer.words
    assert all(word.flag == "low-confidence" for word in answer.words)


def test_shapes_are_those_of_the_published_models():
    assert SHAPES["large-v3-turbo"].decoder_layers == 4
    assert SHAPES["large-v3"].mels == 128


@pytest.fixture
def gpu(monkeypatch):
    """A machine with a GPU, as far as choosing goes."""
    monkeypatch.setattr("ctranslate2.get_cuda_device_count", lambda: 1)
    monkeypatch.setattr(device, "_opens", lambda package, library: True)


def test_a_gpu_is_used_with_half_precision_and_large_batches(gpu):
    chosen = choose_device(AsrSettings(device_index=1))
    assert (chosen.kind, chosen.index, chosen.compute_type) == ("cuda", 1, "float16")
    assert (chosen.encode_batch, chosen.decode_batch) == (64, 64)
    assert chosen.replicas == 1


def test_a_gpu_whose_library_cannot_be_opened_is_refused_by_name(gpu, monkeypatch):
    monkeypatch.setattr(device, "_opens", lambda package, library: package != "cublas")
    with pytest.raises(ModelError, match=r"libcublas\.so\.12 cannot be opened") as caught:
        choose_device(AsrSettings(device="cuda"))
    assert "nvidia-cublas-cu12" in caught.value.hint
    assert choose_device(AsrSettings(device="auto")).kind == "cpu"


def test_one_process_runs_on_each_gpu_and_sees_no_other(gpu, monkeypatch, tmp_path):
    monkeypatch.setattr(device, "_DRIVER", tmp_path)
    monkeypatch.setattr("ctranslate2.get_cuda_device_count", lambda: 3)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    settings = AsrSettings()
    assert worker_processes(settings, 0) == 3
    seen = [worker_environment(settings, place)["CUDA_VISIBLE_DEVICES"] for place in range(4)]
    assert seen == ["0", "1", "2", "0"]  # more workers than GPUs share them
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5,GPU-8f6a,7")
    assert worker_environment(settings, 1) == {"CUDA_VISIBLE_DEVICES": "GPU-8f6a"}


def test_a_gpu_that_the_user_chose_is_the_only_one_used(gpu, monkeypatch, tmp_path):
    monkeypatch.setattr(device, "_DRIVER", tmp_path)
    monkeypatch.setattr("ctranslate2.get_cuda_device_count", lambda: 3)
    settings = AsrSettings(device_index=2)
    assert worker_processes(settings, 0) == 1
    assert worker_environment(settings, 1) == {}


@pytest.mark.parametrize("broken", ["driver", "library"])
def test_without_a_usable_gpu_there_is_one_process_per_core(gpu, monkeypatch, tmp_path, broken):
    monkeypatch.setattr(device, "_DRIVER", tmp_path / ("none" if broken == "driver" else ""))
    if broken == "library":
        monkeypatch.setattr(device, "_opens", lambda package, library: False)
    assert worker_processes(AsrSettings(), 0) == device.usable_cores()
    assert worker_processes(AsrSettings(), 5) == 5
    assert worker_environment(AsrSettings(), 1) == {}


def test_a_library_that_is_nowhere_does_not_open():
    assert not device._opens("nothing", "libnothing-at-all.so.99")


def test_settings_override_the_devices_defaults():
    chosen = choose_device(
        AsrSettings(device="cpu", threads=3, encode_batch=4, decode_batch=9, compute_type="float32")
    )
    assert (chosen.workers, chosen.encode_batch, chosen.decode_batch) == (3, 4, 9)
    assert chosen.compute_type == "float32"


def test_the_interval_of_a_ratio_holds_its_median():
    ratios = [1.2, 1.3, 1.31, 1.4, 1.9]
    median, low, high = interval(ratios)
    assert low <= median == 1.31 <= high
