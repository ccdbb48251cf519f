"""From bytes to a tree in which every key and value knows its place; whatever YAML allows beyond that is refused."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.reader import ReaderError

from penstock.topology import scalars
from penstock.topology.report import Report, Spot, shorten

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ruamel.yaml.events import Event

MAX_BYTES = 1_000_000
MAX_DEPTH = 50
_MOST_ALIASES = 100
_BREAK = re.compile(r"\r\n|\n|\r")  # YAML 1.2, section 5.4; Python's own splitlines knows more
_TAB = re.compile(r"[ ]*\t[ \t]*[^ \t\r\n]")


@dataclass(frozen=True, slots=True)
class Word:
    """A scalar: its text, whether it stood unquoted, and where. `bad` was reported already."""

    text: str
    plain: bool
    spot: Spot
    inner: Spot
    bad: bool = False

    @property
    def value(self) -> scalars.Scalar:
        """What it means under YAML 1.2; quoted, it is text."""
        return scalars.value(self.text) if self.plain else self.text


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    nodes: tuple[Node, ...]
    spot: Spot


@dataclass(frozen=True, slots=True)
class Table:
    """A mapping, in the file's order; a key that came twice is here once."""

    entries: tuple[tuple[Word, Node], ...]
    spot: Spot

    def get(self, key: str) -> Node | None:
        """The value of a key, or None."""
        return next((node for word, node in self.entries if word.text == key), None)


Node: TypeAlias = Word | Items | Table


def read(data: bytes, report: Report) -> Node | None:
    """The tree of one file. None, with the reason in the report, where there is none to speak of."""
    if len(data) > MAX_BYTES:
        report.add("E021", Spot(), size=len(data), most=MAX_BYTES)
        return None
    text = _decoded(data, report)
    if text is None:
        return None
    report.source = _BREAK.split(text)
    if (tabs := _tabs(report)) is not None:
        report.add("E012", tabs)
        return None
    try:
        return _Builder(report).build(text)
    except _Refused:
        return None
    except ReaderError as error:
        report.add("E011", _spot_of(text, error.position), problem="a character that cannot be printed")
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        spot = Spot(mark.line + 1, mark.column + 1) if mark else Spot()
        report.add("E011", spot, problem=error.problem or error.context or "it cannot be read")
    except (YAMLError, ValueError) as error:
        report.add("E011", Spot(), problem=shorten(str(error)))
    return None


def _decoded(data: bytes, report: Report) -> str | None:
    encoding = "utf-16" if data[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig"
    try:
        return data.decode(encoding).replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8", "replace")
        report.add("E019", _spot_of(before, len(before)), offset=error.start)
        return None


def _tabs(report: Report) -> Spot | None:
    for number, line in enumerate(report.source, start=1):
        if _TAB.match(line):
            return Spot(number, line.index("\t") + 1)
    return None


def _spot_of(text: str, position: int) -> Spot:
    before = _BREAK.split(text[:position])
    return Spot(len(before), len(before[-1]) + 1)


class _Refused(Exception):  # noqa: N818 - not an error of ours: the report has it already
    """The file goes no further."""


@dataclass(slots=True)
class _Open:
    """A list or mapping that is being read: its children so far, and the key that waits for its value."""

    spot: Spot
    mapping: bool
    nodes: list[Node] = field(default_factory=list)
    entries: dict[str, tuple[Word, Node]] = field(default_factory=dict)
    key: Node | None = None


@dataclass(slots=True)
class _Builder:
    """Builds the tree from the parser's events: no recursion, and nothing is constructed before it was looked at."""

    report: Report
    stack: list[_Open] = field(default_factory=list)
    root: Node | None = None
    aliases: int = 0

    def build(self, text: str) -> Node | None:
        for event in self._events(text):
            match event:
                case MappingStartEvent() | SequenceStartEvent():
                    self._enter(event)
                case MappingEndEvent() | SequenceEndEvent():
                    self._leave()
                case ScalarEvent():
                    self._add(self._word(event))
                case _:
                    pass
        if self.aliases:
            raise _Refused
        return self.root

    def _events(self, text: str) -> Iterator[Event]:
        documents = 0
        for event in YAML(typ="safe", pure=True).parse(text):
            spot = _spot(event)
            if isinstance(event, DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self._refuse("E013", spot)
            if (anchor := getattr(event, "anchor", None)) is not None:
                self._alias(spot, f"{'*' if isinstance(event, AliasEvent) else '&'}{anchor}")
            if (tag := getattr(event, "tag", None)) is not None:
                self._refuse("E016", spot, tag=str(tag))
            yield event

    def _alias(self, spot: Spot, name: str) -> None:
        self.report.add("E017", spot, name=name)
        self.aliases += 1
        if self.aliases >= _MOST_ALIASES:
            raise _Refused

    def _enter(self, event: MappingStartEvent | SequenceStartEvent) -> None:
        if len(self.stack) >= MAX_DEPTH:
            self._refuse("E020", _spot(event), most=MAX_DEPTH)
        self.stack.append(_Open(_spot(event), isinstance(event, MappingStartEvent)))

    def _leave(self) -> None:
        done = self.stack.pop()
        entries, nodes = tuple(done.entries.values()), tuple(done.nodes)
        self._add(Table(entries, done.spot) if done.mapping else Items(nodes, done.spot))

    def _word(self, event: ScalarEvent) -> Word:
        plain = event.style is None
        spot = _spot(event)
        taken = scalars.surprise(event.value) if plain and not self._in_deploy() else None
        if taken:
            self._surprise(event.value, taken, spot)
        return Word(event.value, plain, spot, _inner(event, spot), bad=taken is not None)

    def _surprise(self, text: str, taken: str, spot: Spot) -> None:
        truth = f"write {taken}, or " if taken in {"true", "false"} else ""
        self.report.add("E018", spot, text=text, taken=taken, advice=f'{truth}put it in quotes: "{text}"')

    def _in_deploy(self) -> bool:
        """Whether we stand under the top-level key `deploy`, which belongs to another program."""
        top = self.stack[0].key if self.stack else None
        return isinstance(top, Word) and top.text == "deploy"

    def _add(self, node: Node) -> None:
        if not self.stack:
            self.root = node
            return
        parent = self.stack[-1]
        if not parent.mapping:
            parent.nodes.append(node)
        elif parent.key is None:
            parent.key = node
        else:
            key, parent.key = parent.key, None
            self._entry(parent, key, node)

    def _entry(self, parent: _Open, key: Node, node: Node) -> None:
        if not isinstance(key, Word):
            self.report.add("E038", key.spot, found="a list or mapping")
        elif key.bad:
            return
        elif not isinstance(key.value, str) and not self._in_deploy():
            self.report.add("E038", key.spot, found=f"{scalars.name_of(key.value)} ({key.text})")
        elif key.text in parent.entries:
            self._twice(parent.entries[key.text][0], key)
        else:
            if isinstance(node, Word) and node.plain and not node.text:
                node = replace(node, spot=key.spot)  # nothing has no place of its own
            parent.entries[key.text] = (key, node)

    def _twice(self, first: Word, second: Word) -> None:
        in_steps = len(self.stack) == len(("the file", "steps")) and _is_key(self.stack[0], "steps")
        code = "E015" if in_steps else "E014"
        self.report.add(code, second.spot, key=second.text, first=first.spot.line, second=second.spot.line)

    def _refuse(self, code: str, spot: Spot, **words: object) -> None:
        self.report.add(code, spot, **words)
        raise _Refused


def _is_key(level: _Open, name: str) -> bool:
    return isinstance(level.key, Word) and level.key.text == name


def _spot(event: Event) -> Spot:
    start, end = event.start_mark, event.end_mark
    width = end.column - start.column if end.line == start.line else 1
    return Spot(start.line + 1, start.column + 1, max(1, width))


def _inner(event: ScalarEvent, spot: Spot) -> Spot:
    """Where the text itself begins: after the quote, or on the line below for a block."""
    if event.style in {"'", '"'}:
        return Spot(spot.line, spot.column + 1, max(1, spot.width - 2))
    return spot
