"""Calls as files: each format read back by a reader that is not ours."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import jsonschema
import numpy as np
import pysubs2
import pytest
import srt
import tgt
import webvtt
from hypothesis import given, settings
from hypothesis import strategies as st

from speechqa.cli import run as command
from speechqa.errors import UsageError
from speechqa.export import CALL_FORMATS, Choice, call_bytes, chosen, write_calls
from speechqa.export.captions import LONGEST_MS, MOST_LETTERS, cues
from speechqa.pipeline.assess import assess
from speechqa.pipeline.textless import without_text
from speechqa.rttm.lines import parse_rttm
from speechqa.rttm.segments import Speakers
from speechqa.transcript import Word, turns
from tests.web_store import TALK, book, made_call, make_store
from tests.web_store import settings as settings_of_tests

AWKWARD = [
    "<b>bold</b>",
    "a --> b",
    "&amp; & <v agent>",
    "{\\an8}braces",
    'quote " and " more',
    "您好",
    "NOTE",
    "00:00:01.000",
    "1",
    "\\N",
]


def call(**changes):
    return made_call(1, talk=[*TALK, *(("customer", text) for text in AWKWARD)], **changes)


def judged(facts):
    (made,) = assess([facts], book(), settings_of_tests().timing)
    return made


def exported(facts, form, **options):
    return call_bytes(facts, judged(facts), CALL_FORMATS[form], **({"text": True} | options))


def test_vtt_comes_back_with_voices_times_and_every_letter(tmp_path):
    import html

    facts = call()
    made = exported(facts, "vtt").decode()
    captions = webvtt.from_string(made).captions
    wanted = cues(facts)
    assert len(captions) == len(wanted) > 5
    for caption, cue in zip(captions, wanted, strict=True):
        assert caption.voice == cue.party
        assert html.unescape(caption.text) == cue.text
        assert (_ms(caption.start), _ms(caption.end)) == (cue.start_ms, cue.end_ms)
    other = pysubs2.SSAFile.from_string(made, format_="vtt")
    assert [(e.start, e.end) for e in other] == [(c.start_ms, c.end_ms) for c in wanted]


def _ms(clock):
    hours, minutes, rest = clock.split(":")
    return (int(hours) * 60 + int(minutes)) * 60_000 + round(float(rest) * 1000)


def test_srt_comes_back_with_parties_times_and_every_letter():
    facts = call()
    made = exported(facts, "srt").decode()
    wanted = cues(facts)
    read = list(srt.parse(made))
    assert [one.index for one in read] == list(range(1, len(wanted) + 1))
    for one, cue in zip(read, wanted, strict=True):
        assert one.content == f"{cue.party}: {cue.text}"
        assert round(one.start.total_seconds() * 1000) == cue.start_ms
        assert round(one.end.total_seconds() * 1000) == cue.end_ms
    other = pysubs2.SSAFile.from_string(made, format_="srt")
    assert [(e.start, e.end) for e in other] == [(c.start_ms, c.end_ms) for c in wanted]


def test_libavcodec_reads_both_kinds_of_captions(tmp_path):
    import av

    facts = made_call(1)
    for form in ("vtt", "srt"):
        path = tmp_path / f"call.{form}"
        path.write_bytes(exported(facts, form))
        with av.open(str(path)) as file:
            starts = [packet.pts for packet in file.demux(subtitles=0) if packet.pts is not None]
        assert starts == [cue.start_ms for cue in cues(facts)]


def test_captions_are_short_and_break_at_pauses():
    said = [Word("agent", 500 * n, 500 * n + 400, f"word{n}", 0.9) for n in range(60)]
    said.append(Word("agent", 32_000, 32_400, "later", 0.9))
    facts = made_call(1, talk=[], words=tuple(said))
    found = cues(facts)
    assert all(len(cue.text) <= MOST_LETTERS for cue in found)
    assert all(cue.end_ms - cue.start_ms <= LONGEST_MS for cue in found)
    assert found[-1].text == "later"
    assert " ".join(cue.text for cue in found) == " ".join(word.text for word in said)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=20))
def test_any_word_survives_in_captions(texts):
    words = tuple(Word("agent", 900 * n, 900 * n + 800, t, 0.9) for n, t in enumerate(texts))
    facts = made_call(1, talk=[], words=words, speech={"agent": np.array([[0, 20_000]])})
    form = CALL_FORMATS["srt"]
    wanted = [f"agent: {cue.text}" for cue in cues(facts)]
    said = call_bytes(facts, None, form, text=True).decode()
    assert [one.content for one in srt.parse(said)] == wanted
    read = webvtt.from_string(call_bytes(facts, None, CALL_FORMATS["vtt"], text=True).decode())
    assert len(read.captions) == len(wanted)


def test_rttm_comes_back_from_our_reader_and_pyannotes(tmp_path):
    from pyannote.database.util import load_rttm

    facts = call(call_id="a call\twith blanks")
    made = exported(facts, "rttm")
    (read,) = parse_rttm(made.decode(), "call.rttm", Speakers())
    for party in ("agent", "customer"):
        assert np.array_equal(getattr(read, party), facts.speech[party])
    path = tmp_path / "call.rttm"
    path.write_bytes(made)
    (annotation,) = load_rttm(path).values()
    for party in ("agent", "customer"):
        spans = [
            (round(s.start * 1000), round(s.end * 1000)) for s in annotation.label_timeline(party)
        ]
        assert spans == [tuple(span) for span in facts.speech[party].tolist()]


def test_a_textgrid_comes_back_from_tgt_praatio_and_evaluate(tmp_path):
    from praatio import textgrid

    from speechqa.evaluation.labels import read_references

    facts = call()
    path = tmp_path / "call.TextGrid"
    path.write_bytes(exported(facts, "textgrid"))
    grid = tgt.io.read_textgrid(str(path), include_empty_intervals=False)
    for party in ("agent", "customer"):
        tier = grid.get_tier_by_name(party)
        spans = [(round(float(i.start_time) * 1000), round(float(i.end_time) * 1000)) for i in tier]
        assert spans == [tuple(span) for span in facts.speech[party].tolist()]
        words = grid.get_tier_by_name(f"{party} words")
        assert [i.text for i in words] == [w.text for w in facts.words if w.party == party]
    points = grid.get_tier_by_name("findings")
    assert any("shut up" in point.text for point in points)
    assert set(textgrid.openTextgrid(str(path), False).tierNames) >= {"agent", "customer words"}
    (reference,) = read_references(path)
    assert np.array_equal(reference.speech["agent"], facts.speech["agent"])
    assert [w.text for w in reference.words] == [w.text for w in facts.words]


OFFSETS = {"BeginOffsetMillis": {"type": "integer"}, "EndOffsetMillis": {"type": "integer"}}
INSTANCE = {
    "type": "object",
    "required": [*OFFSETS, "DurationMillis"],
    "properties": OFFSETS | {"DurationMillis": {"type": "integer"}},
}
ITEM = {
    "type": "object",
    "required": ["Type", "Confidence", "Content", *OFFSETS],
    "properties": {"Type": {"enum": ["pronunciation", "punctuation"]}} | OFFSETS,
}
TURN = {
    "type": "object",
    "required": [
        *("Id", "ParticipantRole", "Content", "Items", "LoudnessScores", "Sentiment"),
        *OFFSETS,
    ],
    "properties": {
        "ParticipantRole": {"enum": ["AGENT", "CUSTOMER"]},
        "Items": {"type": "array", "items": ITEM},
        "Sentiment": {"enum": ["POSITIVE", "NEGATIVE", "NEUTRAL", "MIXED", None]},
    }
    | OFFSETS,
}
BY_ROLE = {"type": "object", "propertyNames": {"enum": ["AGENT", "CUSTOMER"]}}
CALL_ANALYTICS = {
    "type": "object",
    "required": [
        *("JobStatus", "LanguageCode", "Transcript", "Categories", "ConversationCharacteristics"),
        *("JobName", "AccountId", "Channel", "Participants"),
    ],
    "properties": {
        "JobStatus": {"const": "COMPLETED"},
        "Transcript": {"type": "array", "items": TURN},
        "Categories": {
            "type": "object",
            "required": ["MatchedCategories", "MatchedDetails"],
            "properties": {
                "MatchedDetails": {
                    "additionalProperties": {
                        "required": ["PointsOfInterest"],
                        "properties": {
                            "PointsOfInterest": {"items": {"required": list(OFFSETS)}},
                        },
                    }
                }
            },
        },
        "ConversationCharacteristics": {
            "required": [
                *("TotalConversationDurationMillis", "Interruptions", "NonTalkTime"),
                *("TalkSpeed", "TalkTime"),
            ],
            "properties": {
                "TotalConversationDurationMillis": {"type": "integer"},
                "Interruptions": {
                    "required": ["TotalCount", "TotalTimeMillis", "InterruptionsByInterrupter"],
                    "properties": {
                        "InterruptionsByInterrupter": BY_ROLE
                        | {"additionalProperties": {"items": INSTANCE}}
                    },
                },
                "NonTalkTime": {
                    "required": ["TotalTimeMillis", "Instances"],
                    "properties": {"Instances": {"items": INSTANCE}},
                },
                "TalkSpeed": {
                    "properties": {
                        "DetailsByParticipant": BY_ROLE
                        | {"additionalProperties": {"required": ["AverageWordsPerMinute"]}}
                    }
                },
                "TalkTime": {
                    "required": ["TotalTimeMillis", "DetailsByParticipant"],
                    "properties": {
                        "DetailsByParticipant": BY_ROLE
                        | {"additionalProperties": {"required": ["TotalTimeMillis"]}}
                    },
                },
            },
        },
    },
}
"""Written from the sample in AWS, "Post-call analytics output", Transcribe Developer Guide."""


def interrupted():
    """A call with an interruption and a silence, whose words carry punctuation."""
    spans = {"agent": [[0, 6000], [12_000, 27_000]], "customer": [[4500, 8000]]}
    words = tuple(
        Word(party, start, start + 400, text, 0.9)
        for party, start, text in [
            *(("agent", 500 * n, "word") for n in range(12)),
            *(("customer", 4500 + 500 * n, f"mine{n},") for n in range(7)),
            *(("agent", 12_000 + 500 * n, "after.") for n in range(30)),
        ]
    )
    speech = {party: np.array(one) for party, one in spans.items()}
    return made_call(1, talk=[], speech=speech, words=words, duration_ms=28_000)


def test_call_analytics_has_the_names_and_figures_that_its_readers_expect():
    facts = interrupted()
    made = judged(facts)
    document = json.loads(exported(facts, "aws"))
    jsonschema.validate(document, CALL_ANALYTICS)
    found = document["ConversationCharacteristics"]
    assert found["TotalConversationDurationMillis"] == 28_000
    assert found["Interruptions"]["TotalCount"] == sum(
        made.measures[party]["interruptions"] for party in ("agent", "customer")
    )
    assert found["Interruptions"]["InterruptionsByInterrupter"]["CUSTOMER"]
    assert found["NonTalkTime"]["Instances"] == [
        {"BeginOffsetMillis": 8000, "EndOffsetMillis": 12_000, "DurationMillis": 4000}
    ]
    assert found["NonTalkTime"]["TotalTimeMillis"] == 4000
    assert found["TalkTime"] == {
        "TotalTimeMillis": 24_500,
        "DetailsByParticipant": {
            "AGENT": {"TotalTimeMillis": 21_000},
            "CUSTOMER": {"TotalTimeMillis": 3500},
        },
    }
    speed = found["TalkSpeed"]["DetailsByParticipant"]["AGENT"]["AverageWordsPerMinute"]
    assert speed == round(made.measures["agent"]["articulation_rate"])
    violated = [r["rule"] for r in made.results if r["outcome"] == "violated"]
    assert document["Categories"]["MatchedCategories"] == violated
    skipped = {one["Feature"]: one["Message"] for one in document["AnalyticsJobDetails"]["Skipped"]}
    assert "null" in skipped["SENTIMENT_ANALYSIS"]
    assert set(made.measures["unmeasured"]) <= set(skipped)


def test_a_reader_of_call_analytics_gets_the_turns_and_words_back():
    """Read as AWS's own sample solution does: turns in order, words joined, marks attached."""
    facts = interrupted()
    document = json.loads(exported(facts, "aws"))
    read, times = [], []
    for turn in document["Transcript"]:
        text, skip = "", True
        for item in turn["Items"]:
            if item["Type"] == "pronunciation":
                text += item["Content"] if skip else " " + item["Content"]
                skip = False
                assert 0 <= float(item["Confidence"]) <= 1
                times.append((item["BeginOffsetMillis"], item["EndOffsetMillis"]))
            else:
                text += item["Content"]
        assert text == turn["Content"]
        assert len(turn["LoudnessScores"]) >= 1
        assert turn["Sentiment"] not in ("POSITIVE", "NEGATIVE")
        read.append((turn["ParticipantRole"].lower(), text))
    assert read == [(turn.party, turn.text) for turn in turns(facts.words)]
    assert sorted(times) == sorted((w.start_ms, w.end_ms) for w in facts.words)
    assert len({turn["Id"] for turn in document["Transcript"]}) == len(document["Transcript"])


def test_a_figure_that_was_not_made_is_null_in_call_analytics_with_its_reason():
    facts = made_call(1)
    made = call_bytes(facts, None, CALL_FORMATS["aws"], text=True)
    found = json.loads(made)
    assert found["ConversationCharacteristics"]["Interruptions"]["TotalCount"] is None
    assert found["ConversationCharacteristics"]["TalkTime"]["TotalTimeMillis"] is None
    assert "not judged" in json.dumps(found["AnalyticsJobDetails"])


def test_a_call_on_one_channel_has_no_roles_to_export():
    facts = made_call(1, talk=[], speech={"mixed": np.array([[0, 900]])})
    with pytest.raises(UsageError, match="share one channel"):
        call_bytes(facts, None, CALL_FORMATS["aws"], text=True)


@pytest.mark.parametrize("form", ["vtt", "srt", "aws"])
def test_a_call_without_text_is_refused_where_text_is_all(form):
    with pytest.raises(UsageError, match="words are not kept") as caught:
        call_bytes(without_text(made_call(1)), None, CALL_FORMATS[form], text=True)
    assert "rttm" in caught.value.hint


def test_a_textgrid_without_text_says_nothing_but_when():
    facts = made_call(1)
    made = exported(facts, "textgrid", text=False).decode()
    assert "shut" not in made
    assert re.search(r'name = "agent"', made)


def test_masked_words_stay_masked_in_every_format():
    from speechqa.privacy import MASK, mask_numbers

    number = "4111 1111 1111 1111"
    facts = made_call(1, talk=[*TALK, ("customer", f"my card is {number} thanks")])
    masked = mask_numbers(facts.words)
    facts = replace(facts, words=masked.words, masked=masked.spans)
    for form in CALL_FORMATS:
        made = exported(facts, form).decode()
        assert "1111" not in made
        assert form == "rttm" or MASK in made


def test_many_calls_become_a_private_folder_and_those_left_out_are_listed(tmp_path, capsys):
    refused = made_call(
        3, status="refused", reason="this is a text", talk=[], speech={}, peaks={}, duration_ms=0
    )
    store = make_store(tmp_path, [made_call(1), made_call(2, call_id="../x y"), refused])
    folder = tmp_path / "out"
    arguments = ["export", "calls", "-f", "vtt", "--store", store.uri, "--out", str(folder)]
    assert command([*arguments, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["files"] == 2
    assert [one["call_id"] for one in said["left_out"]] == ["call-3"]
    names = sorted(path.name for path in folder.iterdir())
    assert names[0] == "call-1.vtt"
    assert re.fullmatch(r"x_y-[0-9a-f]{8}\.vtt", names[1])
    assert all(path.stat().st_mode & 0o077 == 0 for path in [folder, *folder.iterdir()])
    assert command(arguments) == 2
    assert "--force" in capsys.readouterr().err


def test_a_folder_is_written_in_one_sweep_and_named_in_order_of_start(tmp_path, monkeypatch):
    """However the calls lie in the store, each file holds its own call."""
    from speechqa.store import Store, tables

    made = [made_call(n, call_id="same", talk=[("agent", "word " * n)]) for n in range(1, 8)]
    store = make_store(tmp_path, made[:1])
    for one in made[1:]:
        store.commit_calls([one])
    monkeypatch.setitem(Store.stream.__kwdefaults__, "block", 2)
    sweeps, plain = [], tables.rows_with
    monkeypatch.setattr(tables, "rows_with", lambda *given: sweeps.append(given) or plain(*given))
    calls, form = chosen(store, Choice()), CALL_FORMATS["rttm"]
    done = write_calls(store, calls, tmp_path / "out", form, text=True, force=False)
    assert done == (7, [])
    assert len(sweeps) == 1
    earliest = min(made, key=lambda one: one.started_at)
    wanted = {call_bytes(one, None, form, text=True) for one in made}
    files = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert set(files.values()) == wanted
    assert files["same.rttm"] == call_bytes(earliest, None, form, text=True)


def test_one_call_goes_to_stdout_when_asked(tmp_path, capfdbinary):
    store = make_store(tmp_path, [made_call(1)])
    assert command(["export", "call-1", "-f", "rttm", "--store", store.uri, "--out", "-"]) == 0
    assert capfdbinary.readouterr().out.startswith(b"SPEAKER call-1 1 1.000 ")
