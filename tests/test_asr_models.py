"""Models on disk: found, checked before anything heavy is loaded, never fetched unasked."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from speechqa.asr import Engine, StubEngine, load_engine
from speechqa.asr.models import Model, ModelCard, check_model, find_model, find_models
from speechqa.asr.pull import known_models, pull_model
from speechqa.errors import ModelError, UsageError
from speechqa.settings import AsrSettings

SHIPPED = find_model("speechqa-tiny").path


@pytest.fixture
def copy(tmp_path) -> Path:
    return Path(shutil.copytree(SHIPPED, tmp_path / "a-model"))


def test_the_shipped_model_is_found_by_name_and_by_folder():
    assert find_model("speechqa-tiny").path == find_model(str(SHIPPED)).path
    assert "speechqa-tiny" in {model.name for model in find_models()}


def test_a_folder_named_in_the_environment_is_searched_first(copy, monkeypatch):
    monkeypatch.setenv("SPEECHQA_MODELS", str(copy.parent))
    assert find_model("a-model").path == copy


@pytest.mark.parametrize("name", ["model.bin", "config.json", "tokenizer.json"])
def test_a_missing_file_is_named(copy, name):
    (copy / name).unlink()
    with pytest.raises(ModelError, match=f"a-model: {name} is missing"):
        find_model(str(copy))


def test_a_missing_vocabulary_is_named(copy):
    (copy / "vocabulary.json").unlink()
    with pytest.raises(ModelError, match=r"vocabulary\.json or vocabulary\.txt is missing"):
        find_model(str(copy))


@pytest.mark.parametrize("name", ["config.json", "preprocessor_config.json", "tokenizer.json"])
def test_a_broken_json_is_named(copy, name):
    (copy / name).write_text("{")
    with pytest.raises(ModelError, match=f"{name}: cannot be read as JSON"):
        find_model(str(copy))


@pytest.mark.parametrize("text", ["{}", "[]", '{"alignment_heads": [], "suppress_ids": []}'])
def test_a_configuration_that_lacks_what_the_engine_needs_is_named(copy, text):
    (copy / "config.json").write_text(text)
    with pytest.raises(ModelError, match=r"config\.json: .*suppress_ids_begin not in it"):
        find_model(str(copy))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("preprocessor_config.json", '{"feature_size": 3}'),
        ("vocabulary.json", '["a"]'),
        ("tokenizer.json", '{"a": 1}'),
    ],
)
def test_files_that_do_not_fit_together_stop_the_load_and_name_the_folder(copy, name, text):
    (copy / name).write_text(text)
    with pytest.raises(ModelError, match="a-model: the model"):
        load_engine(AsrSettings(model=str(copy), device="cpu", threads=1))


def test_a_git_lfs_pointer_is_told_from_weights(copy):
    (copy / "model.bin").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\n")
    with pytest.raises(ModelError, match="a Git LFS pointer") as caught:
        find_model(str(copy))
    assert "git lfs pull" in caught.value.hint


def test_weights_of_another_format_are_told_by_their_first_bytes(copy):
    (copy / "model.bin").write_bytes(b"PK\x03\x04" + bytes(200_000))
    with pytest.raises(ModelError, match="not a CTranslate2 model"):
        find_model(str(copy))


def test_weights_cut_short_stop_the_load_and_name_the_folder(copy):
    whole = (copy / "model.bin").read_bytes()
    (copy / "model.bin").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelError, match="a-model: the model cannot be loaded on cpu"):
        load_engine(AsrSettings(model=str(copy), device="cpu"))


def test_an_unknown_name_says_what_to_do_and_guesses():
    with pytest.raises(ModelError, match=r"did you mean speechqa-tiny\?") as caught:
        find_model("speechqa-tny")
    assert "model list" in caught.value.hint


def test_a_file_instead_of_a_folder_is_told():
    with pytest.raises(ModelError, match="a model is a folder, this is a file"):
        find_model(str(SHIPPED / "model.bin"))


def test_a_folder_without_a_card_is_a_stock_model(copy):
    (copy / "speechqa.json").unlink(missing_ok=True)
    assert find_model(str(copy)).card == ModelCard()


def test_a_card_is_read_and_a_mistake_in_it_is_named(copy):
    (copy / "speechqa.json").write_text(json.dumps({"short_windows": True, "max_window_s": 10}))
    assert find_model(str(copy)).card.buckets_s[-1] == 10
    (copy / "speechqa.json").write_text(json.dumps({"max_window_s": 40}))
    with pytest.raises(ModelError, match=r"speechqa\.json: max_window_s"):
        find_model(str(copy))


def test_a_models_digest_changes_with_its_card_and_its_weights(copy):
    before = Model("a", copy).digest
    (copy / "speechqa.json").write_text(json.dumps({"max_pieces": 7}))
    after = Model("a", copy).digest
    with (copy / "model.bin").open("r+b") as weights:
        weights.seek(1000)
        weights.write(b"\xff\x00\xff")
    assert len({before, after, Model("a", copy).digest}) == 3


def test_the_digest_of_large_weights_sees_their_length_their_ends_and_their_middle(copy):
    weights = copy / "model.bin"
    with weights.open("r+b") as stream:
        stream.truncate(300 << 20)  # a sparse file: no space is taken
    seen = {Model("a", copy).digest}
    for place in (0, 150 << 20, (300 << 20) - 1):
        with weights.open("r+b") as stream:
            stream.seek(place - place % (1 << 20) if place else 0)
            stream.write(bytes(range(1, 256)) * 8192)
        seen.add(Model("a", copy).digest)
    with weights.open("r+b") as stream:
        stream.truncate(299 << 20)
    seen.add(Model("a", copy).digest)
    assert len(seen) == 5


def test_no_connection_is_tried_for_a_missing_model_or_a_load():
    script = """
import socket, sys
def refuse(*a, **k):
    print("CONNECTION", a); sys.exit(9)
socket.socket.connect = refuse
socket.create_connection = refuse
socket.getaddrinfo = refuse
from speechqa.asr import load_engine
from speechqa.errors import ModelError
from speechqa.settings import AsrSettings
try:
    load_engine(AsrSettings(model="large-v3", device="cpu"))
except ModelError as error:
    print("refused", error)
print(load_engine(AsrSettings(device="cpu", threads=1)).name)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert "refused large-v3: no such model folder" in done.stdout
    assert "whisper:speechqa-tiny@" in done.stdout


def test_an_unknown_engine_is_refused_with_those_that_there_are():
    with pytest.raises(UsageError, match=r"engine 'wisper'.*did you mean whisper") as caught:
        load_engine(AsrSettings(engine="wisper"))
    assert "stub" in caught.value.hint


def test_an_engine_of_another_package_is_loaded_by_its_name(monkeypatch):
    class Point:
        name = "mine"

        def load(self):
            return lambda settings: StubEngine("zh")

    monkeypatch.setattr("speechqa.asr.loading.entry_points", lambda group: [Point()])
    assert isinstance(load_engine(AsrSettings(engine="mine")), Engine)


def test_an_engine_that_cannot_transcribe_is_refused(monkeypatch):
    class Point:
        name = "mine"

        def load(self):
            return lambda settings: object()

    monkeypatch.setattr("speechqa.asr.loading.entry_points", lambda group: [Point()])
    with pytest.raises(ModelError, match="no name or no transcribe method"):
        load_engine(AsrSettings(engine="mine"))


def test_a_gpu_that_is_not_there_is_an_error_only_when_asked_for():
    import ctranslate2

    if ctranslate2.get_cuda_device_count():
        pytest.skip("this machine has a GPU")
    with pytest.raises(ModelError, match="device cuda: "):
        load_engine(AsrSettings(device="cuda"))
    assert load_engine(AsrSettings(device="auto", threads=1)).name


def test_an_unknown_language_stops_before_the_first_call():
    with pytest.raises(UsageError, match="language 'klingon'"):
        load_engine(AsrSettings(device="cpu", threads=1, language="klingon"))


def test_pull_writes_the_folder_only_when_the_model_is_whole(tmp_path, monkeypatch):
    import huggingface_hub

    def send(repository, local_dir, allow_patterns):
        assert repository == known_models()["tiny"]
        for file in SHIPPED.iterdir():
            shutil.copy(file, local_dir)

    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr(huggingface_hub, "snapshot_download", send)
    model = pull_model("tiny", into=tmp_path)
    check_model(model)
    assert model.path == tmp_path / "tiny"
    assert [path.name for path in tmp_path.iterdir()] == ["tiny"]


def test_pull_of_half_a_model_leaves_no_model(tmp_path, monkeypatch):
    import huggingface_hub

    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr(
        huggingface_hub,
        "snapshot_download",
        lambda repository, local_dir, allow_patterns: shutil.copy(
            SHIPPED / "config.json", local_dir
        ),
    )
    with pytest.raises(ModelError, match=r"model\.bin is missing"):
        pull_model("tiny", into=tmp_path)
    assert not (tmp_path / "tiny").exists()


def test_pull_without_a_network_says_how_to_bring_the_files_by_hand(tmp_path):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
    script = f"""
import os
os.environ["HF_ENDPOINT"] = "http://127.0.0.1:{port}"
os.environ.pop("HF_HUB_OFFLINE", None)
from pathlib import Path
from speechqa.asr.pull import pull_model
from speechqa.errors import ModelError
try:
    pull_model("tiny", into=Path({str(tmp_path)!r}))
except ModelError as error:
    print(error.message, "|", error.hint)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert "cannot be fetched" in done.stdout
    assert f"copy its files to {tmp_path / 'tiny'}" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_pull_obeys_the_offline_switch(tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ModelError, match="HF_HUB_OFFLINE forbids"):
        pull_model("tiny", into=tmp_path)


def test_pull_of_an_unknown_name_guesses(tmp_path):
    with pytest.raises(UsageError, match="did you mean large-v3-turbo"):
        pull_model("large-v3-turbot", into=tmp_path)


def test_model_list_prints_one_object_a_model_and_says_what_is_broken(copy, monkeypatch, capfd):
    from speechqa.cli import run

    (copy / "tokenizer.json").unlink()
    monkeypatch.setenv("SPEECHQA_MODELS", str(copy.parent))
    assert run(["model", "list", "--json"]) == 0
    rows = {row["name"]: row for row in map(json.loads, capfd.readouterr().out.splitlines())}
    assert rows["speechqa-tiny"]["problem"] is None
    assert len(rows["speechqa-tiny"]["digest"]) == 16
    assert "tokenizer.json is missing" in rows["a-model"]["problem"]
    assert run(["model", "list"]) == 0
    assert "broken: " in capfd.readouterr().out


def test_model_pull_offline_exits_with_the_models_code_and_the_next_step(monkeypatch, capfd):
    from speechqa.cli import run

    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert run(["model", "pull", "tiny"]) == ModelError.exit_code
    said = capfd.readouterr().err
    assert "HF_HUB_OFFLINE forbids" in said
    assert "next: on a machine that can" in said
