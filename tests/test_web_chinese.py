"""A person who reads Chinese finds no English sentence on any page."""

from __future__ import annotations

import ast
import re
import time
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

import speechqa
from speechqa.report import Report, write_report
from speechqa.rulebook.dialogue import example_call
from speechqa.timing import MEASURES
from speechqa.web import create_app, languages
from speechqa.web.access import Access, Person
from speechqa.web.formats import plain
from speechqa.web.sayings import Sayings
from tests.english_left import english_in
from tests.web_store import BASE, TALK, book, made_call, make_store, settings

ASKED = {"Accept-Language": "zh-CN,zh;q=0.9,en;q=0.4"}
HOSTS = ["127.0.0.1:8765"]
POST = {"Origin": BASE}
KEY = f"{1:032x}"
ODD = 9000
"""Calls from this number on are those with damage, doubts and reasons."""
CODE = Path(speechqa.__file__).parent
SPEAKING = (
    *("rulebook/call.py", "rulebook/names.py", "score/call.py", "score/lines.py"),
    *("timing/evidence.py", "timing/explain.py", "timing/registry.py", "pipeline/explain.py"),
    *("pipeline/fairness.py", "pipeline/textless.py", "pipeline/prepare.py", "pipeline/view.py"),
    *("pipeline/transcribe.py", "batch/local.py", "batch/plan.py", "batch/deaths.py"),
    *("metadata/dates.py", "web/call_page.py", "web/entrance.py", "web/forms.py"),
    *("web/guard.py", "web/reviewing.py", "web/sound.py", "web/verdicts.py"),
)
"""Modules whose sentences reach a page; beside them all of ``audio`` and ``line``, and whatever
answers for a rule."""
ANSWERS = re.compile(r"\b(RuleResult|Found|Figure)\(|\bplain\(rule")
SWAPPED = "the agent's greeting is heard on the customer's side: the channels seem swapped"
LEAK = "the left channel holds the other party's voice, 12 dB weaker and 40 ms late"
REASONS = [
    (
        "quarantined",
        "worker-hang",
        "the worker did not answer in time (no answer before its deadline), 2 times; "
        "listen to the file; speechqa status --retry tries it again",
    ),
    (
        "refused",
        "not-audio",
        "not a recording: it begins like a web page; accepted are wav, mp3; if this is a "
        "recording without a header, convert it to WAV with its true rate and codec first",
    ),
    (
        "refused",
        "zero-bytes",
        "the file has 0 bytes; the recorder opened it and never wrote; fetch it again",
    ),
    ("deferred", "read-error", "cannot be opened: Input/output error"),
]
NOT_SHOWN = {
    "audio/libav.py": r"\nflac vorbis.*|a recording may not open.*",
    "audio/recording.py": r".*",
    "audio/resample.py": r".*",
    "batch/local.py": r"worker died",
    "line/parties.py": r"(?!the agent's greeting).*",
    "rulebook/acoustic.py": r"what when where .*",
    "rulebook/conditions.py": r"no condition: .*",
    "rulebook/judge.py": r"no call rule: .*",
    "timing/evidence.py": r"(dead air|long silences|(agent|customer) silences|own turns|"
    r"successful interruptions|(fast|slow) windows|floor changes|(own|unannounced) silences)",
    "timing/explain.py": r".* is no measure|.* is a measure of the call.*|ask for .*|"
    r"floor changes|per minute",
    "timing/registry.py": r"per minute",
    "web/entrance.py": r"\w+ call .*",
    "web/reviewing.py": r"calibrate call .*",
}
"""What these modules say to the log, to programmers, or as parts of a longer text."""


def as_facts(number, view):
    """Return an example of the rulebook as the facts of a call."""
    return made_call(
        number,
        talk=[],
        words=view.words,
        speech={party: np.array(s, np.int64).reshape(-1, 2) for party, s in view.speech.items()},
        duration_ms=view.duration_ms,
        language=view.lang,
        grade=view.grade,
        metadata=dict(view.metadata),
        metadata_sources={"agent_id": "name", "queue": "csv", "started_at": "json"},
        **names_of(number),
    )


def names_of(number):
    return {
        "agent": ("小安", "小本", "小陈")[number % 3],
        "queue": "账单",
        "call_id": str(number),
        "path": f"录音/{number}.wav",
        "provenance": {"speechqa": "1.0", "model": "test", "vad": "silero", "settings": "0" * 12},
    }


def odd_calls():
    """Calls on which something was wrong, each in another way."""
    one_channel = np.array([[0, 9000], [12_000, 30_000]])
    lost = "2.00 s of audio are missing here"
    wrong = [
        {
            "status": "damaged",
            "reason_code": "lost-audio",
            "reason": lost,
            "damage": ({"kind": "lost-audio", "lost_ms": 2000, "detail": lost},),
        },
        {"flags": ("low-confidence", "uncertain-language")},
        {"flags": ("speech-without-text",), "words": ()},
        {"checks": ({"name": "swapped-parties", "message": SWAPPED},)},
        {"checks": ({"name": "leak", "message": LEAK},)},
        {"speech": {"mixed": one_channel}, "channels": 1, "grade": "C", "duration_ms": 31_000},
        {"holds": np.array([[4000, 9000]])},
        {"language": None, "words": ()},
        {"talk": TALK[:1]},
    ]
    for number, changes in enumerate(wrong, ODD):
        yield made_call(number, **{"talk": TALK} | names_of(number) | changes)
    for number, (status, code, reason) in enumerate(REASONS, ODD + 100):
        yield made_call(
            number,
            **names_of(number)
            | {"talk": [], "status": status, "reason_code": code, "reason": reason},
        )


@pytest.fixture(scope="module")
def examples():
    """Every example of the shipped rulebook as a call: each rule is broken and kept somewhere."""
    calls = []
    for rule in book().call_rules:
        calls += [as_facts(len(calls) + 1, example_call(one)) for one in rule.examples.dialogues]
        for language in ("en", "zh"):
            for said in rule.examples.hit.of(language)[:1]:
                party = "customer" if rule.party == "customer" else "agent"
                calls.append(
                    made_call(
                        len(calls) + 1,
                        talk=[("agent", "hello"), (party, said), ("customer", "ok")],
                        language=language,
                        **names_of(len(calls) + 1),
                    )
                )
    return calls


@pytest.fixture(scope="module")
def store(examples, tmp_path_factory):
    return make_store(tmp_path_factory.mktemp("chinese"), [*examples, *odd_calls()])


@pytest.fixture(scope="module")
def client(store):
    access = Access()
    app = create_app(store, settings(), book(), access=access, hosts=HOSTS)
    made = TestClient(app, base_url=BASE, headers=ASKED, raise_server_exceptions=True)
    made.get("/enter", params={"token": access.new_link(Person("supervisor", "普丽雅"))})
    return made


def left_on(client, paths):
    """Return what is left in English on pages, by text, with the first page that shows it."""
    left = {}
    for path in paths:
        answer = client.get(path)
        assert answer.status_code == 200, path
        for text in english_in(answer.text):
            left.setdefault(text, path)
    return left


def test_no_page_shows_english_to_a_chinese_reader(client, store):
    """Every route of the live app, and the call's page with all that was ever wrong with one."""
    keys = [KEY, *(f"{number:032x}" for number in range(ODD, ODD + 9)), f"{ODD + 100:032x}"]
    rule = next(r for r in book().call_rules if r.note).id
    filled = {"agent": quote("小安"), "name": "score", "rule": rule, "kind": "critical"}
    paths = []
    for route in client.app.routes:
        if isinstance(route, Mount) or "GET" not in route.methods or "sound" in route.path:
            continue
        assert isinstance(route, Route)
        pattern = re.sub(r":path", "", route.path)
        several = keys if pattern == "/calls/{call}" else keys[:1]
        paths += [pattern.format(**filled | {"call": key}) for key in several]
    assert len(paths) >= 20
    paths.remove("/enter")
    paths += [
        "/attention/quarantined",
        "/attention/fragile?night=1",
        "/?queue=账单",
        "/?since=2031-01-01",
    ]
    paths += ["/search?q=您好", "/search?q=nobodysaysthis", "/rules?queue=账单"]
    first_finding(client, store)
    assert left_on(client, paths) == {}


def first_finding(client, store):
    """Review a finding, so that verdicts are shown and there is one to calibrate."""
    judged = next(
        j for n in range(1, 60) if (j := store.assessment_of(f"{n:032x}")).score["failed_by"]
    )
    from speechqa.web.verdicts import findings

    rule, start = findings(judged, judged.score["failed_by"][0])[0]
    form = {"rule": rule, "start_ms": "" if start is None else start, "comment": "听过"}
    for verdict in ("overturn", "dispute"):
        answer = client.post(
            f"/calls/{judged.key}/reviews", data=form | {"verdict": verdict}, headers=POST
        )
        assert answer.status_code == 200
    assert english_in(answer.text) == []


def test_every_rule_and_measure_explains_itself_in_chinese(client, store, examples):
    """One call on which each rule is broken and one on which it is kept, and the odd calls."""
    rows = store.read("assessments", ["key", "results"]).to_pylist()
    seen = {}
    for row in rows:
        for result in row["results"]:
            seen.setdefault((result["rule"], result["outcome"], result["reason"]), row["key"])
    by_rule = {}
    for (rule, outcome, reason), key in seen.items():
        shape = re.sub(r"[\d.]+", "0", reason or "")
        by_rule.setdefault((rule, outcome), {}).setdefault(shape, key)
    assert {rule for rule, _ in by_rule} == {rule.id for rule in book().call_rules}
    paths = [
        f"/calls/{key}/why/{rule}"
        for (rule, outcome), shapes in by_rule.items()
        for key in list(shapes.values())[: 2 if outcome in ("violated", "met") else 1]
    ]
    names = re.findall(rf"/calls/{KEY}/why/([\w.]+)\"", client.get(f"/calls/{KEY}").text)
    measures = sorted({name for name in names if "-" not in name})
    assert len(measures) > 30
    for key in [KEY, *(f"{number:032x}" for number in range(ODD, ODD + 9))]:
        paths += [f"/calls/{key}/why/{name}" for name in measures]
    assert left_on(client, paths) == {}


def test_every_rule_has_its_page_in_chinese(client):
    assert left_on(client, [f"/rules/{rule.id}" for rule in book().call_rules]) == {}


@pytest.mark.parametrize(
    ("path", "status"),
    [("/no-such-page", 404), ("/calls/none", 404), (f"/calls/{KEY}/why/talk_shar", 404)],
)
def test_errors_are_told_in_chinese(client, path, status):
    answer = client.get(path)
    assert answer.status_code == status
    assert english_in(answer.text) == []


@pytest.mark.parametrize(
    "form",
    [
        {"rule": "none", "start_ms": "1", "verdict": "confirm"},
        {"rule": "", "start_ms": "", "verdict": "comment", "comment": " "},
        {"rule": "", "start_ms": "-1", "verdict": "comment", "comment": "x"},
        {"rule": "", "start_ms": "", "verdict": "comment", "comment": "x" * 2001},
    ],
)
def test_reviews_are_refused_in_chinese(client, form):
    answer = client.post(f"/calls/{KEY}/reviews", data=form, headers=POST)
    assert answer.status_code == 400
    assert english_in(answer.text) == []


def test_whoever_has_no_session_is_told_so_in_chinese(client):
    stranger = TestClient(client.app, base_url=BASE, headers=ASKED)
    for answer in (
        stranger.get("/"),
        stranger.get("/enter?token=none"),
        stranger.get("/", headers={"Host": "evil.example"}),
        stranger.post("/leave", headers={"Origin": "http://evil.example"}),
        stranger.put("/"),
    ):
        assert answer.status_code >= 400
        assert re.search("[\u4e00-\u9fff]", answer.text), answer.text
        assert english_in(re.sub(r"`[^`]*`", "", answer.text)) == []


def test_a_report_in_chinese_shows_no_english(store, tmp_path):
    wanted = Report(agent="小安", calls=6, language="zh")
    write_report(store, settings(), book(), wanted, tmp_path / "r")
    text = (tmp_path / "r" / "agents" / "小安.html").read_text("utf-8")
    assert text.count("data-view=") >= 7
    assert english_in(text) == []


def templates_in(path):
    """Return the sentences in a module, with § for what is filled in."""
    tree = ast.parse(path.read_text("utf-8"))
    apart = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    found = []

    def visit(node):
        if id(node) in apart:
            return
        text = _text_of(node)
        if text is None:
            for child in ast.iter_child_nodes(node):
                visit(child)
        elif re.search(r"[a-z]{2,} [a-z]", text.replace("§", "X")):
            found.append(text)

    visit(tree)
    return found


def _text_of(node):
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(v.value if isinstance(v, ast.Constant) else "§" for v in node.values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = _text_of(node.left), _text_of(node.right)
        if left is not None or right is not None:
            return (left or "§") + (right or "§")
    return None


def test_every_sentence_that_the_code_can_say_has_its_chinese():
    """Also those that no test store happens to hold: a new one fails here until it is told."""
    table = languages.translations() | languages.sayings()
    shapes = [
        re.compile(".+".join(re.escape(part) for part in re.split(r"\{\w+\}", english)))
        for english in table
    ]
    rules = [path for path in CODE.glob("rulebook/*.py") if ANSWERS.search(path.read_text("utf-8"))]
    assert len(rules) >= 10
    files = {CODE / name for name in SPEAKING} | {*CODE.glob("audio/*.py"), *CODE.glob("line/*.py")}
    untold, looked_at = [], 0
    for file in sorted(files | set(rules)):
        name = file.relative_to(CODE).as_posix()
        for text in templates_in(file):
            if re.fullmatch(NOT_SHOWN.get(name, "(?!)"), text, re.DOTALL):
                continue
            looked_at += 1
            parts = {text, f"§{text}", text.removesuffix("§"), text.removeprefix("; ")}
            if not any(shape.fullmatch(part) for shape in shapes for part in parts):
                untold.append(f"{name}: {text}")
    assert looked_at > 150
    assert untold == []


def test_notes_and_steps_of_the_standard_have_their_chinese():
    told = languages.sayings()
    notes = {rule.note for rule in book().call_rules if rule.note}
    steps = {
        step.name for rule in book().call_rules for step in getattr(rule, "steps", ()) if step.name
    }
    assert len(notes) > 60
    assert len(steps) > 15
    assert sorted((notes | steps) - told.keys()) == []


def test_every_measure_has_a_chinese_name():
    names = {plain(name) for name in MEASURES}
    assert sorted(names - languages.translations().keys() - languages.sayings().keys()) == []


def test_what_is_filled_in_is_filled_in_on_both_sides():
    dropped = {"changed since: in {now} it reads: {quote}": {"{quote}"}}
    for english, chinese in (languages.sayings() | languages.translations()).items():
        wanted = set(re.findall(r"\{\w+\}", english)) - dropped.get(english, set())
        assert set(re.findall(r"\{\w+\}", chinese)) == wanted, english
        own = re.sub(r"\{\w+\}| ms| dB", "", english)
        assert re.search("[\u4e00-\u9fff]", chinese) or not re.search("[a-z]", own), english


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ("3 of 4 found", "4 项中找到 3 项"),
        ("-120 ms", "-120 ms"),
        ("violated (found 1 time)", "违反（出现 1 次）"),
        (
            "5.2 s; at least 1 s, at most 3 s (target 2 s)",
            "5.2 秒；不低于 1 秒、不高于 3 秒（目标 2 秒）",
        ),
        (
            "inferred, confidence 0.8, ended by speech of both, not thanked",
            "推断、置信度 0.8、以双方开口结束、未致谢",
        ),
        (
            "r: violated, 2 x 0 = 0 of 2 (1 of 3 steps; missing: redial script, step 4)",
            "标题：违反，2 x 0 = 0 分，满分 2 分（3 步中做到 1 步；缺少：请重拨的话术、第 4 步）",
        ),
        ("“hold; met, agent”; similarity 91", "“hold; met, agent”；相似度 91"),
        ("the file has 0 bytes; ours", "文件为 0 字节；ours"),
        ("a text of another program", "a text of another program"),
        ("", ""),
    ],
)
def test_a_text_is_said_part_by_part_and_kept_where_nothing_fits(said, wanted):
    say = Sayings("zh", lambda rule: "标题" if rule == "r" else rule, str)
    assert say(said) == wanted
    assert say(said) == wanted  # what is remembered is the same


@pytest.mark.parametrize(
    "text",
    [
        "met (" * 190 + ")" * 40,
        "met (" * 40_000,
        "; ".join(["a to b, owned by"] * 3000),
        " to " * 240 + ", owned by",
        ": met, 1 x " * 80,
        ", " * 400,
    ],
)
def test_no_text_holds_a_page_up(text):
    """A finding's reason may quote a file's name or a site's metadata, whatever they hold."""
    for language in ("zh", "en"):
        say, start = Sayings(language, str, str), time.process_time()
        assert say(text)
        assert time.process_time() - start < 2


@pytest.mark.parametrize(
    ("said", "wanted"),
    [
        ("r: met, 2 x 1 = 2 of 2 (nothing found)", "“Title”: met, 2 x 1 = 2 of 2 (nothing found)"),
        (
            "r: violated, 2 x 1 = 2 of 2 (found 1 time; the same words are charged by r)",
            "“Title”: violated, 2 x 1 = 2 of 2 "
            "(found 1 time; the same words are charged by “Title”)",
        ),
        ("section s: 1.5 of 2", "section “Section”: 1.5 of 2"),
        (
            "0 / 9 = 0.0 %, failed by r, q (before: 80.0 %)",
            "0 / 9 = 0.0 %, failed by “Title, q” (before: 80.0 %)",
        ),
        ("audio was lost; ours: met", "audio was lost; ours: met"),
    ],
)
def test_in_english_rules_and_sections_are_named_by_their_titles(said, wanted):
    assert (
        Sayings("en", lambda rule: {"r": "Title"}.get(rule, rule), lambda _: "Section")(said)
        == wanted
    )
