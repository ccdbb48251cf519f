"""The name of a plan's content: the same for the same meaning, however the file spells it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from penstock.topology.plan import Plan

# words for people, and what follows from the rest
_DERIVED = frozenset({"description", "digest", "bound", "cuts", "counts"})


def of(plan: Plan) -> str:
    """16 hex digits of BLAKE2b over the plan as canonical JSON; no description and nothing derived goes in."""
    text = json.dumps(_canonical(plan), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return blake2b(text.encode(), digest_size=8).hexdigest()


def _canonical(value: Any) -> Any:  # noqa: ANN401 - any part of a plan, as JSON
    if is_dataclass(value):
        return {part.name: _canonical(getattr(value, part.name)) for part in fields(value) if part.name not in _DERIVED}
    if isinstance(value, Mapping):
        return {str(key): _canonical(below) for key, below in value.items()}
    if isinstance(value, list | tuple):
        return [_canonical(below) for below in value]
    return value
