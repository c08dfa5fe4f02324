"""Single calls in the formats that other tools read, and folders of many of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from speechqa.errors import UsageError
from speechqa.export.call_analytics import to_call_analytics
from speechqa.export.captions import to_srt, to_vtt
from speechqa.export.grid import to_textgrid
from speechqa.export.place import file_name, placed
from speechqa.export.rows import Advance
from speechqa.export.speakers import to_rttm
from speechqa.pipeline import Assessment, CallFacts
from speechqa.pipeline.textless import NOT_KEPT
from speechqa.store import Store
from speechqa.store.assessments import assessment_of_row
from speechqa.store.plain import text_of_path
from speechqa.store.schema import facts_of_row

if TYPE_CHECKING:
    import pyarrow as pa

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
    calls: pa.Table,
    folder: Path,
    form: CallFormat,
    *,
    text: bool,
    force: bool,
    advance: Advance = lambda calls: None,
) -> tuple[int, list[tuple[str, str]]]:
    """Write a file per call into `folder`; return how many, and who was left out and why.

    The files are written in the order of the store, which is so read once; what they are called
    and who was left out follow the order of `calls`.

    Parameters
    ----------
    calls
        With the columns ``key`` and ``call_id``, as `speechqa.export.chosen` gives them.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    taken: set[str] = set()
    names = {
        key: file_name(text_of_path(call_id), form.ending, taken=taken)
        for key, call_id in zip(calls["key"].to_pylist(), calls["call_id"].to_pylist(), strict=True)
    }
    left_out: dict[str, tuple[str, str]] = {}
    written = 0
    for facts, judged in _whole_calls(store, names.keys()):
        advance(1)
        try:
            made = call_bytes(facts, judged, form, text=text)
        except UsageError as error:
            left_out[facts.key] = (text_of_path(facts.call_id), str(error))
            continue
        with placed(folder / names[facts.key], force=force) as file:
            file.write(made)
        written += 1
    return written, [left_out[key] for key in names if key in left_out]


def _whole_calls(store: Store, keys: Set[str]) -> Iterator[tuple[CallFacts, Assessment | None]]:
    """Yield whole calls as they lie in the store, a block of them in memory at a time."""
    for block in store.stream(keys):
        judged = store.assessments(block["key"].to_pylist()).to_pylist()
        newest = {row["key"]: row for row in judged}
        for row in block.to_pylist():
            found = newest.get(row["key"])
            yield facts_of_row(row), None if found is None else assessment_of_row(found)
