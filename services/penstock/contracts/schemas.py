"""The schema files: found, read and guarded against shapes that kill a decoder."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from penstock.errors import Mistake, Place

_PRIMITIVES = frozenset({"null", "boolean", "int", "long", "float", "double", "bytes", "string"})
_MAX_FIXED = 65_536
_MAX_FIELDS = 1_000


@dataclass(frozen=True)
class Schemas:
    """Every contract under some roots, by full name: parsed JSON, checked once, named types still by name."""

    by_name: Mapping[str, Mapping[str, Any]]
    files: Mapping[str, Path] = field(default_factory=dict)

    def __contains__(self, name: str) -> bool:
        return name in self.by_name

    def get(self, name: str) -> Mapping[str, Any]:
        """The schema of a contract; Mistake E120 when there is none."""
        try:
            return self.by_name[name]
        except KeyError:
            known = ", ".join(sorted(n for n in self.by_name if not n.startswith("penstock."))) or "none"
            raise Mistake(
                "E120",
                f"there is no contract {name!r}",
                why=f"known are: {known}",
                fix=f"write schemas/avro/{name.replace('.', '/')}.avsc",
            ) from None

    def closure(self, name: str) -> dict[str, Any]:
        """The schema with every named type it uses written out at its first use, as other tools want it."""
        return _inline(dict(self.get(name)), self, set())  # type: ignore[no-any-return]  # a record stays a record

    def fields(self, name: str) -> Mapping[str, Any]:
        """Field name to Avro type of a record contract."""
        return {f["name"]: f["type"] for f in self.get(name)["fields"]}


def builtin_root() -> Path:
    """Where the system's own contracts lie: the checkout's, which is never stale, or the ones inside the wheel."""
    checkout = Path(__file__).resolve().parents[3] / "schemas" / "avro"
    return checkout if (checkout / "penstock").is_dir() else Path(__file__).resolve().parent / "avro"


def load(*roots: Path) -> Schemas:
    """Read `<root>/<namespace>/<Name>.avsc` under the system's own root and all given ones."""
    found: dict[str, Mapping[str, Any]] = {}
    files: dict[str, Path] = {}
    for path in (path for root in (builtin_root(), *roots) for path in sorted(root.rglob("*.avsc"))):
        schema = _read(path)
        name = f"{schema['namespace']}.{schema['name']}"
        found[name], files[name] = schema, path
    schemas = Schemas(found, files)
    for name, schema in found.items():
        _guard(name, schema, schemas, files[name])
    return schemas


def _read(path: Path) -> Mapping[str, Any]:
    try:
        schema: Any = json.loads(path.read_bytes())
    except ValueError as error:
        line, column = (error.lineno, error.colno) if isinstance(error, json.JSONDecodeError) else (1, 1)
        raise Mistake(
            "E121",
            "a schema file is not JSON",
            why=str(error),
            fix="write one Avro record as JSON",
            place=Place(str(path), line, column),
        ) from error
    expected = f"{path.parent.name}.{path.stem}"
    named = isinstance(schema, dict) and f"{schema.get('namespace')}.{schema.get('name')}"
    if named != expected or schema.get("type") != "record":
        raise Mistake(
            "E122",
            f"a schema file must hold the record {expected}",
            why=f"it holds {named!r}",
            fix="name file, folder and record alike: <namespace>/<Name>.avsc",
            place=Place(str(path), 1, 1),
        )
    return dict(schema)


def _guard(name: str, schema: Mapping[str, Any], schemas: Schemas, path: Path) -> None:
    def refuse(code: str, what: str, fix: str) -> Mistake:
        return Mistake(code, f"contract {name}: {what}", fix=fix, place=Place(str(path), 1, 1))

    if len(schema["fields"]) > _MAX_FIELDS:
        raise refuse("E123", f"{len(schema['fields'])} fields", f"use at most {_MAX_FIELDS}")
    for trail, node in _walk(dict(schema), schemas, ()):
        kind = node.get("type")
        if trail.count(_full_name(node)) > 1:
            raise refuse(
                "E124",
                f"the type {_full_name(node)} contains itself",
                "a recursive value of 5 kB can crash the process; make it a flat list",
            )
        if kind == "fixed" and not 0 < node.get("size", 0) <= _MAX_FIXED:
            raise refuse("E125", f"fixed of {node.get('size')} bytes", f"use 1 to {_MAX_FIXED}")
        if kind == "array" and _zero_width(node["items"], schemas):
            raise refuse(
                "E126",
                "an array of items that take no bytes",
                "seven bytes could claim 2^40 of them; give the items a field",
            )


def _full_name(node: Mapping[str, Any]) -> str:
    name = node.get("name", "")
    return name if "." in name or not name else f"{node.get('namespace', '')}.{name}"


def _walk(node: Any, schemas: Schemas, trail: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Mapping[str, Any]]]:
    """Every type inside a type, with the names on the way; stops below a name that is met twice."""
    if isinstance(node, list):
        for branch in node:
            yield from _walk(branch, schemas, trail)
    elif isinstance(node, str):
        if node not in _PRIMITIVES and node in schemas:
            yield from _walk(dict(schemas.get(node)), schemas, trail)
        elif node not in _PRIMITIVES and node in trail:
            yield (*trail, node), {"type": "record", "name": node}
    elif isinstance(node, dict):
        name = _full_name(node)
        trail = (*trail, name) if name else trail
        yield trail, node
        if not name or trail.count(name) == 1:
            for part in _parts(node):
                yield from _walk(part, schemas, trail)


def _parts(node: Mapping[str, Any]) -> Iterator[Any]:
    """The types a type is made of."""
    yield from (node[part] for part in ("items", "values") if part in node)
    yield from (entry["type"] for entry in node.get("fields", ()))
    if isinstance(node.get("type"), dict | list):
        yield node["type"]


def _zero_width(node: Any, schemas: Schemas) -> bool:
    if isinstance(node, str):
        return node == "null" or (node in schemas and _zero_width(dict(schemas.get(node)), schemas))
    if isinstance(node, list):
        return False
    if node.get("type") == "record":
        return all(_zero_width(entry["type"], schemas) for entry in node["fields"])
    return bool(node.get("type") == "null" or (node.get("type") == "fixed" and node.get("size") == 0))


def _inline(node: Any, schemas: Schemas, seen: set[str]) -> Any:
    if isinstance(node, list):
        return [_inline(branch, schemas, seen) for branch in node]
    if isinstance(node, str):
        if node in _PRIMITIVES or node in seen or node not in schemas:
            return node
        return _inline(dict(schemas.get(node)), schemas, seen)
    if node.get("name"):
        seen.add(_full_name(node))
    copy = dict(node)
    for part in ("items", "values"):
        if part in copy:
            copy[part] = _inline(copy[part], schemas, seen)
    if "fields" in copy:
        copy["fields"] = [{**entry, "type": _inline(entry["type"], schemas, seen)} for entry in copy["fields"]]
    if isinstance(copy.get("type"), dict | list):
        copy["type"] = _inline(copy["type"], schemas, seen)
    return copy
