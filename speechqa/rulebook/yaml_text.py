"""YAML 1.2 into plain data that still knows where each key and value stood.

Only the composer of ruamel is used, so that duplicate keys, odd types and syntax errors are
reported with line and column instead of being resolved silently. In YAML 1.2 ``no`` and ``on`` are
words. Anchors and aliases work; merge keys (``<<``) do not.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

Path_ = tuple[str | int, ...]
Mark = tuple[int, int]

MAX_BYTES = 8 << 20
_MAX_NODES = 400_000
_MAX_DEPTH = 40
_TAG = "tag:yaml.org,2002:"


@dataclass(frozen=True, order=True)
class Mistake:
    """One mistake in a rulebook file.

    Examples
    --------
    >>> str(Mistake("acme.yaml", 3, 7, "unknown key 'findd'; did you mean find?"))
    "acme.yaml:3:7: unknown key 'findd'; did you mean find?"
    """

    file: str
    line: int
    column: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}: {self.message}"

    def as_dict(self) -> dict[str, Any]:
        """Return the mistake for ``--json``."""
        return {
            "file": self.file,
            "line": self.line,
            "column": self.column,
            "message": self.message,
        }


@dataclass
class Document:
    """One file's data, its marks by path, and what was wrong with the YAML itself."""

    file: str
    data: Any = None
    keys: dict[Path_, Mark] = field(default_factory=dict)
    values: dict[Path_, Mark] = field(default_factory=dict)
    mistakes: list[Mistake] = field(default_factory=list)

    def mistake(self, mark: Mark, message: str) -> None:
        """Note a mistake at a place."""
        self.mistakes.append(Mistake(self.file, *mark, message))

    def place(self, path: Path_, *, key: bool = False) -> Mark:
        """Return line and column of a path, or of its nearest parent that is in the file."""
        if key and path in self.keys:
            return self.keys[path]
        while path:
            if path in self.values:
                return self.values[path]
            path = path[:-1]
        return self.values.get((), (1, 1))


def read_yaml(path: Path, name: str | None = None) -> Document:
    """Read one file; YAML mistakes are in the document, not raised.

    Raises
    ------
    OSError
        The file cannot be read.
    """
    raw = path.read_bytes()
    document = Document(name or str(path))
    if len(raw) > MAX_BYTES:
        document.mistake((1, 1), f"the file has {len(raw)} bytes; a rulebook has at most 8 MiB")
        return document
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        document.mistake((line, 1), f"byte {error.start} is not UTF-8; save the file as UTF-8")
        return document
    return parse_yaml(text, document)


def parse_yaml(text: str, document: Document) -> Document:
    r"""Fill `document` from YAML text.

    Examples
    --------
    >>> made = parse_yaml("a: [1, no]\na: 2", Document("x.yaml"))
    >>> made.data, [str(mistake) for mistake in made.mistakes]
    ({'a': [1, 'no']}, ["x.yaml:2:1: duplicate key 'a' (first in line 1)"])
    """
    yaml = YAML(typ="safe", pure=True)
    try:
        node = yaml.compose(text)
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        problem = " ".join(str(error.problem or error.context or "bad YAML").split())
        document.mistake((line, column), f"not valid YAML: {problem}{_wide_colon(text, line)}")
        return document
    except (YAMLError, ValueError, RecursionError) as error:
        document.mistake((1, 1), f"not valid YAML: {' '.join(str(error).split())[:200]}")
        return document
    if node is None:
        document.mistake((1, 1), "the file is empty")
        return document
    _Builder(document).build(node, ())
    return document


_WIDE_COLON = re.compile(r"^\s*(?:- )?[\w.-]+：")


def _wide_colon(text: str, line: int) -> str:
    """Say where a full-width colon stands for YAML's own, at most two lines before a mistake."""
    rows = text.splitlines()
    for number in range(max(line - 2, 1), min(line, len(rows)) + 1):
        if _WIDE_COLON.match(rows[number - 1]):
            return f"; line {number} has a full-width ： where YAML needs : and a space"
    return ""


class _Builder:
    """Turn nodes into data, noting marks and mistakes."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.nodes = 0

    def build(self, node: Node, path: Path_) -> Any:
        self.nodes += 1
        mark = (node.start_mark.line + 1, node.start_mark.column + 1)
        self.document.values[path] = mark
        if len(path) > _MAX_DEPTH or self.nodes > _MAX_NODES:
            if not any("too deep" in one.message for one in self.document.mistakes):
                self.document.mistake(mark, "nested too deep or too large to be a rulebook")
            return None
        if isinstance(node, MappingNode):
            value: Any = self._mapping(node, path)
        elif isinstance(node, SequenceNode):
            value = [self.build(child, (*path, at)) for at, child in enumerate(node.value)]
        else:
            value = self._scalar(node, mark)
        if not path:
            self.document.data = value
        return value

    def _mapping(self, node: MappingNode, path: Path_) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for key_node, value_node in node.value:
            mark = (key_node.start_mark.line + 1, key_node.start_mark.column + 1)
            if not isinstance(key_node, ScalarNode):
                self.document.mistake(mark, "a key must be a plain word")
                continue
            key = str(key_node.value)
            if key in made:
                first = self.document.keys[(*path, key)][0]
                self.document.mistake(mark, f"duplicate key {key!r} (first in line {first})")
                continue
            self.document.keys[(*path, key)] = mark
            made[key] = self.build(value_node, (*path, key))
        return made

    def _scalar(self, node: Node, mark: Mark) -> Any:
        text, kind = str(node.value), str(node.tag).removeprefix(_TAG)
        try:
            if kind == "int":
                return int(text.replace("_", ""), 0) if text.startswith("0") else int(text)
            if kind == "float":
                return float(text.replace("_", ""))
        except ValueError:
            return text
        if kind == "bool":
            return text.lower() == "true"
        if kind == "null":
            return None
        if kind not in {"str", "timestamp"}:
            self.document.mistake(mark, f"the YAML tag {node.tag} is not used in rulebooks")
        return text
