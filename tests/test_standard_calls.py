"""The shipped standard on the fixture calls, as their scripts say them."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from speechqa import score
from speechqa.rulebook import Rulebook, evaluate, load
from speechqa.rulebook.dialogue import placed_call

TRUTHS = sorted((Path(__file__).parents[1] / "fixtures" / "truth").glob("*.json"))


@cache
def standard() -> Rulebook:
    return load("standard")


def judged(path: Path) -> tuple[dict[str, Any], list[Any]]:
    truth = json.loads(path.read_text(encoding="utf-8"))
    call = placed_call(
        [(t["party"], t["start_ms"], t["end_ms"], t["text"]) for t in truth["turns"]],
        lang=truth["language"],
        duration_ms=truth["duration_ms"],
        metadata={"direction": truth["direction"] or ""},
        holds=[(hold["start_ms"], hold["end_ms"]) for hold in truth["holds"]],
    )
    return truth, evaluate(standard(), [call])[0]


@pytest.mark.parametrize("path", TRUTHS, ids=[path.stem[5:17] for path in TRUTHS])
def test_what_was_planted_in_a_call_is_found(path):
    truth, results = judged(path)
    got = {result.rule: result.outcome for result in results}
    wrong = [
        f"{one['rule']}: wanted {one['outcome']}, got {got[one['rule']]} ({one['text']})"
        for one in truth["phrases"]
        if got[one["rule"]] != one["outcome"]
    ]
    assert not wrong


@pytest.mark.parametrize("path", TRUTHS, ids=[path.stem[5:17] for path in TRUTHS])
def test_no_forbidden_wording_is_found_in_a_call_that_shows_good_service(path):
    truth, results = judged(path)
    planted = {one["rule"] for one in truth["phrases"] if one["outcome"] == "violated"}
    if planted:
        pytest.skip("this call shows faults")
    forbidden = {rule.id for rule in standard().call_rules if rule.kind == "forbidden"}
    found = [r.rule for r in results if r.outcome == "violated" and r.rule in forbidden]
    assert not found


def test_good_calls_score_far_above_bad_ones():
    good, bad = [], []
    for path in TRUTHS:
        truth, results = judged(path)
        percent = score.score_call(standard(), results).percent
        if "good call" in truth["shows"] or "good recovery" in truth["shows"]:
            good.append(percent)
        elif "forbidden phrases" in truth["shows"]:
            bad.append(percent)
    assert min(good) > 90
    assert max(bad) < 60
