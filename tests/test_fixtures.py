"""The committed calls: what issue and standard ask of them, and that they are what they say."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from speechqa.errors import CallError
from speechqa.metadata import MetadataReader
from speechqa.render.fixtures import SPECIAL, files_of, readme_table, render_file, with_table
from speechqa.render.script import load_script
from speechqa.render.voices import installed, say
from speechqa.settings import load_settings
from speechqa.timing import Call, measure_calls

ROOT = Path(__file__).parent.parent / "fixtures"
AUDIO, TRUTH = ROOT / "audio", ROOT / "truth"
SCRIPTS = {path.stem: load_script(path) for path in sorted((ROOT / "scripts").glob("*.yaml"))}
SOUND = {name: script for name, script in SCRIPTS.items() if script.fault == "none"}
SPECIAL_ONES = {script.fault: script for script in SCRIPTS.values() if script.fault != "none"}


def _files(script):
    return files_of(script, audio_dir=AUDIO, truth_dir=TRUTH)


def _facts(script):
    return json.loads(_files(script)[1].read_text(encoding="utf-8"))


def _samples(script):
    return sf.read(_files(script)[0], dtype="float32", always_2d=True)[0].T


def test_there_are_enough_calls_agents_days_and_both_languages():
    assert len(SOUND) >= 12
    assert len({script.agent for script in SOUND.values()}) >= 4
    assert len({script.started_at.date() for script in SOUND.values()}) == 5
    languages = Counter(script.language for script in SOUND.values())
    assert 0.5 <= languages["en"] / len(SOUND) <= 0.7


def test_good_calls_and_every_main_fault_are_there():
    shown = {thing for script in SOUND.values() for thing in script.shows}
    assert shown >= {
        "good call",
        "good recovery",
        "forbidden phrases",
        "missing greeting",
        "missing company name",
        "no closing",
        "long unannounced silence",
        "announced silence",
        "dead air",
        "hold without consent",
        "hold without thanks",
        "proper hold",
        "interruptions of the customer",
        "too fast",
        "no apology to a complaint",
    }
    rules = {plant.rule for s in SOUND.values() for turn in s.turns for plant in turn.plant}
    assert len(rules) >= 25


def test_each_special_file_is_there_once():
    assert set(SPECIAL_ONES) == {"mono", "fake-stereo", "swapped", "truncated"}
    assert len(list((AUDIO / SPECIAL).glob("*.wav"))) == 4


def test_every_audio_file_comes_from_a_script():
    expected = {_files(script)[0] for script in SCRIPTS.values()}
    assert set(AUDIO.rglob("*.wav")) == expected
    assert {path.stem for path in TRUTH.glob("*.json")} == {s.stem for s in SCRIPTS.values()}


def test_the_folder_stays_small():
    assert sum(path.stat().st_size for path in ROOT.rglob("*") if path.is_file()) < 25e6


def test_no_held_out_voice_speaks():
    voices = {v.voice for s in SCRIPTS.values() for v in (s.voices.agent, s.voices.customer)}
    assert not {voice.partition("+")[2] for voice in voices} & {"f4", "m8", "Annie", "edward"}
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert all(f"`{voice}`" in readme for voice in voices)


def test_texts_spell_their_numbers():
    for script in SCRIPTS.values():
        for turn in script.turns:
            assert not any(character.isdigit() for character in turn.text), turn.text


@pytest.mark.parametrize("name", SOUND)
def test_a_call_is_a_telephone_recording_of_its_truth(name):
    script = SOUND[name]
    info, facts = sf.info(_files(script)[0]), _facts(script)
    assert (info.channels, info.samplerate, info.subtype) == (2, 8000, "ULAW")
    assert 40 <= info.duration <= 120
    assert info.frames == facts["duration_ms"] * 8
    assert facts["call_id"] == script.call_id
    assert facts["line"] == script.line.model_dump(mode="json")


@pytest.mark.parametrize("name", [n for n, s in SOUND.items() if s.line.leak_db is None])
def test_the_sound_is_where_the_truth_says(name):
    script = SOUND[name]
    facts, samples = _facts(script), _samples(script).astype(np.float64)
    noise = np.zeros(samples.shape[1], dtype=bool)
    for sound in facts["sounds"]:
        noise[max(0, sound["start_ms"] - 10) * 8 : sound["end_ms"] * 8 + 80] = True
    for row, party in enumerate(("agent", "customer")):
        inside = np.zeros(samples.shape[1], dtype=bool)
        for start, end in facts["speech"][party]:
            inside[max(0, start - 30) * 8 : (end + 30) * 8] = True
        level = np.mean(samples[row, inside] ** 2)
        assert np.mean(samples[row, ~inside & ~noise] ** 2) < level * 10**-2


@pytest.mark.parametrize("name", SOUND)
def test_planted_phrases_are_said_within_their_times(name):
    script, facts = SOUND[name], _facts(SOUND[name])
    planted = [plant.text for turn in script.turns for plant in turn.plant]
    assert len(facts["phrases"]) == len(planted)
    for phrase in facts["phrases"]:
        said = [
            word["text"]
            for word in facts["words"]
            if word["party"] == phrase["party"]
            and phrase["start_ms"] <= word["start_ms"]
            and word["end_ms"] <= phrase["end_ms"]
        ]
        join = "" if script.language == "zh" else " "
        plain = "".join(c for c in phrase["text"] if c.isalnum() or c in "' ")
        assert join.join(said) == plain


@pytest.mark.parametrize("name", SOUND)
def test_timing_finds_the_events_of_the_truth(name):
    facts = _facts(SOUND[name])
    holds = [(hold["start_ms"], hold["end_ms"]) for hold in facts["holds"]]
    call = Call(
        duration_ms=facts["duration_ms"],
        agent=facts["speech"]["agent"],
        customer=facts["speech"]["customer"],
        holds=holds,
    )
    events = measure_calls([call], load_settings().timing).events(0)

    def found(kind):
        return [(e["start_ms"], e["end_ms"], e["party"]) for e in events if e["kind"] == kind]

    def true(key, party):
        return [(e["start_ms"], e["end_ms"], e[party]) for e in facts[key]]

    assert found("silence") == true("silences", "owner")
    assert found("interruption") == true("interruptions", "party")
    assert [e[0] for e in found("backchannel")] == [e["start_ms"] for e in facts["backchannels"]]


@pytest.mark.parametrize("name", SCRIPTS)
def test_metadata_is_found_for_every_call(name):
    script = SCRIPTS[name]
    audio = _files(script)[0]
    call = MetadataReader(ROOT / "metadata.csv").for_path(audio)
    assert call.call_id == script.call_id
    assert call.agent_id == script.agent
    assert call.queue == script.queue
    assert call.started_at is not None
    assert call.started_at.replace(tzinfo=None) == script.started_at
    beside = audio.with_suffix(".json").exists()
    assert call.sources["queue"] == ("json" if beside else "csv")


def test_one_call_has_its_metadata_beside_it():
    assert len(list(AUDIO.rglob("*.json"))) == 1


def test_the_mono_file_has_one_channel():
    assert _samples(SPECIAL_ONES["mono"]).shape[0] == 1


def test_the_fake_stereo_file_has_one_signal_twice():
    left, right = _samples(SPECIAL_ONES["fake-stereo"])
    assert left.std() > 0.01
    assert (left == right).all()


def test_the_swapped_file_has_the_agent_on_the_right():
    script = SPECIAL_ONES["swapped"]
    start, end = _facts(script)["speech"]["agent"][0]
    left, right = _samples(script)[:, start * 8 : end * 8]
    assert right.std() > 20 * left.std()


def test_the_damaged_file_is_noticed():
    from speechqa.audio import read_recording

    audio = _files(SPECIAL_ONES["truncated"])[0]
    try:
        assert read_recording(audio, load_settings().audio).damage
    except CallError as error:
        assert error.status == "damaged"  # noqa: PT017 - either answer is an honest one


def test_the_readme_lists_the_scripts_as_they_are():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    lengths = [_facts(script)["duration_ms"] for script in SCRIPTS.values()]
    assert with_table(readme, readme_table(SCRIPTS.items(), lengths)) == readme


@pytest.mark.parametrize("name", ["02_bad_refund_en", "04_bad_broadband_zh"])
def test_a_fixture_is_made_again_byte_for_byte(name, tmp_path):
    if not (installed("espeak") and installed("flite")):
        pytest.skip("espeak-ng and flite are not installed (apt-get install espeak-ng flite)")
    script = SCRIPTS[name]
    here = {say("yes", voice=v).made_with for v in ("espeak:en-us", "flite:kal16")}
    made_with = set(_facts(script)["made_with"])
    if not made_with <= here:
        pytest.skip(f"made with {sorted(made_with)}, here are {sorted(here)}")
    places = {"audio_dir": tmp_path / "audio", "truth_dir": tmp_path / "truth"}
    render_file(ROOT / "scripts" / f"{name}.yaml", **places)
    for old, new in zip(_files(script), files_of(script, **places), strict=True):
        assert new.read_bytes() == old.read_bytes()


def test_the_docs_name_every_key_of_the_truth():
    docs = (ROOT.parent / "docs" / "render.md").read_text(encoding="utf-8")
    assert not {key for key in _facts(SCRIPTS["01_good_billing_en"]) if f"`{key}`" not in docs}
