"""The models of the advisories say what their Avro contracts say."""

from __future__ import annotations

import types
from typing import Any, Literal, get_args, get_origin

import pytest

from advisories import contracts as models
from advisories.contracts import Message
from penstock import ArtifactRef
from pipelines import contracts

MODELS = [model for model in vars(models).values() if isinstance(model, type) and issubclass(model, Message)]
OURS = [model for model in MODELS if model is not Message]
TYPES: dict[object, list[object]] = {str: ["string"], float: ["double"], int: ["int", "long"], bool: ["boolean"]}


def fits(hint: Any, kind: Any) -> bool:  # noqa: ANN401 - a type and an Avro type
    """Whether an annotation says what an Avro type says."""
    if isinstance(hint, types.UnionType) or type(None) in get_args(hint):
        (inner,) = [one for one in get_args(hint) if one is not type(None)]
        return isinstance(kind, list) and "null" in kind and fits(inner, next(one for one in kind if one != "null"))
    if get_origin(hint) is tuple:
        return isinstance(kind, dict) and kind["type"] == "array" and fits(get_args(hint)[0], kind["items"])
    if get_origin(hint) is Literal:
        return bool(kind == "string")
    if hint is ArtifactRef:
        return bool(kind == "penstock.ArtifactRef")
    return kind in TYPES[hint] if hint in TYPES else bool(kind == f"advisories.{hint.__name__}")


@pytest.mark.parametrize("model", OURS, ids=lambda m: m.__name__)
def test_a_model_of_the_advisories_is_its_contract(model: type[Message]) -> None:
    """The same fields, in the same order, of the same types."""
    fields = contracts().fields(f"advisories.{model.__name__}")
    hints = {name: field.annotation for name, field in model.model_fields.items()}

    assert list(hints) == list(fields)
    assert [name for name, hint in hints.items() if not fits(hint, fields[name])] == []


def test_each_contract_of_the_advisories_has_a_model() -> None:
    """Nothing of the pipeline goes by plain dictionaries."""
    named = {name.partition(".")[2] for name in contracts().by_name if name.startswith("advisories.")}

    assert named == {model.__name__ for model in OURS}
