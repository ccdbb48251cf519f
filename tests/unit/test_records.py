"""The system's records are typed dictionaries that say exactly what the Avro contracts say."""

from __future__ import annotations

import types
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints, is_typeddict

import pytest

from penstock import ArtifactRef
from penstock.contracts import records, schemas
from pipelines import contracts

RENAMED = {"ReasonRecord": "Reason", "Ballot": "Vote"}
PRIMITIVES: dict[object, tuple[str, ...]] = {
    str: ("string",), int: ("int", "long"), float: ("double",), bool: ("boolean",), bytes: ("bytes",),
}  # fmt: skip
DICTIONARIES = {
    RENAMED.get(name, name): kind for name, kind in vars(records).items() if is_typeddict(kind) and name[0] != "_"
}
DICTIONARIES["ArtifactRef"] = ArtifactRef  # the one that handlers have as a value
SCHEMAS = {name.partition(".")[2] for name in contracts().by_name if name.startswith("penstock.")}


def fits(hint: Any, kind: Any) -> bool:  # noqa: ANN401 - a type and an Avro type
    """Whether a Python type says what an Avro type says."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        literal = [one for one in arguments if get_origin(one) is Literal]
        if len(literal) == len(arguments):
            return fits(Literal[tuple(value for one in arguments for value in get_args(one))], kind)
        (inner,) = [one for one in arguments if one is not type(None)]
        return isinstance(kind, list) and kind[0] == "null" and fits(inner, kind[1])
    if origin is Literal:
        return kind == "string" or (isinstance(kind, dict) and set(kind["symbols"]) == set(arguments))
    if origin is list:
        return isinstance(kind, dict) and kind["type"] == "array" and fits(arguments[0], kind["items"])
    if is_typeddict(hint):
        return bool(kind == f"penstock.{RENAMED.get(hint.__name__, hint.__name__)}")
    return kind in PRIMITIVES[hint]


def test_each_contract_has_a_dictionary() -> None:
    """And the other way round."""
    assert set(DICTIONARIES) == SCHEMAS


@pytest.mark.parametrize("name", sorted(DICTIONARIES))
def test_a_dictionary_is_its_contract(name: str) -> None:
    """The same fields, in the same order, of the same types."""
    hints = get_type_hints(DICTIONARIES[name])
    fields = contracts().fields(f"penstock.{name}")

    assert list(hints) == list(fields)
    assert [field for field, hint in hints.items() if not fits(hint, fields[field])] == []


def test_the_names_are_those_of_contracts() -> None:
    """Every constant that names a contract names one there is."""
    named = [value for name, value in vars(records).items() if name.isupper() and isinstance(value, str)]

    assert named
    assert [name for name in named if name not in schemas.load()] == []
