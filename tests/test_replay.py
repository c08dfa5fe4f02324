"""A changed rulebook replayed over stored calls gives what judging everything gives."""

import random
import shutil
from dataclasses import replace

import numpy as np
import pyarrow.compute as pc
import pytest

from benchmarks.reassess import sentences, synthetic_call, with_rule
from speechqa.batch import rejudge as rejudging
from speechqa.batch import replay as replaying
from speechqa.batch.differences import differences
from speechqa.batch.groups import WHOLE, grouped
from speechqa.batch.judge import judge_missing, store_and_judge
from speechqa.batch.sieve import Sieve, _Words
from speechqa.cli.assess import _because
from speechqa.phrases import Heard, Lexicon
from speechqa.phrases.stream import PASSAGE_PAUSE_MS, UTTERANCE_PAUSE_MS
from speechqa.pipeline.assess import assess, assessment_digest
from speechqa.pipeline.explain import explain_rule
from speechqa.pipeline.replay import answers, uncharged
from speechqa.rulebook import Rulebook, RulebookForm, RuleResult, load
from speechqa.rulebook.charge import is_charged
from speechqa.rulebook.depends import change_between, part_of, rule_digests
from speechqa.score import score_call
from speechqa.score.call import is_confirmed
from speechqa.score.many import OUTCOMES, Grid, score_many
from speechqa.settings import Settings, TimingSettings
from speechqa.store import open_store
from speechqa.store.assessments import assessments_table
from speechqa.store.columns import facts_of_table, recording_blocks
from speechqa.store.rulebooks import kept_rulebook

CALLS = 60
CRITICAL = "severity: critical, fails: form"


@pytest.fixture(scope="module")
def standard():
    return load("standard")


def odd(call, number):
    """Return a call with something out of the ordinary, so that every guard is met."""
    kind = number % 9
    if kind == 1:
        return replace(call, flags=("uncertain-language",))
    if kind == 2:
        return replace(call, checks=({"name": "swapped-parties", "message": ""},))
    if kind == 3:
        return replace(call, damage=({"kind": "lost-audio", "at_ms": 900, "lost_ms": 800},))
    if kind == 4:
        draw = random.Random(number)
        words = tuple(
            replace(w, flag=draw.choice(["", "", "low-confidence", "loop"])) for w in call.words
        )
        return replace(call, words=words)
    if kind == 5:
        return replace(call, words=tuple(w for w in call.words if w.party == "agent"))
    if kind == 6:
        return replace(call, grade="D", language=None if number % 2 else "en")
    if kind == 7:
        return replace(call, holds=call.speech["agent"][1:2] + 5000, metadata={"fault": "no"})
    return call


@pytest.fixture(scope="module")
def calls(standard):
    """Calls in which most rules of the standard have something to say."""
    spoken = sentences()
    for lang in ("en", "zh"):
        for rule in standard.call_rules:
            for text in (*rule.examples.hit.of(lang), *rule.examples.miss.of(lang)):
                party = rule.party if rule.party != "any" else "agent"
                words = text.split() if lang == "en" else list(text)
                spoken[lang].append((party, words))
    return [odd(synthetic_call(n, 150, spoken), n) for n in range(CALLS)]


@pytest.fixture(scope="module")
def judged(tmp_path_factory, calls, standard):
    """A store of calls judged by the standard."""
    store = open_store(str(tmp_path_factory.mktemp("replay") / "store"), create=True)
    store_and_judge(store, calls, standard, Settings())
    return store


def oracle(store, calls, book):
    """Return what changes, the plain way: judge everything, compare rule by rule."""
    new = {one.key: one for one in assess(calls, book, TimingSettings())}
    changed = {}
    rows = {row["key"]: row for row in store.assessments().to_pylist()}
    for key, one in new.items():
        before = {r["rule"]: r["outcome"] for r in rows[key]["results"]}
        after = {r["rule"]: r["outcome"] for r in one.results}
        absent = "not in the rulebook"
        rules = {
            rule: (before.get(rule, absent), after.get(rule, absent))
            for rule in before.keys() | after.keys()
            if before.get(rule, absent) != after.get(rule, absent)
        }
        rules = {r: a for r, a in rules.items() if absent not in a or "violated" in a}
        was = {r["rule"]: (r["outcome"], r["earned"]) for r in rows[key]["results"]}
        graded = {
            r["rule"]
            for r in one.results
            if was.get(r["rule"], ("", 0))[0] == r["outcome"] and was[r["rule"]][1] != r["earned"]
        }
        if rules or rows[key]["percent"] != one.score["percent"]:
            changed[key] = (rules, graded, rows[key]["percent"], one.score["percent"])
    return changed


def found(store, book):
    made = differences(store, book, TimingSettings())
    assert not made.failed
    return {
        call["key"]: (call["rules"], set(call["graded"]), call["before"], call["after"])
        for call in made.calls
    }


def changed_form(form, draw):
    """Return the form with something about one or two rules changed at random."""
    data = form.model_dump(mode="json", by_alias=True, exclude_none=True)
    rules = [rule for rule in data["rules"] if rule["kind"] != "team"]
    for _ in range(draw.choice([1, 1, 1, 2, 3])):
        rule = draw.choice(rules)
        what = draw.choice(
            ["words", "words", "words", "weight", "severity", "drop", "report_only", "when",
             "where", "section", "finder", "allow", "option", "least", "section weight", "order"]
        )  # fmt: skip
        if what == "words":
            _bend_words(rule, draw)
        elif what == "weight":
            rule["weight"] = draw.choice([0.5, 1, 3, 7, 20])
        elif what == "severity":
            rule["severity"], rule["fails"] = draw.choice(["critical", "major", "minor"]), "form"
        elif what == "drop" and len(rules) > 2:
            data["rules"].remove(rule)
            rules.remove(rule)
        elif what == "report_only":
            rule["report_only"] = not rule["report_only"]
        elif what == "when":
            rule["when"] = [{"lang": draw.choice(["en", "zh"])}]
        elif what == "where" and rule["kind"] in ("forbidden", "required"):
            rule["where"] = {"first_s": draw.choice([5, 20])}
        elif what == "section":
            rule["section"] = draw.choice(data["form"]["sections"])["id"]
        elif what == "finder":
            _bend_words(data["words"][draw.choice(sorted(data["words"]))], draw)
        elif what == "allow":
            data["allow_list"] = [*data["allow_list"], {"en": ["hello there"], "masks": "all"}]
        elif what == "option":
            name = draw.choice(sorted(data["options"]))
            data["options"][name]["value"] = draw.choice(data["options"][name]["values"])
        elif what == "least":
            rule["least_confidence"] = draw.choice([0.1, 0.75])
        elif what == "section weight":
            draw.choice(data["form"]["sections"])["weight"] = draw.choice([0, 3, 11])
        elif what == "order":
            data["rules"].remove(rule)
            data["rules"].insert(0, rule)
    kept = {rule["id"] for rule in data["rules"]} | {"all"}
    data["allow_list"] = [
        entry
        for entry in data["allow_list"]
        if entry["masks"] == "all" or set(entry["masks"]) <= kept
    ]
    return RulebookForm.model_validate(data)


def _bend_words(value, draw):
    """Take one text out of word lists, or put an everyday one in."""
    lists = []

    def look(here):
        if isinstance(here, dict):
            for name, inner in here.items():
                if name in ("phrases", "regex", "unless", "similar") and isinstance(inner, list):
                    lists.append((name, inner))
                look(inner)
        elif isinstance(here, list):
            for inner in here:
                look(inner)

    look({k: v for k, v in value.items() if k != "examples"})
    if not lists:
        return
    name, texts = draw.choice(lists)
    if len(texts) > 1 and draw.random() < 0.5:
        texts.pop(draw.randrange(len(texts)))
    elif name != "unless":
        texts.append(draw.choice(["hello", "sorry", "电话", "thank you very much", "请稍等"]))


@pytest.mark.parametrize("seed", range(8))
def test_a_random_change_replayed_is_everything_judged_again(seed, judged, calls, standard):
    book = Rulebook(changed_form(standard.form, random.Random(seed)))
    assert found(judged, book) == oracle(judged, calls, book)


@pytest.mark.parametrize(
    ("rule", "key", "value", "reason"),
    [
        (
            "dead-air-mid-call",
            "at_most",
            {"target": 1, "limit": 10},
            "dead-air-mid-call: other points",
        ),
        ("greet-hello-first", "weight", 9, "other rules or weights"),
    ],
)
def test_a_change_of_points_alone_says_why(rule, key, value, reason, judged, calls, standard):
    changed = standard.form.model_dump(mode="json", by_alias=True, exclude_none=True)
    next(one for one in changed["rules"] if one["id"] == rule)[key] = value
    book = Rulebook(RulebookForm.model_validate(changed))
    assert found(judged, book) == oracle(judged, calls, book)
    made = differences(judged, book, TimingSettings())
    assert made.calls
    assert not made.rules
    assert {_because(call) for call in made.calls} == {reason}
    assert (rule in made.weights) == (key == "weight")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 220))
def test_many_random_changes_replayed_are_everything_judged_again(seed, judged, calls, standard):
    book = Rulebook(changed_form(standard.form, random.Random(seed)))
    assert found(judged, book) == oracle(judged, calls, book)


def rows_by_key(table, digest):
    """Return assessment rows of one digest by key, without when they were made."""
    return {
        row["key"]: row
        for row in table.drop_columns(["assessed_at"]).to_pylist()
        if row["assessment"] == digest
    }


@pytest.mark.parametrize("seed", [11, 12, 13])
def test_what_assess_stores_is_byte_for_byte_what_every_rule_judged_again_gives(
    seed, judged, calls, standard, tmp_path, monkeypatch
):
    shutil.copytree(judged.uri, tmp_path / "store")
    store = open_store(str(tmp_path / "store"))
    book = Rulebook(changed_form(standard.form, random.Random(seed)))
    timing = TimingSettings()
    whole = assessments_table(assess(calls, book, timing))
    with monkeypatch.context() as patched:
        patched.setattr(rejudging, "assess", None)  # every rule is judged through this
        assert judge_missing(store, book, timing).count == len(calls)
    digest = assessment_digest(book, timing)
    assert rows_by_key(store.read("assessments"), digest) == rows_by_key(whole, digest)


def test_assess_judges_by_every_rule_what_another_set_of_thresholds_judged(judged, tmp_path):
    shutil.copytree(judged.uri, tmp_path / "store")
    store = open_store(str(tmp_path / "store"))
    book, other = load("starter"), TimingSettings(silence_ms=2000)
    assert judge_missing(store, book, other).count == CALLS
    whole = assessments_table(assess(store.calls(), book, other))
    digest = assessment_digest(book, other)
    assert rows_by_key(store.read("assessments"), digest) == rows_by_key(whole, digest)


@pytest.mark.parametrize("sections", [(None, None), (3, None), (0, 7)])
def test_scores_of_many_calls_are_those_of_each_call(sections, tmp_path):
    draw = random.Random(str(sections))
    rules = [
        f"- {{id: r{n}, kind: forbidden, section: {'ab'[n % 2]}, find: {{en: [word{n}]}},"
        f" weight: {draw.choice([1, 2.5, 7])}, report_only: {draw.choice(['true', 'false'])},"
        f" {draw.choice(['severity: minor', 'severity: critical, fails: section', CRITICAL])}}}"
        for n in range(9)
    ]
    forms = [
        f"{{id: {name}}}" if weight is None else f"{{id: {name}, weight: {weight}}}"
        for name, weight in zip("ab", sections, strict=True)
    ]
    file = tmp_path / "r.yaml"
    file.write_text(
        f'rulebook: r\nversion: "1"\nlanguages: [en]\nform: {{sections: [{", ".join(forms)}]}}\n'
        + "rules:\n"
        + "\n".join(rules)
    )
    book = load(file)
    calls = [[some_answer(f"r{n}", draw) for n in range(9)] for _ in range(400)]
    grid = Grid.empty(len(calls), 9)
    spared, failed = [], []
    for row, results in enumerate(calls):
        for column, one in enumerate(results):
            grid.outcome[row, column] = OUTCOMES.index(one.outcome)
            grid.earned[row, column], grid.lacking[row, column] = one.earned, one.lacking
            if one.outcome == "violated" and not is_charged(one):
                spared.append((row, column))
            if one.outcome == "violated" and is_confirmed(book, one):
                failed.append((row, column))
    many = score_many(book, grid, spared=spared, failed=failed)
    alone = [score_call(book, results) for results in calls]
    assert many.points.tolist() == [one.points for one in alone]
    assert many.potential.tolist() == [one.potential for one in alone]
    assert many.percent == [one.percent for one in alone]
    assert {one.percent for one in alone} > {None, 0.0}


def some_answer(rule, draw):
    """Return an answer as awkward to add up as they come."""
    outcome = draw.choice(["met", "met", "violated", "violated", "not_applicable", "unknown"])
    hits = ({"charged_by": "r0"},) if draw.random() < 0.2 else ()
    share = draw.choice([None, 0.0, 1.0, 1 / 3, 1 / 128, draw.random()])
    lacking = outcome == "unknown" or draw.random() < 0.3
    return RuleResult(rule, outcome, "", 1, 3, hits, draw.random() < 0.2, None, share, lacking)


@pytest.fixture(scope="module")
def bent(standard):
    """The standard with a phrase added to one forbidden rule."""
    return with_rule(
        standard,
        "silent-call-threat",
        lambda rule: rule["find"][0]["en"].setdefault("phrases", []).append("hello"),
    )


def test_processes_give_what_one_process_gives(judged, bent, monkeypatch):
    monkeypatch.setattr(replaying, "BLOCK_CALLS", 5)
    alone = differences(judged, bent, TimingSettings())
    together = differences(judged, bent, TimingSettings(), workers=2)
    assert alone.calls
    assert (together.calls, together.rules, together.agents) == (
        alone.calls,
        alone.rules,
        alone.agents,
    )


def test_without_the_rulebook_that_judged_them_calls_are_judged_by_every_rule(
    tmp_path, calls, standard, bent
):
    store = open_store(str(tmp_path / "store"), create=True)
    store_and_judge(store, calls[:12], standard, Settings())
    before = found(store, bent)
    shutil.rmtree(tmp_path / "store" / "rulebooks")
    assert kept_rulebook(store, standard.digest) is None
    group_of, _ = grouped(store, bent, TimingSettings(), rows_of(store))
    assert set(group_of.values()) == {WHOLE}
    assert found(store, bent) == before


def test_other_thresholds_judge_every_call_by_every_rule(judged, bent):
    other = TimingSettings(silence_ms=2000)
    group_of, _ = grouped(judged, bent, other, rows_of(judged))
    assert set(group_of.values()) == {WHOLE}


def test_only_what_changed_is_judged(judged, bent):
    group_of, groups = grouped(judged, bent, TimingSettings(), rows_of(judged))
    (name,) = set(group_of.values())
    assert [rule.id for rule in groups[name].part.call_rules] == ["silent-call-threat"]


def rows_of(store):
    return [row | {"stale": False} for row in store.assessments().to_pylist()]


def test_judging_keeps_the_rulebook_as_it_was(tmp_path, calls, standard, bent):
    store = open_store(str(tmp_path / "store"), create=True)
    store_and_judge(store, calls[:3], standard, Settings())
    judge_missing(store, bent, TimingSettings())
    judge_missing(store, bent, TimingSettings())
    assert kept_rulebook(store, standard.digest).form == standard.form
    assert kept_rulebook(store, bent.digest).form == bent.form
    assert store.read("rulebooks").num_rows == 2


def test_the_sieve_answers_most_calls_unjudged_and_as_judging_does(judged, calls, standard):
    part = part_of(standard, ["silent-call-threat", "neg-cant-do-it"])
    block = next(recording_blocks(judged, {call.key for call in calls}))
    sieved = dict(zip(block["key"].to_pylist(), Sieve(part).answers(block), strict=True))
    judged_all = answers(calls, part, TimingSettings())
    known = 0
    for call, plain in zip(calls, judged_all, strict=True):
        if sieved[call.key] is not None:
            known += 1
            assert list(sieved[call.key]) == uncharged(plain)
    assert known > 15


def test_the_sieve_lays_text_out_as_a_stream_does(judged):
    for block in recording_blocks(judged, set(judged.current(["key"])["key"].to_pylist())):
        for call, lang in zip(facts_of_table(block), block["language"].to_pylist(), strict=True):
            words = _Words(block.filter(pc.equal(block["key"], call.key)), lang or "en")
            own = np.array([w.party == "agent" and not w.flag for w in call.words])
            own &= words.says[words.code]
            stream = Heard(call.words, lang or "en", Lexicon(lang or "en", {})).stream("agent")
            if len(stream):
                assert words._texts(own, PASSAGE_PAUSE_MS + 1) == [stream.passages.data]
                assert words._texts(own, UTTERANCE_PAUSE_MS) == [stream.utterances.data]


def test_a_sieve_lets_nothing_pass_that_is_found_by_likeness_or_by_sound(judged, tmp_path):
    file = tmp_path / "fuzzy.yaml"
    file.write_text(
        """
rulebook: fuzzy
version: "1"
languages: [en, zh]
form: {sections: [{id: talk}]}
rules:
- {id: likeness, kind: forbidden, section: talk, find: {en: {similar: [please hold the line a moment]}, zh: {similar: [请您稍等一下好吗]}}}
- {id: sound, kind: forbidden, section: talk, find: {en: {sounds_like: [thank you]}, zh: {sounds_like: [谢谢]}}}
"""  # noqa: E501
    )
    book = load(file)
    for block in recording_blocks(judged, set(judged.current(["key"])["key"].to_pylist())):
        facts = facts_of_table(block)
        for known, plain in zip(
            Sieve(book).answers(block), answers(facts, book, TimingSettings()), strict=True
        ):
            assert known is None or list(known) == plain


@pytest.mark.parametrize(
    ("change", "judged_rules", "scored"),
    [
        (lambda rule: rule.update(note="another", examples={}), set(), False),
        (lambda rule: rule.update(title="Another"), set(), False),
        (lambda rule: rule.update(weight=9), set(), True),
        (lambda rule: rule.update(report_only=True), set(), True),
        (lambda rule: rule.update(allow=1), {"neg-cant-do-it"}, False),
    ],
)
def test_a_change_of_one_rule_touches_what_hangs_on_it(standard, change, judged_rules, scored):
    made = change_between(standard, with_rule(standard, "neg-cant-do-it", change))
    assert (set(made.judged), made.scored) == (judged_rules, scored)


def test_a_named_finder_a_slot_and_an_option_touch_the_rules_that_use_them(standard):
    data = standard.form.model_dump(mode="json", by_alias=True, exclude_none=True)
    data["slots"]["company"]["en"] = ["Other"]
    users = change_between(standard, Rulebook(RulebookForm.model_validate(data))).judged
    assert "greet-company-name" in users
    assert len(users) < 20
    other = standard.with_options({"warm_transfer": "allowed"})
    users = change_between(standard, other).judged
    assert 1 <= len(users) <= 3
    assert rule_digests(standard.form) == rule_digests(load("standard").form)


def test_a_verdict_is_explained_by_the_rule_that_gave_it(judged, calls, standard, bent):
    rule = "silent-call-threat"
    stored = judged.assessment_of(calls[0].key)
    result = next(one for one in stored.results if one["rule"] == rule)
    timing = TimingSettings()
    kept = kept_rulebook(judged, stored.rulebook_digest)
    told = explain_rule(calls[0], stored, result, bent, timing, kept=kept)
    assert "hello" not in told["definition"]
    graver = with_rule(standard, rule, lambda one: one.update(severity="minor"))
    other = explain_rule(calls[0], stored, result, graver, timing, kept=kept)["arithmetic"]
    assert other[-1] == "changed since: in today's standard 1.0 it has another severity"
    (note,) = (line for line in told["arithmetic"] if line.startswith("changed since"))
    assert "hello" in note
    same = explain_rule(calls[0], stored, result, standard, timing, kept=kept)
    assert not any("changed since" in line for line in same["arithmetic"])
    unkept = explain_rule(calls[0], stored, result, bent, timing)
    assert any("did not keep" in line for line in unkept["arithmetic"])
