"""The pages in a real browser: seen, heard, typed at; and hostile words that must stay words."""

from __future__ import annotations

import json
import re
import shutil
import socket
import threading
import time

import pytest
from playwright import sync_api as playwright

from speechqa.web import create_app
from speechqa.web.access import Access, Person
from tests.web_store import TALK, book, made_call, make_sound, make_store, settings

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
KEY = f"{1:032x}"
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        CHROMIUM is None, reason="no Chromium here: install Debian's package chromium"
    ),
]

CODE = "window.hacked=1"
SHAPES = [
    "<script>{}</script>",
    "<img src=x onerror={}>",
    "<svg onload={}>",
    "<svg><script>{}</script></svg>",
    '"><script>{}</script>',
    "'><img src=x onerror={}>",
    '" autofocus onfocus={} x="',
    "' onmouseover='{}",
    "javascript:{}",
    "</title><script>{}</script>",
    "</textarea><script>{}</script>",
    "</style><script>{}</script>",
    "<iframe srcdoc='<script>parent.{}</script>'>",
    "<iframe src=javascript:parent.{}>",
    "<details open ontoggle={}>",
    "<body onload={}>",
    "<math><mtext></mtext><script>{}</script></math>",
    "{{{{constructor.constructor('{}')()}}}}",
    "{{% raw %}}{}",
    "${{{}}}",
    "<a href=javascript:{}>x</a>",
    "<form action=javascript:{}><button autofocus>",
    "<object data=javascript:{}>",
    "<embed src=javascript:{}>",
    "<link rel=stylesheet href=data:text/css,{}>",
    "<base href=//evil.example/><script src=x>{}</script>",
    "<meta http-equiv=refresh content='0;url=javascript:{}'>",
    "<video><source onerror={}></video>",
    "<input autofocus onfocus={}>",
    "<div hx-get=/static/pages.css hx-trigger=load hx-on::load={}>",
    "<div hx-on:click={} data-at=0>",
    "<template><script>{}</script></template>",
    "<noscript><p title='</noscript><img src=x onerror={}>'>",
    "<!--><script>{}</script>",
    "<![CDATA[><script>{}</script>]]>",
    "&lt;script&gt;{}&lt;/script&gt;",
    "\\u003cscript\\u003e{}\\u003c/script\\u003e",
    "%3Cscript%3E{}%3C/script%3E",
]
PAYLOADS = [
    make(shape.format(CODE))
    for shape in SHAPES
    for make in (
        str,
        str.upper,
        lambda s: "--></bdi></q></p>" + s,
        lambda s: s.replace(" ", "/"),
        lambda s: "\u202e" + s + "\u0000"[:0],
    )
]


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """The pages on a port of their own: one quiet call with sound, many hostile ones."""
    import uvicorn

    folder = tmp_path_factory.mktemp("browser")
    facts = made_call(1)
    calls = [made_call(1, path=make_sound(folder / "1.wav", facts))]
    calls += [made_call(n, agent="Ben", queue="sales") for n in range(2, 6)]
    for number, payload in enumerate(PAYLOADS, 100):
        words = [*TALK, ("agent", payload)]
        calls.append(
            made_call(
                number,
                talk=words,
                agent=payload,
                queue=payload,
                call_id=payload,
                caller=payload,
                metadata={payload: payload},
                metadata_sources={payload: payload},
                status="damaged",
                reason=payload,
                checks=({"name": payload, "message": payload},),
                flags=(payload,),
            )
        )
    store = make_store(folder, calls)
    access = Access()
    listening = socket.create_server(("127.0.0.1", 0))
    host = f"127.0.0.1:{listening.getsockname()[1]}"
    app = create_app(store, settings(), book(), access=access, hosts=[host], look_s=0)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    until = time.monotonic() + 30
    while not server.started and time.monotonic() < until:
        time.sleep(0.02)
    yield f"http://{host}", access
    server.should_exit = True
    thread.join(10)


@pytest.fixture(scope="module")
def chromium():
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=CHROMIUM,
            args=[
                *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
                *("--disable-background-networking", "--autoplay-policy=no-user-gesture-required"),
            ],
        )
        yield browser
        browser.close()


@pytest.fixture
def page(chromium, served):
    """A supervisor's page that fails the test on console errors and on outside requests."""
    base, access = served
    context = chromium.new_context(base_url=base, viewport={"width": 1400, "height": 900})
    page = context.new_page()
    troubles = []
    page.on(
        "console",
        lambda m: (
            None
            if m.type not in ("error", "warning") or m.location["url"].endswith("/sound.wav")
            else troubles.append(m.text)
        ),
    )
    page.on("pageerror", lambda error: troubles.append(str(error)))
    page.on("request", lambda r: None if r.url.startswith(base) else troubles.append(r.url))
    page.goto("/enter?token=" + access.new_link(Person("supervisor", "Priya")))
    page.wait_for_url(base + "/")
    yield page
    context.close()
    assert troubles == []


def test_from_the_team_to_the_sound_of_the_moment_to_a_review(page):
    head = page.locator("table.team thead th:nth-child(5)")
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "descending"
    counts = page.locator("table.team tbody tr td:nth-child(5)").all_inner_texts()
    assert counts == sorted(counts, key=int, reverse=True)

    page.select_option("select[name=queue]", "billing")
    page.wait_for_url("**queue=billing**")
    assert page.locator("table.team tbody tr").count() == 1
    page.get_by_role("link", name="AnnaP").first.click()
    page.wait_for_url("**/agents/AnnaP**")
    page.get_by_role("link", name="call-1").click()
    page.wait_for_url(f"**/calls/{KEY}")

    page.wait_for_function("document.getElementById('sound').readyState >= 2")
    buttons = page.locator(".finding button.play").all()
    button = max(buttons, key=lambda one: int(one.get_attribute("data-at")))
    at_s = int(button.get_attribute("data-at")) / 1000
    assert at_s > 3
    button.click()
    page.wait_for_function("!document.getElementById('sound').paused")
    now = page.evaluate("document.getElementById('sound').currentTime")
    assert at_s - 3 <= now < at_s - 1.5
    page.keyboard.press("Escape")
    page.locator("h1").click()
    page.keyboard.press(" ")
    page.wait_for_function("document.getElementById('sound').paused")

    assert page.locator("#machine-score").inner_text() == "0.0 %"
    for _ in range(12):
        critical = page.locator(".finding.sev-critical:not(.overturned)")
        if not critical.count():
            break
        left = critical.count()
        critical.first.locator("input[name=comment]").fill("said in jest")
        critical.first.get_by_role("button", name="overturn").click()
        page.wait_for_function(
            "n => document.querySelectorAll('.finding.sev-critical:not(.overturned)').length < n",
            arg=left,
        )
    assert page.locator("#machine-score").inner_text() == "0.0 %"
    assert float(re.findall(r"[\d.]+", page.locator("#people-score").inner_text())[0]) > 50
    assert page.locator(".review", has_text="said in jest").count() >= 1


def test_keys_walk_over_the_findings_and_words_light_up(page):
    page.goto(f"/calls/{KEY}")
    page.wait_for_function("document.getElementById('sound').readyState >= 2")
    page.keyboard.press("j")
    assert page.locator(".finding.chosen").get_attribute("id") == "finding-0"
    page.keyboard.press("j")
    assert page.locator(".finding.chosen").get_attribute("id") == "finding-1"
    page.keyboard.press("k")
    assert page.locator(".finding.chosen").get_attribute("id") == "finding-0"
    page.evaluate("document.getElementById('sound').currentTime = 1.2")
    page.wait_for_selector(".turns .now")
    assert page.locator(".turns .now").first.inner_text() == "hello"


def test_a_link_to_a_moment_waits_three_seconds_before_it(page):
    page.goto(f"/calls/{KEY}#t=9000")
    page.wait_for_function("Math.abs(document.getElementById('sound').currentTime - 6) < 0.1")


def test_a_figure_explains_itself_in_place(page):
    page.goto(f"/calls/{KEY}")
    page.locator(".measures a").first.click()
    page.wait_for_selector("#why .definition")
    assert page.url.endswith(KEY)


@pytest.mark.parametrize("path", ["/", "/agents/AnnaP", f"/calls/{KEY}", "/rules", "/night"])
def test_no_page_is_wider_than_a_telephone(page, path):
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto(path)
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= 390


def test_hostile_words_stay_words(page):
    assert len(set(PAYLOADS)) >= 150
    paths = ["/", "/night", "/people", "/search?q=window.hacked", "/rules"]
    paths += [f"/calls/{n:032x}" for n in range(100, 100 + len(PAYLOADS), 12)]
    for path in paths:
        page.goto(path)
        assert page.evaluate("typeof window.hacked + typeof window.HACKED") == "undefinedundefined"
    for link in page.locator("a").all()[:3]:
        assert not (link.get_attribute("href") or "").startswith("javascript")


def test_no_serious_fault_of_accessibility(page):
    """The checks of axe-core where it is given; see docs/pages.md."""
    import os
    from pathlib import Path

    script = os.environ.get("AXE_SCRIPT")
    if not script:
        pytest.skip("set AXE_SCRIPT to axe.min.js of npm's axe-core")
    context = page.context.browser.new_context(
        storage_state=page.context.storage_state(), base_url=page.url, bypass_csp=True
    )
    checked = context.new_page()
    found = []
    for path in (
        "/",
        "/agents/AnnaP",
        f"/calls/{KEY}",
        "/rules",
        "/night",
        "/search?q=late",
        "/people",
    ):
        checked.goto(path)
        checked.evaluate(Path(script).read_text("utf-8"))
        result = checked.evaluate("axe.run()")
        found += [
            f"{path}: {one['id']}: {json.dumps([n['html'][:150] for n in one['nodes'][:2]])}"
            for one in result["violations"]
            if one["impact"] in ("serious", "critical")
        ]
    context.close()
    assert found == []
