"""Rules as sentences: what decides is told, in both languages, and told so that it reads well."""

import pytest

from speechqa.rulebook.sentence import rule_sentence
from speechqa.rulebook.sentence_zh import rule_sentence_zh
from tests.test_rulebook_judging import book_of

SORRY = {"en": ["sorry"], "zh": ["抱歉"]}
SILENCE = {"event": "silence", "min_s": 5}


def told(rule):
    (made,) = book_of(rule).rules
    return rule_sentence(made), rule_sentence_zh(made)


@pytest.mark.parametrize(
    ("rule", "english", "chinese"),
    [
        (
            {"kind": "forbidden", "find": SORRY},
            "The agent must not say “sorry” / “抱歉”.",
            "坐席不得说：“抱歉” / “sorry”。",
        ),
        (
            {"kind": "forbidden", "find": {"event": "raised_voice", "party": "agent"}},
            "There must be no raised voice by the agent.",
            "不得出现：坐席的 提高嗓门。",
        ),
        (
            {"kind": "forbidden", "find": {"turn": "agent", "where": {"during": SILENCE}}},
            "There must be no turn of the agent during silence of 5 s or more.",
            "不得出现：坐席的话轮（在 至少 5 秒的静默 期间）。",
        ),
        (
            {"kind": "required", "find": {"column": "release_side", "is": ["agent", "customer"]}},
            "It must be that metadata release_side is agent or customer.",
            "必须满足：元数据“release_side”为“agent”或“customer”。",
        ),
        (
            {"kind": "required", "find": SORRY, "when": {"column": "wait_s", "above": 60}},
            "When metadata wait_s is above 60: the agent must say “sorry” / “抱歉”.",
            "当 元数据“wait_s”高于 60 时：坐席必须说：“抱歉” / “sorry”。",
        ),
        (
            {"kind": "each", "each": SILENCE, "then": "apology", "at_least_share": 0.8},
            "In 80 % of the cases in which silence of 5 s or more occurs, the agent must then say "
            "apology (within 1 turn).",
            "至少 80 % 的情况下，凡出现 至少 5 秒的静默，坐席随后必须说：apology（1 个话轮内）。",
        ),
        (
            {
                "kind": "limit",
                "measure": "agent.talk_share",
                "at_least": {"target": 0.4, "limit": 0.2},
                "needs_grade": "B",
                "languages": ["zh"],
            },
            "agent.talk_share must be at least 0.2 (full points from 0.4). Only in zh. "
            "Needs evidence grade B.",
            "agent.talk_share应不低于 0.2（不低于 0.4 得满分）。仅限中文。证据等级至少为 B。",
        ),
        (
            {"kind": "limit", "each": SILENCE, "span": "length_s", "at_most": 10},
            "length_s of each silence of 5 s or more must be at most 10 s.",
            "每次 至少 5 秒的静默 的时长应不高于 10 秒。",
        ),
    ],
)
def test_a_rule_reads_well(rule, english, chinese):
    assert told(rule) == (english, chinese)


EACH = {"kind": "each", "each": SILENCE, "then": "apology"}
STEPS = {"kind": "sequence", "steps": [{"find": SORRY}, {"pause_s": 5}]}
COUNT = {"kind": "limit", "count": SORRY, "at_most": 3}


def found(**finder):
    return {"kind": "required", "find": finder}


def where(**keys):
    return found(en=["sorry"], where={"after": SILENCE} | keys)


@pytest.mark.parametrize(
    ("rule", "other"),
    [
        (found(**SILENCE), found(**SILENCE, max_s=9)),
        (found(**SILENCE), found(**SILENCE, announced=False)),
        (found(**SILENCE, announced=True), found(**SILENCE, announced=False)),
        (found(**SILENCE), found(**SILENCE, owner="agent")),
        (found(**SILENCE), found(**SILENCE, before="agent")),
        (found(event="interruption"), found(event="interruption", successful=True)),
        (found(turn="agent"), found(turn="agent", min_s=3)),
        (found(turn="agent"), found(turn="agent", max_s=3)),
        (found(turn="agent"), found(turn="agent", min_words=4)),
        (found(turn="agent"), found(turn="agent", question=True)),
        (found(turn="agent"), found(turn="agent", question=False)),
        (found(turn="agent"), found(turn="agent", contains="apology")),
        (found(turn="agent"), found(turn="agent", lacks="apology")),
        (found(digits=7), found(digits=7, max=9)),
        (found(all=["apology", "thanks"]), found(all=["apology", "thanks"], within="call")),
        (found(all=["apology", "thanks"]), found(all=["apology", "thanks"], within_s=9)),
        (found(column="a", present=True), found(column="a", present=False)),
        (found(column="a", above=3), found(column="a", below=3)),
        (found(column="a", contains="x"), found(column="a", contains="y")),
        (found(column="a", **{"is": "x"}), found(column="a", is_not="x")),
        (where(), where(nth="first")),
        (where(nth="first"), where(nth=2)),
        (where(within_s=3), where(within_turns=3)),
        (EACH, EACH | {"within_s": 8}),
        (EACH, EACH | {"within_turns": 2}),
        (EACH, EACH | {"at_least_share": 0.5}),
        (EACH, {"kind": "each", "each": SILENCE, "with": "apology"}),
        (STEPS, STEPS | {"tolerance_s": 1}),
        (STEPS, STEPS | {"first_breaks": True}),
        (STEPS, STEPS | {"abort": {"turn": "customer"}}),
        (STEPS, STEPS | {"at_least": 1}),
        (COUNT, COUNT | {"per": "minute"}),
        (COUNT, COUNT | {"per": "each", "of": {"turn": "agent"}}),
        (
            COUNT | {"per": "each", "of": {"turn": "agent"}},
            COUNT | {"per": "each", "of": {"turn": "agent"}, "least_count": 4},
        ),
        (COUNT, COUNT | {"languages": ["en"]}),
        (COUNT, COUNT | {"needs_grade": "B"}),
        (COUNT, COUNT | {"at_most": {"target": 2, "limit": 3}}),
    ],
)
def test_what_decides_a_rule_is_told_in_both_languages(rule, other):
    for one, another in zip(told(rule), told(other), strict=True):
        assert one != another
        assert "?" not in one + another
        assert "None" not in one + another


def test_a_wording_is_told_by_a_few_of_its_forms():
    english, chinese = told({"kind": "forbidden", "find": {"en": ["a b", "c d", "e f", "g h"]}})
    assert english == "The agent must not say “a b”, “c d”, “e f” and 1 more."
    assert chinese == "坐席不得说：“a b”、“c d”、“e f”（另 1 种）。"
