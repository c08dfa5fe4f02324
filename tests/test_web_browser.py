"""The pages in a real browser: seen, heard, typed at; and hostile words that must stay words."""

from __future__ import annotations

import json
import re
import shutil
import socket
import threading
import time
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright import sync_api as playwright

from speechqa.rulebook import Rulebook
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


TOGETHER = 12
"""Payloads on one call."""
PATHS = [
    *("/", "/?queue=billing", "/agents/AnnaP", f"/calls/{KEY}", f"/calls/{KEY}/why/talk_share"),
    *("/attention/critical", "/rules", "/rules/taboo-dont-know", "/night", "/search?q=late"),
    *("/calibrate", "/people", "/no-such-page"),
]


@contextmanager
def serving(folder, calls, rules):
    """The pages on a port of their own; yields the address and the access."""
    import uvicorn

    store = make_store(folder, calls)
    access = Access()
    listening = socket.create_server(("127.0.0.1", 0))
    host = f"127.0.0.1:{listening.getsockname()[1]}"
    app = create_app(store, settings(), rules, access=access, hosts=[host], look_s=0)
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
def served(tmp_path_factory):
    """A call with sound, a few others, one that was quarantined."""
    folder = tmp_path_factory.mktemp("browser")
    calls = [made_call(1, path=make_sound(folder / "1.wav", made_call(1)))]
    calls += [made_call(n, agent="Ben", queue="sales") for n in range(2, 14)]
    calls.append(made_call(20, status="quarantined", reason="it died", words=(), speech={}))
    with serving(folder, calls, book()) as found:
        yield found


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    """Every payload as a word, a name, a tag, a reason, and the title of a rule."""
    texts = cycle(PAYLOADS)

    def alike(payload):
        return {"agent": payload, "queue": payload, "call_id": payload, "caller": payload}

    calls = [
        made_call(
            number,
            talk=[*TALK, ("agent", payload)],
            **alike(payload),
            status="damaged",
            reason=payload,
        )
        for number, payload in enumerate(PAYLOADS, 100)
    ]
    for number, start in enumerate(range(0, len(PAYLOADS), TOGETHER), 1000):
        some = PAYLOADS[start : start + TOGETHER]
        calls.append(
            made_call(
                number,
                talk=[*TALK, *(("agent", one) for one in some), ("customer", "goodbye")],
                **alike(some[0]),
                metadata=dict.fromkeys(some, some[-1]),
                metadata_sources=dict(zip(some, reversed(some), strict=True)),
                checks=tuple({"name": one, "message": one} for one in some),
                damage=tuple({"kind": one, "detail": one} for one in some),
                flags=tuple(some),
                provenance=dict(zip(some, reversed(some), strict=True)),
                codec=some[-1],
            )
        )
    form = book().form
    rules = tuple(
        rule.model_copy(update={"title": next(texts), "note": next(texts)}) for rule in form.rules
    )
    sections = tuple(one.model_copy(update={"title": next(texts)}) for one in form.form.sections)
    titled = form.model_copy(
        update={"rules": rules, "form": form.form.model_copy(update={"sections": sections})}
    )
    with serving(tmp_path_factory.mktemp("hostile"), calls, Rulebook(titled)) as found:
        yield found


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


def wait_until(page, expression, arg=None):
    """Ask again and again; Playwright's own waiting is stopped by the content policy."""
    until = time.monotonic() + 30
    while not page.evaluate(expression, arg):
        if time.monotonic() > until:
            raise TimeoutError(expression)
        page.wait_for_timeout(50)


def note_where_it_begins(page, name):
    """Remember the time at which a sound begins to play, however slow the machine is."""
    page.evaluate(
        """name => { const sound = document.getElementById(name);
        sound.addEventListener('playing', () => { window.began ??= sound.currentTime; }); }""",
        name,
    )


@contextmanager
def opened(chromium, base, access):
    """A supervisor's page that fails the test on console errors and on outside requests."""
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


@pytest.fixture
def page(chromium, served):
    """A page of the quiet store."""
    with opened(chromium, *served) as one:
        yield one


@pytest.fixture
def hostile_page(chromium, hostile):
    """A page of the hostile store."""
    with opened(chromium, *hostile) as one:
        yield one


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

    wait_until(page, "document.getElementById('sound').readyState >= 2")
    buttons = page.locator(".finding button.play").all()
    button = max(buttons, key=lambda one: int(one.get_attribute("data-at")))
    at_s = int(button.get_attribute("data-at")) / 1000
    assert at_s > 3
    note_where_it_begins(page, "sound")
    button.click()
    wait_until(page, "window.began !== undefined")
    assert page.evaluate("window.began") == pytest.approx(at_s - 3, abs=0.5)
    wait_until(page, "!document.getElementById('sound').paused")
    page.keyboard.press(" ")  # right after the click: it stops, it does not press again
    wait_until(page, "document.getElementById('sound').paused")

    assert page.locator("#machine-score").inner_text() == "0.0 %"
    for _ in range(12):
        critical = page.locator(".finding.sev-critical:not(.overturned)")
        if not critical.count():
            break
        left = critical.count()
        critical.first.locator("input[name=comment]").fill("said in jest")
        critical.first.get_by_role("button", name="overturn").click()
        wait_until(
            page,
            "n => document.querySelectorAll('.finding.sev-critical:not(.overturned)').length < n",
            arg=left,
        )
    assert page.locator("#machine-score").inner_text() == "0.0 %"
    assert float(re.findall(r"[\d.]+", page.locator("#people-score").inner_text())[0]) > 50
    assert page.locator(".review", has_text="said in jest").count() >= 1


def test_the_score_over_time_is_drawn_and_told_day_by_day(page):
    """uPlot draws under the strict policy, in the colours of the day and of the night."""
    page.goto("/agents/Ben")
    wait_until(page, "document.querySelector('.plot canvas') !== null")
    ink = "() => document.querySelector('.plot canvas').toDataURL()"
    bare = """() => { const seen = document.querySelector('.plot canvas');
        const made = document.createElement('canvas');
        [made.width, made.height] = [seen.width, seen.height];
        return made.toDataURL() }"""
    wait_until(page, f"({ink})() !== ({bare})()")
    assert page.locator(".over-time details").get_attribute("open") is None
    days = page.locator(".over-time tbody tr").all()
    first, last = (
        " · ".join(row.locator("th, td").all_text_contents()) for row in (days[0], days[-1])
    )
    assert page.locator(".told").inner_text() == last
    box = page.locator(".plot").bounding_box()
    page.mouse.move(box["x"] + 60, box["y"] + 60)
    assert page.locator(".told").inner_text() == first
    light = page.evaluate(ink)
    page.emulate_media(color_scheme="dark")
    wait_until(page, f"light => ({ink})() !== light", arg=light)


def test_without_a_script_the_days_are_a_table(page):
    context = page.context.browser.new_context(
        storage_state=page.context.storage_state(), base_url=page.url, java_script_enabled=False
    )
    bare = context.new_page()
    bare.goto("/agents/Ben")
    assert bare.locator(".over-time tbody tr").first.is_visible()
    assert not bare.locator(".plot").is_visible()
    context.close()


def test_keys_walk_over_the_findings_and_words_light_up(page):
    page.goto(f"/calls/{KEY}")
    wait_until(page, "document.getElementById('sound').readyState >= 2")
    page.keyboard.press("j")
    assert page.locator(".finding.chosen").get_attribute("id") == "finding-0"
    page.keyboard.press("j")
    assert page.locator(".finding.chosen").get_attribute("id") == "finding-1"
    page.keyboard.press("k")
    assert page.locator(".finding.chosen").get_attribute("id") == "finding-0"
    page.evaluate("const s = document.getElementById('sound'); s.pause(); s.currentTime = 1.2")
    wait_until(page, "document.querySelector('.turns .now')?.innerText === 'hello'")


def test_a_click_on_the_bare_waveform_plays_from_three_seconds_before(page):
    page.goto(f"/calls/{KEY}")
    wait_until(page, "document.getElementById('sound').readyState >= 2")
    box = page.locator("#lane").bounding_box()
    length_s = int(page.locator("#lane").get_attribute("data-length")) / 1000
    for share in (0.55, 0.6, 0.65, 0.7):
        x, y = share * box["width"], box["height"] - 12  # among the times of the axis
        under = "([x, y]) => document.elementFromPoint(x, y).closest('[data-at]') === null"
        if page.evaluate(under, [box["x"] + x, box["y"] + y]):
            break
    note_where_it_begins(page, "sound")
    page.mouse.click(box["x"] + x, box["y"] + y)
    wait_until(page, "window.began !== undefined")
    assert page.evaluate("window.began") == pytest.approx(share * length_s - 3, abs=0.5)


def test_the_keys_go_on_from_the_finding_that_was_clicked(page):
    page.goto(f"/calls/{KEY}")
    wait_until(page, "document.getElementById('sound').readyState >= 2")
    numbers = page.locator(".finding:has(button.play)").evaluate_all(
        "all => all.map(one => Number(one.id.slice('finding-'.length)))"
    )
    at = next(number for number in numbers if number > 0)
    page.locator(f"#finding-{at} button.play").click()
    page.keyboard.press("k")
    assert page.locator(".finding.chosen").get_attribute("id") == f"finding-{at - 1}"


def test_a_link_to_a_moment_waits_three_seconds_before_it(page):
    page.goto(f"/calls/{KEY}#t=9000")
    wait_until(page, "Math.abs(document.getElementById('sound').currentTime - 6) < 0.1")


def test_what_a_link_leads_to_is_not_hidden_by_the_player(page):
    """The player stays at the top while the page scrolls beneath it."""
    page.goto(f"/calls/{KEY}#arithmetic")
    wait_until(page, "document.getElementById('arithmetic').open")
    below = """() => document.querySelector('#arithmetic summary').getBoundingClientRect().top
        - document.querySelector('.player').getBoundingClientRect().bottom"""
    wait_until(page, f"({below})() >= 0")


def test_a_figure_explains_itself_in_place(page):
    page.goto(f"/calls/{KEY}")
    page.locator(".measures a").first.click()
    page.wait_for_selector("#why .definition")
    assert page.url.endswith(KEY)


@pytest.mark.parametrize("language", ["en-GB", "zh-CN"])
def test_no_page_is_wider_than_a_telephone(page, language):
    context = page.context.browser.new_context(
        storage_state=page.context.storage_state(),
        base_url=page.url,
        locale=language,
        viewport={"width": 390, "height": 800},
    )
    small = context.new_page()
    wide = {}
    for path in PATHS:
        small.goto(path)
        wide[path] = small.evaluate("document.documentElement.scrollWidth")
    context.close()
    assert {path: width for path, width in wide.items() if width > 390} == {}


def test_hostile_words_stay_words(hostile_page):
    assert len(set(PAYLOADS)) >= 150
    groups = range(1000, 1000 + -(-len(PAYLOADS) // TOGETHER))
    paths = ["/", "/attention/critical", "/night", "/people", "/search?q=window.hacked", "/rules"]
    paths += [f"/rules/{rule}" for rule in ("taboo-dont-know", "close-thanks-goodbye")]
    paths += [f"/calls/{n:032x}" for n in groups]
    paths += ["/agents/" + quote(PAYLOADS[at], safe="") for at in range(0, len(PAYLOADS), 24)]
    paths += ["/?queue=" + quote(PAYLOADS[0]), "/search?q=" + quote(PAYLOADS[1])]
    shown = []
    for path in paths:
        hostile_page.goto(path)
        ran = hostile_page.evaluate("typeof window.hacked + typeof window.HACKED")
        assert ran == "undefinedundefined", path
        for address in hostile_page.locator("a").evaluate_all("all => all.map(a => a.href)"):
            assert not address.startswith("javascript"), path
        shown.append(hostile_page.locator("main").text_content())
    text = re.sub(r"\s", "", "".join(shown))
    missing = [one for one in PAYLOADS if re.sub(r"\s", "", one) not in text]
    assert missing == []  # each was really on a page


def test_hostile_pages_stay_inside_a_telephone(hostile_page):
    hostile_page.set_viewport_size({"width": 390, "height": 800})
    for path in ("/search?q=window.hacked", "/rules/taboo-dont-know", f"/calls/{1000:032x}"):
        hostile_page.goto(path)
        assert hostile_page.evaluate("document.documentElement.scrollWidth") <= 390, path


@pytest.mark.parametrize(
    ("scheme", "width", "language"), [("light", 1400, "en-GB"), ("dark", 390, "zh-CN")]
)
def test_no_page_has_a_serious_fault_of_accessibility(page, scheme, width, language):
    """The checks of axe-core, on every page; the content policy would stop axe, so it is off."""
    import axe_playwright_python

    script = (Path(axe_playwright_python.__file__).parent / "axe.min.js").read_text("utf-8")
    context = page.context.browser.new_context(
        storage_state=page.context.storage_state(),
        base_url=page.url,
        bypass_csp=True,
        color_scheme=scheme,
        locale=language,
        viewport={"width": width, "height": 900},
    )
    checked = context.new_page()
    found = []
    for path in PATHS:
        checked.goto(path)
        checked.evaluate(script)
        result = checked.evaluate("axe.run({resultTypes: ['violations']})")
        assert len(result["passes"]) > 10, path
        found += [
            f"{path}: {one['id']}: {json.dumps([n['html'][:150] for n in one['nodes'][:2]])}"
            for one in result["violations"]
            if one["impact"] in ("serious", "critical")
        ]
    context.close()
    assert found == []


def test_a_clip_plays_where_it_is_listed(page):
    page.goto("/agents/AnnaP")
    button = page.locator("button.clip").first
    at_s = int(button.get_attribute("data-from")) / 1000
    note_where_it_begins(page, "clip")
    button.click()
    assert button.get_attribute("aria-pressed") == "true"
    wait_until(page, "window.began !== undefined")
    assert page.evaluate("window.began") == pytest.approx(max(0.0, at_s - 3), abs=0.5)
    button.click()
    wait_until(page, "document.getElementById('clip').paused")
    assert button.get_attribute("aria-pressed") is None


def test_a_chinese_browser_sees_chinese_with_letters_for_it(page):
    """Titles of rules too; and Chinese characters are drawn, not boxes for missing ones."""
    context = page.context.browser.new_context(
        storage_state=page.context.storage_state(), base_url=page.url, locale="zh-CN"
    )
    shown = context.new_page()
    for path in ("/", "/agents/AnnaP", f"/calls/{KEY}", "/rules"):
        shown.goto(path)
        assert shown.locator("html").get_attribute("lang") == "zh"
        text = shown.locator("main").inner_text()
        assert len(re.findall(r"[\u4e00-\u9fff]", text)) > 100, path
    assert "不单说“我不知道”" in text
    widths = shown.evaluate(
        """() => { const pen = document.createElement('canvas').getContext('2d');
        pen.font = getComputedStyle(document.body).font;
        const ink = (text) => { pen.clearRect(0, 0, 99, 99); pen.fillText(text, 9, 40);
          return pen.getImageData(0, 0, 99, 99).data.reduce((sum, one) => sum + one, 0); };
        return ['坐', '席', '规', '则'].map(ink); }"""
    )
    context.close()
    if len(set(widths)) == 1:
        pytest.skip("this machine has no Chinese letters: install Debian's fonts-noto-cjk")
    assert len(set(widths)) == 4
