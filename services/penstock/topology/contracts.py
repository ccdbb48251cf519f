"""What the compiler asks of the schema files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol


class Contracts(Protocol):
    """The contracts there are, by full name; `penstock.contracts.schemas.Schemas` is one."""

    @property
    def by_name(self) -> Mapping[str, Mapping[str, Any]]:
        """Every contract's schema, its named types possibly by name only."""

    def closure(self, name: str) -> dict[str, Any]:
        """A contract's schema with every named type written out at its first use."""
