"""Reading a posted form: urlencoded, small, each name once."""

from __future__ import annotations

from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import Request

MOST_BYTES = 64 << 10
MOST_FIELDS = 20


async def form_of(request: Request) -> dict[str, str]:
    """Return a posted form.

    Raises
    ------
    HTTPException
        413 for a body over 64 KiB, 415 for another kind of body, 400 for a broken one.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise HTTPException(415, "only web forms are read here")
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > MOST_BYTES:
            raise HTTPException(413, "the form is too large")
    try:
        return dict(
            parse_qsl(body.decode("utf-8"), keep_blank_values=True, max_num_fields=MOST_FIELDS)
        )
    except ValueError:
        raise HTTPException(400, "the form cannot be read") from None
