"""The sums of the pages against an obviously right slow way, and what a picture costs."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speechqa.score import pool_points
from speechqa.scorecard import NOBODY, RANKED_FROM, scorecards
from speechqa.web import figures
from speechqa.web.columns import KINDS, Columns, Vocabulary, numbers_of
from speechqa.web.figures import Choice
from speechqa.web.kept import Kept
from speechqa.web.pooling import pool_groups
from speechqa.web.rows import Judged, Listed, Recorded
from speechqa.web.snapshot import Archive
from speechqa.web.sums import Sums
from tests.web_store import made_call, make_store

AMOUNT = st.integers(0, 90_000)
MAYBE = st.none() | AMOUNT
RULES = ["greeting", "rude", "close"]
SECTIONS = ["opening", "manner"]


@st.composite
def judged_rows(draw, key):
    potential = draw(st.sampled_from([0.0, 5.0, 12.5]))
    points = round(potential * draw(st.sampled_from([0.0, 0.3, 0.5, 1.0])), 6)
    answers = {kind: [] for kind in KINDS[:3]}
    for rule in RULES:
        answers[draw(st.sampled_from(KINDS[:3]))].append(rule)
    return Judged(
        key=key,
        assessed_at="2025-02-01T00:00:00",
        percent=draw(st.sampled_from([None, 1.0]))
        and (100 * points / potential if potential else 0),
        raw_percent=None,
        points=points,
        potential=potential,
        coverage=1.0,
        failed_by=draw(st.sampled_from([(), ("rude",)])),
        sections=tuple(
            (name, draw(st.sampled_from([0.0, 1.0])), draw(st.sampled_from([0.0, 2.0])))
            for name in SECTIONS[: draw(st.integers(0, 2))]
        ),
        silence_ms=draw(MAYBE),
        live_ms=draw(MAYBE),
        agent_talk_ms=draw(MAYBE),
        customer_talk_ms=draw(MAYBE),
        interruptions=draw(st.none() | st.integers(0, 9)),
        units=draw(AMOUNT),
        rate=draw(st.none() | st.just(150.0)),
        place=0,
        fragile=draw(st.sampled_from([(), ("close",)])),
        **{name: tuple(rules) for name, rules in answers.items()},
    )


@st.composite
def nights(draw):
    """Calls in two files of assessments, some of them superseded, some calls never judged."""
    calls, files = [], {"one": [], "two": []}
    for number in range(draw(st.integers(0, 24))):
        key = f"{number:032x}"
        day = draw(st.sampled_from(["", "2025-02-01", "2025-02-02"]))
        recorded = Recorded(
            key=key,
            call_id=key,
            path=key,
            audio_sha256=None,
            processed_at="2025-02-03",
            status="scored",
            reason_code=None,
            reason=None,
            agent_id=draw(st.sampled_from([None, "Anna", "Ben"])),
            queue=draw(st.sampled_from([None, "sales", "billing"])),
            started_at=day and day + "T09:00:00",
            language=draw(st.sampled_from([None, "en", "zh"])),
            grade="B",
            duration_ms=draw(AMOUNT),
            place=number,
        )
        name = draw(st.sampled_from(["", "one", "two"]))
        if not name:
            calls.append(Listed(recorded, "r"))
            continue
        for _ in range(draw(st.integers(1, 2))):  # the last one is the newest
            row = replace(draw(judged_rows(key)), place=len(files[name]))
            files[name].append(row)
        calls.append(Listed(recorded, "r", row, name))
    sections, rules = Vocabulary(), Vocabulary()
    pieces = {name: numbers_of(rows, sections, rules) for name, rows in files.items()}
    return Columns(tuple(calls), pieces, sections.names, rules.names)


CHOICES = st.builds(
    Choice,
    since=st.sampled_from(["", "2025-02-02"]),
    until=st.sampled_from(["", "2025-02-01"]),
    queue=st.sampled_from(["", "sales", "no such queue"]),
    language=st.sampled_from(["", "zh"]),
    agent=st.sampled_from(["", "Anna"]),
)


def share(top, bottom):
    return top / bottom if bottom else None


def slow_card(name, calls, corrected):
    """The card of one group of calls, one call after the other."""
    rows = [call.judged for call in calls if call.judged is not None]
    scored = [row for row in rows if row.percent is not None]
    pooled = pool_points([r.points for r in scored], [r.potential for r in scored])
    new = [corrected.get(r.key, (r.points, r.potential)) for r in scored]
    paced = [
        (call.recorded.language, call.judged)
        for call in calls
        if call.judged is not None and call.judged.rate is not None and call.judged.agent_talk_ms
    ]
    both = [r for r in rows if r.agent_talk_ms is not None and r.customer_talk_ms is not None]
    live = [r for r in rows if r.silence_ms is not None and r.live_ms]
    heard = [r.interruptions for r in rows if r.interruptions is not None]
    sections = defaultdict(lambda: [0.0, 0.0])
    for row in rows:
        for section, points, potential in row.sections:
            sections[section][0] += points
            sections[section][1] += potential
    days = defaultdict(list)
    for call in calls:
        if call.judged is not None and call.day:
            days[call.day].append(call.judged)
    counts = Counter(rule for r in rows for rule in r.violated)
    return {
        "name": name,
        "calls": len(rows),
        "judged": len(scored),
        "audio_ms": sum(c.recorded.duration_ms for c in calls if c.judged is not None),
        "percent": pooled.percent,
        "low": pooled.low,
        "high": pooled.high,
        "reviewed": pool_points([p for p, _ in new], [w for _, w in new]).percent
        if any(r.key in corrected for r in scored)
        else None,
        "failed": sum(bool(r.failed_by) for r in rows),
        "talk_share": share(
            sum(r.agent_talk_ms for r in both),
            sum(r.agent_talk_ms + r.customer_talk_ms for r in both),
        ),
        "silence_share": share(sum(r.silence_ms for r in live), sum(r.live_ms for r in live)),
        "interruptions": share(sum(heard), len(heard)),
        "rate": share(
            60_000 * sum(r.units for _, r in paced), sum(r.agent_talk_ms for _, r in paced)
        )
        if len({language or "" for language, _ in paced}) == 1
        else None,
        "rates": {
            tongue: share(
                60_000 * sum(r.units for language, r in paced if (language or "") == tongue),
                sum(r.agent_talk_ms for language, r in paced if (language or "") == tongue),
            )
            for tongue in sorted({language or "" for language, _ in paced})
        },
        "sections": {
            name: 100 * points / potential if potential else None
            for name, (points, potential) in sections.items()
        },
        "violations": tuple(sorted(counts.items(), key=lambda one: (-one[1], one[0]))),
        "days": {
            day: pool_points(
                [r.points for r in own if r.percent is not None],
                [r.potential for r in own if r.percent is not None],
            ).percent
            for day, own in sorted(days.items())
        },
    }


@settings(max_examples=150, deadline=None)
@given(columns=nights(), choice=CHOICES, reviewed=st.booleans())
def test_sums_over_columns_equal_sums_call_by_call(columns, choice, reviewed):
    corrected = {f"{1:032x}": (3.0, 5.0)} if reviewed else {}
    sums = Sums(columns, corrected)
    mask = sums.mask(choice)
    chosen = [call for call in columns.calls if choice.takes(call)]
    assert [c for c, is_in in zip(columns.calls, mask, strict=True) if is_in] == chosen

    groups = defaultdict(list)
    for call in chosen:
        if call.judged is not None:
            groups[call.agent or NOBODY].append(call)
    wanted = [slow_card(name, own, corrected) for name, own in groups.items()]
    made = {card.name: card for card in sums.cards(mask)}
    assert made.keys() == groups.keys()
    for card in (*wanted, slow_card("", chosen, corrected)):
        own = made[card["name"]] if card["name"] else sums.card("", mask)
        for name, value in card.items():
            mine = getattr(own, name)
            if name == "days":
                mine = {day.day: day.percent for day in mine}
            if name == "rates":
                mine = dict(mine)
            if isinstance(value, float | dict):
                assert mine == pytest.approx(value, abs=1e-3), name
            else:
                assert mine == value, name

    counts = sums.rule_counts(mask)
    for rule in RULES:
        for kind in KINDS:
            calls = [c for c in chosen if c.judged is not None and rule in getattr(c.judged, kind)]
            assert counts.get(rule, Counter())[kind] == len(calls)
            answered = sums.answered(rule, kind) & mask
            assert [columns.calls[at] for at in np.flatnonzero(answered)] == calls


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.sampled_from([0.0, 0.3, 0.5, 1.0]), st.just(7.5)),
        max_size=30,
    )
)
def test_groups_pool_as_each_alone(rows):
    group = np.array([g for g, _, _ in rows], dtype=np.int32)
    points = np.array([round(s * w, 6) for _, s, w in rows])
    potential = np.array([w for _, _, w in rows])
    made = pool_groups(points, potential, group, 4)
    for at in range(4):
        alone = pool_points(points[group == at].tolist(), potential[group == at].tolist())
        assert made.n[at] == alone.n
        for name in ("percent", "low", "high"):
            mine, value = getattr(made, name)[at], getattr(alone, name)
            assert np.isnan(mine) if value is None else mine == pytest.approx(value, abs=1e-3)


def card_of(name, percent, judged=RANKED_FROM):
    plain = dict.fromkeys(figures.Card.__dataclass_fields__)
    return figures.Card(**plain | {"name": name, "percent": percent, "judged": judged})


def test_the_same_figure_gives_the_same_rank_and_few_calls_or_no_name_give_none():
    cards = [
        card_of("a", 90.02),
        card_of("b", 89.96),
        card_of("c", 80.0),
        card_of("new", 99.0, judged=RANKED_FROM - 1),
        card_of(NOBODY, 95.0),
    ]
    made = figures.ranked(cards)
    assert [(one.name, one.rank) for one in made] == [
        ("a", 1),
        ("b", 1),
        ("c", 3),
        (NOBODY, None),
        ("new", None),
    ]


def test_the_command_line_ranks_as_the_pages_do(tmp_path):
    calls = [made_call(n, agent=agent) for n, agent in enumerate(["Anna", "Ben", ""] * 10, 1)]
    store = make_store(tmp_path, calls)
    own = Archive(store).snapshot()
    sums = Sums(own.columns, {})
    made = {card.name: card.rank for card in sums.cards(sums.mask(Choice()))}
    assert made == {card.name: card.rank for card in scorecards(store)}
    assert made == {"Anna": 1, "Ben": 1, NOBODY: None}


def test_what_is_kept_is_made_once_and_the_unused_goes_first():
    made = []

    def make(name):
        return lambda: made.append(name) or name

    kept = Kept(2)
    for name in "abacb":
        assert kept.get(name, make(name)) == name
    assert made == ["a", "b", "c", "b"]
    with pytest.raises(ZeroDivisionError):
        kept.get("d", lambda: 1 / 0)
    assert kept.get("d", make("d")) == "d"
    kept.drop(lambda key: key == "d")
    assert "d" not in kept


def test_a_new_picture_is_ready_before_anybody_sees_it(tmp_path):
    store = make_store(tmp_path, [made_call(1)])
    archive = Archive(store, look_s=0)
    seen = []
    archive.prepare.append(lambda new, old: 1 / 0)  # what cannot be made ahead holds nothing up
    archive.prepare.append(lambda new, old: seen.append((len(new.calls), len(old.calls))))
    archive.snapshot()
    store.commit_calls([made_call(2)])
    until = time.monotonic() + 20
    while len(archive.snapshot().calls) < 2 and time.monotonic() < until:
        time.sleep(0.02)
    assert (2, 1) in seen


def test_a_review_makes_a_picture_without_reading_the_calls_again(tmp_path):
    from speechqa.web.verdicts import review_row

    store = make_store(tmp_path, [made_call(1)])
    archive = Archive(store)
    before = archive.snapshot()
    row = {"rule": "r", "start_ms": 1, "verdict": "confirm", "reviewer": "P", "comment": ""}
    store.append_reviews(review_row(key=f"{1:032x}", **row))
    after = archive.renew()
    assert len(after.reviews) == 1
    assert after.columns is before.columns
