"""Finding recordings in files, folders and globs, and showing their names safely.

A file that was named is always taken, whatever it is called, so that it ends in the accounts: read
or refused with a reason. In a folder a file is taken when its ending is that of a recording, or
when its first bytes are. A JSON or a CSV is metadata, never a recording. Hidden and temporary
files and links to folders are passed over, and listed with the reason: nothing vanishes silently.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from speechqa.audio.sniff import id3_bytes, sniff
from speechqa.audio.source import PathLike, Source
from speechqa.errors import CallError, InputMissing

ENDINGS = frozenset(
    f".{ending}"
    for ending in [
        "wav",
        "wave",
        "rf64",
        "bwf",
        "flac",
        "ogg",
        "oga",
        "opus",
        "spx",
        "mp3",
        "mp2",
        "aif",
        "aiff",
        "aifc",
        "au",
        "snd",
        "m4a",
        "m4b",
        "mp4",
        "3gp",
        "aac",
        "amr",
        "awb",
        "wma",
        "asf",
        "gsm",
        "ulaw",
        "alaw",
        "vox",
        "caf",
        "w64",
    ]
)
METADATA_ENDINGS = frozenset((".json", ".jsonl", ".csv", ".tsv", ".xml"))

UNLISTED = "cannot be listed"
"""Why a folder was passed over whose recordings nobody knows: such a run did not see all."""

_TEMPORARY = (".part", ".partial", ".tmp", ".temp", ".crdownload", ".filepart", ".swp", "~")


@dataclass(frozen=True, slots=True)
class Discovery:
    """Recordings found, in a fixed order, and what was passed over, with the reason."""

    paths: tuple[str, ...]
    skipped: tuple[tuple[str, str], ...] = ()


def discover(inputs: Sequence[PathLike]) -> Discovery:
    """Find the recordings that `inputs` name: files, folders (with all below them), globs.

    Each file is listed once, however often it is named; the order does not depend on the order
    of `inputs` or of the folder.

    Raises
    ------
    InputMissing
        An input names nothing, or all of them together hold no recording.

    Examples
    --------
    >>> discover(["no/such/folder"])
    Traceback (most recent call last):
    speechqa.errors.InputMissing: no/such/folder: no such file or folder
    """
    found: dict[str, str] = {}
    skipped: dict[str, str] = {}
    for given in inputs:
        for path in _expand(os.fspath(given)):
            named = _named(path)
            for each, reason in named:
                (skipped if reason else found).setdefault(_absolute(each), reason or each)
    paths = tuple(found[key] for key in sorted(found, key=os.fsencode))
    passed = tuple((key, skipped[key]) for key in sorted(skipped, key=os.fsencode))
    if not paths:
        listed = ", ".join(shown(given) for given in inputs) or "no input"
        unseen = [f"; {shown(path)} {why}" for path, why in passed if why.startswith(UNLISTED)]
        raise InputMissing(
            f"{listed}: holds no recording"
            + (f" ({len(passed)} files passed over)" * bool(passed) + "".join(unseen[:1])),
            hint="recordings are found by their ending (wav, flac, mp3, ...) or their first bytes",
        )
    return Discovery(paths, passed)


def shown(path: PathLike, *, limit: int = 120) -> str:
    r"""Return a name that is safe to print: no control, no bidirectional, no broken characters.

    >>> shown("calls/a\nb\u202ewav.exe")
    'calls/a\\x0ab\\u202ewav.exe'
    """
    text = "".join(
        letter if letter.isprintable() else _escaped(ord(letter)) for letter in os.fspath(path)
    )
    return text if len(text) <= limit else f"{text[: limit // 2]}...{text[-limit // 2 :]}"


def _escaped(code: int) -> str:
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _absolute(path: str) -> str:
    return os.path.abspath(path)


def _expand(given: str) -> list[str]:
    """Return what one input names. A file whose name holds ``*`` or ``[`` is itself."""
    if os.path.lexists(given):
        return [given]
    matches = _matching(given) if glob.has_magic(given) else []
    if not matches:
        what = "matches no file" if glob.has_magic(given) else "no such file or folder"
        raise InputMissing(f"{shown(given)}: {what}", hint="check the path")
    return matches


def _matching(pattern: str) -> list[str]:
    """Return what a glob names; ``**`` follows no link to a folder, since two can go round."""
    parts = PurePath(pattern).parts
    first = next(place for place, part in enumerate(parts) if glob.has_magic(part))
    base, rest = Path(*parts[:first]), parts[first:]
    try:
        found = list(base.glob("/".join(rest)))
    except ValueError as error:
        raise InputMissing(
            f"{shown(pattern)}: {error}", hint="write it as folder/**/*.wav"
        ) from None
    if any(part.startswith(".") for part in rest):
        return list(map(str, found))
    return [
        str(path)
        for path in found
        if not any(part.startswith(".") for part in path.relative_to(base).parts)
    ]


def _named(path: str) -> list[tuple[str, str]]:
    """Return (path, reason to pass it over or "") of all that one existing path holds."""
    if os.path.isdir(path):
        return list(_walk(path))
    if _ending(path) in METADATA_ENDINGS:
        return [(path, "metadata, not a recording")]
    return [(path, "")]


def _walk(folder: str) -> Iterator[tuple[str, str]]:
    waiting = [folder]
    while waiting:
        current = waiting.pop()
        try:
            entries = sorted(os.scandir(current), key=lambda entry: os.fsencode(entry.name))
        except OSError as error:
            yield current, f"{UNLISTED}: {error.strerror}"
            continue
        if _is_ours(current, entries):
            continue  # it may lie among the recordings
        for entry in entries:
            try:
                if not entry.is_dir(follow_symlinks=False):
                    yield entry.path, _reason(entry)
                elif entry.name.startswith("."):
                    yield entry.path, "hidden folder"
                else:
                    waiting.append(entry.path)
            except OSError as error:  # a share that fails in the midst of it
                yield entry.path, f"{UNLISTED}: {error.strerror}"


def _is_ours(folder: str, entries: Sequence[os.DirEntry[str]]) -> bool:
    """Whether a folder is a store of results, or a table of one."""
    names = {entry.name for entry in entries}
    table = os.path.join(folder, "recordings", "_delta_log")
    return "_delta_log" in names or ("recordings" in names and os.path.isdir(table))


def _reason(entry: os.DirEntry[str]) -> str:
    """Return why a file inside a folder is passed over; "" when it is taken."""
    ending = _ending(entry.name)
    if entry.name.startswith("."):
        return "hidden"
    if entry.name.lower().endswith(_TEMPORARY):
        return "temporary: still being written"
    if ending in METADATA_ENDINGS:
        return "metadata, not a recording"
    if entry.is_symlink() and not os.path.exists(entry.path):
        return "a link to nothing"
    if entry.is_symlink() and os.path.isdir(entry.path):
        return "a link to a folder"  # following it could go round for ever
    if not entry.is_file():
        return "not a regular file"
    if ending in ENDINGS or _sounds(entry.path):
        return ""
    return "neither its ending nor its first bytes are those of a recording"


def _ending(path: str) -> str:
    return PurePath(path).suffix.lower()


def _sounds(path: str) -> bool:
    try:
        with Source(path) as source:
            return sniff(source.read_at(id3_bytes(source.read_at(0, 10)), 8192)) is not None
    except CallError:
        return False
