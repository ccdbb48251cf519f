"""Walking an Avro type: its fields, its items, what a JSON pointer leads to, and how to name it to a person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

AvroType: TypeAlias = Any  # as JSON: a name, a union (list) or a definition (mapping)


def named_types(schema: AvroType) -> dict[str, AvroType]:
    """Every named type that a schema writes out, by full name and by short name."""
    found: dict[str, AvroType] = {}
    for node in _nodes(schema):
        if "name" in node and node.get("type") in {"record", "enum", "fixed"}:
            found.setdefault(node["name"].rpartition(".")[2], node)
            found[f"{node['namespace']}.{node['name']}" if "namespace" in node else node["name"]] = node
    return found


def plain(kind: AvroType, named: Mapping[str, AvroType]) -> tuple[AvroType, bool]:
    """A type without its null, with names and needless nesting resolved, and whether it had a null."""
    while isinstance(kind, dict) and isinstance(kind.get("type"), dict | list):
        kind = kind["type"]
    if isinstance(kind, list):
        others = [branch for branch in kind if branch != "null"]
        inner = plain(others[0], named)[0] if len(others) == 1 else others
        return inner, len(others) < len(kind)
    if isinstance(kind, str) and kind in named:
        return named[kind], False
    return kind, False


def fields(kind: AvroType) -> Mapping[str, AvroType] | None:
    """The fields of a record, or None for any other type."""
    if isinstance(kind, dict) and kind.get("type") == "record":
        return {entry["name"]: entry["type"] for entry in kind["fields"]}
    return None


def item(kind: AvroType) -> AvroType | None:
    """What an array or a map holds, or None for any other type."""
    if isinstance(kind, dict):
        return kind.get("items", kind.get("values"))
    return None


def describe(kind: AvroType) -> str:
    """A type in a few words: `double`, `string or null`, `array of diagram.Job`."""
    if isinstance(kind, list):
        return " or ".join(describe(branch) for branch in kind if branch != "null") + " or null" * ("null" in kind)
    if not isinstance(kind, dict):
        return str(kind)
    if "logicalType" in kind:
        return str(kind["logicalType"])
    if "name" in kind:
        return str(kind["name"])
    inner = item(kind)
    return f"{kind['type']} of {describe(inner)}" if inner is not None else describe(kind["type"])


def same(left: AvroType, right: AvroType) -> bool:
    """Whether two types say the same on the wire, documentation and defaults aside."""
    return bool(_bare(left) == _bare(right))


def points_at(pointer: str, schema: AvroType, named: Mapping[str, AvroType]) -> str | None:
    """Follow a JSON pointer (RFC 6901) into a record: None when it leads somewhere, else the part that does not."""
    kind: AvroType = schema
    for part in pointer.split("/")[1:]:
        kind = plain(kind, named)[0]
        known = fields(kind)
        if known is not None:
            if part not in known:
                return part
            kind = known[part]
        elif (inner := item(kind)) is not None:
            kind = inner
        else:
            return None if isinstance(kind, list) else part
    return None


def _nodes(kind: AvroType) -> Iterator[Mapping[str, Any]]:
    if isinstance(kind, list):
        for branch in kind:
            yield from _nodes(branch)
    elif isinstance(kind, dict):
        yield kind
        for part in ("type", "items", "values"):
            yield from _nodes(kind.get(part))
        for entry in kind.get("fields", ()):
            yield from _nodes(entry["type"])


def _bare(kind: AvroType) -> AvroType:
    if isinstance(kind, list):
        return [_bare(branch) for branch in kind]
    if not isinstance(kind, dict):
        return kind
    if isinstance(kind.get("type"), dict | list):
        return _bare(kind["type"])
    if set(kind) == {"type"}:
        return kind["type"]
    kept = {
        key: kind[key]
        for key in ("type", "name", "namespace", "logicalType", "symbols", "size", "precision", "scale")
        if key in kind
    }
    kept |= {key: _bare(kind[key]) for key in ("items", "values") if key in kind}
    if "fields" in kind:
        kept["fields"] = [(entry["name"], _bare(entry["type"])) for entry in kind["fields"]]
    return kept
