"""The log of a run: one JSON object per line, with the call's id and never a word that was said.

Written with the standard `logging` module under the name ``speechqa.run``, so that a program that
embeds a run can add handlers of its own. A log that cannot be written costs its lines, never the
run.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from io import TextIOWrapper
from pathlib import Path
from typing import Any

from speechqa.pipeline import CallFacts
from speechqa.store.disk import writing
from speechqa.store.plain import readable, text_of_path

LOGGER = logging.getLogger("speechqa.run")
LOGGER.addHandler(logging.NullHandler())
LOGGER.setLevel(logging.INFO)


def log(run_id: str, event: str, *, level: int = logging.INFO, **fields: Any) -> None:
    """Log an event of a run; `fields` are plain values without anything that was said."""
    LOGGER.log(level, event, extra={"run_id": run_id, "fields": fields})


def log_call(run_id: str, call: CallFacts) -> None:
    """Log how one call ended: counts and reasons, no text."""
    log(
        run_id,
        "call",
        level=logging.INFO if call.status == "scored" else logging.WARNING,
        call=readable(call.call_id),
        key=call.key,
        path=text_of_path(call.path),
        status=call.status,
        reason_code=call.reason_code,
        reason=None if call.reason is None else readable(call.reason),
        duration_ms=call.duration_ms,
        language=call.language,
        grade=call.grade,
        words=len(call.words),
        flags=list(call.flags),
    )


@contextmanager
def logging_to(files: Sequence[Path], run_id: str) -> Iterator[None]:
    """Write the run's events to each of these files while the block runs.

    Raises
    ------
    StoreError
        A file cannot be opened for writing.
    """
    handlers: list[logging.Handler] = []
    try:
        for file in files:
            handlers.append(_handler(file, run_id))
            LOGGER.addHandler(handlers[-1])
        yield
    finally:
        for handler in handlers:
            LOGGER.removeHandler(handler)
            handler.close()


class _Lines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line = {
            "at": at,
            "level": record.levelname.lower(),
            "run": getattr(record, "run_id", None),
            "event": record.getMessage(),
        } | getattr(record, "fields", {})
        return json.dumps(line, ensure_ascii=False)


class _File(logging.StreamHandler[TextIOWrapper]):
    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - its name in logging
        """Lose the line: printing why would print it."""

    def close(self) -> None:
        with suppress(OSError):  # a full disk: what was left in the buffer is lost
            self.stream.close()
        super().close()


def _handler(file: Path, run_id: str) -> logging.Handler:
    with writing(file):
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    handler = _File(os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace"))
    handler.setFormatter(_Lines())
    handler.addFilter(lambda record: getattr(record, "run_id", None) == run_id)
    return handler
