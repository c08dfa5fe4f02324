"""Take the pictures of `docs/tour.md` from a store: ``python -m docs.tour speechqa-store``.

Serves the store on a port of its own and walks through it with Debian's Chromium. The recordings
are looked for from ``fixtures/``, where the demo runs. Every picture is small enough for a page of
documentation; one that is not stops the tour.
"""

from __future__ import annotations

import io
import os
import shutil
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from speechqa.rulebook import load
from speechqa.settings import load_settings
from speechqa.store import open_store
from speechqa.web import create_app
from speechqa.web.access import Access, Person
from speechqa.web.guard import COOKIE

ROOT = Path(__file__).resolve().parents[1]
HERE = ROOT / "docs" / "images"
CALL = "3f2a9c01_002"
MOST_BYTES = 150_000
WIDE, NARROW = (1280, 860), (390, 844)


@contextmanager
def served(store_uri: str) -> Iterator[tuple[str, str]]:
    """Serve a store; yield its address and a supervisor's cookie."""
    import uvicorn

    settings, access = load_settings(), Access()
    listening = socket.create_server(("127.0.0.1", 0))
    host = f"127.0.0.1:{listening.getsockname()[1]}"
    book = load("standard", settings.rules)
    app = create_app(open_store(store_uri), settings, book, access=access, hosts=[host])
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    cookie = access.swap(access.new_link(Person("supervisor", "Priya")))
    assert cookie is not None
    try:
        yield f"http://{host}", cookie
    finally:
        server.should_exit = True
        thread.join(10)


def wait_until(page: Any, expression: str, arg: object | None = None) -> None:
    """Ask again and again; Playwright's own waiting is stopped by the content policy."""
    until = time.monotonic() + 30
    while not page.evaluate(expression, arg):
        if time.monotonic() > until:
            raise TimeoutError(expression)
        page.wait_for_timeout(50)


class Camera:
    """Takes pictures of pages.

    Parameters
    ----------
    browser
        Playwright's.
    base, cookie
        Where the pages are, and the session.
    """

    def __init__(self, browser: Any, base: str, cookie: str) -> None:
        self._browser, self._base, self._cookie = browser, base, cookie

    @contextmanager
    def page(
        self, size: tuple[int, int] = WIDE, *, scheme: str = "light", language: str = "en-GB"
    ) -> Iterator[Any]:
        """Yield a browser's page with a session."""
        context = self._browser.new_context(
            base_url=self._base,
            viewport={"width": size[0], "height": size[1]},
            color_scheme=scheme,
            locale=language,
            reduced_motion="reduce",
        )
        context.add_cookies([{"name": COOKIE, "value": self._cookie, "url": self._base}])
        yield context.new_page()
        context.close()

    def take(self, page: Any, name: str) -> None:
        """Write what is seen of a page as ``tour-NAME.webp``."""
        from PIL import Image

        page.wait_for_timeout(300)
        target = HERE / f"tour-{name}.webp"
        Image.open(io.BytesIO(page.screenshot())).save(target, quality=82, method=6)
        size = target.stat().st_size
        if size > MOST_BYTES:
            raise SystemExit(f"{target.name}: {size} bytes, at most {MOST_BYTES}")
        print(f"{target.name}: {size / 1000:.0f} kB")


def walk(camera: Camera) -> None:
    """Take all pictures."""
    with camera.page() as page:
        page.goto("/")
        camera.take(page, "team")
        page.locator("table.team tbody a").first.click()
        page.wait_for_selector("h1")
        camera.take(page, "agent")
        page.goto(f"/calls/{CALL}")
        wait_until(page, "document.getElementById('sound').readyState >= 2")
        page.locator(".finding button.play").first.click()
        page.wait_for_selector(".turns .now", timeout=20_000)
        page.keyboard.press("Escape")
        page.locator("h1").click()
        page.keyboard.press(" ")
        page.evaluate("scrollTo(0, 0)")
        camera.take(page, "call")
        page.locator(".measures a[href$='/why/longest_silence_ms']").click()
        page.wait_for_selector("#why .definition")
        page.locator("#why").scroll_into_view_if_needed()
        camera.take(page, "why")
        for name, path in (("rules", "/rules"), ("night", "/night"), ("search", "/search?q=sorry")):
            page.goto(path)
            camera.take(page, name)
    with camera.page(NARROW, scheme="dark") as page:
        page.goto(f"/calls/{CALL}")
        wait_until(page, "document.getElementById('sound').readyState >= 2")
        camera.take(page, "narrow")
    with camera.page(language="zh-CN") as page:
        page.goto("/")
        camera.take(page, "chinese")


def main(store_uri: str) -> None:
    """Write the pictures beside the others."""
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        raise SystemExit("the tour needs a browser: install Debian's package chromium")
    store = str(Path(store_uri).resolve())
    os.chdir(ROOT / "fixtures")
    with served(store) as (base, cookie), sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--disable-gpu", "--mute-audio"]
        )
        walk(Camera(browser, base, cookie))
        browser.close()


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "speechqa-store")
