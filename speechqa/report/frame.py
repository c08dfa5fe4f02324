"""One file of the report: views in templates, its own style and script, a policy that is strict.

The first view is plain HTML and shows without a script; the others wait in ``<template>``
elements and are shown when the address names them (``#call/KEY``). The content policy allows
this very style, this very script (by digest), and sounds inside the file; nothing else.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib.resources import files
from typing import BinaryIO

from speechqa.report.clips import Clip


@dataclass(frozen=True)
class View:
    """A page within a file: its name in the address, its title, its HTML."""

    name: str
    title: str
    html: str


@dataclass(frozen=True)
class Frame:
    """What surrounds the views.

    Parameters
    ----------
    language
        Of the pages.
    links
        Name to address, for the head of each page.
    note
        What this file is, in one line.
    """

    language: str
    links: Mapping[str, str]
    note: str


def write_file(
    file: BinaryIO, frame: Frame, views: Sequence[View], clips: Iterable[Clip] = ()
) -> None:
    """Write one file of the report."""
    first = views[0]
    nav = "".join(f'<a href="{escape(to)}">{escape(name)}</a>' for name, to in frame.links.items())
    head = (
        f'<!doctype html>\n<html lang="{frame.language}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy()}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n<meta name="referrer" '
        f'content="no-referrer">\n<title>{first.title}</title>\n'
        f'<link rel="icon" href="{icon()}">\n<style>{style()}</style>\n</head>\n<body>\n'
        f'<header class="top"><a class="brand" href="#">speechqa</a><nav>{nav}</nav>'
        f'<span class="who leave">{escape(frame.note)}</span></header>\n'
        f'<main id="main" tabindex="-1">{first.html}</main>\n'
    )
    file.write(head.encode("utf-8", "replace"))
    for view in views[1:]:
        text = (
            f'<template data-view="{escape(view.name)}" data-title="{view.title}">'
            f"{view.html}</template>\n"
        )
        file.write(text.encode("utf-8", "replace"))
    for clip in clips:
        data = json.dumps({"start": clip.start_ms, "end": clip.end_ms, "mp3": clip.sound})
        # Base64 and numbers only: nothing here can end the element.
        text = f'<script type="application/json" data-clip="{escape(clip.name)}">{data}</script>\n'
        file.write(text.encode("ascii"))
    file.write(f"<script>{script()}</script>\n</body>\n</html>\n".encode())


@cache
def style() -> str:
    """Return the pages' style and what files add to it."""
    return "\n".join(
        (
            _static("speechqa.web", "vendor/uPlot.min.css"),
            _static("speechqa.web", "pages.css"),
            _static("speechqa.report", "report.css"),
        )
    )


@cache
def script() -> str:
    """Return the behaviour of a file."""
    return "\n".join(
        (
            _static("speechqa.web", "vendor/uPlot.iife.min.js"),
            _static("speechqa.web", "shared.js"),
            _static("speechqa.report", "report.js"),
        )
    )


@cache
def icon() -> str:
    """Return the icon as an address that holds it."""
    data = _static("speechqa.web", "icon.svg").encode()
    return "data:image/svg+xml;base64," + base64.b64encode(data).decode("ascii")


@cache
def policy() -> str:
    """Return the content policy."""
    return (
        f"default-src 'none'; style-src 'sha256-{_digest(style())}'; "
        f"script-src 'sha256-{_digest(script())}'; media-src data:; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _static(package: str, name: str) -> str:
    return (files(package) / "static" / name).read_text("utf-8")


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")
