"""The pages: who gets in, what they show, what is written and what is not."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

from speechqa.timing import MEASURES
from speechqa.web import create_app, languages, verdicts
from speechqa.web.access import Access, Person
from speechqa.web.guard import COOKIE, CSP
from tests.web_store import (
    BASE,
    TALK,
    assess,
    assessments_table,
    book,
    made_call,
    make_sound,
    make_store,
    settings,
)

HOSTS = ["127.0.0.1:8765", "localhost:8765"]
POST = {"Origin": BASE}
CROSS = {"Sec-Fetch-Site": "cross-site"}
KEY = f"{1:032x}"
POLITE = [TALK[0], TALK[1], ("agent", "I am sorry I will check that for you"), TALK[4]]
WEB = Path(__file__).parents[1] / "speechqa" / "web"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("web")
    calls = [made_call(n) for n in range(1, 4)]
    calls[0] = made_call(1, masked=(("customer", 3000, 4000),))
    path = make_sound(folder / "1.wav", calls[0])
    calls[0] = made_call(1, masked=(("customer", 3000, 4000),), path=path)
    calls += [made_call(n, agent="Ben", queue="sales", talk=POLITE) for n in range(4, 16)]
    calls.append(
        made_call(
            20,
            status="quarantined",
            reason_code="worker-died",
            reason="the worker died twice",
            words=(),
            speech={},
        )
    )
    return folder, make_store(folder, calls)


@pytest.fixture(scope="module")
def app_and_access(place):
    folder, store = place
    access = Access()
    app = create_app(
        store, settings(), book(), access=access, hosts=HOSTS, log=folder / "access.jsonl", look_s=0
    )
    return app, access


def enter(app, access, person):
    client = TestClient(app, base_url=BASE, raise_server_exceptions=True)
    answer = client.get("/enter", params={"token": access.new_link(person)})
    assert answer.status_code == 200
    return client


@pytest.fixture(scope="module")
def boss(app_and_access):
    return enter(*app_and_access, Person("supervisor", "Priya"))


@pytest.fixture(scope="module")
def anna(app_and_access):
    return enter(*app_and_access, Person("agent", "AnnaP"))


def addresses(app):
    """Every route of the live app, with its methods, its parameters filled in."""
    for route in app.routes:
        if isinstance(route, Mount):
            yield "GET", route.path + "/pages.css"
            continue
        assert isinstance(route, Route)
        path = re.sub(r"\{agent[^}]*\}", "AnnaP", route.path)
        path = path.replace("{call}", KEY).replace("{name}", "score")
        path = path.replace("{kind}", "critical")
        path = path.replace("{rule}", "taboo-dont-know")
        assert "{" not in path, f"{route.path}: say here how to fill it in"
        for method in sorted(route.methods - {"HEAD"}):
            yield method, path


# ------------------------------------------------------------------------------------ the gate


def test_every_route_refuses_whoever_has_no_session(app_and_access):
    app, _ = app_and_access
    client = TestClient(app, base_url=BASE)
    seen = 0
    for method, path in addresses(app):
        for cookies in ({}, {COOKIE: "x" * 43}, {COOKIE: ""}):
            client.cookies.clear()
            client.cookies.update(cookies)
            answer = client.request(method, path, headers=POST)
            assert answer.status_code in (401, 403), f"{method} {path}: {answer.status_code}"
            assert "AnnaP" not in answer.text
            seen += 1
    assert seen >= 45


def test_a_link_works_once_and_becomes_a_strict_cookie(app_and_access):
    app, access = app_and_access
    token = access.new_link(Person("supervisor", "Sven"))
    client = TestClient(app, base_url=BASE)
    answer = client.get("/enter", params={"token": token})
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert token not in cookie
    assert client.get("/").status_code == 200
    other = TestClient(app, base_url=BASE)
    assert other.get("/enter", params={"token": token}).status_code == 403
    assert other.get("/").status_code == 401


def test_a_token_has_at_least_128_bits_and_old_links_are_refused():
    now = [0.0]
    access = Access(clock=lambda: now[0])
    tokens = {access.new_link(Person("supervisor", "x")) for _ in range(50)}
    assert len(tokens) == 50
    assert all(len(token) * 6 >= 128 for token in tokens)
    now[0] = 3601.0
    assert all(access.swap(token) is None for token in tokens)
    cookie = access.swap(access.new_link(Person("supervisor", "x")))
    assert access.person(cookie) == Person("supervisor", "x")
    now[0] += 13 * 3600
    assert access.person(cookie) is None


def test_leaving_ends_the_session(app_and_access):
    client = enter(*app_and_access, Person("supervisor", "Kim"))
    kept = client.cookies[COOKIE]
    assert client.post("/leave", headers=POST).status_code == 200
    client.cookies.set(COOKIE, kept)
    assert client.get("/").status_code == 401


HOSTILE_HOSTS = [
    *("evil.example", "evil.example:8765", "127.0.0.1", "127.0.0.1:80", "127.0.0.1:8766"),
    *("localhost", "localhost.:8765", "127.0.0.1.:8765", "127.0.0.1:8765.evil.example", ""),
    *("127.0.0.1:8765@evil.example", "evil.example@127.0.0.1:8765", "127.0.0.1:8765 ", "0:8765"),
    *("127.1:8765", "2130706433:8765", "0x7f000001:8765", "017700000001:8765", "[::]:8765"),
    *("[::ffff:127.0.0.1]:8765", "127.0.0.1:08765", "127.0.0.1:8765/", "127.0.0.1:8765#"),
    *("127.0.0.1:8765?x", "127.0.0.1:8765,evil.example", "127.0.0.1;8765", "*", "null", "*:8765"),
    *("127.0.0.2:8765", "127.0.0.1:8765:1", ":8765", "localhost:", "localhost:8765:8765"),
    *("localhost.evil.example:8765", "evil-localhost:8765", "localhost%00:8765", "local host:8765"),
    *("127.0.0.1\t:8765", "xn--localhost:8765", "localhost:8765\\", "http://127.0.0.1:8765"),
    *("//127.0.0.1:8765", "127.0.0.1:+8765", "127.0.0.1:-1", "127.0.0.1:99999", "rebind.it:8765"),
    *("169.254.169.254", "169.254.169.254:8765", "10.0.0.1:8765", "192.168.0.1:8765", "a" * 5000),
    *("%6cocalhost:8765", "localhost:0x223d", "(localhost:8765)", "<script>", "'\"", "../:8765"),
    *("127.0.0.1:8765&", "user:pass@localhost:8765", "[localhost]:8765"),
]


def test_sixty_hostile_hosts_are_refused_before_any_route(boss):
    assert len(set(HOSTILE_HOSTS)) >= 60
    for host in HOSTILE_HOSTS:
        answer = boss.get("/", headers={"Host": host})
        assert answer.status_code == 400, host
        assert "AnnaP" not in answer.text
    assert boss.get("/", headers={"Host": "LOCALHOST:8765"}).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:8766"},
        {"Origin": "http://127.0.0.1:8765.evil.example"},
        {"Origin": "http://[broken"},
        {"Origin": BASE, "Sec-Fetch-Site": "cross-site"},
        {"Origin": BASE, "Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
    ],
)
def test_changes_from_other_sites_are_refused(boss, place, headers):
    before = place[1].read("reviews").num_rows
    answer = boss.post(
        f"/calls/{KEY}/reviews",
        data={"rule": "", "verdict": "comment", "comment": "x"},
        headers=headers,
    )
    assert answer.status_code == 403
    assert place[1].read("reviews").num_rows == before


def test_every_answer_carries_a_strict_policy_and_no_page_has_inline_code(app_and_access, boss):
    for method, path in addresses(app_and_access[0]):
        if method != "GET" or path == "/enter":
            continue
        answer = boss.get(path)
        assert answer.status_code == 200, path
        assert answer.headers["content-security-policy"] == CSP
        assert answer.headers["x-content-type-options"] == "nosniff"
        if "html" not in answer.headers["content-type"]:
            continue
        assert not re.search(r"<[^>]*\s(style|on\w+)=", answer.text), path
        assert not re.search(r"<script(?![^>]*\ssrc=)|<style", answer.text), path
        assert not re.search(r"(src|href|action)=.?(https?:)?//", answer.text), path
    assert "'unsafe" not in CSP
    assert CSP.startswith("default-src 'none'")


def test_no_path_leads_out_of_the_package_or_the_store(boss):
    ups = ["../", "..%2f", "%2e%2e/", "%2e%2e%2f", "..%5c", "....//", "%252e%252e%252f", "..;/"]
    ends = ["etc/passwd", "pyproject.toml", "speechqa/transcript.py", "store/access.jsonl"]
    tried = 0
    for start in ("/static/", "/calls/", "/static/vendor/", f"/calls/{KEY}/"):
        for up in ups:
            for deep in (1, 4, 8):
                for end in ends:
                    answer = boss.get(start + up * deep + end)
                    assert answer.status_code in (400, 404), start + up * deep + end
                    assert "root:" not in answer.text
                    assert "import" not in answer.text
                    tried += 1
    assert tried >= 300


def test_forms_that_are_too_large_or_no_forms_are_refused(boss):
    where = f"/calls/{KEY}/reviews"
    assert boss.post(where, content=b"{}", headers=POST).status_code == 415
    form = POST | {"Content-Type": "application/x-www-form-urlencoded"}
    assert boss.post(where, content=b"a" * 70_000, headers=form).status_code == 413
    assert boss.post(where, content=b"\xff\xfe=1", headers=form).status_code == 400
    assert boss.put(where, content=b"", headers=form).status_code == 405


def test_the_access_log_says_who_saw_what_and_holds_no_token(app_and_access, place):
    app, access = app_and_access
    token = access.new_link(Person("supervisor", "Lena"))
    client = TestClient(app, base_url=BASE)
    client.get("/enter", params={"token": token})
    client.get(f"/calls/{KEY}")
    client.get(f"/calls/{KEY}/sound.wav", headers={"Range": "bytes=0-99"})
    file = place[0] / "access.jsonl"
    text = file.read_text()
    own = [row for row in map(json.loads, text.splitlines()) if row["who"] == "Lena"]
    assert [(row["did"], row["what"]) for row in own] == [
        ("view", f"call {KEY}"),
        ("play", f"call {KEY}"),
    ]
    assert token not in text
    assert client.cookies[COOKIE] not in text
    assert file.stat().st_mode & 0o077 == 0


def test_every_view_is_a_line_of_the_log(app_and_access, boss, place):
    file, seen = place[0] / "access.jsonl", []
    for method, path in addresses(app_and_access[0]):
        if method != "GET" or path.startswith("/static") or path == "/enter":
            continue
        before = len(file.read_text().splitlines())
        assert boss.get(path).status_code == 200, path
        (line,) = map(json.loads, file.read_text().splitlines()[before:])
        assert (line["who"], line["did"] in ("view", "play", "search")) == ("Priya", True), path
        seen.append(path)
    assert len(seen) >= 11


def test_a_play_is_logged_wherever_it_begins(app_and_access, place):
    client = enter(*app_and_access, Person("supervisor", "Mia"))

    def plays():
        rows = map(json.loads, (place[0] / "access.jsonl").read_text().splitlines())
        return sum((row["who"], row["did"]) == ("Mia", "play") for row in rows)

    counts = []
    for asked in ("bytes=5000-6000", "bytes=6001-7000", "bytes=0-100", "bytes=101-200"):
        client.get(f"/calls/{KEY}/sound.wav", headers={"Range": asked})
        counts.append(plays())
    assert counts == [1, 1, 2, 2]


# ------------------------------------------------------------------------------------ roles


def test_an_agents_link_shows_that_agent_only(app_and_access, anna):
    assert "AnnaP" in anna.get("/").text  # the start leads to the own page
    assert anna.get("/agents/AnnaP").status_code == 200
    assert anna.get(f"/calls/{KEY}").status_code == 200
    for path in (
        *("/agents/Ben", "/rules", "/rules/taboo-dont-know", "/night", "/search?q=hello"),
        *("/calibrate", "/people", f"/calls/{4:032x}", f"/calls/{4:032x}/sound.wav"),
        *(f"/calls/{4:032x}/why/score", "/calls/call-4"),
    ):
        answer = anna.get(path)
        assert answer.status_code in (403, 404), path
        assert "call-4" not in answer.text
    refused = anna.post("/people", data={"role": "supervisor", "name": "me"}, headers=POST)
    assert refused.status_code == 403


def test_of_all_routes_an_agent_reaches_only_the_own_pages(app_and_access):
    app, access = app_and_access
    client = enter(app, access, Person("agent", "AnnaP"))
    other, reached = f"{4:032x}", set()
    for method, path in addresses(app):
        if path in ("/leave", "/enter") or path.startswith("/static"):
            continue
        path = path.replace("/agents/AnnaP", "/agents/Ben").replace(KEY, other)
        answer = client.request(method, path, headers=POST, follow_redirects=False)
        if answer.status_code == 303:
            reached.add((path, answer.headers["location"]))
            continue
        assert answer.status_code in (403, 404, 415), f"{method} {path}: {answer.status_code}"
        assert "call-4" not in answer.text
    assert reached == {("/", "/agents/AnnaP")}


def test_no_form_takes_a_post_from_another_site(app_and_access, boss, place):
    before = place[1].read("reviews").num_rows
    posts = [path for method, path in addresses(app_and_access[0]) if method == "POST"]
    assert len(posts) >= 4
    for path in posts:
        for headers in ({}, {"Origin": "http://evil.example"}, POST | CROSS):
            answer = boss.post(path, data={"verdict": "comment", "comment": "x"}, headers=headers)
            assert answer.status_code == 403, path
    assert boss.get("/").status_code == 200  # still inside: leaving was refused as well
    assert place[1].read("reviews").num_rows == before


def test_an_agent_disputes_but_does_not_decide(anna, place):
    rule, start = first_finding(place[1])
    form = {"rule": rule, "start_ms": start, "comment": "I said it kindly"}
    where = f"/calls/{KEY}/reviews"
    assert anna.post(where, data=form | {"verdict": "overturn"}, headers=POST).status_code == 403
    answer = anna.post(where, data=form | {"verdict": "dispute"}, headers=POST)
    assert "I said it kindly" in answer.text
    rows = place[1].read("reviews").to_pylist()
    assert [(r["reviewer"], r["verdict"]) for r in rows if r["comment"] == form["comment"]] == [
        ("agent AnnaP", "dispute")
    ]


def test_a_supervisor_makes_a_link_for_an_agent_that_shows_only_this_agent(app_and_access, boss):
    text = boss.post("/people", data={"role": "agent", "name": "Ben"}, headers=POST).text
    link = re.search(r"/enter\?token=[\w-]+", text).group()
    client = TestClient(app_and_access[0], base_url=BASE)
    assert client.get(link).status_code == 200
    assert client.get("/agents/Ben").status_code == 200
    assert client.get("/agents/AnnaP").status_code == 403
    assert (
        boss.post("/people", data={"role": "agent", "name": "Nix"}, headers=POST).status_code == 400
    )


# ------------------------------------------------------------------------------------ what is shown


def test_the_team_page_ranks_from_ten_calls_and_shows_what_needs_attention(boss):
    text = boss.get("/").text
    rows = re.findall(
        r'<tr( class="unranked")?>\s*<td class="n" data-v="(\d+)">.*?<bdi>(\w+)</bdi>', text, re.S
    )
    assert [(bool(unranked), name) for unranked, _, name in rows] == [
        (False, "Ben"),
        (True, "AnnaP"),
    ]
    assert "the worker died twice" in text


def test_what_needs_attention_is_listed_with_agent_and_rule(boss):
    text = boss.get("/attention/critical").text
    assert "AnnaP" in text.split("<tbody>")[1]
    assert "◆ No bare" in text
    assert "Ben" not in text.split("<tbody>")[1]
    assert "the worker died twice" in boss.get("/attention/quarantined").text
    assert boss.get("/attention/critical?queue=sales").text.count("<tr>") == 1  # its head only
    assert boss.get("/attention/anything").status_code == 404


def test_what_came_with_the_last_night_stands_first_and_alone_on_request(tmp_path):
    """A call of an earlier month that was run tonight comes before yesterday's calls."""
    from datetime import UTC, datetime, timedelta

    from speechqa.store import open_store
    from speechqa.store.schema import recordings_table

    store = open_store(str(tmp_path / "store"), create=True)
    early, before = [made_call(2), made_call(3)], datetime.now(UTC) - timedelta(hours=30)
    store._commit("recordings", recordings_table(early, processed_at=before))
    tonight = made_call(1, started_at=datetime(2025, 1, 1))
    store.commit_calls([tonight])
    judged = assess([*early, tonight], book(), settings().timing)
    store.commit_assessments(assessments_table(judged))
    access = Access()
    app = create_app(store, settings(), book(), access=access, hosts=HOSTS)
    client = enter(app, access, Person("supervisor", "Priya"))
    card = client.get("/").text.partition('<div class="card critical">')[2].partition("</div>")[0]
    assert '<span class="count">3</span>' in card
    assert "1 of the last night" in card
    assert re.findall(r'<li><a href="/calls/(\w+)">', card)[0] == KEY
    rows = client.get("/attention/critical?night=1").text.split("<tbody>")[1]
    assert re.findall(r'<a href="/calls/(\w+)">', rows) == [KEY]
    assert 'name="night"' in client.get("/attention/critical?night=1").text
    assert client.get("/attention/critical").text.count('scope="row"') == 3


def test_the_number_of_scored_calls_stands_beside_all_of_them(tmp_path):
    short = made_call(2, talk=[("customer", "hello")])
    store = make_store(tmp_path, [made_call(1), short])
    assert store.assessment_of(short.key).score["percent"] is None
    access = Access()
    app = create_app(store, settings(), book(), access=access, hosts=HOSTS)
    client = enter(app, access, Person("supervisor", "Priya"))
    row = client.get("/").text.partition("<bdi>AnnaP</bdi>")[2]
    assert re.search(r'data-v="2">2<br><small class="dim">1 with a score', row)


def test_fragile_verdicts_stand_first_until_somebody_has_judged_them(tmp_path):
    """Also on a call that fails by another rule, in the team's list and among the findings."""
    from speechqa.web.call_page import findings
    from speechqa.web.figures import attention
    from speechqa.web.snapshot import Archive

    store = make_store(tmp_path, [made_call(1)])
    judged = store.assessment_of(KEY)
    minor = [r for r in judged.results if (r["outcome"], r["severity"]) == ("violated", "minor")]
    wavering = {minor[-1]["rule"]}
    results = [r | {"fragile": r["rule"] in wavering} for r in judged.results]
    judged = replace(judged, results=results, assessment="later")
    assert judged.score["failed_by"]
    store.commit_assessments(assessments_table([judged]))
    picture = Archive(store).snapshot()
    groups = attention(picture.calls, {})
    assert list(groups) == ["fragile", "critical", "quarantined"]
    assert [len(group) for group in groups.values()] == [1, 1, 0]
    assert findings(judged, ())[0]["rule"] in wavering
    assert findings(judged, ())[1]["severity"] == "critical"
    seen = {"rule": next(iter(wavering)), "start_ms": None, "verdict": "confirm", "blind": False}
    assert attention(picture.calls, {KEY: [seen | {"blind": True}]})["fragile"]
    assert attention(picture.calls, {KEY: [seen]})["fragile"] == []


def test_filters_choose_calls_and_say_so_when_none_fits(boss):
    assert "Ben" not in boss.get("/?queue=billing").text.split("<tbody>")[1]
    assert "No judged call fits" in boss.get("/?since=2031-01-01").text
    assert "1 calls" in boss.get("/agents/AnnaP?since=2025-02-02&until=2025-02-02").text


def test_the_figures_of_a_card_are_those_of_the_command_line(place, app_and_access):
    from speechqa.scorecard import scorecards
    from speechqa.web.figures import Choice
    from speechqa.web.snapshot import Archive
    from speechqa.web.sums import Sums

    sums = Sums(Archive(place[1]).snapshot().columns, {})
    own = {card.name: card for card in sums.cards(sums.mask(Choice()))}
    for card in scorecards(place[1]):
        mine = own[card.name]
        for name in ("calls", "judged", "audio_ms", "percent", "low", "high", "rank", "failed"):
            assert getattr(mine, name) == getattr(card, name), name
        assert mine.talk_share == pytest.approx(float(card.talk_share))
        assert mine.silence_share == pytest.approx(float(card.silence_share))
        assert dict(mine.violations) == dict(card.violations)
        for section, value in card.sections.items():
            assert mine.sections[section] == pytest.approx(value)


def test_a_call_page_shows_words_findings_measures_and_where_it_came_from(boss):
    text = boss.get("/calls/call-1").text
    for part in ("No bare", "talk share", "SHA-256", "shut", "the machine&#39;s score", "grade"):
        assert part in text, part
    assert 'data-hit="' in text


def test_every_measure_and_rule_of_a_call_is_explained_on_request(boss):
    text = boss.get(f"/calls/{KEY}").text
    links = sorted(set(re.findall(rf"/calls/{KEY}/why/[\w.%-]+", text)))
    assert len(links) > 40
    for link in links[::7]:
        answer = boss.get(link, headers={"HX-Request": "true"})
        assert answer.status_code == 200, link
        assert "<html" not in answer.text
    assert boss.get(f"/calls/{KEY}/why/talk_shar").status_code == 404


def test_search_finds_phrases_in_order_and_by_party(boss):
    assert "Found on 3 of" in boss.get("/search?q=ORDER+is+late&queue=billing").text
    assert "<mark>shut up</mark>" in boss.get("/search?q=shut+up").text
    assert "Nobody said this" in boss.get("/search?q=shut+up&party=customer").text
    assert "Nobody said this" in boss.get("/search?q=late+order").text


def test_search_reads_chinese_by_characters(tmp_path):
    from speechqa.web.search import Searcher
    from speechqa.web.snapshot import Archive

    store = make_store(tmp_path, [made_call(1, talk=[("agent", "您 好 请 问 有 什么 可以 帮 您")])])
    archive = Archive(store)
    found = Searcher(archive).search(archive.snapshot().calls, "请问有什么")
    assert [(m.before, m.found, m.after) for m in found.matches] == [
        ("您好", "请问有什么", "可以帮您")
    ]
    assert found.matches[0].start_ms == 1800


def test_pages_speak_chinese_to_a_chinese_browser_and_every_text_is_translated(boss):
    text = boss.get("/", headers={"Accept-Language": "zh-CN,zh;q=0.9,en;q=0.5"}).text
    assert '<html lang="zh">' in text
    assert "需要关注" in text
    said = set()
    for file in (WEB / "templates").glob("*.html"):
        found = re.findall(r"\bt\(([\"'])((?:\\.|(?!\1).)*)\1", file.read_text("utf-8"))
        said |= {text.replace("\\'", "'") for _, text in found}
    known = languages.translations()
    assert sorted(said - known.keys()) == []
    standard = book()
    titles = {rule.title for rule in standard.call_rules}
    titles |= {section.title for section in standard.form.form.sections}
    assert sorted(titles - languages.titles().keys()) == []
    assert sorted(languages.definitions()) == sorted(MEASURES)
    for name, one in MEASURES.items():
        shown = re.findall(r"`\w+`", languages.definitions()[name])
        assert sorted(shown) == sorted(re.findall(r"`\w+`", one.definition)), name
    for english, chinese in known.items():
        assert sorted(re.findall(r"\{\w+\}", english)) == sorted(re.findall(r"\{\w+\}", chinese))


def test_rules_and_definitions_are_told_in_the_readers_language(boss):
    asked = {"Accept-Language": "zh-CN"}
    rules = boss.get("/rules", headers=asked).text
    said = re.findall(r'class="dim sentence">(.*?)</span>', rules)
    assert len(said) == len(book().call_rules)
    assert [one for one in said if not re.search(r"[\u4e00-\u9fff]", one)] == []
    for path in ("/rules/taboo-dont-know", f"/calls/{KEY}/why/taboo-dont-know"):
        assert "坐席不得说：“我不知道”" in boss.get(path, headers=asked).text
        assert "The agent must not say" in boss.get(path).text
    assert (
        "静默总时长与有效时间之比"
        in boss.get(f"/calls/{KEY}/why/silence_share", headers=asked).text
    )


def test_the_night_page_accounts_as_the_command_does(app_and_access, place, boss):
    from speechqa.store.integrity import integrity
    from speechqa.web.pages import Pages

    desk = app_and_access[0].state.desk
    known = Pages(desk)._account(desk.archive.renew())
    assert known == integrity(desk.archive.store)
    assert known.troubled
    assert "the worker died twice" in boss.get("/night").text


def test_a_new_call_appears_without_a_restart(tmp_path):
    from speechqa.web.snapshot import Archive

    store = make_store(tmp_path, [made_call(1)])
    archive = Archive(store, look_s=0)
    assert len(archive.snapshot().calls) == 1
    store.commit_calls([made_call(2)])
    assert len(archive.renew().calls) == 2
    assert archive.facts(archive.snapshot().calls[0]).call_id == "call-2"


# ------------------------------------------------------------------------------------ sound


def test_sound_is_pcm_that_browsers_play_with_masked_spans_silent(boss):
    answer = boss.get(f"/calls/{KEY}/sound.wav")
    assert answer.headers["content-type"] == "audio/wav"
    samples, rate = soundfile.read(io.BytesIO(answer.content))
    assert soundfile.info(io.BytesIO(answer.content)).subtype == "PCM_16"
    assert samples.shape[1] == 2
    masked = samples[3 * rate : 4 * rate]
    assert np.all(masked == 0)
    assert np.abs(samples[: 2 * rate]).max() > 0.2
    assert np.abs(samples[5 * rate :]).max() > 0.2


@pytest.mark.parametrize(
    ("name", "subtype"),
    [("a.wav", "ULAW"), ("a.wav", "GSM610"), ("a.mp3", None), ("a.ogg", None), ("a.flac", None)],
)
def test_whatever_the_codec_is_browsers_get_pcm_of_the_same_length(tmp_path, name, subtype):
    from speechqa.web.sound import Sounds

    tone = (0.3 * np.sin(np.arange(8000 * 4) / 8)).astype(np.float32)
    soundfile.write(tmp_path / name, tone, 8000, subtype=subtype)
    body = Sounds(settings().audio).wav(made_call(1, path=str(tmp_path / name), channels=1))
    info = soundfile.info(io.BytesIO(body))
    assert (info.format, info.subtype) == ("WAV", "PCM_16")
    assert info.duration == pytest.approx(4.0, abs=0.15)


def test_a_long_recording_is_made_block_by_block_and_stays_the_same(monkeypatch):
    from speechqa.web import sound

    samples = np.random.default_rng(3).normal(0, 0.7, (2, 1000)).astype(np.float32)
    silent = [(0, 30), (190, 420), (990, 1000)]
    whole = sound.wav_bytes(samples, 8000, silent)
    monkeypatch.setattr(sound, "BLOCK", 97)
    assert sound.wav_bytes(samples, 8000, silent) == whole
    read, _ = soundfile.read(io.BytesIO(whole), dtype="int16", always_2d=True)
    quiet = [not read[a:b].any() for a, b in silent]
    assert quiet == [True] * 3
    assert np.count_nonzero(read[420:990]) > 1000


@pytest.mark.parametrize(
    ("asked", "status", "first", "last"),
    [
        ("bytes=0-0", 206, 0, 0),
        ("bytes=100-199", 206, 100, 199),
        ("bytes=100-", 206, 100, None),
        ("bytes=-10", 206, -10, None),
        ("bytes=0-99999999999", 206, 0, None),
        ("bytes=99999999999-", 416, None, None),
        ("bytes=9-3", 416, None, None),
        ("bytes=-", 200, 0, None),
        ("bytes=0-1,5-6", 200, 0, None),
        ("lines=0-1", 200, 0, None),
    ],
)
def test_byte_ranges_are_answered_as_the_standard_says(boss, asked, status, first, last):
    whole = boss.get(f"/calls/{KEY}/sound.wav").content
    answer = boss.get(f"/calls/{KEY}/sound.wav", headers={"Range": asked})
    assert answer.status_code == status
    if status == 416:
        assert answer.headers["content-range"] == f"bytes */{len(whole)}"
        return
    end = len(whole) if last is None else last + 1
    assert answer.content == whole[first if first >= 0 else len(whole) + first : end]
    if status == 206:
        assert answer.headers["content-range"].endswith(f"/{len(whole)}")


def test_sound_is_sent_in_pieces_that_make_up_what_was_asked(boss, monkeypatch):
    from speechqa.web import sound

    url = f"/calls/{KEY}/sound.wav"
    plain = boss.get(url).content
    monkeypatch.setattr(sound, "PIECE", 997)
    whole, part = boss.get(url), boss.get(url, headers={"Range": "bytes=500-5000"})
    assert whole.content == plain
    assert part.content == plain[500:5001]
    lengths = [int(answer.headers["content-length"]) for answer in (whole, part)]
    assert lengths == [len(plain), 4501]


def test_a_recording_that_is_gone_or_another_one_is_not_played(boss, tmp_path):
    answer = boss.get(f"/calls/{2:032x}/sound.wav")
    assert answer.status_code == 404
    assert "cannot be played" in answer.text
    from speechqa.errors import CallError
    from speechqa.web.sound import Sounds

    facts = made_call(1, audio_sha256="0" * 64)
    facts = made_call(1, audio_sha256="0" * 64, path=make_sound(tmp_path / "x.wav", facts))
    with pytest.raises(CallError, match="not the one that was judged"):
        Sounds(settings().audio).wav(facts)


# ------------------------------------------------------------------------------------ reviews


def first_finding(store, key=KEY):
    judged = store.assessment_of(key)
    failed = judged.score["failed_by"][0]
    rule, start = verdicts.findings(judged, failed)[0]
    return rule, "" if start is None else start


def test_an_overturned_finding_changes_the_score_shown_and_never_the_machines(boss, place):
    store, key = place[1], f"{2:032x}"
    before = store.assessment_of(key)
    rules = before.score["failed_by"]
    assert before.score["percent"] == 0
    for rule in rules:
        for _, start in verdicts.findings(before, rule):
            form = {"rule": rule, "start_ms": "" if start is None else start, "comment": "a quote"}
            answer = boss.post(
                f"/calls/{key}/reviews",
                data=form | {"verdict": "overturn"},
                headers=POST | {"HX-Request": "true"},
            )
            assert answer.status_code == 200
    assert 'id="people-score"' in answer.text
    assert 'id="machine-score">0.0 %' in answer.text
    reviews = [row for row in store.read("reviews").to_pylist() if row["key"] == key]
    new = verdicts.adjusted(before, reviews, {r.id: r.fails for r in book().call_rules})
    lines = {line["rule"]: line for line in before.score["lines"]}
    points = sum(
        line["potential"] if rule in rules else line["points"] for rule, line in lines.items()
    )
    potential = sum(line["potential"] for line in lines.values())
    assert new.percent == pytest.approx(100 * points / potential, abs=1e-3)
    assert store.assessment_of(key) == before
    assert all(row["reviewer"] == "Priya" and row["reviewed_at"] for row in reviews)
    assert "with people&#39;s verdicts" in boss.get("/").text
    assert "0 %" in boss.get("/rules/" + rules[0]).text


def test_a_later_verdict_stands_and_all_earlier_ones_stay(boss, place):
    store, key = place[1], f"{3:032x}"
    rule, start = first_finding(store, key)
    for verdict in ("overturn", "confirm"):
        boss.post(
            f"/calls/{key}/reviews",
            data={"rule": rule, "start_ms": start, "verdict": verdict, "comment": ""},
            headers=POST,
        )
    rows = [row for row in store.read("reviews").to_pylist() if row["key"] == key]
    assert sorted(row["verdict"] for row in rows) == ["confirm", "overturn"]
    ordered = sorted(rows, key=lambda row: row["reviewed_at"])
    assert verdicts.standing(ordered)[(rule, start)] == "confirm"


@pytest.mark.parametrize(
    "form",
    [
        {"rule": "no-such-rule", "start_ms": "1", "verdict": "confirm"},
        {"rule": "", "start_ms": "", "verdict": "confirm"},
        {"rule": "", "start_ms": "", "verdict": "comment", "comment": " "},
        {"rule": "", "start_ms": "-1", "verdict": "comment", "comment": "x"},
        {"rule": "", "start_ms": "", "verdict": "delete", "comment": "x"},
        {"rule": "", "start_ms": "", "verdict": "comment", "comment": "x" * 2001},
        {"rule": "", "verdict": ""},
    ],
)
def test_reviews_that_make_no_sense_are_refused_with_what_to_do(boss, place, form):
    before = place[1].read("reviews").num_rows
    answer = boss.post(f"/calls/{KEY}/reviews", data=form, headers=POST)
    assert answer.status_code == 400
    assert place[1].read("reviews").num_rows == before


def test_a_blind_review_hides_the_answer_and_feeds_the_agreement(app_and_access, boss, place):
    store, key = place[1], f"{2:032x}"
    rule, start = first_finding(store, key)
    boss.post(
        f"/calls/{key}/reviews",
        data={"rule": rule, "start_ms": start, "verdict": "overturn", "comment": "hidden reason"},
        headers=POST,
    )
    other = enter(*app_and_access, Person("supervisor", "Otto"))
    page = other.get("/calibrate").text
    assert "hidden reason" not in page
    assert "overturned" not in page
    form = {"call": key, "rule": rule, "start_ms": start, "verdict": "confirm", "comment": ""}
    assert other.post("/calibrate", data=form, headers=POST).status_code == 200
    reviews = {key: [row for row in store.read("reviews").to_pylist() if row["key"] == key]}
    found = verdicts.agreements(reviews)[rule]
    assert (found.pairs, found.alike) == (1, 0.0)
    last = sorted(reviews[key], key=lambda row: row["reviewed_at"])
    assert verdicts.standing(last)[(rule, start)] == "overturn"


# ------------------------------------------------------------------------------------ hostile text


def test_hostile_text_is_escaped_wherever_it_is_shown(tmp_path):
    bad = "<img/src=x/onerror=alert(1)>"
    call = made_call(
        1,
        agent=bad,
        queue=bad,
        call_id=bad,
        talk=[*TALK, ("agent", f"{bad} goodbye")],
        metadata_sources={bad: bad},
        reason=bad,
        status="damaged",
        checks=({"name": bad, "message": bad},),
    )
    access = Access()
    store = make_store(tmp_path, [call])
    app = create_app(store, settings(), book(), access=access, hosts=HOSTS)
    client = enter(app, access, Person("supervisor", bad))
    from urllib.parse import quote

    for path in (
        *("/", f"/calls/{KEY}", "/agents/" + quote(bad, safe=""), "/night", "/people"),
        *("/search?q=" + quote(bad), "/?queue=" + quote(bad)),
    ):
        answer = client.get(path)
        assert answer.status_code == 200, path
        assert "<img" not in answer.text, path
