"""The report: files that are whole in themselves, private, and inert."""

from __future__ import annotations

import itertools
import json
import os
import re
import shutil
import signal
import stat
from urllib.parse import unquote

import numpy as np
import pytest

from speechqa.cli import run as command
from speechqa.errors import UsageError
from speechqa.report import Report, write_report
from speechqa.report.clips import LONGEST_MS, cut, spans
from speechqa.report.frame import policy, script, style
from speechqa.report.still import still
from speechqa.store import open_store
from speechqa.store.assessments import assessments_table
from speechqa.timing import MEASURES
from speechqa.web.sound import Sounds
from tests.web_store import TALK, assess, made_call, make_sound, settings
from tests.web_store import book as standard

HOSTILE = "<script>window.hacked=1</script><img src=x onerror=window.hacked=1>"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture(scope="module")
def book():
    return standard()


@pytest.fixture(scope="module")
def store(tmp_path_factory, book):
    """Two agents, one of them with a hostile name; the recordings of the first three are there."""
    folder = tmp_path_factory.mktemp("store")
    calls = []
    for number in range(1, 7):
        agent = ("AnnaP", HOSTILE)[number % 2]
        talk = [*TALK, ("customer", HOSTILE)]
        facts = made_call(number, agent=agent, talk=talk)
        path = make_sound(folder / f"{number}.wav", facts) if number < 4 else "calls/gone.wav"
        calls.append(
            made_call(
                number, agent=agent, talk=talk, path=path + ("" if number < 4 else str(number))
            )
        )
    made = open_store(str(folder / "store"), create=True)
    made.commit_calls(calls)
    made.commit_assessments(assessments_table(assess(calls, book, settings().timing)))
    return made


@pytest.fixture(scope="module")
def report(store, book, tmp_path_factory):
    target = tmp_path_factory.mktemp("out") / "report"
    return target, write_report(store, settings(), book, Report(audio=True), target)


def test_there_is_an_index_and_one_private_file_per_agent(report):
    target, done = report
    files = sorted(path.relative_to(target).as_posix() for path in target.rglob("*.html"))
    assert files[-1] == "index.html"
    assert files[0] == "agents/AnnaP.html"
    assert re.fullmatch(r"agents/[\w.-]+-[0-9a-f]{8}\.html", files[1])
    assert (done.files, done.calls) == (3, 6)
    assert done.without_sound == 3
    assert done.clips >= 3
    for path in [target, *target.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0


def test_a_file_holds_all_it_needs_and_its_policy_allows_nothing_else(report):
    target, _ = report
    for path in target.rglob("*.html"):
        text = path.read_text("utf-8")
        assert f'<meta http-equiv="Content-Security-Policy" content="{policy()}">' in text
        assert f"<style>{style()}</style>" in text
        assert f"<script>{script()}</script>" in text
        assert not re.search(r'\s(src|href|action)="(https?:|//|/)', text)
        assert "<form" not in text
        assert "hx-" not in text
        assert not re.search(r"<[^>]+\son\w+=", text.split("</style>")[1].split("<script>")[0])
    assert "unsafe" not in policy()
    assert "default-src 'none'" in policy()


def test_every_link_leads_to_a_view_of_a_file_that_is_there(report):
    target, _ = report
    for path in target.rglob("*.html"):
        for href in re.findall(r'<a [^>]*href="([^"]*)"', path.read_text("utf-8")):
            file, _, name = href.partition("#")
            there = (path.parent / file) if file else path
            assert there.is_file(), href
            view = unquote(name.partition("@")[0])
            if view and not view.startswith(("term/", "why/")):
                assert f'data-view="{view}"' in there.read_text("utf-8"), href
            elif view:
                assert f'id="{view}"' in there.read_text("utf-8"), href


def test_an_agents_file_shows_no_other_agents_call(report):
    target, _ = report
    text = (target / "agents" / "AnnaP.html").read_text("utf-8")
    calls = set(re.findall(r'data-view="call/([0-9a-f]+)"', text))
    assert calls == {f"{n:032x}" for n in (2, 4, 6)}
    assert "call-1<" not in text


def test_every_measure_and_every_deduction_leads_to_its_arithmetic(report, store):
    """One click from a figure of a call: what is divided by what, and what a finding costs."""
    target, _ = report
    key = f"{2:032x}"
    (judged,) = store.assessments([key]).to_pylist()
    text = (target / "agents" / "AnnaP.html").read_text("utf-8")
    view = text.partition(f'data-view="call/{key}"')[2].partition("</template>")[0]
    told = dict(re.findall(rf'<section id="why/{key}/([^"]+)">(.*?)</section>', view, re.DOTALL))
    broken = {one["rule"] for one in judged["results"] if one["outcome"] == "violated"}
    figures = {f"agent.{name}" for name, one in MEASURES.items() if one.per_party and one.listed}
    assert broken | figures | {"silence_share"} <= told.keys()
    for name in told:
        assert f'href="#why/{key}/{name}"' in view
    lost = next(one for one in judged["results"] if one["outcome"] == "violated")
    assert f"of {lost['potential']:g}" in told[lost["rule"]]
    assert f"= {judged['silence_share']:g}" in told["silence_share"]
    assert f'href="#call/{key}@arithmetic"' in text


def test_a_report_in_chinese_tells_rules_and_measures_in_chinese(store, book, tmp_path):
    few = Report(agent="AnnaP", calls=1, language="zh")
    write_report(store, settings(), book, few, tmp_path / "r")
    text = (tmp_path / "r" / "agents" / "AnnaP.html").read_text("utf-8")
    terms = text.partition('data-view="terms"')[2].partition("</template>")[0]
    said = re.findall(r"<dd[^>]*>(.*?)</dd>", terms, re.DOTALL)
    assert len(said) > 150
    assert [one for one in said if not re.search("[\u4e00-\u9fff]", one)] == []


def test_the_calls_of_many_agents_are_read_in_one_sweep(store, book, tmp_path, monkeypatch):
    """However many calls are shown, no row group is read once per call."""
    from speechqa.web.files import TableFiles

    read = []
    plain = TableFiles._read_group

    def noted(self, path, group, columns):
        read.append((path, group, columns))
        return plain(self, path, group, columns)

    monkeypatch.setattr(TableFiles, "_read_group", noted)
    done = write_report(store, settings(), book, Report(), tmp_path / "r")
    assert done.calls == 6
    assert len(read) == len(set(read))


def test_only_the_wanted_number_of_calls_is_shown_in_full(store, book, tmp_path):
    done = write_report(store, settings(), book, Report(agent="AnnaP", calls=0), tmp_path / "r")
    assert (done.files, done.calls) == (1, 0)
    assert not (tmp_path / "r" / "index.html").exists()


def test_a_report_replaces_only_a_report_and_only_when_told(store, book, tmp_path):
    target = tmp_path / "r"
    target.mkdir()
    (target / "mine.txt").write_text("mine")
    few = Report(agent="AnnaP", calls=0)
    with pytest.raises(UsageError, match="no report"):
        write_report(store, settings(), book, few, target, force=True)
    assert (target / "mine.txt").read_text() == "mine"
    other = tmp_path / "s"
    write_report(store, settings(), book, few, other)
    with pytest.raises(UsageError, match="already"):
        write_report(store, settings(), book, few, other)
    write_report(store, settings(), book, few, other, force=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["r", "s"]


@pytest.mark.usefixtures("heeds_interrupts")
@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_report_that_is_stopped_leaves_nothing_behind(store, tmp_path, monkeypatch, stop):
    def stopped(*given):
        os.kill(os.getpid(), stop)

    monkeypatch.setattr("speechqa.report.write.write_file", stopped)
    assert command(["report", "--store", store.uri, "--out", str(tmp_path / "r")]) == 130
    assert list(tmp_path.iterdir()) == []


def test_the_command_says_what_it_wrote(store, tmp_path, capsys):
    out = tmp_path / "r"
    arguments = ["report", "--store", store.uri, "--agent", "AnnaP", "--calls", "1"]
    assert command([*arguments, "--out", str(out), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["files"] == 1
    assert command([*arguments, "--out", str(tmp_path / "x"), "--language", "fr"]) == 2
    assert "en or zh" in capsys.readouterr().err
    assert command(["report", "--store", store.uri, "--agent", "Zoe", "--out", str(out)]) == 2


def test_clips_are_silent_where_words_were_masked(tmp_path):
    import base64
    import io

    import soundfile

    facts = made_call(1)
    path = make_sound(tmp_path / "1.wav", facts)
    facts = made_call(1, path=path, masked=(("customer", 6000, 7000),))
    (clip,) = cut(facts, [(6000, 7000)], Sounds(settings().audio))
    samples, rate = soundfile.read(io.BytesIO(base64.b64decode(clip.sound)))
    at = [(ms - clip.start_ms) * rate // 1000 for ms in (6200, 6900)]
    assert np.abs(samples[at[0] : at[1]]).max() < 0.01
    assert np.abs(samples[:rate]).max() > 0.1


def test_clips_begin_before_and_never_overlap():
    found = spans([(10_000 * n, 10_000 * n + 500) for n in range(8)], 75_000)
    assert all(end - start <= LONGEST_MS for start, end in found)
    assert all(a[1] <= b[0] for a, b in itertools.pairwise(found))
    assert found[0][0] == 0


def test_what_was_escaped_stays_escaped_and_dead_links_become_text():
    text = '<p title="&lt;b&gt;">&lt;script&gt; &amp; <bdi>x</bdi><br><svg viewBox="0 0 1 1"/></p>'
    assert still(text, lambda href: None, lambda key, ms: None) == text
    dead = '<a class="dim" href="/x">&lt;a</a>'
    assert still(dead, lambda href: None, lambda key, ms: None) == '<span class="dim">&lt;a</span>'


@pytest.fixture(scope="module")
def page(report):
    if CHROMIUM is None:
        pytest.skip("no Chromium here: install Debian's package chromium")
    from playwright import sync_api

    with sync_api.sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--autoplay-policy=no-user-gesture-required"],
        )
        shown = browser.new_page(viewport={"width": 1280, "height": 800})
        shown.trouble, shown.asked = [], []
        shown.on("console", lambda one: one.type == "error" and shown.trouble.append(one.text))
        shown.on("pageerror", lambda error: shown.trouble.append(str(error)))
        shown.on("request", lambda one: shown.asked.append(one.url))
        yield shown
        browser.close()


@pytest.mark.browser
def test_a_browser_walks_from_the_index_to_a_sound_without_a_request(page, report):
    target, _ = report
    page.goto((target / "index.html").as_uri())
    page.locator("table.team a", has_text="AnnaP").click()
    page.wait_for_url("**/agents/AnnaP.html*")
    page.wait_for_selector(".plot canvas")
    page.locator("tbody th a", has_text="call-2").click()
    page.wait_for_selector(".finding")
    page.locator("button.heard").first.click()
    page.wait_for_selector('button.heard[aria-pressed="true"]')
    page.keyboard.press("j")
    assert page.locator(".finding.chosen").count() == 1
    page.locator(".measures a").first.click()
    page.wait_for_selector(".sums .chosen .lines")
    assert page.locator(".sums .chosen").is_visible()
    page.locator(".sums .chosen a").click()
    page.wait_for_selector(".terms .chosen")
    page.locator(".back button").click()
    page.wait_for_selector(".finding")
    page.goto((target / "agents" / "AnnaP.html").as_uri())
    page.locator("table.calls td a").first.click()
    page.wait_for_selector("#arithmetic.chosen .lines")
    assert page.locator("#arithmetic li").first.is_visible()
    assert all(url.startswith(("file://", "data:")) for url in page.asked)
    assert page.trouble == []


@pytest.mark.browser
def test_hostile_words_stay_words_on_every_view(page, report):
    target, _ = report
    for path in target.rglob("*.html"):
        views = re.findall(r'data-view="([^"]+)"', path.read_text("utf-8"))
        for view in views[:12]:
            page.goto(path.as_uri() + "#" + view)
            assert page.evaluate("typeof window.hacked") == "undefined"
    assert page.trouble == []


@pytest.mark.browser
@pytest.mark.parametrize("view", ["", "#rules", "#night", "#terms"])
def test_no_view_of_the_index_is_wider_than_a_telephone(page, report, view):
    target, _ = report
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto((target / "index.html").as_uri() + view)
    page.reload()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
