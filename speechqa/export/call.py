"""Single calls in the formats that other tools read, and folders of many of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from speechqa.errors import UsageError
from speechqa.export.call_analytics import to_call_analytics
from speechqa.export.captions import to_srt, to_vtt
from speechqa.export.grid import to_textgrid
from speechqa.export.place import file_name, placed
from speechqa.export.rows import Advance
from speechqa.export.speakers import to_rttm
from speechqa.pipeline import Assessment, CallFacts
from speechqa.pipeline.textless import NOT_KEPT
from speechqa.store import BLOCK_CALLS, Store
from speechqa.store.assessments import assessment_of_row
from speechqa.store.plain import text_of_path

Maker = Callable[[CallFacts, Assessment | None], bytes]


@dataclass(frozen=True)
class CallFormat:
    """A format of one call.

    Parameters
    ----------
    ending
        Of its files.
    make
        From the call to the file's bytes.
    needs_text
        Whether it is nothing without the words.
    """

    ending: str
    make: Maker
    needs_text: bool


CALL_FORMATS: Mapping[str, CallFormat] = {
    "vtt": CallFormat(".vtt", to_vtt, True),
    "srt": CallFormat(".srt", to_srt, True),
    "rttm": CallFormat(".rttm", to_rttm, False),
    "textgrid": CallFormat(".TextGrid", to_textgrid, False),
    "aws": CallFormat(".json", to_call_analytics, True),
}


def call_bytes(
    facts: CallFacts, judged: Assessment | None, form: CallFormat, *, text: bool
) -> bytes:
    """Return one call as a file of the format.

    Parameters
    ----------
    text
        False leaves out what was said.

    Raises
    ------
    UsageError
        The call has nothing of what the format holds.
    """
    name = text_of_path(facts.call_id)
    if not facts.measured:
        raise UsageError(f"{name}: {facts.status}: {facts.reason}", hint="it has no speech to show")
    kept = text and NOT_KEPT not in facts.flags
    if form.needs_text and not kept:
        raise UsageError(
            f"{name}: the words are not kept" if text else f"{name}: captions without text",
            hint="use --format rttm or textgrid, which show who spoke when",
        )
    return form.make(*((facts, judged) if kept else _unsaid(facts, judged)))


def _unsaid(facts: CallFacts, judged: Assessment | None) -> tuple[CallFacts, Assessment | None]:
    """Return the call without words and quotes."""
    from dataclasses import replace

    from speechqa.pipeline.textless import assessment_without_text

    return replace(facts, words=()), judged and assessment_without_text(judged)


def write_calls(
    store: Store,
    keys: Iterable[str],
    folder: Path,
    form: CallFormat,
    *,
    text: bool,
    force: bool,
    advance: Advance = lambda calls: None,
) -> tuple[int, list[tuple[str, str]]]:
    """Write a file per call into `folder`; return how many, and who was left out and why."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    taken: set[str] = set()
    left_out: list[tuple[str, str]] = []
    written = 0
    for facts, judged in _whole_calls(store, list(keys)):
        advance(1)
        name = file_name(text_of_path(facts.call_id), form.ending, taken=taken)
        try:
            made = call_bytes(facts, judged, form, text=text)
        except UsageError as error:
            left_out.append((text_of_path(facts.call_id), str(error)))
            continue
        with placed(folder / name, force=force) as file:
            file.write(made)
        written += 1
    return written, left_out


def _whole_calls(store: Store, keys: list[str]) -> Iterator[tuple[CallFacts, Assessment | None]]:
    """Yield whole calls in order, a block of them in memory at a time."""
    for first in range(0, len(keys), BLOCK_CALLS):
        block = keys[first : first + BLOCK_CALLS]
        judged = {row["key"]: row for row in store.assessments(block).to_pylist()}
        calls = {facts.key: facts for facts in store.calls(block)}
        for key in block:
            if key in calls:
                row = judged.get(key)
                yield calls[key], None if row is None else assessment_of_row(row)
