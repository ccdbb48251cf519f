"""A payload as JSON that a person can change, and what they made of it as a payload of the same contract; pure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time
from difflib import get_close_matches
from typing import Any, NoReturn

from penstock.contracts import shapes
from penstock.contracts.shapes import AvroType
from penstock.errors import Mistake


def shown(value: Any) -> Any:  # noqa: ANN401 - any payload
    """A decoded payload as plain JSON: times in ISO 8601, bytes as text of the same code points (Avro's own JSON)."""
    if isinstance(value, Mapping):
        return {name: shown(below) for name, below in value.items()}
    if isinstance(value, list):
        return [shown(below) for below in value]
    if isinstance(value, bytes):
        return value.decode("latin-1")
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def read(text: str, schema: AvroType) -> dict[str, Any]:
    """A whole payload from JSON. Mistake E316 when it is no JSON object, or has a field that the contract has not."""
    try:
        value = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise Mistake("E316", "the edited value is not JSON", why=str(error)[:200], fix="correct it") from error
    if not isinstance(value, dict):
        raise Mistake("E316", "the edited value is not a JSON object", fix="write {…}")
    return typed(value, schema)


def typed(value: dict[str, Any], schema: AvroType) -> dict[str, Any]:
    """Plain JSON with the texts of times and bytes as what they stand for; Mistake E316 for an unknown field."""
    made: dict[str, Any] = _typed(value, schema, shapes.named_types(schema), "")
    return made


def changed(value: dict[str, Any], texts: Sequence[str]) -> dict[str, Any]:
    """A payload as plain JSON with each `/path=value` set (RFC 6901). Mistake E318 when a path leads nowhere.

    What is text stays text; anything else is read as JSON.
    """
    made: dict[str, Any] = json.loads(json.dumps(value))
    for text in texts:
        path, separator, given = text.partition("=")
        if not separator or not path.startswith("/"):
            raise Mistake("E318", f"“{text[:80]}” sets nothing", why="--set takes a JSON pointer and a value",
                          fix="write --set /amount=12.5")  # fmt: skip
        *above, last = [part.replace("~1", "/").replace("~0", "~") for part in path.split("/")[1:]]
        around: Any = made
        for part in above:
            around = around[_key(around, part, path)]
        key = _key(around, last, path)
        around[key] = given if isinstance(around[key], str) else _parsed(given, path, old=around[key])
    return made


def _key(around: Any, part: str, path: str) -> Any:  # noqa: ANN401 - a name or a place in a list
    """The part of a path as a key of what is there."""
    if isinstance(around, dict) and part in around:
        return part
    if isinstance(around, list) and part.isdigit() and int(part) < len(around):
        return int(part)
    near = get_close_matches(part, list(around), n=1) if isinstance(around, dict) else []
    raise Mistake("E318", f"{path} leads nowhere", why=f"there is no “{part}”",
                  fix=f"did you mean “{near[0]}”?" if near else "`penstock review show` shows the value")  # fmt: skip


def _parsed(given: str, path: str, *, old: Any) -> Any:  # noqa: ANN401 - any value
    try:
        return json.loads(given, parse_constant=_no_constant)
    except ValueError as error:
        if old is None:
            return given
        raise Mistake("E318", f"“{given[:80]}” is no value for {path}", why="what is no text is read as JSON",
                      fix="write for example 12.5, true or null") from error  # fmt: skip


def _typed(value: Any, kind: AvroType, named: Mapping[str, AvroType], path: str) -> Any:  # noqa: ANN401 - any payload
    bare, _ = shapes.plain(kind, named)
    known, inner = shapes.fields(bare), shapes.item(bare)
    if isinstance(value, dict) and known is not None:
        if unknown := sorted(value.keys() - known.keys()):
            raise Mistake("E316", f"there is no field {path}/{unknown[0]}", fix=f"its fields are: {', '.join(known)}")
        return {name: _typed(below, known[name], named, f"{path}/{name}") for name, below in value.items()}
    if isinstance(value, dict) and inner is not None:
        return {name: _typed(below, inner, named, f"{path}/{name}") for name, below in value.items()}
    if isinstance(value, list) and inner is not None:
        return [_typed(below, inner, named, f"{path}/{at}") for at, below in enumerate(value)]
    return _scalar(value, kind, bare, path) if isinstance(value, str) else value


def _scalar(text: str, kind: AvroType, bare: AvroType, path: str) -> Any:  # noqa: ANN401 - what the text stands for
    logical = _logical(kind)
    if logical.startswith(("timestamp", "local-timestamp")):
        try:
            return datetime.fromisoformat(text)
        except ValueError as error:
            raise Mistake("E316", f"“{text[:80]}” at {path} is no time", fix="write 2027-01-15T08:00:00Z") from error
    return text.encode("latin-1", "replace") if bare == "bytes" else text


def _logical(kind: AvroType) -> str:
    """The logical type of a type, or of the one beside null."""
    branches = kind if isinstance(kind, list) else [kind]
    return next((str(one["logicalType"]) for one in branches if isinstance(one, dict) and "logicalType" in one), "")


def _no_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no JSON number")
