"""Payloads to bytes and back: Avro single-object encoding, with the guards that keep a decoder alive.

Wire format: C3 01, the little-endian CRC-64-AVRO fingerprint of the schema, the datum (Avro 1.12, "Single object
encoding"). The only file that imports fastavro.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from io import BytesIO
from typing import Any

import fastavro
import fastavro.schema

from penstock.contracts.schemas import Schemas
from penstock.errors import Mistake, Place, Poison

MARKER = b"\xc3\x01"
_HEAD = 10
LIMIT = 262_144  # bytes; larger things travel by reference
OWN_LIMIT = 1_000_000  # bytes of the system's own records, which hold payloads: decisions, conflicts, open joins


class Codec:
    """Encodes and decodes every contract it was given; parsed and fingerprinted once.

    `limit` bounds a payload in bytes, on both ways; the system's own records have a limit of their own.
    """

    def __init__(self, schemas: Schemas, limit: int = LIMIT) -> None:
        self._limits = {name: OWN_LIMIT if name.startswith("penstock.") else limit for name in schemas.by_name}
        self._writers: dict[str, tuple[bytes, Any]] = {}
        self._readers: dict[bytes, tuple[str, Any, Any]] = {}
        self.schemas = schemas
        self._limit = limit
        for name in schemas.by_name:
            parsed, head = _legal(name, schemas)
            self._writers[name] = (head, parsed)
            self._readers[head] = (name, parsed, None)

    def learn(self, schema: Mapping[str, Any]) -> None:
        """Read also what was written under this schema, which is whole in itself; ValueError when it is not legal.

        Values of an older one get the fields of the contract as it is here.
        """
        name = f"{schema.get('namespace')}.{schema.get('name')}"
        parsed, head = _parse(schema)
        if head not in self._readers:
            self._readers[head] = (name, parsed, self._writers[name][1] if name in self._writers else None)
            self._limits.setdefault(name, self._limit)

    def encode(self, contract: str, value: Mapping[str, Any]) -> bytes:
        """Poison `invalid_output` when the value does not fit, `output_too_large` when it is over the limit."""
        head, schema = self._writers[contract]
        out = BytesIO()
        out.write(head)
        try:
            fastavro.schemaless_writer(out, schema, value)
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError) as error:
            raise Poison("invalid_output", f"does not fit {contract}: {error}"[:300]) from error
        data = out.getvalue()
        if len(data) > (limit := self._limits[contract]):
            said = f"{len(data)} bytes of {contract}, at most {limit} travel inline"
            raise Poison("output_too_large", f"{said}: store it with ctx.artifacts.put and send the reference")
        return data

    def encoder(self, contract: str) -> Callable[[Mapping[str, Any]], bytes]:
        """`encode` for one contract, without the guards a system record does not need."""
        head, schema = self._writers[contract]
        write = fastavro.schemaless_writer

        def encode(value: Mapping[str, Any]) -> bytes:
            out = BytesIO()
            out.write(head)
            write(out, schema, value)
            return out.getvalue()

        return encode

    def decode(self, data: bytes | None) -> tuple[str, dict[str, Any]]:
        """The contract's name and the value; Poison says what is wrong with the bytes."""
        if not data:
            raise Poison("empty", "a record without a value")
        known = self._readers.get(data[:_HEAD])
        if known is None:
            raise self._unknown(data)
        name, schema, wanted = known
        if len(data) > (limit := self._limits[name]):
            raise Poison("too_large", f"{len(data)} bytes of {name}, at most {limit} travel inline")
        source = BytesIO(data)
        source.seek(_HEAD)
        try:
            value = fastavro.schemaless_reader(source, schema, wanted)
        except (
            Exception
        ) as error:  # fastavro has no error of its own: IndexError, EOFError, Overflow-, Unicode-, MemoryError
            raise Poison("undecodable", f"not a {name}: {type(error).__name__}: {error}"[:300]) from error
        if source.tell() != len(data):
            raise Poison("undecodable", f"{len(data) - source.tell()} bytes left over after a {name}")
        return name, value  # type: ignore[return-value]  # every contract is a record, so every value is a dict

    def head(self, contract: str) -> bytes:
        """The bytes in front of every value that say which contract it is under."""
        return self._writers[contract][0]

    @property
    def contracts(self) -> Container[str]:
        """Every contract that was given or learned, as of any time."""
        return self._limits.keys()

    def fields(self, contract: str) -> tuple[str, ...]:
        """The field names of a contract, in their order."""
        return tuple(self.schemas.fields(contract))

    def _unknown(self, data: bytes) -> Poison:
        if data[:2] == MARKER and len(data) >= _HEAD:
            return Poison("schema_unknown", f"no contract here has the fingerprint {data[2:_HEAD].hex()}")
        if data[0] == 0:
            return Poison("schema_unknown", "in the Confluent format, but no registry is configured")
        return Poison("undecodable", f"does not begin like an Avro value: {data[:_HEAD].hex(' ')}")


def _parse(schema: Mapping[str, Any]) -> tuple[Any, bytes]:
    """A schema as fastavro wants it, and the head of its values; ValueError when it is not legal."""
    try:
        parsed = fastavro.schema.parse_schema(dict(schema))
        canonical = fastavro.schema.to_parsing_canonical_form(parsed)
    except (fastavro.schema.SchemaParseException, fastavro.schema.UnknownType, KeyError) as error:
        raise ValueError(str(error)) from error
    return parsed, MARKER + bytes.fromhex(fastavro.schema.fingerprint(canonical, "CRC-64-AVRO"))


def _legal(name: str, schemas: Schemas) -> tuple[Any, bytes]:
    try:
        return _parse(schemas.closure(name))
    except ValueError as error:
        place = Place(str(schemas.files[name]), 1, 1)
        raise Mistake(
            "E127",
            f"contract {name} is no legal Avro schema",
            why=str(error)[:200],
            fix='see the Avro specification, "Complex Types"',
            place=place,
        ) from error
