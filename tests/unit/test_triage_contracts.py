"""The models of the bank's inbox say what its Avro contracts say."""

from __future__ import annotations

import types
from datetime import datetime
from typing import Any, get_args

import pytest

from pipelines import contracts
from triage.contracts import Decision, Message, MessageReceived, SecondOpinion, Understanding

TYPES: dict[object, list[object]] = {
    str: ["string"], float: ["double"], int: ["int", "long"], bool: ["boolean"],
    datetime: [{"type": "long", "logicalType": "timestamp-millis"}],
}  # fmt: skip


def fits(hint: Any, kind: Any) -> bool:  # noqa: ANN401 - a type and an Avro type
    """Whether an annotation says what an Avro type says."""
    if isinstance(hint, types.UnionType):
        (inner,) = [one for one in get_args(hint) if one is not type(None)]
        return isinstance(kind, list) and "null" in kind and fits(inner, next(one for one in kind if one != "null"))
    return kind in TYPES[hint]


@pytest.mark.parametrize("model", [MessageReceived, Understanding, SecondOpinion, Decision], ids=lambda m: m.__name__)
def test_a_model_is_its_contract(model: type[Message]) -> None:
    """The same fields, in the same order, of the same types."""
    fields = contracts().fields(f"triage.{model.__name__}")
    hints = {name: field.annotation for name, field in model.model_fields.items()}

    assert list(hints) == list(fields)
    assert [name for name, hint in hints.items() if not fits(hint, fields[name])] == []


def test_each_contract_has_a_model() -> None:
    """Nothing of the pipeline goes by plain dictionaries."""
    named = {name.partition(".")[2] for name in contracts().by_name if name.startswith("triage.")}

    assert named == {"MessageReceived", "Understanding", "SecondOpinion", "Decision"}
