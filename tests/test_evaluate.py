"""Figures against labels: the comparison itself, reading labels, and the command."""

import json
import shutil

import numpy as np
import pytest
import tgt
import typer
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from speechqa.cli.evaluate import evaluate
from speechqa.errors import CallError
from speechqa.evaluation import compare_activity
from speechqa.evaluation.counts import Counts, pair
from speechqa.evaluation.labels import read_references
from speechqa.evaluation.words import compare_words
from speechqa.intervals import as_spans, normalise
from speechqa.rttm import Speakers
from speechqa.transcript import Word
from tests.conftest import AUDIO, ROOT

TRUTH = ROOT / "fixtures" / "truth"
DURATION = 60_000

app = typer.Typer(pretty_exceptions_enable=False)
app.command()(evaluate)

spans = st.lists(
    st.tuples(st.integers(0, DURATION - 1), st.integers(1, 9000)).map(
        lambda pair: (pair[0], min(pair[0] + pair[1], DURATION))
    ),
    max_size=12,
).map(normalise)


def covered(intervals):
    mask = np.zeros(DURATION, dtype=bool)
    for start, end in intervals:
        mask[start:end] = True
    return mask


@settings(deadline=None)
@given(spans, spans)
def test_time_agrees_with_counting_milliseconds(true, found):
    one = compare_activity({"mixed": true}, {"mixed": found}, duration_ms=DURATION)
    a, b = covered(true), covered(found)
    assert (one.true_ms, one.found_ms, one.common_ms) == (a.sum(), b.sum(), (a & b).sum())


@settings(deadline=None)
@given(spans, spans)
def test_edge_errors_agree_with_looking_at_every_edge(true, found):
    one = compare_activity({"mixed": true}, {"mixed": found}, duration_ms=DURATION)
    for column, errors in ((0, one.start_errors), (1, one.end_errors)):
        wanted = []
        for edge in true[:, column].tolist():
            nearest = min((abs(f - edge) for f in found[:, column].tolist()), default=501)
            if nearest <= 500:
                wanted.append(nearest)
        assert [abs(e) for e in errors] == wanted


@settings(deadline=None)
@given(spans, spans)
def test_a_perfect_detector_has_perfect_figures(agent, customer):
    speech = {"agent": agent, "customer": customer}
    figures = compare_activity(speech, speech, duration_ms=DURATION).as_dict()
    for name in ("speech_recall", "speech_precision", "silence_f1", "interruption_f1"):
        assert figures[name] in (1.0, None)
    assert figures["edge_p90_ms"] in (0.0, None)


def test_nothing_found_is_no_recall_and_no_made_up_zero_elsewhere():
    figures = compare_activity(
        {"mixed": as_spans([(0, 1000)])}, {"mixed": as_spans([])}, duration_ms=2000
    ).as_dict()
    assert figures["speech_recall"] == 0
    assert figures["speech_precision"] is None
    assert figures["edge_median_ms"] is None
    assert figures["edges_missed"] == 1


def test_late_edges_are_positive_and_pool_by_adding():
    late = compare_activity(
        {"mixed": as_spans([(1000, 2000)])}, {"mixed": as_spans([(1020, 2070)])}, duration_ms=4000
    )
    early = compare_activity(
        {"mixed": as_spans([(1000, 2000)])}, {"mixed": as_spans([(990, 1990)])}, duration_ms=4000
    )
    both = late + early
    assert (both.start_errors, both.end_errors, both.calls) == ((20, -10), (70, -10), 2)
    assert both.edge_median_ms == 15


def test_an_interruption_of_the_other_party_is_another_one():
    true = {"agent": as_spans([(0, 5000)]), "customer": as_spans([(2000, 8000)])}
    swapped = {"agent": true["customer"], "customer": true["agent"]}
    assert compare_activity(true, true, duration_ms=9000).interruptions == Counts(1, 1, 1)
    assert compare_activity(true, swapped, duration_ms=9000).interruptions == Counts(1, 1, 0)


def test_a_found_event_is_the_partner_of_one_true_event_only():
    assert pair([10, 12], [11], lambda a, b: abs(a - b) < 5) == Counts(2, 1, 1)


def test_tones_called_speech_are_counted_on_their_own_channel():
    one = compare_activity(
        {"agent": as_spans([(0, 1000)]), "customer": as_spans([(2000, 3000)])},
        {"agent": as_spans([(0, 1000), (4000, 4500)]), "customer": as_spans([(2000, 3000)])},
        duration_ms=9000,
        sounds={"agent": as_spans([(4000, 6000)]), "customer": as_spans([(7000, 9000)])},
    )
    assert one.sounds_called_speech == 0.125


def said(text, *, party="agent", step=300):
    tokens = text.split()
    return [Word(party, step * k, step * k + step, t, 1.0) for k, t in enumerate(tokens)]


def test_word_errors_are_counted_by_kind():
    found = compare_words(said("I want my money back now"), said("I want money bag now please"))
    assert (found.said, found.substituted, found.deleted, found.inserted) == (6, 1, 1, 1)


def test_case_punctuation_and_width_do_not_count_as_errors():
    assert compare_words(said("Hello, world! Ｏｋ"), said("hello world OK")).rate == 0


def test_chinese_is_compared_by_character():
    found = compare_words(said("您好 请问"), said("您好 情问"))
    assert (found.said, found.substituted) == (4, 1)


def test_the_same_word_seconds_away_says_nothing_about_times():
    late = [Word("agent", 5000, 5300, "hello", 1.0)]
    assert compare_words(said("hello"), late).start_errors == ()


def textgrid(path, tiers):
    grid = tgt.TextGrid()
    for name, intervals in tiers.items():
        tier = tgt.IntervalTier(0, 10, name)
        for start, end, text in intervals:
            tier.add_interval(tgt.Interval(start, end, text))
        grid.add_tier(tier)
    tgt.io.write_to_file(grid, str(path), format="long")
    return path


def test_a_textgrid_gives_speech_and_words(tmp_path):
    tiers = {
        "SPK1": [(0.5, 2.0, "hello there")],
        "customer": [(2.5, 3.25, "x")],
        "customer words": [(2.5, 2.9, "hi"), (2.9, 3.25, "there")],
        "notes": [(0, 1, "noise")],
    }
    (found,) = read_references(textgrid(tmp_path / "one.TextGrid", tiers), Speakers(("SPK1",)))
    assert found.name == "one"
    assert found.speech["agent"].tolist() == [[500, 2000]]
    assert found.speech["customer"].tolist() == [[2500, 3250]]
    assert [(w.start_ms, w.text) for w in found.words] == [(2500, "hi"), (2900, "there")]
    assert found.notes == ("tier 'notes' was left out",)


def test_a_textgrid_without_a_party_says_which_tiers_it_has(tmp_path):
    path = textgrid(tmp_path / "one.TextGrid", {"speaker a": [(0, 1, "x")]})
    with pytest.raises(CallError, match=r"no tier named agent or customer \(found: speaker a\)"):
        read_references(path)


def test_a_broken_textgrid_is_refused_by_name(tmp_path):
    path = tmp_path / "one.TextGrid"
    path.write_text("File type = nothing")
    with pytest.raises(CallError, match=r"one\.TextGrid: not a TextGrid"):
        read_references(path)


def test_the_truth_of_a_render_gives_words_phrases_and_sounds():
    path = next(p for p in sorted(TRUTH.glob("*.json")) if json.loads(p.read_text())["phrases"])
    truth = json.loads(path.read_text())
    (found,) = read_references(path)
    assert found.name == path.stem
    assert found.speech["agent"].tolist() == truth["speech"]["agent"]
    assert len(found.words) == len(truth["words"])
    assert len(found.phrases) == len(truth["phrases"])
    assert found.language == truth["language"]


def test_the_command_compares_fixture_calls_with_their_truth(tmp_path):
    for path in sorted(TRUTH.glob("*.json"))[:3]:
        shutil.copy(path, tmp_path)
    asked = [str(tmp_path), "--audio", str(AUDIO), "--no-words", "--json"]
    result = CliRunner().invoke(app, asked)
    assert result.exit_code == 0, result.output
    *rows, pooled = [json.loads(line) for line in result.stdout.splitlines()]
    assert len(rows) == pooled["calls"] == 3
    assert pooled["failed"] == 0
    activity = pooled["activity"]
    assert activity["edge_median_ms"] <= 30
    assert activity["edge_p90_ms"] <= 100
    assert activity["silence_f1"] == activity["interruption_f1"] == 1
    assert pooled["words"]["error_rate"] is None


def test_a_missing_recording_does_not_stop_the_others(tmp_path):
    one = sorted(TRUTH.glob("*.json"))[0]
    shutil.copy(one, tmp_path)
    (tmp_path / "nobody.rttm").write_text("SPEAKER nobody 1 0.5 1.0 <NA> <NA> agent <NA> <NA>\n")
    asked = [str(tmp_path), "--audio", str(AUDIO), "--no-words"]
    result = CliRunner().invoke(app, asked)
    assert result.exit_code == 3
    assert "no recording named nobody was found" in result.stderr
    assert "All 1 calls" in result.stdout


def test_rttm_of_another_file_name_finds_the_recording_that_its_lines_name(tmp_path):
    audio = sorted(AUDIO.iterdir())[0]
    truth = json.loads((TRUTH / f"{audio.stem}.json").read_text(encoding="utf-8"))
    lines = [
        f"SPEAKER {audio.stem} 1 {start / 1000:.3f} {(end - start) / 1000:.3f} "
        f"<NA> <NA> SPEAKER_0{number} <NA> <NA>\n"
        for number, party in enumerate(("agent", "customer"))
        for start, end in truth["speech"][party]
    ]
    (tmp_path / "diarization-v2.rttm").write_text("".join(lines), encoding="utf-8")
    told = ["--agent", "SPEAKER_00", "--customer", "SPEAKER_01", "--no-words", "--json"]
    asked = [str(tmp_path / "diarization-v2.rttm"), "--audio", str(AUDIO), *told]
    result = CliRunner().invoke(app, asked)
    assert result.exit_code == 0
    pooled = json.loads(result.stdout.splitlines()[-1])
    assert pooled["calls"] == 1
    assert pooled["activity"]["speech_recall"] > 0.9


def test_labels_with_times_that_cannot_be_are_refused_with_file_and_line(tmp_path):
    bad = tmp_path / "bad.rttm"
    bad.write_text("SPEAKER bad 1 -3.0 1.0 <NA> <NA> agent <NA> <NA>\n")
    result = CliRunner().invoke(app, [str(bad), "--no-words"])
    assert result.exit_code == 5
    assert "bad.rttm:1" in result.stderr
