"""The door to CEL: a rule is checked against an Avro contract, then asked whether it holds for a value."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import Any

from cel_expr_python import cel

from penstock.contracts import chains, shapes

_WRAPPERS = {
    "boolean": "google.protobuf.BoolValue",
    "int": "google.protobuf.Int64Value",
    "long": "google.protobuf.Int64Value",
    "float": "google.protobuf.DoubleValue",
    "double": "google.protobuf.DoubleValue",
    "bytes": "google.protobuf.BytesValue",
    "string": "google.protobuf.StringValue",
}
_SCALARS = (bool, int, float, str, bytes, type(None))
_TAKEN = (*_SCALARS, dict, list)
_COMPLAINT = re.compile(r"<input>:(\d+):(\d+): (.*)")
_UNDECLARED = re.compile(r"undeclared reference to '(\w+)((?:\.\w+)*)'")
_IN_CEL = "write it in CEL (https://cel.dev)"


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a rule is refused, with its place inside the rule's text (1-based line and column).

    `question` is false when the rule is sound but does not answer with true or false.
    """

    message: str
    fix: str
    line: int = 1
    column: int = 1
    width: int = 1
    question: bool = True


class Rule:
    """A CEL expression over `value`, compiled for asking. `check` it first: this one knows no types."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._expression = _asking().compile(text)
        self._fields = chains.used(text)

    def holds(self, value: Mapping[str, Any]) -> bool:
        """Whether the rule is true and nothing but true: an error inside CEL comes back as a truthy text."""
        return self._answer(value) is True

    def error(self, value: Mapping[str, Any]) -> str:
        """Why the rule could not be answered for this value, or an empty text when it could."""
        answer = self.ask(value)
        return "" if isinstance(answer, bool) else answer

    def ask(self, value: Mapping[str, Any]) -> bool | str:
        """True or false, or why the rule could not be answered for this value."""
        answer = self._answer(value)
        return answer if isinstance(answer, bool) else str(answer)

    def _answer(self, value: Mapping[str, Any]) -> object:
        given = {name: _readable(value[name]) for name in self._fields if name in value}  # CEL copies all it is given
        return self._expression.eval(data={"value": given}).value()


def check(text: str, schema: Mapping[str, Any]) -> Fault | None:
    """Whether a rule can be asked about the values of a record schema: None, or the fault.

    Unknown fields, mixed types and answers that are not true or false are found here, before any value is seen.
    """
    named = shapes.named_types(schema)
    if (start := chains.calls(text, "has")) is not None:
        return Fault("has() is always true here: a value has all the fields of its contract",
                     "compare the field with null", *chains.place(text, start), width=len("has"))  # fmt: skip
    if (missing := chains.missing(text, schema, named)) is not None:
        return _unknown(text, missing)
    try:
        asked = cel.NewEnv(variables=dict(_variables("value", schema, named))).compile(text)
    except RuntimeError as error:
        return _translated(str(error))
    if asked.return_type() != cel.Type.BOOL:
        kind = str(asked.return_type().name()).lower()
        return Fault(f"it answers with a {kind}", "compare it with something", question=False)
    return None


@cache
def _asking() -> Any:  # noqa: ANN401 - the library ships no types
    return cel.NewEnv(variables={"value": cel.Type.DYN})


def _readable(value: object) -> object:
    """A value without the parts that CEL has no type for; a rule that names one of those was refused."""
    if isinstance(value, dict):
        return {key: _readable(below) for key, below in value.items() if isinstance(below, _TAKEN)}
    return [_readable(below) for below in value] if isinstance(value, list) else value


def _unknown(text: str, missing: chains.Missing) -> Fault:
    near = get_close_matches(missing.name, missing.known, n=1)
    listed = ", ".join(f"{name}: {shapes.describe(kind)}" for name, kind in missing.known.items())
    fix = f"did you mean “{near[0]}”?" if near else "name one of these fields"
    line, column = chains.place(text, missing.start)
    return Fault(f"there is no field “{missing.name}” (there are {listed})", fix, line, column, len(missing.name))


def _translated(complaint: str) -> Fault:
    found = _COMPLAINT.search(complaint)
    if found is None:
        return Fault(complaint, _IN_CEL)
    line, column, message = int(found[1]), int(found[2]), found[3].removesuffix(" [INVALID_ARGUMENT]")
    if "no matching overload" in message:
        mixed = "double" in message and "int" in message
        fix = "write 1.0 beside a double and 1 beside a whole number" if mixed else "compare values of the same type"
        return Fault(message, fix, line, column)
    if (root := _UNDECLARED.match(message)) is None:
        return Fault(message, _IN_CEL, line, column)
    if root[1] == "value" and root[2]:
        return Fault("a rule cannot look at a time, decimal or uuid", "check it in Python, with `run:`", line, column)
    begin = column - len(root[1]) if root[2] else column  # the library points at the dot
    return Fault(f"nothing is called “{root[1]}”", "name a field: value.FIELD", line, begin, len(root[1]))


def _variables(path: str, record: Mapping[str, Any], named: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Dotted variables with types: so CEL checks names and types, without a descriptor of the record."""
    for entry in record["fields"]:
        name = f"{path}.{entry['name']}"
        kind, nullable = shapes.plain(entry["type"], named)
        if shapes.fields(kind) is not None:
            yield name, cel.Type.DYN
            yield from _variables(name, kind, named)
        elif (declared := _declared(kind, named, nullable=nullable)) is not None:
            yield name, declared


def _declared(kind: Any, named: Mapping[str, Any], *, nullable: bool) -> Any:  # noqa: ANN401 - JSON in, library type out
    base = kind.get("type") if isinstance(kind, dict) else kind
    if isinstance(kind, dict) and "logicalType" in kind:
        return None  # a time, decimal or uuid: the library takes no such value inside a mapping
    if not isinstance(base, str):
        return cel.Type.DYN
    base = {"enum": "string", "fixed": "bytes"}.get(base, base)
    if base in _WRAPPERS:
        return cel.Type(_WRAPPERS[base]) if nullable else _scalar(base)
    return cel.Type.DYN if nullable else _container(kind, named)


def _container(kind: Any, named: Mapping[str, Any]) -> Any:  # noqa: ANN401 - the same
    inner = shapes.item(kind)
    if inner is None:
        return cel.Type.DYN
    inner, nullable = shapes.plain(inner, named)
    held = cel.Type.DYN if shapes.fields(inner) is not None else _declared(inner, named, nullable=nullable)
    held = cel.Type.DYN if held is None else held
    return cel.Type.List(held) if "items" in kind else cel.Type.Map(cel.Type.STRING, held)


def _scalar(base: str) -> Any:  # noqa: ANN401 - the same
    types = {"boolean": "BOOL", "float": "DOUBLE", "double": "DOUBLE", "bytes": "BYTES", "string": "STRING"}
    return getattr(cel.Type, types.get(base, "INT"))
