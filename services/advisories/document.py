"""Reads a CSAF 2.0 document: its title, what it says in prose and where, and its vulnerabilities with their scores."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_SCORES = {"cvss_v2": 2, "cvss_v3": 3, "cvss_v4": 4}  # CSAF 2.0 knows the first two; v4 stands beside them where used
_VERSIONS = {2: ("2.0",), 3: ("3.0", "3.1"), 4: ("4.0",)}


class NotCsaf(ValueError):  # noqa: N818 - named for what it says
    """These bytes are no CSAF 2.0 document that could be read; `path` is where that shows."""

    def __init__(self, what: str, path: str = "") -> None:
        super().__init__(what)
        self.path = path


@dataclass(frozen=True, slots=True)
class Stated:
    """A score as the document states it; `version` as it is written there, `score` 0 to 10, `severity` may be empty."""

    major: int
    version: str
    vector: str
    score: float
    severity: str


@dataclass(frozen=True, slots=True)
class Passage:
    """A piece of prose and the JSON pointer to it; `number` is that of the vulnerability it stands under."""

    where: str
    text: str
    number: int | None = None


@dataclass(frozen=True, slots=True)
class Flaw:
    """A vulnerability: its place in the document's list, and what is said of it."""

    number: int
    cve: str
    title: str
    cwe: str
    scores: tuple[Stated, ...]
    passages: tuple[Passage, ...]

    @property
    def prose(self) -> str:
        """All of its prose."""
        return "\n".join(passage.text for passage in self.passages)


@dataclass(frozen=True, slots=True)
class Document:
    """An advisory."""

    advisory_id: str
    title: str
    passages: tuple[Passage, ...]
    flaws: tuple[Flaw, ...]


def parse(data: bytes) -> Document:
    """Read a document; NotCsaf says what is wrong with it. What is optional in CSAF may be missing."""
    try:
        whole = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise NotCsaf(f"not JSON: {error}"[:200]) from error
    head = _mapping(_mapping(whole, "").get("document"), "/document")
    if head.get("csaf_version") != "2.0":
        raise NotCsaf(f"CSAF 2.0 is read here, not {head.get('csaf_version')!r}"[:200], "/document/csaf_version")
    tracking = _mapping(head.get("tracking"), "/document/tracking")
    title = _text(head.get("title"), "/document/title")
    flaws = tuple(_flaws(_listed(whole.get("vulnerabilities"), "/vulnerabilities")))
    passages = (Passage("/document/title", title), *_notes(head, "/document", None))
    return Document(_text(tracking.get("id"), "/document/tracking/id"), title, passages, flaws)


def _flaws(entries: Sequence[Any]) -> Iterator[Flaw]:
    for number, given in enumerate(entries):
        path = f"/vulnerabilities/{number}"
        entry = _mapping(given, path)
        title = _text(entry.get("title", ""), f"{path}/title")
        titled = (Passage(f"{path}/title", title, number),) if title else ()
        yield Flaw(
            number=number,
            cve=_text(entry.get("cve", ""), f"{path}/cve"),
            title=title,
            cwe=_text(_mapping(entry.get("cwe", {}), f"{path}/cwe").get("id", ""), f"{path}/cwe/id"),
            scores=tuple(_scores(_listed(entry.get("scores"), f"{path}/scores"), f"{path}/scores")),
            passages=(*titled, *_notes(entry, path, number), *_threats(entry, path, number)),
        )


def _scores(entries: Sequence[Any], path: str) -> Iterator[Stated]:
    """Every score once: an entry is repeated for each group of products that it is about."""
    found: dict[Stated, None] = {}
    for at, given in enumerate(entries):
        entry = _mapping(given, f"{path}/{at}")
        for key, major in _SCORES.items():
            if key in entry:
                found[_stated(_mapping(entry[key], f"{path}/{at}/{key}"), major, f"{path}/{at}/{key}")] = None
    yield from found


def _stated(entry: Mapping[str, Any], major: int, path: str) -> Stated:
    score = entry.get("baseScore")
    if isinstance(score, bool) or not isinstance(score, int | float) or not 0 <= score <= 10:  # noqa: PLR2004 - the scale
        raise NotCsaf(f"a base score is a number from 0 to 10, not {score!r}"[:200], f"{path}/baseScore")
    version = _text(entry.get("version", f"{major}.0"), f"{path}/version")
    if version not in _VERSIONS[major]:
        expected = " or ".join(_VERSIONS[major])
        raise NotCsaf(f"expected a score of CVSS {expected}, found {version[:40]!r}", f"{path}/version")
    return Stated(
        major=major,
        version=version,
        vector=_text(entry.get("vectorString", ""), f"{path}/vectorString"),
        score=float(score),
        severity=_text(entry.get("baseSeverity", ""), f"{path}/baseSeverity"),
    )


def _notes(entry: Mapping[str, Any], path: str, number: int | None) -> Iterator[Passage]:
    return _passages(entry, "notes", "text", f"{path}/notes", number)


def _threats(entry: Mapping[str, Any], path: str, number: int) -> Iterator[Passage]:
    return _passages(entry, "threats", "details", f"{path}/threats", number)


def _passages(entry: Mapping[str, Any], key: str, field: str, path: str, number: int | None) -> Iterator[Passage]:
    for at, note in enumerate(_listed(entry.get(key), path)):
        where = f"{path}/{at}"
        yield Passage(f"{where}/{field}", _text(_mapping(note, where).get(field), f"{where}/{field}"), number)


def _mapping(value: Any, path: str) -> Mapping[str, Any]:  # noqa: ANN401 - JSON
    if not isinstance(value, dict):
        raise NotCsaf(f"expected an object, found {type(value).__name__}", path)
    return value


def _listed(value: Any, path: str) -> Sequence[Any]:  # noqa: ANN401 - JSON
    if value is None:
        return ()
    if not isinstance(value, list):
        raise NotCsaf(f"expected a list, found {type(value).__name__}", path)
    return value


def _text(value: Any, path: str) -> str:  # noqa: ANN401 - JSON
    if not isinstance(value, str):
        raise NotCsaf(f"expected a text, found {type(value).__name__}", path)
    return value.encode("utf-8", "replace").decode()  # a lone surrogate, which JSON may spell, cannot be encoded
