"""A plan as text and back: what is published, so that any process can route by it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from typing import Any

from pydantic import TypeAdapter

from penstock.topology.plan import Plan

VERSION = 1  # a key that is added has a default, and needs no other version; what older readers would misread does


def dump(plan: Plan) -> str:
    """The whole plan as JSON, its steps in their order."""
    return json.dumps(_plain(plan), separators=(",", ":"), ensure_ascii=False)


def load(text: str) -> Plan:
    """The plan that was dumped; ValueError when it is none."""
    return _adapter().validate_json(text)


@cache
def _adapter() -> TypeAdapter[Plan]:
    return TypeAdapter(Plan)


def _plain(value: Any) -> Any:  # noqa: ANN401 - any part of a plan, as JSON
    if is_dataclass(value):
        return {part.name: _plain(getattr(value, part.name)) for part in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(below) for key, below in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(below) for below in value]
    return value
