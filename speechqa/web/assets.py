"""The pages' own styles, scripts and icons: kept by browsers until this package changes.

Pages themselves are never kept by a browser: they hold what people said, and a shared workstation
should not show them after leaving.
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files

from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

FILES = (
    *("pages.css", "pages.js", "shared.js", "icon.svg", "vendor/htmx.min.js"),
    *("vendor/uPlot.iife.min.js", "vendor/uPlot.min.css"),
)
FOREVER = "private, max-age=31536000, immutable"


@cache
def version() -> str:
    """Return what stands for the present state of all files: a new state has a new address."""
    state = hashlib.sha256()
    for name in FILES:
        state.update((files("speechqa.web") / "static" / name).read_bytes())
    return state.hexdigest()[:12]


def asset(name: str) -> str:
    """Return the address of a file."""
    return f"/static/{name}?v={version()}"


class Assets(StaticFiles):
    """The files, with leave to keep those that are asked for by their present address."""

    def __init__(self) -> None:
        super().__init__(packages=[("speechqa.web", "static")])

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Answer with a file."""
        answer = await super().get_response(path, scope)
        asked = scope.get("query_string", b"").decode("latin-1")
        is_present = asked == f"v={version()}"
        answer.headers["Cache-Control"] = FOREVER if is_present else "private, no-cache"
        return answer
