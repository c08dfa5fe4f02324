"""Scripts: what is accepted, and what a mistake is answered with."""

from pathlib import Path

import pytest

from speechqa.errors import InputMissing, UsageError
from speechqa.render.conditions import CONDITIONS, LINES, with_condition
from speechqa.render.random_calls import VOICES, random_script
from speechqa.render.script import (
    LeadIn,
    Line,
    Plant,
    Script,
    Step,
    Voice,
    load_script,
    parse_script,
)

HEAD = """call_id: a-1
voices:
  agent: flite:slt
  customer: {voice: "espeak:en-us+m3", rate_wpm: 170}
"""


def _with(turns: str, head: str = HEAD) -> str:
    return f"{head}turns:\n{turns}"


def test_a_script_may_name_a_voice_alone_or_with_its_rate():
    script = parse_script(_with("  - agent: Good morning."))
    assert script.voices.agent.voice == "flite:slt"
    assert script.voices.customer.rate_wpm == 170


def test_json_is_a_script_too():
    text = (
        '{"call_id": "a", "voices": {"agent": "flite:slt", "customer": "flite:rms"}, '
        '"turns": [{"agent": "Hello."}]}'
    )
    assert parse_script(text).turns[0].text == "Hello."


def test_the_file_name_tells_call_agent_and_time():
    script = parse_script(
        _with(
            "  - agent: Hi.", HEAD + "site: acme\nagent: AnnaP\nstarted_at: 2025-02-20T07:55:51\n"
        )
    )
    assert script.stem == "acme_GUID_a-1_AGENT_AnnaP_DT_2025-02-20T07-55-51"
    assert parse_script(_with("  - agent: Hi.")).stem == "a-1"


@pytest.mark.parametrize(
    ("turns", "message"),
    [
        (
            "  - agent: Hi.\n    pauze_ms: 3",
            r"line 7, turns\[1\].pauze_ms: unknown key; .*'pause_ms'",
        ),
        ("  - agent: Hi.\n    pause_ms: soon", r"line 7, .*valid integer.*got 'soon'"),
        ("  - agent: Hi.\n    pause_ms: -5", r"line 7, .*greater than or equal to 0; got -5"),
        ("  - agent: Hi.\n    customer: Ho.", r"line 6, turns\[1\]: .*holds agent, customer"),
        ("  - pause_ms: 4", r"line 6, turns\[1\]: a step holds exactly one of .* holds none"),
        ("  - agent: Hi.\n    pause_ms: 1\n    at_ms: 2", "pause_ms and at_ms both say when"),
        ("  - agent: Hi.\n    gives_way_ms: 9", "gives_way_ms needs overlap_ms"),
        ("  - silence_ms: 4000\n    during_ms: 9", "during_ms is only for what a party says"),
        ("  - agent: Hi.\n    overlap_ms: 200", "turn 1 overlaps the turn before it, and there is"),
        ("  - silence_ms: 4000", "nobody says anything"),
        ("  - keys: 12x", r"line 6, turns\[1\].keys: .*pattern"),
        (
            "  - agent: Hi.\n    plant: [{rule: r, text: Hello}]",
            r"line 6, turns\[1\]: planted phrase 'Hello' is not in the turn's text",
        ),
    ],
)
def test_a_mistake_is_named_with_line_and_place(turns, message):
    with pytest.raises(UsageError, match=message):
        parse_script(_with(turns), name="call.yaml")


def test_every_mistake_of_a_script_is_told_at_once():
    with pytest.raises(UsageError) as caught:
        parse_script("call_id: a\nlin: 3\nturns:\n  - agnt: Hi.\n", name="call.yaml")
    message = str(caught.value)
    assert "call.yaml, line 2, lin: unknown key; did you mean 'line'?" in message
    assert "voices: field required" in message
    assert "line 4, turns[1].agnt: unknown key; did you mean 'agent'?" in message
    assert "at least 1 item" not in message


def test_broken_yaml_names_the_line():
    with pytest.raises(UsageError, match=r"call.yaml, line \d+: not YAML"):
        parse_script("call_id: [a\nturns: 3", name="call.yaml")


def test_a_list_is_no_script():
    with pytest.raises(UsageError, match="a script is a mapping with call_id"):
        parse_script("- a\n- b\n")


def test_an_empty_file_is_no_script():
    with pytest.raises(UsageError, match="a script is a mapping"):
        parse_script("")


def test_a_missing_file_is_said(tmp_path):
    with pytest.raises(InputMissing, match="no such script"):
        load_script(tmp_path / "none.yaml")


def test_a_recording_is_no_script(tmp_path):
    (tmp_path / "call.yaml").write_bytes(b"RIFF\xff\xfe\x80")
    with pytest.raises(UsageError, match="cannot be read as text"):
        load_script(tmp_path / "call.yaml")


def test_a_random_script_is_the_same_for_the_same_seed():
    scripts = [random_script(seed) for seed in range(40)]
    assert scripts == [random_script(seed) for seed in range(40)]
    assert len({script.turns for script in scripts}) == 40
    assert {script.language for script in scripts} == {"en", "zh"}


def test_random_scripts_use_no_held_out_and_no_echoing_voice():
    variants = {voice.partition("+")[2] for voices in VOICES.values() for voice in voices}
    assert not variants & {"f4", "m8", "Annie", "edward", "edward2", "f2", "f3", "f5", "m2"}


def test_random_scripts_survive_writing_and_reading():
    script = random_script(3)
    assert Script.model_validate_json(script.model_dump_json()) == script


@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_condition_keeps_every_word_in_order(condition):
    script = random_script(2)
    changed = with_condition(script, condition)
    said = [t.text for t in script.turns if t.party]
    assert [t.text for t in changed.turns if t.party] == said
    added = len(changed.turns) > len(script.turns)
    assert added == (condition not in LINES)


def test_an_unknown_condition_is_refused():
    with pytest.raises(UsageError, match="condition 'foggy' does not exist"):
        with_condition(random_script(0), "foggy")


def test_the_docs_name_every_key_of_a_script():
    docs = (Path(__file__).parent.parent / "docs" / "render.md").read_text(encoding="utf-8")
    parts = (Script, Step, Line, LeadIn, Voice, Plant)
    missing = {key for part in parts for key in part.model_fields if f"`{key}`" not in docs}
    assert not missing
    assert all(f"`{condition}`" in docs for condition in CONDITIONS)


def test_the_script_of_the_docs_is_a_script():
    docs = (Path(__file__).parent.parent / "docs" / "render.md").read_text(encoding="utf-8")
    script = parse_script(docs.partition("```yaml\n")[2].partition("```")[0])
    assert len(script.turns) == 5
