"""Reads and writes what lies in the topics, from the public specifications alone: nothing here comes from the product.

Avro 1.12, "Single object encoding": C3 01, the little-endian CRC-64-AVRO fingerprint of the schema, the datum. The
`penstock` header: eleven values in ASCII, one space between them, `1` in front, event id and item percent-encoded.
"""

from __future__ import annotations

import json
from functools import cache
from hashlib import blake2b
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias
from urllib.parse import quote, unquote

import fastavro
from fastavro.schema import fingerprint, parse_schema, to_parsing_canonical_form

HEADER = "penstock"
Value: TypeAlias = dict[str, Any]
SCHEMAS = Path(__file__).resolve().parents[2] / "schemas" / "avro"
_MARKER = b"\xc3\x01"
_HEAD = 10


class Wrapping(NamedTuple):
    """What the `penstock` header says."""

    run: str
    event: str
    task: str
    item: str
    writer: str
    attempt: int
    round: int
    address: str
    digest: str
    deadline: int


class Unreadable(Exception):  # noqa: N818 - an adjective is what it is
    """Bytes that are not what the specifications say."""


def wrapping(raw: bytes) -> Wrapping:
    """Read a `penstock` header."""
    version, run, event, task, item, *rest = raw.decode("ascii").split(" ")
    if version != "1" or len(rest) != 6:
        raise Unreadable(f"not a header: {raw!r}")
    writer, attempt, round_, address, digest, deadline = rest
    return Wrapping(run, unquote(event), task, unquote(item), writer, int(attempt), int(round_), address, digest,
                    int(deadline))  # fmt: skip


def header(wrapped: Wrapping) -> bytes:
    """Write a `penstock` header."""
    quoted = wrapped._replace(event=quote(wrapped.event, safe=""), item=quote(wrapped.item, safe=""))
    return " ".join(("1", *map(str, quoted))).encode("ascii")


def effect_key(pipeline: str, event: str, step: str, item: str = "") -> str:
    """The idempotency key of an effect."""
    return blake2b(f"{pipeline}\x1f{event}\x1f{step}\x1f{item}".encode(), digest_size=16).hexdigest()


class Contracts:
    """The schema files, read as data; `of_the_house` has them read once."""

    def __init__(self) -> None:
        raw = {f"{path.parent.name}.{path.stem}": json.loads(path.read_bytes()) for path in SCHEMAS.rglob("*.avsc")}
        self._schemas: dict[str, tuple[bytes, Any]] = {}
        self._names: dict[bytes, str] = {}
        for name, schema in raw.items():
            parsed = parse_schema(_written_out(schema, raw, set()))
            mark = bytes.fromhex(fingerprint(to_parsing_canonical_form(parsed), "CRC-64-AVRO"))
            self._schemas[name] = _MARKER + mark, parsed
            self._names[_MARKER + mark] = name

    def decode(self, data: bytes) -> tuple[str, Value]:
        """The contract's name and the value; every byte must have been used."""
        name = self._names.get(data[:_HEAD])
        if name is None:
            raise Unreadable(f"unknown schema: {data[:_HEAD].hex()}")
        source = BytesIO(data[_HEAD:])
        value = fastavro.schemaless_reader(source, self._schemas[name][1], None)
        if not isinstance(value, dict) or source.read(1):
            raise Unreadable(f"bytes left over after a {name}")
        return name, value

    def encode(self, name: str, value: Value) -> bytes:
        """The bytes of a value under a contract."""
        head, parsed = self._schemas[name]
        out = BytesIO()
        fastavro.schemaless_writer(out, parsed, value)
        return head + out.getvalue()


@cache
def of_the_house() -> Contracts:
    """All contracts of the repository."""
    return Contracts()


def _written_out(node: Any, known: dict[str, Any], seen: set[str]) -> Any:  # noqa: ANN401 - JSON
    """Every named type written out where it is first used."""
    if isinstance(node, str) and node in known and node not in seen:
        node = known[node]
    if isinstance(node, list):
        return [_written_out(part, known, seen) for part in node]
    if not isinstance(node, dict):
        return node
    if "name" in node and node.get("type") == "record":
        seen.add(f"{node.get('namespace', '')}.{node['name']}")
        fields = [{**field, "type": _written_out(field["type"], known, seen)} for field in node["fields"]]
        return {**node, "fields": fields}
    inside = {part: _written_out(node[part], known, seen) for part in ("items", "values") if part in node}
    return {**node, **inside}
