"""Holding a value in a file of cases against its contract: what could never be written is found before any run."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from penstock.contracts import shapes
from penstock.contracts.schemas import Schemas
from penstock.topology import scalars
from penstock.topology.document import Items, Node, Table, Word
from penstock.topology.fields import plain
from penstock.topology.report import Report, nearest

_KINDS: Mapping[str, tuple[type, ...]] = {
    "string": (str,), "boolean": (bool,), "int": (int,), "long": (int,), "float": (int, float),
    "double": (int, float), "bytes": (str,), "null": (type(None),),
}  # fmt: skip


class Payloads:
    """Reads values of contracts; every mistake is noted in the report."""

    def __init__(self, contracts: Schemas, report: Report) -> None:
        self._contracts = contracts
        self._report = report

    def fields(self, contract: str) -> Mapping[str, Any]:
        """The fields of a contract and their types."""
        return self._contracts.fields(contract)

    def read(self, node: Node, contract: str, what: str) -> dict[str, Any]:
        """The fields that are given; none of them has to be. `what` says what the value is for."""
        if not isinstance(node, Table):
            self._report.add("E025", node.spot, what=what, wanted=f"fields of {contract}", found="something else",
                             advice="write {field: value}")  # fmt: skip
            return {}
        schema = self._contracts.closure(contract)
        reading = _Reading(contract, shapes.named_types(schema), self._report, what)
        return reading.record(node, shapes.fields(schema) or {})

    def lacking(self, contract: str, given: Mapping[str, Any], read: tuple[str, ...]) -> list[str]:
        """The fields that nobody fills in: not given, without a default, and not in what is read."""
        copied = {name for source in read for name in self.fields(source)}
        wanted = (entry for entry in self._contracts.get(contract)["fields"] if "default" not in entry)
        return [entry["name"] for entry in wanted if entry["name"] not in given and entry["name"] not in copied]


class _Reading:
    """One value under one contract."""

    def __init__(self, contract: str, named: Mapping[str, Any], report: Report, what: str) -> None:
        self.contract, self.named, self.report, self.what = contract, named, report, what

    def record(self, node: Table, known: Mapping[str, Any]) -> dict[str, Any]:
        found = {}
        for word, below in node.entries:
            if word.text in known:
                found[word.text] = self.value(below, known[word.text])
            else:
                advice = nearest(word.text, known, f"its fields are: {', '.join(known)}")
                self.report.add("E156", word.spot, contract=self.contract, field=word.text, advice=advice)
        return found

    def value(self, node: Node, kind: shapes.AvroType) -> Any:  # noqa: ANN401 - any value
        bare, nullable = shapes.plain(kind, self.named)
        if isinstance(node, Word) and (node.bad or (nullable and node.value is None)):
            return None
        return plain(node) if isinstance(bare, list) else self._one(node, kind, bare)  # of a union any may be meant

    def _one(self, node: Node, kind: shapes.AvroType, bare: shapes.AvroType) -> Any:  # noqa: ANN401 - the same
        known, inner = shapes.fields(bare), shapes.item(bare)
        match node:
            case Table() if known is not None:
                return self.record(node, known)
            case Items() if inner is not None and "items" in bare:
                return [self.value(below, inner) for below in node.nodes]
            case Table() if inner is not None and "values" in bare:
                return {word.text: self.value(below, inner) for word, below in node.entries}
            case Word() if known is None and inner is None:
                return self._scalar(node, kind, bare)
        return self._wrong(node, kind)

    def _scalar(self, word: Word, kind: shapes.AvroType, bare: shapes.AvroType) -> Any:  # noqa: ANN401 - the same
        value = word.value
        if isinstance(bare, dict) and "symbols" in bare:
            return value if value in bare["symbols"] else self._wrong(word, kind, ", ".join(bare["symbols"]))
        if isinstance(bare, dict) and "logicalType" in bare:
            return moment(value)
        base = bare["type"] if isinstance(bare, dict) else bare
        wanted = _KINDS.get(base, (str,))
        if not isinstance(value, wanted) or (isinstance(value, bool) and base != "boolean"):
            return self._wrong(word, kind)
        if base == "bytes":
            return str(value).encode()
        return float(value) if base in {"float", "double"} and isinstance(value, int) else value

    def _wrong(self, node: Node, kind: shapes.AvroType, advice: str = "") -> None:
        spoken = scalars.name_of(node.value) + f" ({node.text})" * bool(node.text) if isinstance(node, Word) else ""
        found = spoken or ("a list" if isinstance(node, Items) else "a mapping")
        text = isinstance(node, Word) and node.text and not isinstance(node.value, str)
        quotes = f'put it in quotes: "{node.text}"' if text and isinstance(node, Word) else "write such a value"
        wanted = shapes.describe(kind)
        self.report.add(
            "E157", node.spot, contract=self.contract, wanted=wanted, found=found, what=self.what,
            advice=(advice and f"write one of: {advice}") or (quotes if "string" in wanted else "write such a value"),
        )  # fmt: skip


def moment(value: Any) -> Any:  # noqa: ANN401 - a time, or whatever else it is
    """A time as milliseconds since the epoch, from ISO 8601 with a zone or from what was decoded; else the value."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return value
    if isinstance(value, datetime) and value.tzinfo is not None:
        return round(value.timestamp() * 1000)
    return value
