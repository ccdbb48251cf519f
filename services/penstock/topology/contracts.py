"""What the compiler asks of the schema files, and one contract of them ready to be asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from penstock.contracts import shapes

_NUMBERS = frozenset({"int", "long", "float", "double"})
_FRACTIONS = frozenset({"float", "double"})


class Contracts(Protocol):
    """The contracts there are, by full name; `penstock.contracts.schemas.Schemas` is one."""

    @property
    def by_name(self) -> Mapping[str, Mapping[str, Any]]:
        """Every contract's schema, its named types possibly by name only."""

    def closure(self, name: str) -> dict[str, Any]:
        """A contract's schema with every named type written out at its first use."""


@dataclass(frozen=True, slots=True)
class Record:
    """A contract, ready to be asked."""

    name: str
    schema: Mapping[str, Any]
    named: Mapping[str, Any]

    @property
    def fields(self) -> Mapping[str, Any]:
        """The type of each field."""
        return shapes.fields(self.schema) or {}

    @property
    def needed(self) -> tuple[str, ...]:
        """The fields without a default."""
        return tuple(entry["name"] for entry in self.schema["fields"] if "default" not in entry)

    def kind(self, name: str) -> tuple[Any, bool]:
        """The type of a field, and whether it may be null."""
        return shapes.plain(self.fields[name], self.named)

    def items(self, name: str) -> str:
        """The full name of the record that a list holds, or nothing for any other field."""
        kind, nullable = self.kind(name)
        if nullable or not isinstance(kind, dict) or "items" not in kind:
            return ""
        held = shapes.plain(kind["items"], self.named)[0]
        if shapes.fields(held) is None:
            return ""
        space = held.get("namespace", self.schema["namespace"])
        return str(held["name"]) if "." in held["name"] else f"{space}.{held['name']}"

    def is_number(self, name: str) -> bool:
        """Whether a field always holds a number."""
        return self._bare(name) in _NUMBERS

    def is_fraction(self, name: str) -> bool:
        """Whether a field always holds a number that need not be whole."""
        return self._bare(name) in _FRACTIONS

    def shares(self, name: str, other: Record) -> bool:
        """Whether another contract has the same field."""
        return name in other.fields and shapes.same(other.fields[name], self.fields[name])

    def _bare(self, name: str) -> str:
        kind, nullable = self.kind(name)
        if isinstance(kind, dict) and "logicalType" not in kind:
            kind = kind.get("type")
        return kind if isinstance(kind, str) and not nullable else ""


def prepared(contracts: Contracts, name: str) -> Record:
    """A contract, ready to be asked."""
    schema = contracts.closure(name)
    return Record(name, schema, shapes.named_types(schema))
