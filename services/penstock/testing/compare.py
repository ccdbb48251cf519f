"""Holding what happened against what was expected: a difference for each field, with the place of the expectation."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from penstock.testing.observed import Named
from penstock.testing.payloads import moment
from penstock.topology import scalars
from penstock.topology.document import Items, Node, Table, Word
from penstock.topology.fields import plain
from penstock.topology.report import Spot

_WHOLE = ("effects", "outputs", "dead")  # what is not named there must not have happened
_CENT = 1e-9
_LONGEST = 200


class Difference(NamedTuple):
    """One field that is not as expected; `path` leads to it."""

    path: str
    expected: str
    actual: str
    spot: Spot


def differences(table: Table, actual: Mapping[str, Any]) -> Iterator[Difference]:
    """Everything in which a table of expectations and what happened differ."""
    for word, node in table.entries:
        yield from _key(word, node, actual)


def _key(word: Word, node: Node, actual: Mapping[str, Any]) -> Iterator[Difference]:
    key = word.text
    if key not in actual and key != "never":
        count = len(actual["runs"])
        said = f"{count} runs: say which one with `runs: {{EVENT: ...}}`" if count else "no run began"
        yield Difference(key, shown(node), said, word.spot)
        return
    match key:
        case "never":
            yield from _never(node, actual)
        case "runs" if isinstance(node, Table):
            yield from _runs(node, actual["runs"])
        case "runs":
            yield from _same(node, len(actual["runs"]), key)
        case "cost" if isinstance(node, Word):
            wanted = scalars.money(node.text) or 0.0
            if not math.isclose(wanted, actual["cost"], abs_tol=_CENT):
                yield Difference(key, node.text, f"{actual['cost']:g} USD", node.spot)
        case "attempts" if isinstance(node, Word):
            yield from _same(node, sum(actual["attempts"].values()), key)
        case _:
            yield from _same(node, actual[key], key)
            if key in _WHOLE and isinstance(node, Table):
                yield from _rest(key, word, node, actual[key])


def _never(node: Node, actual: Mapping[str, Any]) -> Iterator[Difference]:
    accounts = [actual] if "path" in actual else list(actual["runs"].values())
    ran = {step for account in accounts for step in account["path"]}
    for one in node.nodes if isinstance(node, Items) else ():
        if isinstance(one, Word) and one.text in ran:
            yield Difference("never", f"{one.text} does not run", "it ran", one.spot)


def _runs(node: Table, runs: Mapping[str, Any]) -> Iterator[Difference]:
    for word, below in node.entries:
        if word.text not in runs:
            yield Difference(f"runs/{word.text}", "a run", f"none; there are: {', '.join(runs) or 'none'}", word.spot)
        elif isinstance(below, Table):
            for found in differences(below, runs[word.text]):
                yield found._replace(path=f"runs/{word.text}/{found.path}")


def _rest(key: str, word: Word, node: Table, actual: Mapping[str, Any]) -> Iterator[Difference]:
    for name, found in actual.items():
        if found and node.get(name) is None:
            yield Difference(f"{key}/{name}", "none", shown(found), word.spot)


def _same(node: Node, actual: Any, path: str) -> Iterator[Difference]:  # noqa: ANN401 - anything that can happen
    """Fields that are expected must be there; further ones do not matter. A list must be as long as expected."""
    if isinstance(actual, list) and isinstance(node, Word) and isinstance(node.value, int):
        yield from _same(node, len(actual), path)
    elif isinstance(actual, list):
        yield from _list(node.nodes if isinstance(node, Items) else (node,), node, actual, path)
    elif isinstance(node, Table) and isinstance(actual, Mapping):
        for word, below in node.entries:
            yield from _same(below, actual.get(word.text, _absent(path)), f"{path}/{word.text}")
    elif isinstance(node, Word) and isinstance(actual, Named):
        if node.text != actual.word:
            yield Difference(path, node.text, actual.word, node.spot)
    elif not isinstance(node, Word) or not _equal(node.value, actual):
        yield Difference(path, shown(node), shown(actual), node.spot)


def _list(nodes: tuple[Node, ...], node: Node, actual: list[Any], path: str) -> Iterator[Difference]:
    if len(nodes) != len(actual) or all(isinstance(one, str) for one in actual):
        if [plain(one) for one in nodes] != actual:
            yield Difference(path, shown(node), shown(actual), node.spot)
        return
    for at, (one, found) in enumerate(zip(nodes, actual, strict=True)):
        yield from _same(one, found, f"{path}/{at}" if len(actual) > 1 else path)


def _absent(path: str) -> Any:  # noqa: ANN401 - what stands for nothing, by where it is missing
    """What is not there: an effect that did not happen, a step without dead letters, attempts that were not made."""
    return 0 if path == "attempts" else [] if path in _WHOLE else None


def _equal(expected: scalars.Scalar, actual: Any) -> bool:  # noqa: ANN401 - the same
    if isinstance(actual, bytes):
        actual = actual.decode("utf-8", "replace")
    if isinstance(expected, bool) or isinstance(actual, bool) or expected is None:
        return expected is actual
    if isinstance(expected, int | float) and isinstance(actual, int | float):
        return math.isclose(expected, actual, rel_tol=1e-9, abs_tol=1e-12)
    return bool(expected == actual or moment(expected) == moment(actual))


def shown(value: Any) -> str:  # noqa: ANN401 - anything, for a person
    """A value on one line, cut where it is long."""
    if isinstance(value, Word | Items | Table):
        value = plain(value)
    text = value if isinstance(value, str) else json.dumps(_bare(value), ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _bare(value: Any) -> Any:  # noqa: ANN401 - the same
    if isinstance(value, Named):
        return value.word
    if isinstance(value, Mapping):
        return {key: _bare(below) for key, below in value.items()}
    return [_bare(below) for below in value] if isinstance(value, list) else value
