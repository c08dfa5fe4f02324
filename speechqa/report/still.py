"""A served page made still: links lead within the file or its folder, forms are gone.

The pages escape every value (`speechqa.web.desk`), so that ``<`` begins a tag of a template and
``>`` ends one: what is to change is found by its tag alone, and everything else is passed on letter
by letter. A page of a call has a tag for each word; parsing them all took nine tenths of the time.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from html import escape, unescape

Attributes = dict[str, str]
Resolve = Callable[[str], str | None]
"""From an address of the served pages to one in the files; None where it leads nowhere."""
Clip = Callable[[str, int], str | None]
"""From a call's key (empty on the call's own page) and an instant (ms) to the name of a sound."""

_DROPPED = re.compile(
    r"<(form|script|audio)\b[^>]*>.*?</\1>"
    r'|<p (?:id="sound-error"|class="dim keys")[^>]*>.*?</p>',
    re.DOTALL,
)
"""What makes no sense in a file, with all that is in it; none holds another of its kind."""
_TAG = re.compile(r"<(/?)(a|button)\b([^>]*)>")
_ATTRIBUTE = re.compile(r'([\w-]+)(?:="([^"]*)")?')


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
    given = [
        _attributes(rest) for slash, tag, rest in _TAG.findall(html) if (slash, tag) == ("", "a")
    ]
    return [one["href"] for one in given if one.get("href")]


def still(html: str, resolve: Resolve, clip: Clip) -> str:
    """Return a piece of a page for a file.

    Examples
    --------
    >>> still('<a href="/a" hx-get="/b">A</a> <a href="/c">C</a><form><input></form>',
    ...       {"/a": "#a"}.get, lambda key, ms: None)
    '<a href="#a">A</a> <span>C</span>'
    """
    ends: dict[str, str] = {}

    def changed(found: re.Match[str]) -> str:
        slash, tag, rest = found.groups()
        if slash:
            return f"</{ends.get(tag, tag)}>"
        given = _attributes(rest)
        if tag == "a":
            ends[tag], kept = _link(given, resolve)
        elif "data-at" in given or "data-from" in given:
            ends[tag], kept = _sound(given, clip)
        else:
            ends[tag] = tag
            return found.group()
        listed = "".join(f' {name}="{escape(value)}"' for name, value in kept.items())
        return f"<{ends[tag]}{listed}>"

    return _TAG.sub(changed, _DROPPED.sub("", html))


def _attributes(text: str) -> Attributes:
    return {name: unescape(value) for name, value in _ATTRIBUTE.findall(text)}


def _link(given: Attributes, resolve: Resolve) -> tuple[str, Attributes]:
    """Return the element that a link becomes, and its attributes."""
    target = resolve(given.pop("href", ""))
    kept = {name: value for name, value in given.items() if not name.startswith("hx-")}
    return ("span", kept) if target is None else ("a", {"href": target} | kept)


def _sound(given: Attributes, clip: Clip) -> tuple[str, Attributes]:
    """Keep a button that has a sound here; without one, only its text stays."""
    at = given.get("data-at") or given.get("data-from") or ""
    call = re.match(r"/calls/([^/]+)/", given.get("data-src", ""))
    name = clip(call[1] if call else "", int(at)) if at.lstrip("-").isdigit() else None
    classes = " ".join(one for one in given.get("class", "").split() if one != "clip")
    if name is None:
        return "span", {"class": f"{classes} mute".strip()}
    own = {"type": "button", "class": f"{classes} heard".strip(), "data-clip": name}
    label = {"aria-label": given["aria-label"]} if "aria-label" in given else {}
    return "button", own | label | {"data-at": at}
