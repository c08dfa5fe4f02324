"""No word, quote or card number where none may be: searched in every byte that a run wrote."""

import glob
import json
import os
from dataclasses import replace

import pyarrow.parquet as pq
import pytest

from speechqa.asr import ChannelTranscript
from speechqa.asr.interface import HeardWord
from speechqa.batch import local
from speechqa.batch.judge import judge, judge_missing
from speechqa.pipeline.assess import assess
from speechqa.pipeline.textless import BLANK, NOT_KEPT, WHY
from speechqa.rulebook import load
from speechqa.settings import RulebookSettings, TimingSettings
from speechqa.store import open_store
from speechqa.store.check import check
from speechqa.store.purge import purge
from tests.nights import cut, run_night
from tests.torture.inline import Inline

AGENT = (
    "zebrafinch hello one moment please i can't do that i will hang up card 4533123456789012 bye"
)
CUSTOMER = "quokka i want to complain my card is 4533-1234-5678-9012 security code 729 thanks"
SPOKEN = {*AGENT.split(), *CUSTOMER.split()} - {"i", "one", "do", "to", "is", "my", "card", "can't"}
CARDS = ("45331234", "1234-5678", "56789012", "5678-9012")


class Canary:
    """Says the same on every call, whatever is in the audio."""

    name = "canary"
    flag = ""

    def transcribe(self, jobs):
        return [self._one(job) for job in jobs]

    def _one(self, job):
        said = (AGENT if job.key.endswith("agent") else CUSTOMER).split()
        words = tuple(
            HeardWord(200 * at + 100, 200 * at + 290, text, 0.95, self.flag)
            for at, text in enumerate(said)
        )
        return ChannelTranscript(job.key, words, "en", 0.99)


class Looping(Canary):
    """Says it in a loop, as a recogniser does on noise."""

    flag = "loop"


class Talkative(Canary):
    """Fails, and quotes what was said."""

    def transcribe(self, jobs):
        raise ValueError(AGENT)


@pytest.fixture
def heard(monkeypatch):
    """Let runs use an engine of this file, in this process."""

    def use(engine):
        monkeypatch.setattr(local, "Workers", Inline)
        monkeypatch.setattr("speechqa.asr.load_engine", lambda settings: engine())

    return use


def run(calls, base, name, **options):
    folder = base / "in"
    if not folder.exists():
        folder.mkdir()
        for place in range(2):
            cut(calls[place], folder / f"{place}.wav", start_s=2, seconds=12)
    options = {"vad": {"detector": "webrtc"}, "workers": 1} | options
    return run_night([folder], base / name, **options)


def everything_in(folder, *, but=None):
    """Return all bytes below a folder as text, the pages of Parquet files decoded too."""
    parts = []
    for root, folders, files in os.walk(folder):
        if but in folders:
            folders.remove(but)
        for name in files:
            path = os.path.join(root, name)
            with open(path, "rb") as stream:
                parts += [name, stream.read().decode("latin-1")]
    for file in glob.glob(f"{folder}/**/*.parquet", recursive=True):
        if but is None or f"/{but}/" not in file:
            parts.append(str(pq.read_table(file).to_pylist()))
    return "\n".join(parts)


def test_card_numbers_and_codes_are_nowhere_in_what_a_run_wrote(calls, tmp_path, heard):
    heard(Canary)
    run(calls, tmp_path, "store")
    text = everything_in(tmp_path / "store")
    assert "zebrafinch" in text  # the search finds what is there
    assert [card for card in CARDS if card in text] == []
    assert "'729'" not in text
    for facts in open_store(str(tmp_path / "store")).calls():
        assert {party for party, _, _ in facts.masked} == {"agent", "customer"}


def test_without_text_no_word_is_in_any_byte_and_every_figure_is_the_same(calls, tmp_path, heard):
    heard(Canary)
    run(calls, tmp_path, "full")
    run(calls, tmp_path, "bare", privacy={"keep_text": False})
    text = everything_in(tmp_path / "bare", but="rulebooks").lower()  # its own words are no call's
    assert "zebrafinch" not in everything_in(tmp_path / "bare" / "rulebooks")
    found = [word for word in SPOKEN if f"'{word}'" in text or f'"{word}"' in text]
    assert found == []
    assert [word for word in ("zebrafinch", "quokka", "hang up", "complain ") if word in text] == []
    full, bare = (open_store(str(tmp_path / name)) for name in ("full", "bare"))
    assert check(bare) == []
    for whole, blank in zip(full.calls(), bare.calls(), strict=True):
        one, other = full.assessment_of(whole.key), bare.assessment_of(blank.key)
        assert other.measures == one.measures
        assert other.score == one.score
        assert [r["outcome"] for r in other.results] == [r["outcome"] for r in one.results]
        assert {w.text for w in blank.words} <= {
            BLANK,
            "",
            *(" ".join(BLANK * n) for n in range(20)),
        }
        assert len(one.hits) == len(other.hits) > 0
        for mine, theirs in zip(one.hits, other.hits, strict=True):
            same = ("rule", "start_ms", "end_ms", "similarity", "confidence", "outcome")
            assert [mine[name] for name in same] == [theirs[name] for name in same]
            assert theirs["quote"] is None


def test_calls_without_text_answer_unknown_to_other_rules_about_words(calls, tmp_path, heard):
    heard(Canary)
    run(calls, tmp_path, "bare", privacy={"keep_text": False})
    store = open_store(str(tmp_path / "bare"))
    timing = TimingSettings(silence_ms=2999)  # another digest: everything is judged again
    book = load("starter", RulebookSettings())
    before = {facts.key: store.assessment_of(facts.key) for facts in store.calls()}
    assert judge_missing(store, book, timing).count == 2
    for facts in store.calls():
        judged = {r["rule"]: r for r in store.assessment_of(facts.key).results}
        for rule in ("greeting", "threat-to-hang-up", "cannot-do"):
            assert (judged[rule]["outcome"], judged[rule]["reason"]) == ("unknown", WHY)
        fired = [r for r in judged.values() if r["outcome"] == "violated"]
        assert [r["rule"] for r in fired if r["rule"] in ("threat-to-hang-up", "cannot-do")] == []
        measures = store.assessment_of(facts.key).measures
        for name in ("agent", "customer"):
            assert measures[name] == before[facts.key].measures[name]


def test_a_call_without_text_announces_its_waits_as_before(calls, tmp_path, heard):
    heard(Canary)
    run(calls, tmp_path, "full")
    run(calls, tmp_path, "bare", privacy={"keep_text": False})
    book = load("starter", RulebookSettings())
    for whole, blank in zip(
        open_store(str(tmp_path / "full")).calls(),
        open_store(str(tmp_path / "bare")).calls(),
        strict=True,
    ):
        assert blank.provenance["announced"]["waits"]
        timing = TimingSettings()
        (one,), (other,) = assess([whole], book, timing), assess([blank], book, timing)
        assert one.events == other.events


def test_an_error_that_quotes_a_transcript_is_stored_and_logged_without_it(calls, tmp_path, heard):
    heard(Talkative)
    report = run(calls, tmp_path, "store", logs=[tmp_path / "night.log"])
    assert report.counts["quarantined"] == 2
    text = everything_in(tmp_path / "store") + (tmp_path / "night.log").read_text("utf-8")
    assert "ValueError" in text
    assert "zebrafinch" not in text
    book = load("starter", RulebookSettings())
    calls_ = open_store(str(tmp_path / "store")).calls()
    broken = replace(calls_[0], status="scored", words="zebrafinch")  # type: ignore[arg-type]
    assert "zebrafinch" not in str(judge([broken], book, TimingSettings()).failed)


def test_a_log_has_one_line_per_call_with_its_id_and_no_words(calls, tmp_path, heard):
    heard(Canary)
    run(calls, tmp_path, "store", logs=[tmp_path / "night.log"])
    text = (tmp_path / "night.log").read_text("utf-8")
    events = [json.loads(line) for line in text.splitlines()]
    assert [e["call"] for e in events if e["event"] == "call"] == ["0", "1"]
    assert all(e["words"] > 10 for e in events if e["event"] == "call")
    assert [word for word in ("zebrafinch", "quokka", "4533", "hello") if word in text] == []
    assert os.stat(tmp_path / "night.log").st_mode & 0o077 == 0


def test_purging_takes_a_call_out_of_logs_and_accounts(calls, tmp_path, heard):
    heard(Canary)
    run(calls, tmp_path, "store")
    assert "0.wav" in everything_in(tmp_path / "store")
    store = open_store(str(tmp_path / "store"))
    assert purge(store, before="2999-01-01").recordings == 2
    text = everything_in(tmp_path / "store")
    assert "zebrafinch" not in text
    assert str(tmp_path / "in") not in text


def test_words_heard_in_a_loop_fire_no_rule_from_end_to_end(calls, tmp_path, heard):
    heard(Canary)
    run(calls, tmp_path, "said")
    heard(Looping)
    run(calls, tmp_path, "looped")
    fired = {}
    for name in ("said", "looped"):
        store = open_store(str(tmp_path / name))
        for facts in store.calls():
            judged = store.assessment_of(facts.key)
            by_rule = {r["rule"]: r["outcome"] for r in judged.results}
            fired.setdefault(name, []).append(
                tuple(by_rule[rule] for rule in ("greeting", "threat-to-hang-up", "cannot-do"))
            )
            if name == "looped":
                assert {word.flag for word in facts.words} == {"loop"}
                assert [hit for hit in judged.hits if hit["quote"]] == []
                assert judged.measures["agent"]["articulation_rate"] is None
    assert fired["said"] == [("met", "violated", "violated")] * 2
    assert not {"met", "violated"} & {outcome for one in fired["looped"] for outcome in one}


def test_the_flag_of_a_call_without_text_is_shown(calls, tmp_path, heard):
    heard(Canary)
    run(calls, tmp_path, "bare", privacy={"keep_text": False})
    assert all(NOT_KEPT in facts.flags for facts in open_store(str(tmp_path / "bare")).calls())
