"""Sixty seeded mistakes: each refused before anything is judged, with line and nearest name."""

import json
import random
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from speechqa.cli.rulebook import rulebook as commands
from speechqa.rulebook import BadRulebook, load, read

GOOD = r"""rulebook: seeded
version: "1"
languages: [en, zh]
options:
  silent_call: {values: [long, short], value: long}
slots:
  company: {en: [Acme], zh: [安可公司]}
words:
  apology:
    en: {regex: ['\bsorry\b']}
    zh: [对不起]
  complaint:
    party: customer
    en: {phrases: [I want to complain], similar: [this is quite unacceptable]}
allow_list:
  - {en: ["I'm afraid I can't"], masks: [cannot]}
form:
  sections:
    - {id: opening, title: Opening, weight: 10}
    - {id: wording}
rules:
  - id: greeting
    kind: required
    section: opening
    severity: major
    where: {first_s: 10}
    find: {en: [hello], zh: [您好]}
  - id: cannot
    kind: forbidden
    section: wording
    severity: critical
    fails: form
    find:
      en:
        phrases: ["I can't do (that|it)"]
        regex: ['\bno way\b']
        unless: ['\bno way to\b']
    better: {en: [What I can do is]}
    examples:
      hit: {en: ["I can't do that"]}
      dialogues:
        - lang: en
          expect: violated
          turns:
            - agent: no way
  - id: apologise
    kind: each
    section: wording
    each: complaint
    then: apology
    within_s: 8
  - id: silence
    kind: limit
    section: wording
    measure: longest_silence_ms
    at_most: {target: 5 s, limit: 10 s}
  - id: steps
    kind: sequence
    section: wording
    when: {option: silent_call, is: long}
    steps:
      - {name: first, find: apology}
      - {name: wait, pause_s: 5}
  - id: connection
    kind: team
    table: calls
    figure: share
    test: {column: connected, is: yes}
    at_least: 0.85
"""

MISTAKES = [
    # (what, old text, new text, line of the mistake relative to the new text, message)
    (
        "key",
        "rulebook: seeded",
        "rulebok: seeded",
        0,
        "unknown key 'rulebok'; did you mean rulebook",
    ),
    (
        "name",
        "rulebook: seeded",
        "rulebook: our rules",
        0,
        "'our rules' cannot be a rulebook's name",
    ),
    ("no name", "rulebook: seeded\n", "", 0, "'rulebook' is missing"),
    ("version", 'version: "1"', "version: [1]", 0, "valid string"),
    ("unquoted version", 'version: "1"', "version: 1.0", 0, 'in quotes: "1.0"'),
    ("language", "languages: [en, zh]", "languages: [en, zz]", 0, "unknown language 'zz'"),
    ("no languages", "languages: [en, zh]", "languages: []", 0, "at least 1"),
    ("option value", "value: long}", "value: lang}", 0, "'lang' is none of"),
    ("option key", "{values: [long, short]", "{value_s: [long, short]", 0, "did you mean values"),
    ("slot type", "company: {en: [Acme]", "company: {en: {a: b}", 0, "should be a list"),
    (
        "no such slot",
        "hello]",
        '"hello {compny}"]',
        0,
        "unknown slot {compny}; did you mean company",
    ),
    (
        "words key",
        "party: customer\n",
        "partty: customer\n",
        0,
        "unknown key 'partty'; did you mean party",
    ),
    (
        "words party",
        "party: customer\n",
        "party: client\n",
        0,
        "'client' is not one of agent, customer",
    ),
    (
        "forms key",
        "{phrases: [I want",
        "{phrase: [I want",
        0,
        "unknown key 'phrase'; did you mean phrases",
    ),
    ("forms list", "phrases: [I want to complain]", "phrases: 5", 0, "should be a list"),
    ("empty forms", "zh: [对不起]", "zh: []", 0, "nothing to look for under zh"),
    ("language of words", "zh: [对不起]", "fr: [pardon]", 0, "language 'fr' is not one of"),
    (
        "self reference",
        "  apology:\n    en: {regex: ['\\bsorry\\b']}\n    zh: [对不起]",
        "  apology: {any: [apology]}",
        0,
        "refers to itself",
    ),
    ("mask", "masks: [cannot]", "masks: [canot]", 0, "unknown rule 'canot'; did you mean cannot"),
    ("allow key", "masks: [cannot]", "mask: [cannot]", 0, "did you mean masks"),
    ("allow nothing", "{en: [\"I'm afraid I can't\"], masks", "{masks", 0, "needs wording"),
    ("form key", "  sections:", "  section:", 0, "unknown key 'section'; did you mean sections"),
    ("section weight", "weight: 10", "weight: heavy", 0, "valid number"),
    ("section id", "{id: wording}", "{id: Wording!}", 0, "cannot be an id: small letters"),
    ("double section", "{id: wording}", "{id: opening}", 0, "duplicate section 'opening'"),
    ("kind", "kind: required", "kind: requird", 0, "unknown kind 'requird'; did you mean required"),
    ("no kind", "    kind: required\n", "", -1, "'kind' is missing"),
    (
        "section of rule",
        "section: opening\n",
        "section: openin\n",
        0,
        "unknown section 'openin'; did you mean opening",
    ),
    (
        "severity",
        "severity: major",
        "severity: majr",
        0,
        "'majr' is not one of .*did you mean major",
    ),
    (
        "where key",
        "{first_s: 10}",
        "{frist_s: 10}",
        0,
        "unknown key 'frist_s'; did you mean first_s",
    ),
    ("where value", "{first_s: 10}", "{first_s: ten}", 0, "'ten' is no duration"),
    ("negative", "{first_s: 10}", "{first_s: -1}", 0, "greater than or equal to 0"),
    ("within alone", "{first_s: 10}", "{within_s: 10}", 0, "need after, before or around"),
    (
        "finder key",
        "find: {en: [hello], zh: [您好]}",
        "find: {english: [hello]}",
        0,
        "unknown key 'english'",
    ),
    ("finder text", "find: {en: [hello], zh: [您好]}", "find: helo", 0, "is named 'helo'"),
    ("finder number", "find: {en: [hello], zh: [您好]}", "find: 7", 0, "a finder is a mapping"),
    ("duplicate id", "- id: apologise", "- id: cannot", 0, "duplicate rule id 'cannot'"),
    (
        "id characters",
        "- id: apologise",
        "- id: Apologise now",
        0,
        "cannot be an id: small letters",
    ),
    ("look-ahead", r"'\bno way\b']", r"'\bno way(?! to)\b']", 0, r"look-around.*unless"),
    ("look-behind", r"'\bno way\b']", r"'(?<!there is )no way']", 0, "look-around"),
    ("back reference", r"'\bno way\b']", r"'(no) \1']", 0, "back-reference"),
    ("open bracket", r"'\bno way\b']", r"'(no way']", 0, r"missing \)"),
    ("upper case", r"'\bno way\b']", r"'\bNo way\b']", 0, "'N' never matches"),
    ("digits", r"'\bno way\b']", r"'\bin 24 hours\b']", 0, "'2' never matches: digits are spoken"),
    ("comma", r"'\bno way\b']", r"'\bno, never\b']", 0, "',' never matches: .* no punctuation"),
    (
        "traditional",
        "zh: [您好]}",
        "zh: {regex: [請稍後]}}",
        0,
        "'請' never matches: .* simplified characters; write 请",
    ),
    (
        "border in Chinese",
        "zh: [您好]}",
        r"zh: {regex: ['\b(请|麻烦)稍后']}}",
        0,
        r"'\\b' never matches beside a Chinese character",
    ),
    ("blank in Chinese", "zh: [您好]}", "zh: {regex: [请 稍后]}}", 0, "' ' never matches"),
    (
        "wording without language",
        "find: {en: [hello], zh: [您好]}",
        "find: [good morning]",
        0,
        r"named 'good morning'.*if it is wording, write \{en: \[good morning\]\}",
    ),
    (
        "wide colon",
        "    severity: major\n",
        "    severity：major\n",
        1,
        "has a full-width ：",
    ),
    (
        "entity in fuzzy wording",
        "similar: [this is quite unacceptable]",
        'similar: ["this is worth {money} to me"]',
        0,
        "{money} stands in phrases and regexes only",
    ),
    ("Chinese comma", "zh: [对不起]", "zh: [对不起、抱歉]", 0, "'、' does not part the entries"),
    ("empty match", r"'\bno way\b']", r"'(no way)?']", 0, "matches the empty text"),
    ("repetition", r"'\bno way\b']", r"'(no){5000}']", 0, "repetition"),
    ("bad unless", r"unless: ['\bno way to\b']", r"unless: ['no way [to']", 0, "missing ]"),
    (
        "fails",
        "severity: critical\n    fails: form",
        "severity: major\n    fails: section",
        -3,
        "fails belongs to severity: critical",
    ),
    ("better language", "better: {en:", "better: {eng:", 0, "unknown key 'eng'; did you mean en"),
    (
        "examples key",
        "      hit: {en:",
        "      hits: {en:",
        0,
        "unknown key 'hits'; did you mean hit",
    ),
    ("expect", "expect: violated", "expect: broken", 0, "'broken' is not one of met, violated"),
    (
        "turn party",
        "- agent: no way",
        "- agnet: no way",
        0,
        "unknown key 'agnet'; did you mean agent",
    ),
    ("dialogue language", "- lang: en", "- lang: de", 0, "language 'de' is not one of"),
    ("each without then", "    then: apology\n", "", -4, "exactly one of then, first, with"),
    ("each and first", "then: apology", "then: apology\n    first: apology", -4, "exactly one of"),
    (
        "unknown trigger",
        "each: complaint",
        "each: complaints",
        0,
        "is named 'complaints'; did you mean complaint",
    ),
    (
        "measure",
        "measure: longest_silence_ms",
        "measure: longest_silence",
        0,
        "unknown measure 'longest_silence'; did you mean longest_silence_ms",
    ),
    (
        "two figures",
        "measure: longest_silence_ms",
        "measure: silence_ms\n    column: x",
        -3,
        "exactly one figure",
    ),
    ("no bound", "    at_most: {target: 5 s, limit: 10 s}\n", "", -4, "needs at_most or at_least"),
    (
        "ramp",
        "{target: 5 s, limit: 10 s}",
        "{target: 10 s, limit: 5 s}",
        0,
        "must lie above its target",
    ),
    (
        "ramp key",
        "{target: 5 s, limit: 10 s}",
        "{targt: 5 s, limit: 10 s}",
        0,
        "unknown key 'targt'; did you mean target",
    ),
    ("unit", "{target: 5 s, limit: 10 s}", "{target: 5 sek, limit: 10 s}", 0, "is no duration"),
    ("bare ms", "{target: 5 s, limit: 10 s}", "{target: 5, limit: 10 s}", 0, "5 means 5 ms here"),
    ("percent", "{target: 5 s, limit: 10 s}", "10 %", 0, "a share is written from 0 to 1"),
    (
        "percent for a share",
        "measure: longest_silence_ms\n    at_most: {target: 5 s, limit: 10 s}",
        "measure: silence_share\n    at_most: 10",
        1,
        "silence_share is a share from 0 to 1, got 10; 10 % is 0.1",
    ),
    (
        "a time for a count",
        "measure: longest_silence_ms\n    at_most: {target: 5 s, limit: 10 s}",
        "measure: silence_count\n    at_most: 3 s",
        1,
        "'3 s' is a time, but silence_count is none",
    ),
    (
        "a figure that is only explained",
        "measure: longest_silence_ms",
        "measure: agent.window_rate_p90",
        0,
        "unknown measure 'agent.window_rate_p90'",
    ),
    (
        "percent compared",
        "when: {option: silent_call, is: long}",
        "when: {measure: agent.talk_share, above: 80}",
        0,
        "a share from 0 to 1, got 80",
    ),
    ("percent of a team", "at_least: 0.85", "at_least: 85", 0, "the share is a share from 0 to 1"),
    (
        "announced",
        "{name: first, find: apology}",
        "{name: first, find: {event: overtalk, announced: true}}",
        0,
        "announced belongs to event: silence",
    ),
    (
        "language of an example",
        'hit: {en: ["I can\'t do that"]}',
        'hit: {de: ["geht nicht"]}',
        0,
        "language 'de' is not one of the rulebook's",
    ),
    (
        "language of better",
        "better: {en: [What I can do is]}",
        "better: {fr: [voici]}",
        0,
        "language 'fr' is not one of the rulebook's",
    ),
    (
        "option name",
        "option: silent_call",
        "option: silentcall",
        0,
        "unknown option 'silentcall'; did you mean silent_call",
    ),
    ("option never", "is: long}", "is: longer}", 0, "is never 'longer'; did you mean long"),
    ("step", "{name: wait, pause_s: 5}", "{name: wait}", 0, "exactly one of find, pause_s"),
    (
        "team test",
        "test: {column: connected, is: yes}",
        "test: {colum: connected, is: yes}",
        0,
        "a test has one of .*did you mean column",
    ),
    ("team figure", "figure: share", "figure: ratio", 0, "'ratio' is not one of"),
    (
        "duplicate key",
        "severity: major\n",
        "severity: major\n    severity: minor\n",
        1,
        "duplicate key 'severity'",
    ),
    ("tab", "  sections:\n", "\tsections:\n", 0, "not valid YAML"),
    ("open list", "languages: [en, zh]", "languages: [en, zh", 1, "not valid YAML"),
    ("yaml tag", 'version: "1"', "version: !!python/name:os.system 1", 0, "YAML tag"),
    ("no rules", GOOD[GOOD.index("rules:") :], "rules: []\n", 0, "at least 1"),
]


def seeded(tmp_path: Path, old: str, new: str) -> tuple[Path, int]:
    assert GOOD.count(old) >= 1, f"{old!r} is not in the good rulebook"
    text = GOOD.replace(old, new, 1)
    file = tmp_path / "seeded.yaml"
    file.write_text(text, encoding="utf-8")
    return file, GOOD[: GOOD.index(old)].count("\n") + 1


def test_the_good_rulebook_has_no_mistake(tmp_path):
    file = tmp_path / "good.yaml"
    file.write_text(GOOD, encoding="utf-8")
    book, mistakes = read(file)
    assert mistakes == []
    assert book is not None
    assert len(book.rules) == 6


def test_there_are_at_least_sixty_seeded_mistakes():
    assert len({(old, new) for _, old, new, *_ in MISTAKES}) >= 60


@pytest.mark.parametrize(
    ("old", "new", "offset", "message"),
    [case[1:] for case in MISTAKES],
    ids=[case[0].replace(" ", "-") for case in MISTAKES],
)
def test_a_seeded_mistake_is_refused_with_its_line(tmp_path, old, new, offset, message):
    file, line = seeded(tmp_path, old, new)
    with pytest.raises(BadRulebook, match=message) as caught:
        load(file)
    assert caught.value.exit_code == 4
    lines = [mistake.line for mistake in caught.value.mistakes]
    assert line + offset in lines, [str(mistake) for mistake in caught.value.mistakes]


def test_all_mistakes_come_at_once_and_in_order(tmp_path):
    text = GOOD
    for old, new in (
        ("languages: [en, zh]", "languages: [en, zh]\nlanguagess: [en]"),
        ("severity: major", "severity: majr"),
        (r"\bno way\b", r"\bno way(?= out)"),
        ("each: complaint", "each: complaints"),
        ("longest_silence_ms", "longest_silences"),
    ):
        assert old in text
        text = text.replace(old, new, 1)
    file = tmp_path / "many.yaml"
    file.write_text(text, encoding="utf-8")
    book, mistakes = read(file)
    assert book is None
    assert [mistake.message.split("'")[1] for mistake in mistakes] == [
        "languagess",
        "majr",
        "(?=",
        "complaints",
        "longest_silences",
    ]
    assert [mistake.line for mistake in mistakes] == sorted(mistake.line for mistake in mistakes)


UNREADABLE = {"tab", "open list", "yaml tag", "no rules", "duplicate key", "wide colon"} | {
    "percent of a team",
    "bare ms",
}
"""Mistakes of YAML itself, after which nothing else can be told, or of a whole part or rule, and
those that another mistake may turn into none."""


def apart(case, other):
    """Say whether two mistakes can be seeded together: they lie on different lines."""
    spans = [(GOOD.index(old), GOOD.index(old) + len(old)) for _, old, *_ in (case, other)]
    (a, b), (c, d) = [(GOOD[:i].count("\n"), GOOD[: j - 1].count("\n")) for i, j in spans]
    return b < c or d < a


def pairs():
    cases = [case for case in MISTAKES if case[0] not in UNREADABLE]
    draw = random.Random(4)
    return [
        (case, other)
        for case in cases
        for other in draw.sample([one for one in cases if apart(case, one)], 2)
    ]


@pytest.mark.parametrize(("case", "other"), pairs(), ids=lambda case: case[0].replace(" ", "-"))
def test_two_mistakes_are_told_at_once(tmp_path, case, other):
    text = GOOD
    for _, old, new, *_ in sorted((case, other), key=lambda one: -GOOD.index(one[1])):
        at = GOOD.index(old)
        text = text[:at] + new + text[at + len(old) :]
    file = tmp_path / "two.yaml"
    file.write_text(text, encoding="utf-8")
    _, mistakes = read(file)
    for message in (case[-1], other[-1]):
        assert any(re.search(message, one.message) for one in mistakes), list(map(str, mistakes))


FIRST_TRY = """rulebook: 安可
version: "1"
languages: [zh]
form:
  sections:
    - {id: kaichang, title: 开场}
    - {id: 禁语, title: 禁语}
rules:
  - id: wenhou
    kind: required
    section: kaichang
    where: {first: 10 秒}
    find: 您好
  - id: bu-zhidao
    kind: forbidden
    section: 禁语
    severity: 严重
    find:
      zh: {regex: ['我不知道，', '请稍后']}
    examples:
      hit: [我不知道]
  - id: yusu
    kind: limit
    section: kaichang
    measure: agent.speech_rate
    at_most: 280 字
  - id: daoqian
    kind: each
    section: kaichang
    each: {zh: [投诉], party: 客户}
    then: {zh: [抱歉, 对不起]}
    within_s: 8 秒
"""


def test_all_mistakes_of_a_first_rulebook_in_chinese_are_told_and_nothing_else(tmp_path):
    file = tmp_path / "first.yaml"
    file.write_text(FIRST_TRY, encoding="utf-8")
    _, mistakes = read(file)
    assert [(one.line, one.message.split(";")[0]) for one in mistakes] == [
        (7, "'禁语' cannot be an id: small letters, digits and hyphens, e.g. no-blame"),
        (12, "unknown key 'first'"),
        (13, "no finder under words: is named '您好'"),
        (17, "'严重' is not one of critical, major, minor"),
        (19, "'，' never matches: the text holds no punctuation"),
        (21, "should be a mapping, e.g. {en: [...], zh: [...]}, got ['我不知道']"),
        (25, "unknown measure 'agent.speech_rate'"),
        (26, "'280 字' is no duration"),
        (30, "'客户' is not one of agent, customer, any"),
    ]


def test_included_files_name_their_own_lines(tmp_path):
    main = GOOD.replace(
        "languages: [en, zh]", "languages: [en, zh]\ninclude: [more.yaml, gone.yaml]"
    )
    (tmp_path / "main.yaml").write_text(main, encoding="utf-8")
    more = (
        "rules:\n  - id: extra\n    kind: forbidden\n"
        "    section: nowhere\n    find: apology\nx: 1\n"
    )
    (tmp_path / "more.yaml").write_text(more, encoding="utf-8")
    _, mistakes = read(tmp_path / "main.yaml")
    found = {(Path(one.file).name, one.line) for one in mistakes}
    assert found == {("main.yaml", 4), ("more.yaml", 4), ("more.yaml", 6)}


def test_a_file_that_is_no_text_is_refused(tmp_path):
    file = tmp_path / "binary.yaml"
    file.write_bytes(b"rulebook: x\nversion: \xff\xfe\n")
    with pytest.raises(BadRulebook, match=r"binary.yaml:2:1: byte 21 is not UTF-8"):
        load(file)


def test_an_expanding_file_is_refused_quickly(tmp_path):
    bomb = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{new}: &{new} [{', '.join(['*' + old] * 10)}]\n"
        for old, new in zip("abcdefg", "bcdefgh", strict=True)
    )
    file = tmp_path / "bomb.yaml"
    file.write_text(bomb, encoding="utf-8")
    with pytest.raises(BadRulebook, match="too large"):
        load(file)


def test_check_exits_with_4_and_lists_mistakes_as_json(tmp_path):
    file, line = seeded(tmp_path, "kind: required", "kind: requird")
    run = CliRunner().invoke(commands, ["check", str(file), "--json"])
    assert run.exit_code == 4
    first = json.loads(run.stdout.splitlines()[0])
    assert first["line"] == line
    assert "did you mean required" in first["message"]
