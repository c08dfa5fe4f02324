"""The questions of docs/duckdb.md are asked of a store, and the answers are the product's own."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from speechqa.cli import run as command
from speechqa.scorecard import scorecards
from tests.conftest import ROOT
from tests.web_store import made_call, make_store

PAGE = (ROOT / "docs" / "duckdb.md").read_text("utf-8")


@pytest.fixture(scope="module")
def answers(tmp_path_factory):
    """Run the page from top to bottom beside a store and return what it names."""
    folder = tmp_path_factory.mktemp("duckdb")
    calls = [made_call(n, agent=("AnnaP", "Ben")[n % 2], audio_sha256=f"{n:064x}") for n in (1, 2)]
    store = make_store(folder, calls)
    # The same recording again, made with another configuration: history, and no longer current.
    again = made_call(3, agent="AnnaP", audio_sha256=f"{2:064x}", path="calls/2.wav")
    store.commit_calls([again])
    (folder / "store").rename(folder / "speechqa-store")
    known = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for kind, code in re.findall(r"```(python|sh)\n(.*?)```", PAGE, re.S):
            if kind == "python":
                exec(compile(code, "docs/duckdb.md", "exec"), known)
            else:
                for line in code.strip().splitlines():
                    assert command(line.split()[1:]) == 0
    store.uri = str(folder / "speechqa-store")
    return known, store


def test_the_view_of_current_calls_is_the_stores_own(answers):
    known, store = answers
    keys = {row[0] for row in known["db"].sql("SELECT key FROM calls").fetchall()}
    assert keys == set(store.current(["key"])["key"].to_pylist())
    assert len(keys) == 2
    assert known["db"].sql("SELECT count(*) FROM recordings").fetchall() == [(3,)]


def test_the_pooled_scores_are_those_of_the_scorecard(answers):
    known, store = answers
    cards = {
        card.name: (card.calls, card.percent, card.silence_share) for card in scorecards(store)
    }
    for agent, calls, percent, silence in known["agents"]:
        assert (calls, percent, silence) == pytest.approx(cards[agent])
    assert len(known["agents"]) == len(cards)


def test_broken_rules_and_hits_are_those_of_the_calls(answers):
    known, store = answers
    judged = store.assessments().to_pylist()
    expected = Counter(
        one["rule"] for row in judged for one in row["results"] if one["outcome"] == "violated"
    )
    assert dict(known["broken"]) == dict(expected)
    assert any("shut up" in (quote or "") for *_, quote in known["hits"])


def test_words_are_counted_and_exported_files_answer_too(answers):
    known, _ = answers
    assert ("customer", "angry", 2) in known["said"] or ("customer", "angry", 1) in known["said"]
    assert known["gravest"]
    assert known["quotes"]
