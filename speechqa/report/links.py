"""Addresses of the served pages, and what they become in the files."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs, quote, unquote, urlsplit

_CALL = re.compile(r"/calls/([^/?#]+)(?:#(?:t=)?(-?\d+|arithmetic))?$")
_WHY = re.compile(r"/calls/([^/?#]+)/why/([^/?#]+)$")


@dataclass(frozen=True)
class Resolve:
    """From the served pages' addresses to those in the files.

    Parameters
    ----------
    inside
        Keys of the calls in this very file.
    places
        For the index: key to the file that shows the call; None in an agent's file.
    agents
        For the index: agent to file.
    told
        Call to the names of its figures and verdicts whose arithmetic is in this file.
    """

    inside: set[str]
    places: Mapping[str, str] | None
    agents: Mapping[str, str]
    told: Mapping[str, Collection[str]] = field(default_factory=dict)

    def __call__(self, href: str) -> str | None:
        """Return where an address leads within the report; None where it leads nowhere."""
        if why := _WHY.match(href):
            key, name = why[1], unquote(why[2])
            if name in self.told.get(key, ()):
                return f"#why/{key}/{quote(name)}"
            return f"#term/{quote(name.rpartition('.')[2])}"
        if call := _CALL.match(href):
            key, at = call.groups()
            name = f"#call/{key}" + (f"@{at}" if at else "")
            if key in self.inside:
                return name
            place = (self.places or {}).get(key)
            return None if place is None else place + name
        path = urlsplit(href).path
        if path.startswith("/agents/"):
            agent = unquote(path.removeprefix("/agents/"))
            return "#" if self.places is None else self.agents.get(agent)
        if self.places is None:
            return f"#term/{path.removeprefix('/rules/')}" if path.startswith("/rules/") else None
        if path == "/":
            return None if urlsplit(href).query else "#"
        return f"#{view_name(href)}" if path.startswith(_KNOWN) else None


_KNOWN = ("/rules", "/night", "/attention/")


def view_name(href: str) -> str:
    """Return the name under which a served page is a view of a file.

    Examples
    --------
    >>> view_name("/rules/greeting?since=2025-02-01")
    'rules/greeting'
    >>> view_name("/attention/critical?night=1&queue=sales")
    'attention/critical/last-night'
    """
    parts = urlsplit(href)
    night = "/last-night" if "night" in parse_qs(parts.query) else ""
    return unquote(parts.path.strip("/")) + night


def figures_of(links: Iterable[str], key: str) -> list[str]:
    """Return the figures and verdicts of a call that links ask the reasons of.

    Examples
    --------
    >>> figures_of(["/calls/1/why/agent.units", "/calls/2/why/greeting", "/rules"], "1")
    ['agent.units']
    """
    found = [why for link in links if (why := _WHY.match(link)) and why[1] == key]
    return list(dict.fromkeys(unquote(why[2]) for why in found))


def key_of(href: str) -> str:
    """Return the key of the call that an address leads to, or an empty text."""
    found = _CALL.match(href)
    return found[1] if found else ""
