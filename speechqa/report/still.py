"""A served page made still: links lead within the file or its folder, forms are gone.

Everything else is passed on letter by letter, so that what was escaped stays escaped.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape
from html.parser import HTMLParser

Attributes = dict[str, str]
Resolve = Callable[[str], str | None]
"""From an address of the served pages to one in the files; None where it leads nowhere."""
Clip = Callable[[str, int], str | None]
"""From a call's key (empty on the call's own page) and an instant (ms) to the name of a sound."""

DROPPED = {"form": "", "script": "", "audio": ""}
"""Elements that make no sense in a file, with all that is in them."""
DROPPED_IDS = frozenset({"sound-error"})
DROPPED_CLASSES = frozenset({"keys"})
VOID = frozenset("area base br col embed hr img input link meta source track wbr".split())


def main_of(page: str) -> tuple[str, str]:
    """Return a served page's title and what is inside its main element.

    Examples
    --------
    >>> main_of('<title>Team</title><main id="main" tabindex="-1">x</main>')
    ('Team', 'x')
    """
    title = page.partition("<title>")[2].partition("</title>")[0]
    inside = page.partition("<main")[2].partition(">")[2].rpartition("</main>")[0]
    return title, inside


def links_of(html: str) -> list[str]:
    """Return the addresses that a piece of a page links to, in order.

    Examples
    --------
    >>> links_of('<a href="/calls/1#t=5">x</a><button data-src="/calls/2/sound.wav">y</button>')
    ['/calls/1#t=5']
    """
    found = _Links()
    found.feed(html)
    found.close()
    return found.links


def still(html: str, resolve: Resolve, clip: Clip) -> str:
    """Return a piece of a page for a file.

    Examples
    --------
    >>> still('<a href="/a" hx-get="/b">A</a> <a href="/c">C</a><form><input></form>',
    ...       {"/a": "#a"}.get, lambda key, ms: None)
    '<a href="#a">A</a> <span>C</span>'
    """
    made = _Still(resolve, clip)
    made.feed(html)
    made.close()
    return "".join(made.out)


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        href = dict(attrs).get("href")
        if tag == "a" and href:
            self.links.append(href)


class _Still(HTMLParser):
    def __init__(self, resolve: Resolve, clip: Clip) -> None:
        super().__init__(convert_charrefs=False)
        self._resolve, self._clip = resolve, clip
        self.out: list[str] = []
        self._ends: list[tuple[str, str]] = []
        self._skipped: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if self._skipped or self._is_dropped(tag, given):
            if tag not in VOID:
                self._skipped.append(tag)
            return
        raw = self.get_starttag_text() or ""
        if tag == "a":
            self._link(given)
        elif tag == "button" and ("data-at" in given or "data-from" in given):
            self._sound(given)
        else:
            self.out.append(raw)
            if tag not in VOID:
                self._ends.append((tag, tag))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if not self._skipped and not self._is_dropped(tag, {k: v or "" for k, v in attrs}):
            self.out.append(self.get_starttag_text() or "")

    def handle_endtag(self, tag: str) -> None:
        if self._skipped:
            if tag in self._skipped:
                while self._skipped.pop() != tag:
                    pass
            return
        # HTML leaves some end tags out: what is open inside ends with what is around it.
        if any(open_ == tag for open_, _ in self._ends):
            while True:
                open_, written = self._ends.pop()
                if open_ == tag:
                    self.out.append(f"</{written}>")
                    return

    def handle_data(self, data: str) -> None:
        self._pass(data)

    def handle_entityref(self, name: str) -> None:
        self._pass(f"&{name};")

    def handle_charref(self, name: str) -> None:
        self._pass(f"&#{name};")

    def _pass(self, text: str) -> None:
        if not self._skipped:
            self.out.append(text)

    def _is_dropped(self, tag: str, given: Attributes) -> bool:
        classes = set(given.get("class", "").split())
        return tag in DROPPED or given.get("id") in DROPPED_IDS or bool(classes & DROPPED_CLASSES)

    def _link(self, given: Attributes) -> None:
        target = self._resolve(given.pop("href", ""))
        kept = {name: value for name, value in given.items() if not name.startswith("hx-")}
        written = "span" if target is None else "a"
        self._open("a", written, kept if target is None else {"href": target} | kept)

    def _sound(self, given: Attributes) -> None:
        """Keep a button that has a sound here; without one, only its text stays."""
        at = given.get("data-at") or given.get("data-from") or ""
        call = re.match(r"/calls/([^/]+)/", given.get("data-src", ""))
        key = call[1] if call else ""
        name = self._clip(key, int(at)) if at.lstrip("-").isdigit() else None
        classes = " ".join(one for one in given.get("class", "").split() if one != "clip")
        label = {"aria-label": given["aria-label"]} if "aria-label" in given else {}
        if name is None:
            self._open("button", "span", {"class": f"{classes} mute".strip()})
        else:
            own = {"type": "button", "class": f"{classes} heard".strip(), "data-clip": name}
            self._open("button", "button", own | label | {"data-at": at})

    def _open(self, tag: str, written: str, given: Attributes) -> None:
        listed = "".join(f' {name}="{escape(value)}"' for name, value in given.items())
        self.out.append(f"<{written}{listed}>")
        self._ends.append((tag, written))
